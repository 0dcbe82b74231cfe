//! Steps: one API write each, with its preconditions inside.

use jiff::Timestamp;

use crate::owner::Owner;
use crate::record::{Fact, Purpose, Uid, Version, WorkloadRef};

/// One object as it was seen; a write to it is refused when it has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The object's name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// Its resourceVersion.
    pub version: Version,
}

/// One of a claim's two volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The volume the data comes from.
    Source,
    /// The volume the data goes to.
    Destination,
}

/// The claim that a volume is reserved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reserved {
    /// The temporary claim of the source volume.
    SourceTemp,
    /// The temporary claim on the destination class, which somebody has deleted.
    DestinationTemp,
    /// The claim's own name.
    ClaimName,
}

/// What holds a claim's name and has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Our own claim, not bound yet: the claim on the other volume is to have the name.
    Pending,
    /// A claim that a StatefulSet made.
    Stray,
}

/// One write to the cluster or to the record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Adds a fact to the record (compare-and-swap).
    Note(Fact),
    /// Sets `Retain` on the source volume, and the node that used it.
    RetainSource {
        /// The claim.
        claim: String,
        /// Its source volume.
        volume: Target,
    },
    /// Creates the temporary claim on the destination class, if absent.
    CreateDestination {
        /// The claim.
        claim: String,
        /// The volume it had before somebody deleted it; without one a new volume is provisioned.
        volume: Option<String>,
    },
    /// Takes over a fitting temporary claim that an interrupted run of the reference tool left.
    AdoptDestination {
        /// The claim.
        claim: String,
        /// The temporary claim.
        target: Target,
    },
    /// Sets `Retain` on the destination volume, and what it is for.
    RetainDestination {
        /// The claim.
        claim: String,
        /// Its destination volume.
        volume: Target,
    },
    /// Creates a pod of ours, if absent.
    StartPod {
        /// The claims, each with a pass of its own in it; never empty, and the first gives the pod its name.
        claims: Vec<String>,
        /// What for.
        purpose: Purpose,
        /// Which attempt.
        attempt: u32,
    },
    /// Deletes a pod of ours (uid) and takes its finalizer off.
    DeletePod {
        /// The claim.
        claim: String,
        /// The pod's name.
        pod: String,
        /// The pod's uid.
        uid: Uid,
    },
    /// Writes the scale to come back to on the workload and changes nothing else: a late stop then conflicts.
    MarkWorkload {
        /// The workload.
        workload: WorkloadRef,
        /// Its resourceVersion.
        version: Version,
        /// The scale to come back to.
        replicas: u32,
    },
    /// Scales the workload to 0, and in the same write notes the scale to come back to on it and keeps a StatefulSet
    /// from deleting its claims: whoever finds a workload at 0 also finds what it was.
    StopWorkload {
        /// The workload.
        workload: WorkloadRef,
        /// Its resourceVersion.
        version: Version,
        /// The scale to come back to.
        replicas: u32,
    },
    /// The fence: deletes the original claim (uid and resourceVersion).
    DeleteOriginalClaim {
        /// The claim.
        claim: String,
        /// The claim as seen.
        target: Target,
    },
    /// Re-points a volume's `claimRef`; never clears it.
    Reserve {
        /// The claim.
        claim: String,
        /// Which of its volumes.
        side: Side,
        /// The volume.
        volume: Target,
        /// For whom.
        holder: Reserved,
    },
    /// Creates the temporary claim of the source volume, if absent.
    CreateSourceTemp {
        /// The claim.
        claim: String,
    },
    /// Deletes a temporary claim (uid).
    DeleteTemp {
        /// The claim.
        claim: String,
        /// Which one.
        side: Side,
        /// The temporary claim.
        target: Target,
    },
    /// Creates the claim again on its destination volume, if absent. It holds the name from the fence on, and stays
    /// Pending for as long as the volume is reserved for the temporary claim.
    CreateFinalClaim {
        /// The claim.
        claim: String,
    },
    /// Creates the claim again on its source volume, if absent.
    RestoreOriginalClaim {
        /// The claim.
        claim: String,
    },
    /// Deletes a claim that holds the name and is not the original (uid and resourceVersion).
    FreeName {
        /// The claim.
        claim: String,
        /// What holds its name.
        target: Target,
        /// Why that has to go.
        held: Held,
    },
    /// Sets `Retain` on the volume of a claim that a StatefulSet made in place of ours.
    RetainStray {
        /// The claim.
        claim: String,
        /// The volume.
        volume: Target,
    },
    /// Writes to a claim only to change it: a late fence then conflicts, and the volume controller looks at it again.
    Touch {
        /// The claim it is about.
        claim: String,
        /// The claim as seen: the original, the final or a temporary one.
        target: Target,
        /// Now.
        at: Timestamp,
    },
    /// Takes our marks off the claim that has the name, and gives it the recorded labels and annotations and its owners in the
    /// same write. Refused as stale when one of the owners does not exist any more.
    Unmark {
        /// The claim.
        claim: String,
        /// The claim as seen.
        target: Target,
        /// The owners; the original still has its own.
        owners: Vec<Owner>,
    },
    /// Sets a volume's reclaim policy.
    RestoreReclaim {
        /// The claim.
        claim: String,
        /// Which of its volumes.
        side: Side,
        /// The volume.
        volume: Target,
        /// The policy.
        policy: String,
    },
    /// Scales the workload back to what it was, and in the same write takes the mark off and gives a StatefulSet its
    /// `whenScaled` back.
    StartWorkload {
        /// The workload.
        workload: WorkloadRef,
        /// Its resourceVersion.
        version: Version,
        /// The scale.
        replicas: u32,
    },
    /// Deletes the source volume's object (uid and resourceVersion).
    DeleteSourceVolume {
        /// The claim.
        claim: String,
        /// The volume.
        volume: Target,
    },
}

impl Step {
    /// Returns the claim the step is about, if it is about one.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Note(fact) => match fact {
                Fact::Destination { claim, .. }
                | Fact::Warmed { claim, .. }
                | Fact::CopyFailed { claim, .. }
                | Fact::Copied { claim, .. }
                | Fact::Touched { claim }
                | Fact::Stray { claim, .. }
                | Fact::OwnersLost { claim, .. } => Some(claim),
                Fact::Stopping { .. }
                | Fact::Started { .. }
                | Fact::Ready { .. }
                | Fact::GrantedAttempts { .. }
                | Fact::TurnedBack { .. }
                | Fact::Ended(_) => None,
            },
            Self::RetainSource { claim, .. }
            | Self::CreateDestination { claim, .. }
            | Self::AdoptDestination { claim, .. }
            | Self::RetainDestination { claim, .. }
            | Self::DeletePod { claim, .. }
            | Self::DeleteOriginalClaim { claim, .. }
            | Self::Reserve { claim, .. }
            | Self::CreateSourceTemp { claim }
            | Self::DeleteTemp { claim, .. }
            | Self::CreateFinalClaim { claim }
            | Self::RestoreOriginalClaim { claim }
            | Self::FreeName { claim, .. }
            | Self::RetainStray { claim, .. }
            | Self::Touch { claim, .. }
            | Self::Unmark { claim, .. }
            | Self::RestoreReclaim { claim, .. }
            | Self::DeleteSourceVolume { claim, .. } => Some(claim),
            // Of one pod for several claims, it is none's more than another's.
            Self::StartPod { claims, .. } => match claims.as_slice() {
                [claim] => Some(claim),
                _ => None,
            },
            Self::MarkWorkload { .. } | Self::StopWorkload { .. } | Self::StartWorkload { .. } => None,
        }
    }

    /// Names the claims that the step is about.
    pub fn claims(&self) -> Vec<&str> {
        let Self::StartPod { claims, .. } = self else { return self.claim().into_iter().collect() };
        claims.iter().map(String::as_str).collect()
    }

    /// Returns what the step does, in a few plain words without its object.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Note(fact) => match fact {
                Fact::Destination { .. } => "note the destination volume",
                Fact::Warmed { .. } => "note how the warm pass ended",
                Fact::Stopping { .. } => "note that the workloads stop",
                Fact::Started { .. } => "note that the workloads are started",
                Fact::Ready { .. } => "note that the pods are Ready",
                Fact::OwnersLost { .. } => "note the owners that are missing",
                Fact::CopyFailed { .. } => "note that a copy failed",
                Fact::Copied { .. } => "note that the copy is proven",
                Fact::GrantedAttempts { .. } => "allow more attempts",
                Fact::TurnedBack { .. } => "turn back",
                Fact::Touched { .. } => "note that the original claim is touched",
                Fact::Stray { .. } => "note the claim that a StatefulSet created",
                Fact::Ended(_) => "note the end",
            },
            Self::RetainSource { .. } => "keep the source volume (Retain)",
            Self::CreateDestination { .. } => "create the temporary destination claim",
            Self::AdoptDestination { .. } => "take over the temporary destination claim",
            Self::RetainDestination { .. } => "keep the destination volume (Retain)",
            Self::StartPod { purpose, .. } => match purpose {
                Purpose::Prime => "start a pod that has the destination provisioned",
                Purpose::Warm => "start the warm pass",
                Purpose::Copy | Purpose::Leftover => "start the copy",
            },
            Self::DeletePod { .. } => "delete the copy pod",
            Self::MarkWorkload { .. } => "note the scale on the workload",
            Self::StopWorkload { .. } => "scale down to 0",
            Self::DeleteOriginalClaim { .. } => "delete the original claim",
            Self::Reserve { side: Side::Source, holder: Reserved::SourceTemp, .. } => {
                "reserve the source volume for the copy"
            }
            Self::Reserve { side: Side::Source, holder: Reserved::ClaimName, .. } => {
                "reserve the source volume for the claim"
            }
            Self::Reserve { side: _, holder: Reserved::DestinationTemp, .. } => {
                "reserve the destination volume for the copy"
            }
            Self::Reserve { side: Side::Destination, .. } => "reserve the destination volume for the claim",
            Self::CreateSourceTemp { .. } => "create the temporary source claim",
            Self::DeleteTemp { side: Side::Source, .. } => "delete the temporary source claim",
            Self::DeleteTemp { side: Side::Destination, .. } => "delete the temporary destination claim",
            Self::CreateFinalClaim { .. } => "create the claim on its new volume, Pending for now",
            Self::FreeName { held: Held::Pending, .. } => "delete the Pending claim",
            Self::FreeName { held: Held::Stray, .. } => "delete the empty claim that its StatefulSet created",
            Self::RetainStray { .. } => "keep the volume of the claim that its StatefulSet created (Retain)",
            Self::RestoreOriginalClaim { .. } => "recreate the claim on its old volume",
            Self::Touch { .. } => "touch the claim",
            Self::Unmark { .. } => "remove our marks from the claim and restore its owners",
            Self::RestoreReclaim { side: Side::Source, .. } => "restore the source volume's reclaim policy",
            Self::RestoreReclaim { side: Side::Destination, .. } => "restore the destination volume's reclaim policy",
            Self::StartWorkload { .. } => "scale back up",
            Self::DeleteSourceVolume { .. } => "delete the source volume's object",
        }
    }
}
