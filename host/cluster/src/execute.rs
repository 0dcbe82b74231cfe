//! Does one step as one conditional write. It chooses nothing: what is done, and to which version, is in the step.
//!
//! After a write the cache shows its outcome at once. A write that is bound to meet a conflict, because the cache shows
//! another version already, is not sent. After a conflict the cache is given a moment to show what the object has become,
//! so that the next look does not decide the same again.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Resource;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use pvmigrate_core::names;
use pvmigrate_core::observation::{RETAIN, Touch};
use pvmigrate_core::owner::Owner;
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::{ClaimRecord, Record, Uid, Version, WorkloadKind, WorkloadRef};
use pvmigrate_core::step::{Reserved, Side, Step, Target};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::manifest::{claim, patch, pod};
use crate::resources::{Changed, Deleted, Only, Resources};
use crate::world::ClusterWorld;
use pvmigrate_objects::from_resource::pod::SeenPod;
use pvmigrate_objects::from_resource::volume::SeenVolume;
use pvmigrate_objects::from_resource::workload::SeenWorkload;
use pvmigrate_objects::from_resource::{Kept, Reads};
use pvmigrate_objects::from_resource::{Key, uid};

mod settle;
use settle::{create, settle, settle_deletion};

/// How long a cache may take to show what an answer has shown. Watches are milliseconds behind as a rule; when this one
/// is not, the price is one more refused request.
const CATCH_UP: Duration = Duration::from_millis(300);

/// How long the volume controller may take to see a reservation. Milliseconds as a rule; when it does not run at all,
/// no claim is bound anyway.
const CONTROLLER: Duration = Duration::from_secs(3);

/// The phase of a volume that is reserved for a claim and has none.
const AVAILABLE: &str = "Available";

/// The phase of a volume that has a claim.
const BOUND: &str = "Bound";

impl ClusterWorld {
    /// Does the step.
    pub(crate) async fn write(&self, record: &Record, step: &Step) -> Result<Done, Error> {
        match step {
            Step::Note(_) => Err(misuse(step, "it is for the record".to_owned())),
            Step::RetainSource { .. }
            | Step::RetainDestination { .. }
            | Step::RestoreReclaim { .. }
            | Step::RetainStray { .. }
            | Step::Reserve { .. }
            | Step::DeleteSourceVolume { .. } => self.write_volume(record, step).await,
            Step::CreateDestination { claim, volume } => {
                let facts = facts(record, step, claim)?;
                self.create_claim(&claim::destination(record, claim, facts, volume.as_deref())).await
            }
            Step::CreateSourceTemp { claim } => {
                self.create_claim(&claim::source(record, claim, facts(record, step, claim)?)).await
            }
            Step::CreateFinalClaim { claim } => {
                let anew = claim::last(record, facts(record, step, claim)?);
                self.create_claim(&anew.map_err(|error| unreadable(record, claim, &error))?).await
            }
            Step::RestoreOriginalClaim { claim } => {
                let anew = claim::restored(record, facts(record, step, claim)?);
                self.create_claim(&anew.map_err(|error| unreadable(record, claim, &error))?).await
            }
            Step::AdoptDestination { .. }
            | Step::Touch { .. }
            | Step::Unmark { .. }
            | Step::FreeName { .. }
            | Step::DeleteOriginalClaim { .. }
            | Step::DeleteTemp { .. } => self.write_claim(record, step).await,
            Step::StartPod { claims, purpose, attempt } => {
                let all = claims.iter().map(|claim| Ok((claim.as_str(), facts(record, step, claim)?)));
                let all = all.collect::<Result<Vec<_>, Error>>()?;
                let pod = pod::of(record, &all, *purpose, *attempt);
                self.start_pod(record, &pod.ok_or_else(|| misuse(step, "it names no claim".to_owned()))?).await
            }
            Step::DeletePod { pod, uid, .. } => self.delete_pod(&record.namespace, pod, uid).await,
            Step::MarkWorkload { .. } | Step::StopWorkload { .. } | Step::StartWorkload { .. } => {
                self.write_workload(record, step).await
            }
        }
    }

    async fn write_volume(&self, record: &Record, step: &Step) -> Result<Done, Error> {
        match step {
            Step::RetainSource { claim, volume } => {
                let node = facts(record, step, claim)?.source.node.as_deref();
                self.change_volume(volume, patch::retain_source(&volume.version, node)).await
            }
            Step::RetainDestination { claim, volume } => {
                let reclaim = &facts(record, step, claim)?.source.reclaim;
                let patch = patch::retain_destination(&volume.version, record, claim, reclaim);
                self.change_volume(volume, patch).await
            }
            Step::RestoreReclaim { volume, policy, .. } => {
                self.change_volume(volume, patch::reclaim(&volume.version, policy)).await
            }
            Step::Reserve { claim, volume, holder, .. } => {
                let holder = match holder {
                    Reserved::SourceTemp => names::source_claim(claim),
                    Reserved::DestinationTemp => names::destination_claim(claim),
                    Reserved::ClaimName => claim.clone(),
                };
                self.await_release(volume).await;
                let patch = patch::reserve(&volume.version, &record.namespace, &holder);
                let done = self.change_volume(volume, patch).await?;
                if done == Done::Applied {
                    self.await_available(volume).await;
                }
                Ok(done)
            }
            Step::RetainStray { volume, .. } => {
                self.change_volume(volume, patch::reclaim(&volume.version, RETAIN)).await
            }
            Step::DeleteSourceVolume { volume, .. } => self.delete_volume(volume).await,
            other => Err(misuse(other, "it is not about a volume".to_owned())),
        }
    }

    /// Changes or deletes a claim.
    async fn write_claim(&self, record: &Record, step: &Step) -> Result<Done, Error> {
        match step {
            Step::AdoptDestination { target, .. } => {
                self.change_claim(record, target, patch::adopt(&target.version, &record.run)).await
            }
            Step::Touch { target, at, .. } => {
                let touch = Touch { run: record.run.clone(), at: *at };
                self.change_claim(record, target, patch::touch(&target.version, &touch)).await
            }
            Step::Unmark { claim, target, owners } => {
                if !self.all_exist(record, owners).await? {
                    return Ok(Done::Stale);
                }
                let facts = facts(record, step, claim)?;
                let references = claim::owner_references(facts, owners);
                let references = references.map_err(|error| unreadable(record, claim, &error))?;
                // The original has kept all that it had, and what was changed on it since.
                let anew = Some(&facts.manifest).filter(|_| facts.uid.as_ref() != Some(&target.uid));
                let patch = patch::unmark(&target.version, anew, &references);
                self.change_claim(record, target, patch).await
            }
            Step::DeleteOriginalClaim { target, .. } | Step::FreeName { target, .. } => {
                let only = Only::unchanged(&target.uid, &target.version);
                self.delete_claim(record, &target.name, &only).await
            }
            Step::DeleteTemp { claim, side, target } => {
                let name = match side {
                    Side::Source => names::source_claim(claim),
                    Side::Destination => names::destination_claim(claim),
                };
                // By uid alone: it is ours whatever was written to it meanwhile.
                self.delete_claim(record, &name, &Only::uid(&target.uid)).await
            }
            other => Err(misuse(other, "it is not about a claim".to_owned())),
        }
    }

    async fn write_workload(&self, record: &Record, step: &Step) -> Result<Done, Error> {
        let (workload, version, patch) = match step {
            Step::MarkWorkload { workload, version, replicas } => (workload, version, patch::mark(version, *replicas)),
            Step::StopWorkload { workload, version, replicas } => {
                let when_scaled = self.when_scaled(record, workload);
                (workload, version, patch::stop(version, *replicas, when_scaled.as_deref()))
            }
            Step::StartWorkload { workload, version, replicas } => {
                let lifted = self.lifted(record, workload);
                (workload, version, patch::start(version, *replicas, lifted.as_deref()))
            }
            other => return Err(misuse(other, "it is not about a workload".to_owned())),
        };
        self.change_workload(record, workload, version, patch).await
    }

    /// Waits until the volume controller has seen for whom a volume is reserved now, which it shows in the phase. It
    /// decides on a claim from its own cache, and a claim that is written to before that waits for the next resync, up
    /// to 15 s.
    ///
    /// Only an optimisation: the phase may still be of an earlier reservation, and a process that dies here is followed
    /// by one that does not wait.
    async fn await_available(&self, target: &Target) {
        let key = Key::new("", &target.name);
        let is_seen = |seen: Option<&SeenVolume>| seen.is_none_or(|seen| seen.volume.phase == AVAILABLE);
        self.caches.volumes.until(&key, CONTROLLER, is_seen).await;
    }

    /// Asks whether all these owners exist at this moment: a cache may lag behind, and a claim with an owner that is gone is
    /// deleted.
    async fn all_exist(&self, record: &Record, owners: &[Owner]) -> Result<bool, Error> {
        for Owner { workload, uid } in owners {
            let found = match workload.kind {
                WorkloadKind::Deployment => self.uid_of::<Deployment>(record, &workload.name).await?,
                WorkloadKind::ReplicaSet => self.uid_of::<ReplicaSet>(record, &workload.name).await?,
                WorkloadKind::StatefulSet => self.uid_of::<StatefulSet>(record, &workload.name).await?,
            };
            if found.as_ref() != Some(uid) {
                let is_other = |seen: Option<&SeenWorkload>| seen.is_none_or(|seen| seen.uid() != uid);
                let key = Key::new(&record.namespace, &workload.name);
                self.caches.workloads(workload.kind).until(&key, CATCH_UP, is_other).await;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn uid_of<K>(&self, record: &Record, name: &str) -> Result<Option<Uid>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        // Listed by its name: an account that may migrate may list workloads, and needs no further permission.
        let named = ListParams::default().fields(&format!("metadata.name={name}"));
        let found = Resources::<K>::of(&self.client, &record.namespace).list(&named).await?.items;
        let mut present = found.iter().filter(|found| found.meta().deletion_timestamp.is_none());
        Ok(present.next().map(|found| uid(found.meta())))
    }

    /// Waits for a volume to lose its claim: a volume whose claim has gone is about to be written to.
    async fn await_release(&self, target: &Target) {
        let key = Key::new("", &target.name);
        let is_free = |seen: Option<&SeenVolume>| seen.is_none_or(|seen| seen.volume.phase != BOUND);
        self.caches.volumes.until(&key, CATCH_UP, is_free).await;
    }

    async fn change_volume(&self, target: &Target, patch: Value) -> Result<Done, Error> {
        let key = Key::new("", &target.name);
        if !self.caches.volumes.is_still(&key, &target.version).await {
            return Ok(Done::Stale);
        }
        let volumes = Resources::<PersistentVolume>::whole(&self.client);
        let answer = volumes.patch(&target.name, &patch).await?;
        Ok(settle(&self.caches.volumes, &key, &target.version, answer).await)
    }

    async fn delete_volume(&self, target: &Target) -> Result<Done, Error> {
        let volumes = Resources::<PersistentVolume>::whole(&self.client);
        let only = Only::unchanged(&target.uid, &target.version);
        let answer = volumes.delete(&target.name, &only).await?;
        Ok(settle_deletion(&self.caches.volumes, &Key::new("", &target.name), &only, answer).await)
    }

    async fn create_claim(&self, claim: &PersistentVolumeClaim) -> Result<Done, Error> {
        let key = Key::of(&claim.metadata);
        let claims = Resources::<PersistentVolumeClaim>::of(&self.client, &key.namespace);
        create(&claims, &self.caches.claims, &key, claim).await
    }

    async fn change_claim(&self, record: &Record, target: &Target, patch: Value) -> Result<Done, Error> {
        let claims = Resources::<PersistentVolumeClaim>::of(&self.client, &record.namespace);
        let answer = claims.patch(&target.name, &patch).await?;
        let key = Key::new(&record.namespace, &target.name);
        Ok(settle(&self.caches.claims, &key, &target.version, answer).await)
    }

    async fn delete_claim(&self, record: &Record, name: &str, only: &Only) -> Result<Done, Error> {
        let claims = Resources::<PersistentVolumeClaim>::of(&self.client, &record.namespace);
        let answer = claims.delete(name, only).await?;
        Ok(settle_deletion(&self.caches.claims, &Key::new(&record.namespace, name), only, answer).await)
    }

    async fn start_pod(&self, record: &Record, pod: &Pod) -> Result<Done, Error> {
        let pods = Resources::<Pod>::of(&self.client, &record.namespace);
        create(&pods, &self.caches.pods, &Key::of(&pod.metadata), pod).await
    }

    /// Deletes a pod of ours, then takes our finalizer off it.
    ///
    /// Two requests, but one step: between the two the pod is terminating with the finalizer, the next look shows it so,
    /// and the same step is decided again, which then does only the second.
    async fn delete_pod(&self, namespace: &str, name: &str, uid: &Uid) -> Result<Done, Error> {
        let pods = Resources::<Pod>::of(&self.client, namespace);
        let key = Key::new(namespace, name);
        let known = self.caches.pods.get(&key).filter(|pod| pod.uid == *uid);
        let mut has_tombstone = known.as_ref().is_some_and(|pod| pod.tombstone);
        if !known.is_some_and(|pod| pod.terminating) {
            // The reference tool's pods have no short grace period of their own.
            let grace_seconds = u32::try_from(pod::GRACE_SECONDS).ok();
            let only = Only { grace_seconds, ..Only::uid(uid) };
            let answer = pods.delete(name, &only).await?;
            has_tombstone = match &answer {
                Deleted::Ending(pod) => SeenPod::read(pod).is_some_and(|pod| pod.tombstone),
                Deleted::Gone | Deleted::Conflict | Deleted::Missing => false,
            };
            let done = settle_deletion(&self.caches.pods, &key, &only, answer).await;
            if done == Done::Stale {
                return Ok(done);
            }
        }
        if !has_tombstone {
            return Ok(Done::Applied);
        }
        match pods.patch_items(name, &patch::remove_tombstone(uid)).await? {
            Changed::To(pod) => {
                // A pod that has ended goes with its last finalizer; a running one waits for its node.
                match SeenPod::read(&pod).filter(|seen| !seen.finished || seen.held) {
                    Some(seen) => self.caches.pods.saw(seen),
                    None => self.caches.pods.saw_gone(&key, uid),
                }
                Ok(Done::Applied)
            }
            Changed::Missing => Ok(Done::Applied),
            Changed::Conflict => Ok(Done::Stale),
        }
    }

    async fn change_workload(
        &self,
        record: &Record,
        workload: &WorkloadRef,
        version: &Version,
        patch: Value,
    ) -> Result<Done, Error> {
        match workload.kind {
            WorkloadKind::Deployment => self.patch_workload::<Deployment>(record, workload, version, &patch).await,
            WorkloadKind::ReplicaSet => self.patch_workload::<ReplicaSet>(record, workload, version, &patch).await,
            WorkloadKind::StatefulSet => self.patch_workload::<StatefulSet>(record, workload, version, &patch).await,
        }
    }

    async fn patch_workload<K>(
        &self,
        record: &Record,
        workload: &WorkloadRef,
        version: &Version,
        patch: &Value,
    ) -> Result<Done, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        SeenWorkload: Reads<K>,
    {
        let key = Key::new(&record.namespace, &workload.name);
        let cache = self.caches.workloads(workload.kind);
        if !cache.is_still(&key, version).await {
            return Ok(Done::Stale);
        }
        let answer = Resources::<K>::of(&self.client, &record.namespace).patch(&workload.name, patch).await?;
        Ok(settle(cache, &key, version, answer).await)
    }

    /// Returns a StatefulSet's `whenScaled` as it is; the step's version makes sure that it is still so.
    fn when_scaled(&self, record: &Record, workload: &WorkloadRef) -> Option<String> {
        let key = Key::new(&record.namespace, &workload.name);
        self.caches.workloads(workload.kind).get(&key)?.when_scaled.clone()
    }

    /// Returns the `whenScaled` to give back: as noted on the set, else as recorded when the note was lost.
    fn lifted(&self, record: &Record, workload: &WorkloadRef) -> Option<String> {
        let key = Key::new(&record.namespace, &workload.name);
        let seen = self.caches.workloads(workload.kind).get(&key)?;
        let recorded = record.workloads.iter().find(|recorded| recorded.workload == *workload);
        let before = seen.when_scaled_mark.clone().or_else(|| recorded?.when_scaled.clone());
        before.filter(|before| seen.when_scaled.as_ref() != Some(before))
    }
}

fn facts<'a>(record: &'a Record, step: &Step, claim: &str) -> Result<&'a ClaimRecord, Error> {
    let missing = || misuse(step, format!("the record has no claim {claim}"));
    record.claims.get(claim).ok_or_else(missing)
}

fn misuse(step: &Step, message: String) -> Error {
    Error::Misuse { step: step.describe(), message }
}

fn unreadable(record: &Record, claim: &str, error: &serde_json::Error) -> Error {
    let about = format!("the manifest of claim {}/{claim} in record {}", record.namespace, record.name);
    Error::Unreadable { about, message: error.to_string() }
}
