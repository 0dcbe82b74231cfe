//! How much of what a policy can answer is checked by some case.
//!
//! A code counts when a passing case expects it by name, in the test file or in a golden: a code that occurs under
//! `any` is not checked. Votes are shown and not counted, as no policy declares which of them it casts.

use std::collections::BTreeSet;

use serde::Serialize;

/// What the cases cover, a policy at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// One entry for each policy that a case tests by itself.
    pub policies: Vec<PolicyCoverage>,
    /// Coverage in percent, rounded down; 100 when there is nothing to cover.
    pub percent: u8,
}

/// What the cases cover of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyCoverage {
    /// The policy's name.
    pub policy: String,
    /// The votes that cases expect; `None` when it does not vote.
    pub votes: Option<VotesSeen>,
    /// The codes it declares.
    pub codes: Share,
    /// The settings of its schema.
    pub settings: Share,
}

/// The votes that cases expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VotesSeen {
    /// To migrate.
    pub migrate: bool,
    /// To skip.
    pub skip: bool,
    /// No opinion.
    pub abstain: bool,
}

/// A part of a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many are covered.
    pub covered: usize,
    /// How many there are.
    pub of: usize,
    /// Those that are not covered.
    pub missing: Vec<String>,
}

impl Share {
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a str>, covered: &BTreeSet<String>) -> Self {
        let all: Vec<_> = all.collect();
        let missing: Vec<_> =
            all.iter().filter(|name| !covered.contains(**name)).map(|name| (*name).to_owned()).collect();
        Self { covered: all.len() - missing.len(), of: all.len(), missing }
    }
}

/// What cases check of one policy.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    pub(crate) votes: VotesSeen,
    pub(crate) codes: BTreeSet<String>,
    pub(crate) settings: BTreeSet<String>,
}
