//! What ends a command early: its exit code, what happened, and what to do next.
//!
//! Inner errors say what happened to which object; the hint a person needs is added here, once, where it is known that a
//! person reads it. How it looks is `render`'s business.

use std::fmt::Display;

use pvmigrate_policy::{FailureKind, PolicyFailure, SettingsError};

use crate::exit::Exit;

mod cluster;

/// The reason why a command ended early.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, with its causes.
    pub error: anyhow::Error,
    /// Further facts, such as what a policy had logged.
    pub notes: Vec<String>,
    /// What to do next, each a sentence or a command.
    pub hints: Vec<String>,
}

impl Failure {
    /// Makes a failure without hints.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), notes: Vec::new(), hints: Vec::new() }
    }

    /// Makes a failure of bad usage or of an input file.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{message}"))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was being done when it happened.
    #[must_use]
    pub fn context(mut self, context: impl Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(context);
        self
    }
}

impl From<PolicyFailure> for Failure {
    fn from(failure: PolicyFailure) -> Self {
        let (exit, hint) = match &failure.kind {
            FailureKind::Unreadable(_) => (Exit::Usage, Some("give the path to a .wasm component")),
            FailureKind::TooLarge { .. } => {
                (Exit::PolicyLoad, Some("build it with optimisations and without debug information"))
            }
            FailureKind::WrongDigest { .. } => {
                (Exit::PolicyLoad, Some("restore the right file, or review what changed and update the digest"))
            }
            FailureKind::NotAComponent(_) | FailureKind::WrongWorld(_) | FailureKind::BadInfo(_) => {
                (Exit::PolicyLoad, Some("see what a policy must provide: pvmigrate policy wit"))
            }
            // These carry their own advice.
            FailureKind::TooComplex(_) | FailureKind::Refused { .. } | FailureKind::ForeignVersion { .. } => {
                (Exit::PolicyLoad, None)
            }
            FailureKind::Engine(_) => (Exit::PolicyLoad, Some("the policy is not at fault: check memory and ulimits")),
            FailureKind::Undecided(_) => {
                (Exit::PolicyFault, Some("give the policy what it asks for, or leave it out; nothing was changed"))
            }
            FailureKind::Fuel { .. }
            | FailureKind::Time { .. }
            | FailureKind::Memory { .. }
            | FailureKind::Stack
            | FailureKind::OutputTooLarge(_)
            | FailureKind::LogFlood { .. }
            | FailureKind::Lookups(_)
            | FailureKind::Trap { .. }
            | FailureKind::UndeclaredCode { .. }
            | FailureKind::UnknownVolume(_)
            | FailureKind::RepeatedVolume(_) => {
                (Exit::PolicyFault, Some("fix the policy, or leave it out; nothing was changed"))
            }
        };
        let notes = failure.log.iter().map(|line| format!("the policy logged: {}", line.message)).collect();
        let mut made = Self::new(exit, failure);
        made.notes = notes;
        made.hints.extend(hint.map(str::to_owned));
        made
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Policy(failure) => failure.into(),
            wrong @ SettingsError::Wrong { .. } => {
                Self::new(Exit::Usage, wrong).hint("see the settings it takes: pvmigrate policy inspect FILE")
            }
        }
    }
}
