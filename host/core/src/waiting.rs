//! Waitings: what the cluster has to do before the next step.

use std::fmt;

use jiff::Timestamp;

/// What is awaited, of which object, and until when at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// What has to happen.
    pub on: Awaited,
    /// The claim or workload it is about.
    pub of: String,
    /// What hinders it, in the cluster's own words, if that is known.
    pub trouble: Option<String>,
    /// When to decide again even if nothing has changed.
    pub deadline: Option<Timestamp>,
}

/// What is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// The destination claim gets a volume.
    DestinationBound,
    /// The warm pass ends.
    WarmPassEnded,
    /// The pods of the workload are gone.
    SourcePodsGone,
    /// The deleted original claim is gone.
    OriginalGone,
    /// The temporary source claim is bound.
    SourceTempBound,
    /// The copy pod's container starts.
    CopyStarted,
    /// The copy ends.
    CopyFinished,
    /// The pause before the next try has ended.
    NextAttempt,
    /// A temporary claim is gone.
    TempsGone,
    /// A pod of ours is gone.
    PodsGone,
    /// The claim is bound to its volume.
    ClaimBound,
    /// The claim of ours that kept the name is gone.
    NameFree,
    /// The claim that a StatefulSet made in place of ours is gone.
    StrayGone,
    /// As many pods are Ready as before the stop.
    PodsReady,
    /// The source volume's object is gone.
    SourceVolumeGone,
    /// A cache catches up with what another object already shows.
    FreshLook,
}

impl Awaited {
    /// Returns what is awaited, in a few plain words without its object.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DestinationBound => "the destination volume to be provisioned",
            Self::WarmPassEnded => "the warm pass to end",
            Self::SourcePodsGone => "the pods to be gone",
            Self::OriginalGone => "the original claim to be gone",
            Self::SourceTempBound => "the temporary source claim to be bound",
            Self::CopyStarted => "the copy pod to start",
            Self::CopyFinished => "the copy to end",
            Self::NextAttempt => "the next attempt at the copy",
            Self::TempsGone => "the temporary claims to be gone",
            Self::PodsGone => "the copy pod to be gone",
            Self::ClaimBound => "the claim to be bound",
            Self::NameFree => "the Pending claim to be gone",
            Self::StrayGone => "the empty claim that its StatefulSet created to be gone",
            Self::PodsReady => "as many pods to be Ready as before",
            Self::SourceVolumeGone => "the source volume's object to be gone",
            Self::FreshLook => "the cluster to show the last change",
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: waiting for {}", self.of, self.on.describe())?;
        match &self.trouble {
            Some(trouble) => write!(f, " ({trouble})"),
            None => Ok(()),
        }
    }
}
