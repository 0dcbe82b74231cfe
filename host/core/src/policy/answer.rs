//! What policies answer, by handle: votes, shapes and findings.
//!
//! These mirror the interface. What the host concludes from them is in [`super::verdict`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::{ObjectRef, Pairs, VolumeId};
use crate::access::{AccessMode, VolumeMode};

/// Says why, with a code that tests and waivers can rely on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Stable kebab-case code, one of those that the policy declares.
    pub code: String,
    /// The policy's words, for people.
    pub message: String,
    /// The same facts as key and value, so that nobody parses the message.
    #[serde(default)]
    pub details: Pairs,
}

/// Says that a policy cannot decide. Not a denial: the run stops before any write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyError {
    /// Stable kebab-case code.
    pub code: String,
    /// The policy's words, for people.
    pub message: String,
    /// The volume it stumbled over, if it was one.
    pub volume: Option<VolumeId>,
}

/// Says what one policy wants done with one volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Vote {
    /// Move it, unless somebody objects.
    Migrate(Reason),
    /// Leave it. One such vote is enough.
    Skip(Reason),
    /// No opinion.
    Abstain,
}

/// Carries the vote on one volume. A volume without a ballot counts as [`Vote::Abstain`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ballot {
    /// The volume meant.
    pub volume: VolumeId,
    /// The vote on it.
    pub vote: Vote,
}

/// Says what the new claim should look like.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetShape {
    /// The access modes wanted.
    pub modes: Vec<AccessMode>,
    /// The volume mode wanted.
    pub volume_mode: VolumeMode,
    /// Why these.
    pub why: Reason,
}

/// Carries the opinion on one volume's shape; none means no opinion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// The volume meant.
    pub volume: VolumeId,
    /// The shape wanted, if there is an opinion.
    pub shape: Option<TargetShape>,
}

/// Grades a finding; a blocker keeps the run from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look; the run goes on.
    Warning,
    /// The run must not start.
    Blocker,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Blocker => "blocker",
        })
    }
}

/// Says what a policy's finding is about, by handle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The plan as a whole.
    Plan,
    /// One volume of the request.
    Volume(VolumeId),
    /// Any object.
    Object(ObjectRef),
}

/// Reports something that a policy saw in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable kebab-case code, one of those that the policy declares.
    pub code: String,
    /// How grave it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// The policy's words, for people.
    pub message: String,
    /// What the user can do about it.
    pub remedy: Option<String>,
    /// The same facts as key and value.
    pub details: Pairs,
}
