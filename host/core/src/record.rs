//! The record: what was asked of a group, what policies judged, and the facts a later step destroys.
//!
//! It never says which step comes next: that is decided from a fresh observation every time. It is saved by
//! compare-and-swap before the first change to the cluster, and every [`Fact`] is added the same way.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{AccessMode, VolumeMode};
use crate::copy_report::CopyReport;
use crate::policy::Verdict;

mod fact;
pub use fact::{Fact, Refused};

/// The form of record this version writes; it loads all up to it.
pub const FORMAT: u32 = 1;

/// Holds everything a fresh process needs to take a group's migration to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The form of this record, see [`FORMAT`].
    pub format: u32,
    /// Tells this migration from an earlier one of the same claims; part of pod names.
    pub run: String,
    /// Where the group's claims and workloads are.
    pub namespace: String,
    /// The record's own name.
    pub name: String,
    /// When the migration was begun.
    pub begun: Timestamp,
    /// What the user asked for.
    pub asked: Asked,
    /// Where the migration goes now.
    #[serde(default)]
    pub goal: Goal,
    /// By claim name.
    pub claims: BTreeMap<String, ClaimRecord>,
    /// The workloads that must be down together, sorted.
    pub workloads: Vec<WorkloadRecord>,
    /// When the first workload was about to be stopped: the begin of the downtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Timestamp>,
    /// When every workload had been started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When as many pods were Ready as before the stop: the end of the downtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Timestamp>,
    /// How it ended; nothing is decided any more once this is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Holds the options of the run that began the migration; a later run keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The StorageClass claims leave.
    pub source_class: String,
    /// The StorageClass claims go to.
    pub dest_class: String,
    /// The destination class binds only for a pod (`WaitForFirstConsumer`).
    pub binds_late: bool,
    /// What becomes of the source volumes.
    pub disposal: Disposal,
    /// What a copy that keeps failing leads to.
    pub on_failure: OnFailure,
    /// Copy once beside the running workload first.
    pub warm: bool,
    /// Image of the copy pod.
    pub rsync_image: String,
    /// The user's flags for rsync.
    pub rsync_flags: Vec<String>,
    /// How often and how long to try.
    pub limits: Limits,
}

/// Bounds the tries and the waits of one migration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Copies tried before the group is turned back.
    pub attempts: u32,
    /// Seconds before the second try; each further one waits twice as long.
    pub retry_seconds: u32,
    /// Seconds for a pod of ours to start, and for a destination volume to be provisioned.
    pub start_seconds: u32,
    /// Seconds for the workload's pods to be gone.
    pub stop_seconds: u32,
    /// Seconds for as many pods to be Ready again as before the stop.
    #[serde(default = "ready_seconds")]
    pub ready_seconds: u32,
    /// Seconds for a source volume to be gone after its delete (`--delete-pv-timeout`).
    pub delete_volume_seconds: u32,
}

impl Default for Limits {
    /// Three tries 10 s and 20 s apart ride out a node that restarts; 5 minutes pull a large image; 15 minutes let a
    /// database with a long grace period stop, and one with a long log come up; 300 s is the reference tool's figure.
    fn default() -> Self {
        Self {
            attempts: 3,
            retry_seconds: 10,
            start_seconds: 300,
            stop_seconds: 900,
            ready_seconds: ready_seconds(),
            delete_volume_seconds: 300,
        }
    }
}

fn ready_seconds() -> u32 {
    900
}

/// Names what becomes of a source volume after its claim has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposal {
    /// The volume object goes, the backend's data stays (as the reference tool does).
    #[default]
    Delete,
    /// The volume object stays, reserved.
    Keep,
    /// The original reclaim policy comes back, so that a provisioner with `Delete` frees the disk.
    Reclaim,
}

/// Names what a copy that keeps failing leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The group goes back to its old volumes and runs again.
    #[default]
    RollBack,
    /// The group stays as it is, for a look.
    Hold,
}

/// Names where the migration goes. There is no way from `Back` to `Forward`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// To the destination class.
    #[default]
    Forward,
    /// Back to the source volumes, for this reason.
    Back(String),
}

/// Holds what is known of one claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRecord {
    /// The original claim's uid; `None` when a run of the reference tool had already deleted it.
    pub uid: Option<Uid>,
    /// The original claim as it was, without what the API server fills in.
    pub manifest: Value,
    /// The volume it was bound to.
    pub source: SourceVolume,
    /// Access modes on the destination, as the policies and the floor decided.
    pub modes: Vec<AccessMode>,
    /// Block or filesystem.
    pub volume_mode: VolumeMode,
    /// Bytes to ask of the destination: the source's capacity.
    pub bytes: u64,
    /// What the policies said; never asked again.
    pub verdict: Option<Verdict>,
    /// The volume it moves to, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<DestinationVolume>,
    /// How the warm copy went, once it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmed: Option<Warmed>,
    /// Copies that failed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<CopyFailure>,
    /// What proves the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The original claim was touched after the turn back, so no late fence can delete it.
    #[serde(default)]
    pub touched: bool,
    /// Claims that a StatefulSet made under this name while it was free for a moment, in order; all were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strays: Vec<Stray>,
    /// Owners that it had and that were missing at the end, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_owners: Vec<String>,
}

/// Tells of a claim that a StatefulSet made in place of one that was moving.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stray {
    /// The claim's uid.
    pub uid: Uid,
    /// Its volume, if it had one: kept, because a pod may have written to it.
    pub volume: Option<String>,
}

/// Names the source volume and what was true of it before the first change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceVolume {
    /// The volume's name.
    pub name: String,
    /// Its reclaim policy before we set `Retain`.
    pub reclaim: String,
    /// The backend's own name of the disk (`driver handle`), for the report.
    pub handle: Option<String>,
    /// The node of the pod that used it, if one did.
    pub node: Option<String>,
}

/// Names the destination volume and what was true of it before the first change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationVolume {
    /// The volume's name.
    pub name: String,
    /// Its reclaim policy before we set `Retain`, from its class.
    pub reclaim: String,
}

/// Tells how the warm copy went. It never counts as evidence: the workload was writing meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warmed {
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed, if it did; the migration goes on without it.
    pub failure: Option<String>,
}

/// Tells of one copy that failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyFailure {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it was seen.
    pub at: Timestamp,
    /// rsync's or the cluster's own words.
    pub reason: String,
}

/// Proves that the destination holds all that the source held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// rsync ran behind the fence to exit code 0 and gave its closing totals.
    Copied {
        /// The attempt that succeeded.
        attempt: u32,
        /// rsync's totals.
        report: CopyReport,
        /// When it was seen.
        at: Timestamp,
    },
    /// A run of the reference tool had copied and swapped before it was interrupted.
    Adopted,
}

/// Holds what is known of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRecord {
    /// Which one.
    pub workload: WorkloadRef,
    /// Its scale before the migration.
    pub replicas: u32,
    /// Its Ready pods when it was about to be stopped; `None` when it was down already, or has not been stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<u32>,
    /// A StatefulSet's `whenScaled` before the migration, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_scaled: Option<String>,
}

/// Names a workload in the group's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// Names the kinds of workload that are scaled down and up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` ReplicaSet without an owner.
    ReplicaSet,
    /// `apps/v1` StatefulSet.
    StatefulSet,
}

impl WorkloadKind {
    /// Returns Kubernetes' own word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// Reads Kubernetes' own word; `None` for a kind that is not scaled.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Deployment, Self::ReplicaSet, Self::StatefulSet].into_iter().find(|kind| kind.word() == word)
    }
}

/// Names what a pod of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Mounts the destination alone, so that a class that binds late provisions it.
    Prime,
    /// Copies beside the running workload.
    Warm,
    /// Makes the copy that counts.
    Copy,
    /// A pod left by an interrupted run of the reference tool.
    Leftover,
}

impl Purpose {
    /// Returns the word in [`crate::names::PURPOSE`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Prime => "prime",
            Self::Warm => "warm",
            Self::Copy => "copy",
            Self::Leftover => "leftover",
        }
    }

    /// Reads the word in [`crate::names::PURPOSE`]; anything else is not a pod of this version's.
    pub fn from_word(word: &str) -> Self {
        match word {
            "prime" => Self::Prime,
            "warm" => Self::Warm,
            "copy" => Self::Copy,
            _ => Self::Leftover,
        }
    }
}

/// Tells how a migration ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Outcome,
}

/// Names how a migration ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Every claim is on the destination class.
    Migrated,
    /// The same, but fewer pods were Ready at the deadline than before the stop. The source volumes are kept.
    NotReady(String),
    /// Every claim is on its source volume again, for this reason.
    RolledBack(String),
}

/// An object's uid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub String);

/// An object's resourceVersion: changes with every write to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub String);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Record {
    /// Tells whether every claim of the group has evidence: from then on the only way is forward.
    pub fn proven(&self) -> bool {
        self.claims.values().all(|claim| claim.evidence.is_some())
    }

    /// Returns the fact that lets a held group try its copies again, if all its attempts are used up.
    pub fn more_attempts(&self) -> Option<Fact> {
        let limit = self.asked.limits.attempts;
        let failures = self.claims.values().flat_map(|claim| &claim.failures);
        let used = failures.map(|failure| failure.attempt).max().filter(|used| *used >= limit)?;
        let held = self.asked.on_failure == OnFailure::Hold && self.is_open();
        // As many again as were allowed at first cannot be told any more; the default is what most have asked for.
        held.then(|| Fact::GrantedAttempts { attempts: used.saturating_add(Limits::default().attempts) })
    }

    /// Tells whether the migration is under way.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}
