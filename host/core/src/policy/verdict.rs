//! What the host concludes from the answers of policies.
//!
//! Here claims have names instead of handles, and everything says who decided; a [`Verdict`] goes into the
//! migration record. How answers become verdicts is [`super::chain`]'s business.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{Reason, Severity, TargetShape, Vote};
use super::object::{ObjectRef, Pairs};
use crate::access::{AccessMode, VolumeMode};

/// The policy that said something, identified down to its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRef {
    /// The name it gives itself.
    pub name: String,
    /// The version it gives itself.
    pub version: String,
    /// `sha256:` and the hex digest of the component's bytes.
    pub digest: String,
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The decider: a policy, or the host by its own floor or default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decider {
    /// The host: a limit that no policy may loosen, or what holds when nobody has an opinion.
    Host,
    /// This policy.
    Policy(PolicyRef),
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("pvmigrate"),
            Self::Policy(policy) => policy.fmt(f),
        }
    }
}

/// The decision whether a claim moves, with who made it and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// True when the claim moves.
    pub selected: bool,
    /// Who decided.
    pub by: Decider,
    /// Why.
    pub reason: Reason,
}

/// The shape of a selected claim's new claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its access modes, sorted, each once.
    pub modes: Vec<AccessMode>,
    /// Its volume mode.
    pub volume_mode: VolumeMode,
    /// Who decided.
    pub by: Decider,
    /// Why.
    pub why: Reason,
}

/// One policy's vote, kept for the trace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoteCast {
    /// The voter.
    pub by: PolicyRef,
    /// Its vote.
    pub vote: Vote,
}

/// One policy's opinion on the shape, kept for the trace; policies without one are left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModesOpinion {
    /// Whose opinion.
    pub by: PolicyRef,
    /// The shape it wanted.
    pub shape: TargetShape,
}

/// The result for one claim: what was decided, by whom, and everything that was said on the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The claim's namespace.
    pub namespace: String,
    /// The claim's name.
    pub name: String,
    /// The claim's uid when the question was asked.
    pub uid: String,
    /// Whether it moves.
    pub decision: Decision,
    /// What its new claim looks like: there exactly when it moves.
    pub target: Option<Target>,
    /// Every vote, in the order of the chain, the built-in policy's last.
    #[serde(default)]
    pub votes: Vec<VoteCast>,
    /// Every opinion on the shape, in the order of the chain.
    #[serde(default)]
    pub opinions: Vec<ModesOpinion>,
}

impl Verdict {
    /// Tells whether the claim moves.
    pub fn selected(&self) -> bool {
        self.decision.selected
    }

    /// Returns `namespace/name` of the claim.
    pub fn claim(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The subject of a judged finding, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// The plan as a whole.
    Plan,
    /// One claim.
    Claim {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Any object.
    Object(ObjectRef),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Claim { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Object(object) => object.fmt(f),
        }
    }
}

/// A finding as the host reports it: with its author, and with names instead of handles.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Who found it.
    pub by: Decider,
    /// Stable kebab-case code.
    pub code: String,
    /// How severe it is.
    pub severity: Severity,
    /// What it is about.
    pub about: About,
    /// Words for people.
    pub message: String,
    /// What the user can do about it.
    pub remedy: Option<String>,
    /// The same facts as key and value.
    #[serde(default)]
    pub details: Pairs,
}

/// Something odd in how policies answered that does not change the plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// Stable kebab-case code, such as `mode-conflict`.
    pub code: String,
    /// What it is about.
    pub about: About,
    /// Words for people.
    pub message: String,
}

/// The level of a line that a policy logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// For the policy's author.
    Debug,
    /// For whoever follows the run.
    Info,
    /// Worth a look.
    Warn,
}

/// A line that a policy logged, control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text.
    pub message: String,
    /// Its key and value pairs.
    #[serde(default)]
    pub fields: Pairs,
}

/// What one call of one policy cost, and what it logged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCost {
    /// The policy called.
    pub by: PolicyRef,
    /// The function called: `select`, `map-modes` or `check`.
    pub call: String,
    /// Fuel used: the same for the same question, on every machine.
    pub fuel: u64,
    /// Linear memory at its largest, in bytes; of a question that was split into several calls, that of the largest one.
    #[serde(default)]
    pub memory: u64,
    /// How many look-ups were made, by [`Kind`](super::Kind) in its display form. Only kinds that the policy declares:
    /// it sees nothing of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looked_up: BTreeMap<String, u64>,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// Everything the policies said about one request, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// One verdict a volume, in the order of the request.
    pub verdicts: Vec<Verdict>,
    /// Findings of the policies and of the host's floor; blockers first, then by subject and code.
    pub findings: Vec<Judged>,
    /// Disagreements and the like.
    pub warnings: Vec<Warning>,
    /// The policies consulted, in the order of the chain.
    pub policies: Vec<PolicyRef>,
    /// What each call cost, in the order of the calls.
    pub calls: Vec<CallCost>,
}

impl Judgement {
    /// Returns the verdicts of the claims that move.
    pub fn selected(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.selected())
    }

    /// Returns the findings that keep the run from starting.
    pub fn blockers(&self) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Blocker)
    }

    /// Finds the verdict on a claim.
    pub fn verdict(&self, namespace: &str, name: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.namespace == namespace && verdict.name == name)
    }
}
