//! What ends a command early: its exit code, what happened, and what to do next.
//!
//! Inner errors say what happened to which object; the hint a person needs is added here, once, where it is known that a
//! person reads it. How it looks is `render`'s business.

use std::fmt::Display;

use pvmigrate_core::policy::LogLine;
use pvmigrate_policy::{FailureKind, Function, PolicyFailure, SettingsError};

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
            // These carry their own advice, or need none.
            FailureKind::Source(_)
            | FailureKind::TooComplex(_)
            | FailureKind::Refused { .. }
            | FailureKind::ForeignVersion { .. } => (Exit::PolicyLoad, None),
            FailureKind::Engine(_) => (Exit::PolicyLoad, Some("the policy is not at fault: check memory and ulimits")),
            FailureKind::Undecided(_) => {
                (Exit::PolicyFault, Some("give the policy what it asks for, or leave it out; nothing was changed"))
            }
            // What a policy needs to be loaded, and to say who it is, has no limit that could be set.
            FailureKind::Fuel { .. }
                if ![Some(Function::LOAD), Some(Function::DESCRIBE)].contains(&failure.function) =>
            {
                (
                    Exit::PolicyFault,
                    Some(
                        "mend the loop; or, if it only needs more: --policy-limits fuel=400M,fuelPerVolume=4M, or in \
                         pvmigrate.yaml limits: {fuel: 400M, fuelPerVolume: 4M}",
                    ),
                )
            }
            FailureKind::Time { .. } => (
                Exit::PolicyFault,
                Some("if it only needs more: --policy-limits wall=30s, or in pvmigrate.yaml limits: {wall: 30s}"),
            ),
            FailureKind::Memory { .. } => (
                Exit::PolicyFault,
                Some(
                    "if it only needs more: --policy-limits memory=512Mi, or in pvmigrate.yaml limits: {memory: 512Mi}",
                ),
            ),
            FailureKind::LogFlood { .. } => (
                Exit::PolicyFault,
                Some("log less; or, if it is needed: --policy-limits log=1Mi, or in pvmigrate.yaml limits: {log: 1Mi}"),
            ),
            FailureKind::Fuel { .. }
            | FailureKind::Stack
            | FailureKind::OutputTooLarge(_)
            | FailureKind::Lookups(_)
            | FailureKind::Trap { .. }
            | FailureKind::UndeclaredCode { .. }
            | FailureKind::UnknownVolume(_)
            | FailureKind::RepeatedVolume(_) => {
                (Exit::PolicyFault, Some("fix the policy, or leave it out; nothing was changed"))
            }
        };
        let notes = notes_of(&failure.log);
        let mut made = Self::new(exit, failure);
        made.notes = notes;
        made.hints.extend(hint.map(str::to_owned));
        made
    }
}

/// Shows the first lines of a log, and how many there are besides.
fn notes_of(log: &[LogLine]) -> Vec<String> {
    /// Enough to see what it was doing.
    const SHOWN: usize = 5;
    let mut notes: Vec<_> = log.iter().take(SHOWN).map(|line| format!("the policy logged: {}", line.message)).collect();
    match log.len().saturating_sub(SHOWN) {
        0 => {}
        1 => notes.push("the policy logged one more line".to_owned()),
        more => notes.push(format!("the policy logged {more} more lines")),
    }
    notes
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::time::Duration;

    use pvmigrate_core::policy::{LogLevel, Pairs};
    use pvmigrate_policy::Origin;

    use super::*;

    fn stopped(kind: FailureKind, logged: usize) -> Failure {
        let line = |at: usize| LogLine { level: LogLevel::Info, message: format!("line {at}"), fields: Pairs::new() };
        let origin = Box::new(Origin { file: Some("x.wasm".into()), digest: None });
        PolicyFailure { origin, function: Some(Function::SELECT), kind, log: (1..=logged).map(line).collect() }.into()
    }

    #[test]
    fn a_flood_of_log_lines_is_counted() {
        let flood = stopped(FailureKind::LogFlood { limit: 1 << 16 }, 100);
        assert_eq!(flood.notes.len(), 6, "{:?}", flood.notes);
        assert_eq!(flood.notes[0], "the policy logged: line 1");
        assert_eq!(flood.notes[5], "the policy logged 95 more lines");
        assert_eq!(stopped(FailureKind::Stack, 5).notes.len(), 5);
        assert_eq!(stopped(FailureKind::Stack, 6).notes[5], "the policy logged one more line");
    }

    /// Each limit that a hint names is one that `pvmigrate.yaml` has.
    #[test]
    fn what_reached_a_limit_is_told_how_to_raise_it() {
        for (kind, limits) in [
            (FailureKind::Fuel { used: 1, limit: 1 }, "{fuel: 400M, fuelPerVolume: 4M}"),
            (FailureKind::Time { limit: Duration::from_secs(10) }, "{wall: 30s}"),
            (FailureKind::Memory { wanted: 2, limit: 1 }, "{memory: 512Mi}"),
            (FailureKind::LogFlood { limit: 1 }, "{log: 1Mi}"),
        ] {
            let failure = stopped(kind, 0);
            let hint = failure.hints.first().unwrap();
            assert!(hint.ends_with(&format!("limits: {limits}")), "{hint}");
            let text = format!(
                "apiVersion: pvmigrate.dev/config/v1\nenvironments: {{p: {{policies: [{{module: x.wasm, limits: {limits}}}]}}}}\n"
            );
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("pvmigrate.yaml");
            std::fs::write(&file, text).unwrap();
            crate::policies::environment::Environment::read(&file, "p").unwrap();
        }
    }
}
