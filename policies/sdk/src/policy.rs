//! What a policy is: who it says it is, and a trait for each question that it may answer.

use alloc::vec::Vec;

use crate::settings::Settings;
use crate::{Ballot, Finding, Mapping, Planned, PolicyError, Problem, Request, TargetShape, Volume, Vote};

pub use crate::bindings::manifest::Scope;

/// Documents one code that reasons, findings and errors may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code, in kebab-case.
    pub code: &'static str,
    /// What it means.
    pub summary: &'static str,
    /// Where to read more.
    pub docs_url: Option<&'static str>,
}

/// The codes that a policy may use; `#[derive(Codes)]` on an enum makes them.
pub trait Codes {
    /// Every code with what it means.
    const ALL: &'static [Code];

    /// Returns the code as it is written.
    fn code(&self) -> &'static str;
}

/// Declares a kind of object that the policy looks up through [`snapshot`](crate::snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// `group/version`, or `v1`.
    pub api_version: &'static str,
    /// The kind. Never `Secret`.
    pub kind: &'static str,
    /// What it is looked up for: the user reads this before granting access.
    pub purpose: &'static str,
    /// The policy can do without.
    pub optional: bool,
}

impl Need {
    /// Declares a kind without which the policy cannot answer.
    pub const fn new(api_version: &'static str, kind: &'static str, purpose: &'static str) -> Self {
        Self { api_version, kind, purpose, optional: false }
    }

    /// Declares a kind that the policy can do without; a look-up may then say
    /// [`NotCollected`](crate::snapshot::LookupError::NotCollected).
    pub const fn optional(api_version: &'static str, kind: &'static str, purpose: &'static str) -> Self {
        Self { api_version, kind, purpose, optional: true }
    }
}

/// Says who a policy is. The type itself holds the settings: it is read anew for every call.
pub trait Policy: Settings {
    /// The codes it may use.
    type Code: Codes + 'static;
    /// Its name: letters, digits, `-`, `.`, `_` and `+`.
    const NAME: &'static str;
    /// Its version; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// What it does, in a line.
    const SUMMARY: &'static str;
    /// Whether what it says about a claim depends on the other claims.
    const SCOPE: Scope = Scope::PerVolume;
    /// The kinds of objects that it looks up.
    const NEEDS: &'static [Need] = &[];

    /// Says what is wrong with settings that satisfy their schema, such as a maximum below a minimum.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// Decides which claims move.
pub trait Selection: Policy {
    /// Votes on one claim.
    ///
    /// # Errors
    /// When it cannot tell: the run stops before anything is written.
    fn vote(&self, request: &Request, volume: &Volume) -> Result<Vote, PolicyError>;

    /// Votes on all claims; override it where work is shared between them.
    ///
    /// # Errors
    /// The first one of [`vote`](Self::vote).
    fn select(&self, request: &Request) -> Result<Vec<Ballot>, PolicyError> {
        let ballot = |volume: &Volume| Ok(Ballot { volume: volume.id, vote: self.vote(request, volume)? });
        request.volumes.iter().map(ballot).collect()
    }
}

/// Decides what the new claims look like.
pub trait AccessModes: Policy {
    /// Shapes one selected claim; none is no opinion.
    ///
    /// # Errors
    /// When it cannot tell: the run stops before anything is written.
    fn shape(&self, request: &Request, volume: &Volume) -> Result<Option<TargetShape>, PolicyError>;

    /// Shapes all selected claims; override it where work is shared between them.
    ///
    /// # Errors
    /// The first one of [`shape`](Self::shape).
    fn map_modes(&self, request: &Request) -> Result<Vec<Mapping>, PolicyError> {
        let mapping = |volume: &Volume| Ok(Mapping { volume: volume.id, shape: self.shape(request, volume)? });
        request.volumes.iter().map(mapping).collect()
    }
}

/// Says what should be known, or stop the run, before anything is written.
pub trait Preflight: Policy {
    /// Checks the plan: `request` has all claims, `plan` those that were selected.
    ///
    /// # Errors
    /// When it cannot tell: the run stops before anything is written.
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError>;
}
