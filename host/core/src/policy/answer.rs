//! What policies answer, by handle: votes, shapes and findings.
//!
//! These mirror the interface. What the host concludes from them is in [`super::verdict`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::{ObjectRef, Pairs, VolumeId};
use crate::access::{AccessMode, VolumeMode};

/// A reason, with a code that tests and waivers can rely on.
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

/// The answer of a policy that cannot decide. Not a denial: the run stops before any write.
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

/// What one policy wants done with one volume.
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

/// The vote on one volume. A volume without a ballot counts as [`Vote::Abstain`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ballot {
    /// The volume meant.
    pub volume: VolumeId,
    /// The vote on it.
    pub vote: Vote,
}

/// The shape that the new claim should have.
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

/// The opinion on one volume's shape; without a shape, no opinion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// The volume meant.
    pub volume: VolumeId,
    /// The shape wanted, if there is an opinion.
    pub shape: Option<TargetShape>,
}

/// The severity of a finding; a blocker keeps the run from starting.
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

/// The subject of a policy's finding, by handle.
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

/// Something that a policy saw in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable kebab-case code, one of those that the policy declares.
    pub code: String,
    /// How severe it is.
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
