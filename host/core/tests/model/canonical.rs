//! Turns worlds that differ only in how often something was written into one and the same.
//!
//! uids and resourceVersions are only ever compared for being equal to the present one. So the present ones all get the
//! same name, and all older ones, wherever a process or a cache still holds them, another. The original claims' uid
//! keeps its name, because the record knows it.

use std::hash::{DefaultHasher, Hash, Hasher};

use pvmigrate_core::imagined::Imagined;
use pvmigrate_core::observation::{Claim, Volume};
use pvmigrate_core::record::{Uid, Version};
use pvmigrate_core::step::{Step, Target};

use crate::setting::{CURRENT, ORIGINAL};
use crate::world::{Process, World};

const OLD: &str = "old";

/// Brings a world into its canonical form.
pub fn canonical(world: &mut World) {
    let cluster = &world.cluster;
    for process in &mut world.processes {
        for step in &mut process.pending {
            rename_in_step(cluster, step);
        }
        if let Some(cache) = &mut process.cache {
            rename_in_cache(cluster, cache);
        }
    }
    rename_present(&mut world.cluster);
    // Which process is which does not matter.
    world.processes.sort_by_cached_key(fingerprint);
}

fn fingerprint(process: &Process) -> u64 {
    let mut hasher = DefaultHasher::new();
    process.hash(&mut hasher);
    hasher.finish()
}

fn version(old: &mut Version, is_present: bool) {
    (if is_present { CURRENT } else { OLD }).clone_into(&mut old.0);
}

fn uid(old: &mut Uid, is_present: bool) {
    if old.0 != ORIGINAL {
        (if is_present { CURRENT } else { OLD }).clone_into(&mut old.0);
    }
}

fn target(target: &mut Target, present: Option<(&Uid, &Version)>) {
    let is_it = present.is_some_and(|(uid, _)| *uid == target.uid);
    let is_fresh = is_it && present.is_some_and(|(_, version)| *version == target.version);
    version(&mut target.version, is_fresh);
    uid(&mut target.uid, is_it);
}

fn claim_identity(claim: &Claim) -> (&Uid, &Version) {
    (&claim.uid, &claim.version)
}

fn rename_in_step(cluster: &Imagined, step: &mut Step) {
    match step {
        Step::RetainSource { volume, .. }
        | Step::RetainDestination { volume, .. }
        | Step::RetainStray { volume, .. }
        | Step::Reserve { volume, .. }
        | Step::RestoreReclaim { volume, .. }
        | Step::DeleteSourceVolume { volume, .. } => {
            let present = cluster.volumes.get(&volume.name);
            // A volume's name is never used again, so its uid says nothing more.
            let is_fresh = present.is_some_and(|present| present.version == volume.version);
            version(&mut volume.version, is_fresh);
        }
        Step::AdoptDestination { target: found, .. }
        | Step::DeleteOriginalClaim { target: found, .. }
        | Step::DeleteTemp { target: found, .. }
        | Step::FreeName { target: found, .. }
        | Step::Touch { target: found, .. }
        | Step::Unmark { target: found, .. } => {
            target(found, cluster.claims.get(&found.name).map(claim_identity));
        }
        Step::DeletePod { pod, uid: found, .. } => {
            uid(found, cluster.pods.values().any(|entry| entry.pod == *pod && entry.uid == *found));
        }
        Step::MarkWorkload { workload, version: found, .. }
        | Step::StopWorkload { workload, version: found, .. }
        | Step::StartWorkload { workload, version: found, .. } => {
            let is_fresh = cluster.workloads.get(workload).is_some_and(|workload| workload.version == *found);
            version(found, is_fresh);
        }
        Step::Note(_)
        | Step::CreateDestination { .. }
        | Step::StartPod { .. }
        | Step::CreateSourceTemp { .. }
        | Step::CreateFinalClaim { .. }
        | Step::RestoreOriginalClaim { .. } => {}
    }
}

fn rename_in_cache(cluster: &Imagined, cache: &mut Imagined) {
    for (name, claim) in &mut cache.claims {
        let present = cluster.claims.get(name);
        let is_it = present.is_some_and(|present| present.uid == claim.uid);
        let is_fresh = is_it && present.is_some_and(|present| present.version == claim.version);
        version(&mut claim.version, is_fresh);
        uid(&mut claim.uid, is_it);
    }
    for (name, volume) in &mut cache.volumes {
        let is_fresh = cluster.volumes.get(name).is_some_and(|present| present.version == volume.version);
        version(&mut volume.version, is_fresh);
        rename_holder(cluster, volume);
    }
    for (name, pod) in &mut cache.pods {
        let is_it = cluster.pods.get(name).is_some_and(|present| present.uid == pod.uid);
        uid(&mut pod.uid, is_it);
    }
    for (name, workload) in &mut cache.workloads {
        let is_fresh = cluster.workloads.get(name).is_some_and(|present| present.version == workload.version);
        version(&mut workload.version, is_fresh);
    }
    cache.writes = 0;
    cache.provisioned = 0;
}

fn rename_holder(cluster: &Imagined, volume: &mut Volume) {
    if let Some(holder) = &mut volume.holder
        && let Some(found) = &mut holder.uid
    {
        uid(found, cluster.claims.get(&holder.name).is_some_and(|claim| claim.uid == *found));
    }
}

fn rename_present(cluster: &mut Imagined) {
    let mut volumes = std::mem::take(&mut cluster.volumes);
    for volume in volumes.values_mut() {
        rename_holder(cluster, volume);
        version(&mut volume.version, true);
    }
    cluster.volumes = volumes;
    for claim in cluster.claims.values_mut() {
        version(&mut claim.version, true);
        uid(&mut claim.uid, true);
    }
    for pod in cluster.pods.values_mut() {
        uid(&mut pod.uid, true);
    }
    for workload in cluster.workloads.values_mut() {
        version(&mut workload.version, true);
    }
    cluster.writes = 0;
}
