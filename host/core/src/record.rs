//! The record: what was asked of a group, what policies judged, and the facts a later step destroys.
//!
//! It never says which step comes next: that is decided from a fresh observation every time. It is saved by
//! compare-and-swap before the first change to the cluster, and every [`Fact`] is added the same way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod claim;
mod fact;
mod identity;
mod options;
mod workload;

pub use claim::{
    ClaimRecord, CopyFailure, DestinationVolume, Evidence, Purpose, Retry, SourceVolume, Stray, WarmFailure, WarmPass,
};
pub use fact::{Fact, Refused};
pub use identity::{Uid, Version};
pub use options::{Disposal, Limits, MigrationOptions, OnFailure};
pub use workload::{WorkloadKind, WorkloadRecord, WorkloadRef};

/// The record format that this version writes; it loads all formats up to it.
pub const FORMAT: u32 = 1;

/// Everything a fresh process needs to take a group's migration to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The format of this record, see [`FORMAT`].
    pub format: u32,
    /// Tells this migration from an earlier one of the same claims; part of pod names.
    pub run: String,
    /// Where the group's claims and workloads are.
    pub namespace: String,
    /// The record's own name.
    pub name: String,
    /// When the migration was started.
    pub begun: Timestamp,
    /// What the user asked for.
    pub asked: MigrationOptions,
    /// Where the migration goes now.
    #[serde(default)]
    pub goal: Goal,
    /// By claim name.
    pub claims: BTreeMap<String, ClaimRecord>,
    /// The workloads that must be down together, sorted.
    pub workloads: Vec<WorkloadRecord>,
    /// When the first workload was about to be stopped: the beginning of the downtime.
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

/// The direction of a migration, which never changes from `Back` to `Forward`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// To the destination class.
    #[default]
    Forward,
    /// Back to the source volumes, for this reason.
    Back(String),
}

/// The end of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Outcome,
}

/// The outcome of a migration.
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

impl Record {
    /// Tells whether every claim of the group has evidence: from then on the only way is forward.
    pub fn proven(&self) -> bool {
        self.claims.values().all(|claim| claim.evidence.is_some())
    }

    /// Returns the fact that lets a held group try its copies again, if none of them would be any more.
    pub fn more_attempts(&self) -> Option<Fact> {
        let limit = self.asked.limits.attempts;
        let copies =
            |claim: &ClaimRecord| claim.last_failure().filter(|_| claim.has_failed(limit)).map(|last| last.attempt);
        let warm = |claim: &ClaimRecord| {
            claim.has_failed_warm(limit).then(|| u32::try_from(claim.failed_warm_passes().len()).unwrap_or(u32::MAX))
        };
        let used = self.claims.values().filter_map(|claim| copies(claim).max(warm(claim))).max()?;
        let held = self.asked.on_failure == OnFailure::Hold && self.is_open();
        // How many were allowed at first is not known any more; the default is what most have asked for.
        held.then(|| Fact::GrantedAttempts { attempts: used.saturating_add(Limits::default().attempts) })
    }

    /// Tells whether the migration is under way.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}
