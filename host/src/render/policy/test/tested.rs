//! A finished test run, and what all forms show of it.

use std::time::Duration;

use pvmigrate_policy_kit::testkit::{CaseReport, ExitMeaning, Outcome, Report};

use crate::exit::Exit;

/// A finished test run.
#[derive(Clone, Debug)]
pub struct Tested<'a> {
    /// Its result.
    pub report: &'a Report,
    /// The exit code of the command.
    pub exit: Exit,
    /// How long all of it took.
    pub took: Duration,
    /// What to type to run it again, up to the choice of cases.
    pub again: String,
    /// The coverage that was asked for, in percent.
    pub min_coverage: Option<u8>,
}

impl Tested<'_> {
    /// Returns whether too little is covered.
    pub fn is_short_of_coverage(&self) -> bool {
        let percent = self.report.coverage.as_ref().map(|coverage| coverage.percent);
        self.min_coverage.is_some_and(|least| percent.is_some_and(|percent| percent < least))
    }
}

/// Returns why a case did not pass, a line each; empty when it did.
pub(super) fn reasons(case: &CaseReport) -> Vec<String> {
    match &case.outcome {
        Outcome::Passed | Outcome::Skipped { .. } => Vec::new(),
        Outcome::Failed(mismatches) => {
            let line = |one: &pvmigrate_policy_kit::testkit::Mismatch| {
                format!("{}: expected {}, got {} ({})", one.what, one.expected, one.got, one.at)
            };
            mismatches.iter().map(line).collect()
        }
        Outcome::Fault { word, message } => vec![format!("{word}: {message}")],
        Outcome::Unstable { message } => vec![message.clone()],
    }
}

/// Returns an outcome's name; scripts rely on it.
pub(super) fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Failed(_) => "failed",
        Outcome::Fault { .. } => "fault",
        Outcome::Unstable { .. } => "unstable",
    }
}

pub(super) fn is_bad(case: &CaseReport) -> bool {
    case.outcome.meaning() != ExitMeaning::Passed
}

pub(super) fn fuel_per_volume(case: &CaseReport) -> u64 {
    case.fuel / (case.volumes.max(1) as u64)
}

/// Returns which coverage is missing, if it is too little.
pub(super) fn coverage_failure(tested: &Tested<'_>) -> Option<String> {
    let coverage = tested.report.coverage.as_ref().filter(|_| tested.is_short_of_coverage())?;
    let least = tested.min_coverage?;
    Some(format!("coverage is {} %, less than the required {least} %", coverage.percent))
}
