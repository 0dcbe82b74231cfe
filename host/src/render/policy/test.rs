//! What `policy test` shows: the same result for people, for scripts and for what CI systems read.
//!
//! Each form is a pure function of the result. Text that a policy or a test file has written passes through an escape on
//! its way, whichever suits the form.

use std::time::Duration;

use pvmigrate_policy_kit::testkit::{CaseReport, ExitMeaning, Listed, Outcome, Report};

use super::super::Screen;
use crate::exit::Exit;

mod github;
mod human;
mod json;
mod junit;
mod tap;

pub use json::listed as listed_json;

/// The forms of a test result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// A JSON document a line: one for each case, then one for the whole.
    Jsonl,
    /// `JUnit` XML, as CI systems read it.
    Junit,
    /// Test Anything Protocol, version 14.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

/// A test run that is over.
#[derive(Clone, Debug)]
pub struct Tested<'a> {
    /// What came of it.
    pub report: &'a Report,
    /// What the command ends with.
    pub exit: Exit,
    /// How long all of it took.
    pub took: Duration,
    /// What to type to run it again, up to the choice of cases.
    pub again: String,
    /// The coverage that was asked for, in percent.
    pub min_coverage: Option<u8>,
}

impl Tested<'_> {
    /// Tells whether too little is covered.
    pub fn is_short_of_coverage(&self) -> bool {
        let percent = self.report.coverage.as_ref().map(|coverage| coverage.percent);
        self.min_coverage.is_some_and(|least| percent.is_some_and(|percent| percent < least))
    }
}

/// Returns the result in one of its forms.
pub fn text(tested: &Tested<'_>, format: Format, screen: &Screen) -> String {
    match format {
        Format::Human => human::text(tested, screen),
        Format::Json => json::text(tested),
        Format::Jsonl => json::lines(tested),
        Format::Junit => junit::text(tested),
        Format::Tap => tap::text(tested),
        Format::Github => github::text(tested),
    }
}

/// Returns the cases that would run, for people.
pub fn listed_text(cases: &[Listed]) -> String {
    human::listed(cases)
}

/// Returns why a case did not pass, a line each; empty when it did.
fn reasons(case: &CaseReport) -> Vec<String> {
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

/// Names an outcome; scripts rely on it.
fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Failed(_) => "failed",
        Outcome::Fault { .. } => "fault",
        Outcome::Unstable { .. } => "unstable",
    }
}

fn is_bad(case: &CaseReport) -> bool {
    case.outcome.meaning() != ExitMeaning::Passed
}

fn fuel_per_volume(case: &CaseReport) -> u64 {
    case.fuel / (case.volumes.max(1) as u64)
}

/// Says what too little coverage is short of.
fn coverage_failure(tested: &Tested<'_>) -> Option<String> {
    let coverage = tested.report.coverage.as_ref().filter(|_| tested.is_short_of_coverage())?;
    let least = tested.min_coverage?;
    Some(format!("coverage is {} %, less than the required {least} %", coverage.percent))
}

#[cfg(test)]
mod tests;
