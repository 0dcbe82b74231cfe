//! The result of a test run, as data.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use pvmigrate_core::policy::LogLine;
use serde::Serialize;

use super::coverage::Coverage;
use super::difference::Difference;
use crate::bench::Headroom;
use pvmigrate_policy::PolicyInfo;
use pvmigrate_yaml::Place;

/// The meaning of a test run's end to its caller; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitMeaning {
    /// Every case passed.
    Passed = 0,
    /// A case got a different answer than it expected.
    CaseFailed = 1,
    /// A test file or fixture is wrong.
    BadUsage = 2,
    /// The policy does not load.
    NotLoaded = 3,
    /// There was nothing to run, or too little of the policy was covered.
    NoTests = 4,
    /// A fault that no case expected, or an answer that was not the same twice.
    Unexpected = 5,
}

impl ExitMeaning {
    /// Returns the exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The result of a test run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The policies that were tested, each once.
    pub policies: Vec<PolicyInfo>,
    /// Every case, in order of file and place. Never empty.
    pub cases: Vec<CaseReport>,
    /// How many further cases were left out because one before them had failed.
    pub not_run: usize,
    /// What the cases cover of the policies; `None` when only some of the cases were run.
    pub coverage: Option<Coverage>,
    /// What the policies that were tested by themselves leave of their limits; empty when only some of the cases were run.
    pub headroom: Vec<PolicyHeadroom>,
}

/// What the decisions of one policy leave of its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyHeadroom {
    /// The policy's name.
    pub policy: String,
    /// A row for each decision; empty when it could not be measured.
    pub decisions: Vec<Headroom>,
    /// Why it could not be measured: the policy fails on a question about a few hundred claims.
    pub fault: Option<String>,
}

impl Report {
    /// Returns the exit code that this stands for: the gravest outcome's.
    pub fn meaning(&self) -> ExitMeaning {
        let ran = self.cases.iter().filter(|case| !matches!(case.outcome, Outcome::Skipped { .. }));
        ran.map(|case| case.outcome.meaning()).max().unwrap_or(ExitMeaning::NoTests)
    }

    /// Counts the cases that passed, those that did not, and those that were skipped.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for case in &self.cases {
            match case.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Skipped { .. } => counts.skipped += 1,
                Outcome::Failed(_) | Outcome::Fault { .. } | Outcome::Unstable { .. } => counts.failed += 1,
            }
        }
        counts
    }
}

/// Numbers of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
    /// Not run, for a reason that the test file gives.
    pub skipped: usize,
}

/// The report on one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    /// The test file.
    pub file: PathBuf,
    /// The line of the case's name.
    pub line: u64,
    /// The case's name; of a matrix, with the values in brackets.
    pub name: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Fuel that the policy used for all its answers together; 0 when it did not finish.
    pub fuel: u64,
    /// Linear memory of the call that used most of it, in bytes; 0 when the policy did not finish.
    pub memory: u64,
    /// How many look-ups it made, by kind; empty when it did not finish.
    pub looked_up: BTreeMap<String, u64>,
    /// How many volumes it was asked about.
    pub volumes: usize,
    /// What the policy logged.
    pub log: Vec<LogLine>,
    /// Wall time of all its runs together.
    pub millis: u64,
}

/// The outcome of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not run.
    Skipped {
        /// Why, in the words of the test file.
        reason: String,
    },
    /// A different answer than expected; at least one mismatch.
    Failed(Vec<Mismatch>),
    /// A fault that was not expected.
    Fault {
        /// The fault's stable name, such as `fuel`.
        word: String,
        /// The whole message.
        message: String,
    },
    /// A different answer to the same question.
    Unstable {
        /// What was done differently, and what came out differently.
        message: String,
    },
}

impl Outcome {
    /// Returns the exit code that this stands for.
    pub fn meaning(&self) -> ExitMeaning {
        match self {
            Self::Passed | Self::Skipped { .. } => ExitMeaning::Passed,
            Self::Failed(_) => ExitMeaning::CaseFailed,
            Self::Fault { .. } | Self::Unstable { .. } => ExitMeaning::Unexpected,
        }
    }
}

/// One difference between the expected and the actual answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// Which expectation: `select db/data`, `modes db/data`, `findings`, `plan db/data`, `fault`, `budget`, `golden`.
    pub what: String,
    /// Where it is written, in the test file or a golden.
    pub at: Place,
    /// What was expected, in the words of the test file.
    pub expected: String,
    /// The actual answer, in the same words.
    pub got: String,
    /// Where the two begin to differ, when they are alike enough for that.
    pub difference: Option<Difference>,
}

impl Mismatch {
    /// Makes a mismatch whose two sides have nothing in common that a mark could point at.
    pub(crate) fn new(what: &str, at: &Place, expected: impl Display, got: impl Display) -> Self {
        let (expected, got) = (expected.to_string(), got.to_string());
        Self { what: what.to_owned(), at: at.clone(), expected, got, difference: None }
    }
}
