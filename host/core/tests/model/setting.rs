//! Settings: which group is migrated, by how many processes, and what the people around it may still do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::imagined::{Imagined, Move};
use pvmigrate_core::observation::{Claim, Holder, Volume};
use pvmigrate_core::reach::Reach;
use pvmigrate_core::record::{
    ClaimRecord, Disposal, FORMAT, Goal, Limits, MigrationOptions, OnFailure, Record, SourceVolume, Uid, Version,
    WorkloadKind, WorkloadRecord, WorkloadRef,
};

use serde_json::{Value, json};

use crate::mutant::Mutant;
use crate::world::{Budget, Disk, Process, World};

/// The original claim's uid: the only one that a record knows.
pub const ORIGINAL: &str = "original";
/// The version of every object as it is now, see `canonical`.
pub const CURRENT: &str = "now";
/// The run of the record.
pub const RUN: &str = "run";

/// One model to check.
#[derive(Clone)]
pub struct Setting {
    /// For each workload, the claims its pods mount.
    pub workloads: Vec<Vec<&'static str>>,
    /// What the workloads are: a StatefulSet makes claims that are missing.
    pub kind: WorkloadKind,
    /// The workloads own their claims.
    pub owned: bool,
    /// A warm pass is wanted.
    pub warm: bool,
    /// The destination class binds only for a pod.
    pub binds_late: bool,
    /// The node that uses the source volumes is known.
    pub has_node: bool,
    /// What becomes of the source volumes.
    pub disposal: Disposal,
    /// How often a copy is tried.
    pub attempts: u32,
    /// How many processes run, without any lease between them.
    pub processes: usize,
    /// Each process sees claims, volumes, workloads and pods through caches that lag, each by itself.
    pub caches: bool,
    /// Steps of one look are done in the order decided, not in any order.
    pub in_order: bool,
    /// The cluster provisions, binds and releases at once, with nothing in between.
    pub swift: bool,
    /// What may still happen around the migration.
    pub budget: Budget,
    /// The rule that is broken, if any.
    pub mutant: Option<Mutant>,
}

impl Setting {
    /// Returns the smallest setting: one claim, one workload, one process that may crash anywhere, and nobody around.
    pub fn one_claim() -> Self {
        Self {
            workloads: vec![vec!["data"]],
            kind: WorkloadKind::Deployment,
            owned: false,
            warm: false,
            binds_late: false,
            has_node: false,
            disposal: Disposal::Delete,
            attempts: 1,
            processes: 1,
            caches: false,
            in_order: false,
            swift: false,
            budget: Budget { writes: 1, ..Budget::default() },
            mutant: None,
        }
    }

    /// Returns the world before the first look: claims bound, workloads up, the record saved.
    pub fn start(&self) -> World {
        let record = self.record();
        let mut cluster = Imagined::empty(&record, record.begun);
        let mut disks = BTreeMap::new();
        for (name, claim) in &record.claims {
            let uid = Uid(ORIGINAL.to_owned());
            cluster.claims.insert(name.clone(), bound_claim(uid.clone(), &claim.source.name));
            let holder = Holder { namespace: record.namespace.clone(), name: name.clone(), uid: Some(uid) };
            let volume = Volume {
                name: claim.source.name.clone(),
                uid: Uid(claim.source.name.clone()),
                version: Version(CURRENT.to_owned()),
                reclaim: claim.source.reclaim.clone(),
                holder: Some(holder),
                phase: "Bound".to_owned(),
                terminating: None,
                reach: Reach::default(),
            };
            cluster.volumes.insert(volume.name.clone(), volume);
            disks.insert(claim.source.name.clone(), Disk::Holds(0));
        }
        for (recorded, claims) in record.workloads.iter().zip(&self.workloads) {
            let workload = pvmigrate_core::imagined::Workload {
                uid: Uid(ORIGINAL.to_owned()),
                version: Version(CURRENT.to_owned()),
                replicas: recorded.replicas,
                mark: None,
                claims: claims.iter().map(ToString::to_string).collect(),
            };
            cluster.workloads.insert(recorded.workload.clone(), workload);
            let owned = claims.iter().filter(|_| self.owned);
            cluster.owners.extend(owned.map(|claim| ((*claim).to_owned(), vec![Uid(ORIGINAL.to_owned())])));
        }
        let written = record.claims.keys().map(|name| (name.clone(), 0)).collect();
        let mut world = World {
            cluster,
            record: record.into(),
            processes: vec![Process::default(); self.processes],
            disks,
            strays: BTreeMap::new(),
            copiers: BTreeMap::new(),
            bare_mount: None,
            left_free: false,
            has_run: false,
            written,
            budget: self.budget,
        };
        for workload in world.record.clone().workloads.iter().map(|recorded| &recorded.workload) {
            world.cluster.make(&Move::MakePod(workload.clone()));
        }
        if self.caches {
            for process in &mut world.processes {
                process.cache = Some(Box::new(world.cluster.clone()));
            }
        }
        world
    }

    fn record(&self) -> Record {
        let mut names: Vec<&str> = self.workloads.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let node = self.has_node.then(|| "node".to_owned());
        let record_of = |name: &str| ClaimRecord { manifest: self.manifest(name), ..claim_record(name, node.clone()) };
        let claims = names.iter().map(|name| ((*name).to_owned(), record_of(name))).collect();
        let workloads = (0..self.workloads.len()).map(|index| WorkloadRecord {
            workload: WorkloadRef { kind: self.kind, name: format!("app{index}") },
            replicas: 1,
            ready: None,
            when_scaled: None,
        });
        Record {
            format: FORMAT,
            run: RUN.to_owned(),
            namespace: "ns".to_owned(),
            name: "record".to_owned(),
            begun: Timestamp::UNIX_EPOCH,
            asked: self.asked(),
            goal: Goal::Forward,
            claims,
            workloads: workloads.collect(),
            stopped: None,
            started: None,
            ready: None,
            ended: None,
        }
    }

    fn manifest(&self, claim: &str) -> Value {
        let owning = (0..self.workloads.len()).filter(|at| self.owned && self.workloads[*at].contains(&claim));
        let owners: Vec<Value> = owning
            .map(|at| json!({"apiVersion": "apps/v1", "kind": self.kind.as_str(), "name": format!("app{at}")}))
            .collect();
        json!({"metadata": {"ownerReferences": owners}})
    }

    fn asked(&self) -> MigrationOptions {
        MigrationOptions {
            source_class: "old".to_owned(),
            dest_class: "new".to_owned(),
            binds_late: self.binds_late,
            disposal: self.disposal,
            on_failure: OnFailure::RollBack,
            warm_passes: u32::from(self.warm),
            warm_rate: None,
            rsync_image: String::new(),
            rsync_flags: Vec::new(),
            // Time stands still but for one jump, which passes every limit but the pause between copies.
            limits: Limits { attempts: self.attempts, retry_seconds: 0, ..Limits::default() },
        }
    }
}

fn claim_record(name: &str, node: Option<String>) -> ClaimRecord {
    ClaimRecord {
        uid: Some(Uid(ORIGINAL.to_owned())),
        manifest: serde_json::Value::Null,
        source: SourceVolume { name: format!("old-{name}"), reclaim: "Delete".to_owned(), handle: None, node },
        tolerations: BTreeSet::new(),
        modes: vec![AccessMode::ReadWriteOnce],
        volume_mode: VolumeMode::Filesystem,
        bytes: 1,
        verdict: None,
        destination: None,
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    }
}

fn bound_claim(uid: Uid, volume: &str) -> Claim {
    Claim {
        uid,
        version: Version(CURRENT.to_owned()),
        volume: Some(volume.to_owned()),
        bound: true,
        placed: false,
        terminating: false,
        run: None,
        touched: None,
        made_by_set: false,
        complete: true,
        fits: true,
        created: Timestamp::UNIX_EPOCH,
        trouble: None,
    }
}
