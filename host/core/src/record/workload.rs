//! What is known of one workload of a group, and which kinds there are.

use std::fmt;

use serde::{Deserialize, Serialize};

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
