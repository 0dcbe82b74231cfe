//! What is known of one claim of a group, and of what was done with it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Uid;
use crate::access::{AccessMode, VolumeMode};
use crate::copy_report::CopyReport;
use crate::policy::Verdict;
use crate::toleration::Toleration;

/// What is known of one claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRecord {
    /// The original claim's uid; `None` when a run of the reference tool had already deleted it.
    pub uid: Option<Uid>,
    /// The original claim as it was, without what the API server fills in.
    pub manifest: Value,
    /// The volume it was bound to.
    pub source: SourceVolume,
    /// What the pods that used it tolerate: the pods of ours that copy it have to go where they go.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tolerations: BTreeSet<Toleration>,
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
    /// Warm passes, in order. None is evidence: the workload was writing meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warm_passes: Vec<WarmPass>,
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

/// A claim that a StatefulSet made in place of one that was moving.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stray {
    /// The claim's uid.
    pub uid: Uid,
    /// Its volume, if it had one: kept, because a pod may have written to it.
    pub volume: Option<String>,
}

/// The source volume and what was true of it before the first change.
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

/// The destination volume and what was true of it before the first change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationVolume {
    /// The volume's name.
    pub name: String,
    /// Its reclaim policy before we set `Retain`, from its class.
    pub reclaim: String,
}

impl ClaimRecord {
    /// Tells whether only one pod may mount the original claim: one of ours would keep the workload's from starting.
    pub fn is_for_one_pod(&self) -> bool {
        AccessMode::of_claim(&self.manifest).contains(&AccessMode::ReadWriteOncePod)
    }

    /// Returns the failure of the last attempt that failed.
    pub fn last_failure(&self) -> Option<&CopyFailure> {
        self.failures.iter().max_by_key(|failure| failure.attempt)
    }

    /// Tells whether no further attempt is made: so many are used up, or the next one would end as the last one did.
    pub fn has_failed(&self, attempts: u32) -> bool {
        let mut all: Vec<&CopyFailure> = self.failures.iter().collect();
        all.sort_by_key(|failure| failure.attempt);
        let is_used_up = self.last_failure().is_some_and(|last| last.attempt >= attempts);
        is_used_up || Retry::is_over(all.into_iter().map(|failure| failure.retry))
    }

    /// Tells the same of warm passes.
    pub fn has_failed_warm(&self, attempts: u32) -> bool {
        let failed = self.failed_warm_passes();
        failed.len() >= attempts as usize && !failed.is_empty()
            || Retry::is_over(failed.into_iter().map(|failure| failure.retry))
    }

    /// Returns the warm passes that have failed since the last one that did not, in order.
    pub fn failed_warm_passes(&self) -> Vec<&WarmFailure> {
        let since = self.warm_passes.iter().rposition(|pass| pass.failure.is_none()).map_or(0, |at| at + 1);
        self.warm_passes.iter().skip(since).filter_map(|pass| pass.failure.as_ref()).collect()
    }

    /// Tells whether the next pass begins with an emptied destination.
    pub fn begins_empty(&self, purpose: Purpose) -> bool {
        let last = match purpose {
            Purpose::Warm => self.failed_warm_passes().last().map(|failure| failure.retry),
            Purpose::Copy => self.last_failure().map(|failure| failure.retry),
            Purpose::Prime | Purpose::Leftover => None,
        };
        last == Some(Retry::FromEmpty)
    }
}

/// A warm pass that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WarmPass {
    /// Which one, from 1; failed ones count.
    pub attempt: u32,
    /// When its end was seen.
    pub at: Timestamp,
    /// Seconds since its pod was created.
    pub seconds: u32,
    /// How it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<WarmFailure>,
}

/// How a warm pass failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WarmFailure {
    /// rsync's or the cluster's own words.
    pub reason: String,
    /// Whether another one may end differently.
    #[serde(default, skip_serializing_if = "Retry::is_again")]
    pub retry: Retry,
}

/// A copy that failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyFailure {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it was seen.
    pub at: Timestamp,
    /// rsync's or the cluster's own words.
    pub reason: String,
    /// Whether another attempt may end differently.
    #[serde(default, skip_serializing_if = "Retry::is_again")]
    pub retry: Retry,
}

/// Whether another attempt at a copy may end differently than one that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// It may: a connection broke, a node or a pod was lost.
    #[default]
    Again,
    /// Once more: files that could not be copied may be there the next time. A second failure of this kind is final.
    Once,
    /// Once more, from an emptied destination: there was no room beside what earlier passes had left there.
    FromEmpty,
    /// It would end in the same way: wrong flags, a container that cannot start.
    Never,
}

impl Retry {
    fn is_again(&self) -> bool {
        *self == Self::Again
    }

    /// Tells of failures, in order, whether another attempt would end as the last one did.
    pub fn is_over(failures: impl DoubleEndedIterator<Item = Self> + Clone) -> bool {
        let mut from_last = failures.rev();
        let Some(last) = from_last.next() else { return false };
        match last {
            Self::Again => false,
            Self::Once | Self::FromEmpty => from_last.any(|earlier| earlier == last),
            Self::Never => true,
        }
    }
}

/// The proof that the destination holds all that the source held.
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

/// The purpose of a pod of ours.
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
    /// Returns the value of [`crate::names::PURPOSE`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prime => "prime",
            Self::Warm => "warm",
            Self::Copy => "copy",
            Self::Leftover => "leftover",
        }
    }

    /// Reads the value of [`crate::names::PURPOSE`]; any other value means that this version did not make the pod.
    pub fn from_annotation(value: &str) -> Self {
        match value {
            "prime" => Self::Prime,
            "warm" => Self::Warm,
            "copy" => Self::Copy,
            _ => Self::Leftover,
        }
    }
}
