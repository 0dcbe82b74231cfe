//! Blockers: facts that stop a group, each with a stable code, what happened, and what to do next.

use std::fmt;

use serde::Serialize;

use crate::cause::Cause;

/// The reason why a group does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Blocker {
    /// The kind of fact, as a stable code.
    pub code: Code,
    /// Why the cluster does not do what is asked of it, where that is what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Kind, namespace and name of the object it is about.
    pub about: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Blocker {
    /// Returns the code, with the cause beside it.
    pub fn label(&self) -> String {
        match self.cause {
            Some(cause) => format!("{} ({cause})", self.code),
            None => self.code.to_string(),
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// The kinds of blocker. Scripts match on the codes: they are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All codes, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

codes! {
    /// A claim of the recorded name exists that is neither the original nor made by this run.
    ForeignClaim = "foreign-claim",
    /// A temporary claim's name is taken by something else.
    ForeignTempClaim = "foreign-temp-claim",
    /// The source volume is gone.
    SourceVolumeGone = "source-volume-gone",
    /// No node can mount both volumes, and the user asked to hold.
    VolumesApart = "volumes-apart",
    /// The destination volume is gone.
    DestinationVolumeGone = "destination-volume-gone",
    /// Another claim has got the volume that an interrupted run of the reference tool made for this one.
    VolumeTaken = "volume-taken",
    /// The copy failed as often as allowed, and the user asked to hold.
    CopyFailed = "copy-failed",
    /// The destination was not provisioned in time, and the user asked to hold.
    DestinationNotProvisioned = "destination-not-provisioned",
    /// Pods do not go away, and the user asked to hold.
    PodsRemain = "pods-remain",
    /// A pod without a workload uses the claim.
    BarePod = "bare-pod",
    /// A pod that has ended still holds the claim.
    FinishedPod = "finished-pod",
    /// A workload of a kind that is not handled uses the claim.
    UnhandledWorkload = "unhandled-workload",
    /// Another controller owns the workload and would undo its scaling.
    OwnedWorkload = "owned-workload",
    /// An operator owns the claim and would create it again.
    OwnedClaim = "owned-claim",
    /// A finalizer would hold the deleted claim.
    ClaimFinalizer = "claim-finalizer",
    /// The claim is being deleted.
    TerminatingClaim = "terminating-claim",
    /// A block volume: rsync copies files.
    BlockVolume = "block-volume",
    /// The claims have changed since the plan: not all of them are to be migrated any more.
    OtherMigration = "other-migration",
    /// The record would not fit into a ConfigMap.
    RecordTooLarge = "record-too-large",
    /// A StorageClass does not exist.
    NoSuchClass = "no-such-class",
    /// Source and destination are one class.
    SameClass = "same-class",
    /// The destination class cannot provide such a volume.
    NotProvisionable = "not-provisionable",
    /// The account of the run may not do what the run needs.
    MissingPermission = "missing-permission",
    /// A policy's preflight reports a blocker.
    PolicyBlocker = "policy-blocker",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.label(), self.about, self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_kebab_case_and_the_same_in_json() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code}");
            assert_eq!(serde_json::to_value(code).ok(), Some(serde_json::json!(code.as_str())));
        }
    }
}
