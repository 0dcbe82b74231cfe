//! How much of what a policy can say some case holds it to.
//!
//! A code counts when a passing case expects it by name, in the test file or in a golden: a code that came by under
//! `any` is held by nothing. Votes are shown and not counted, as no policy says which of them it casts.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_policy::Function;
use serde::Serialize;

use super::case::Ran;
use crate::testkit::read::chain::{Id, Opened};
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::answer::Said;
use crate::testkit::vocabulary::expect::Expected;
use crate::testkit::vocabulary::report::Outcome;
use crate::testkit::vocabulary::words::{ModesWord, VoteWord};

/// What the cases cover, a policy at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// One entry for each policy that a case tests by itself.
    pub policies: Vec<PolicyCoverage>,
    /// Covered parts of a hundred, rounded down; 100 when there is nothing to cover.
    pub percent: u8,
}

/// What the cases cover of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyCoverage {
    /// The policy's name.
    pub policy: String,
    /// The votes that cases expect; none when it does not vote.
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
    fn of<'a>(all: impl Iterator<Item = &'a str>, covered: &BTreeSet<String>) -> Self {
        let all: Vec<_> = all.collect();
        let missing: Vec<_> =
            all.iter().filter(|name| !covered.contains(**name)).map(|name| (*name).to_owned()).collect();
        Self { covered: all.len() - missing.len(), of: all.len(), missing }
    }
}

/// What is gathered about one policy.
#[derive(Debug, Default)]
struct Gathered {
    votes: VotesSeen,
    codes: BTreeSet<String>,
    settings: BTreeSet<String>,
}

impl Coverage {
    pub(crate) fn of<'a>(opened: &Opened, ran: impl Iterator<Item = (&'a Case, &'a Ran)>) -> Self {
        let mut gathered: BTreeMap<Id, Gathered> = BTreeMap::new();
        for (case, ran) in ran {
            let Some(id) = case.chain.tested else { continue };
            let of_policy = gathered.entry(id).or_default();
            if let (Outcome::Passed, Some(said)) = (&ran.report.outcome, &ran.said) {
                of_policy.settings.extend(case.settings.as_object().into_iter().flat_map(|all| all.keys().cloned()));
                of_policy.add(&case.expected, said);
                let golden = case.golden.as_ref().and_then(|golden| golden.expected.as_ref().ok());
                golden.into_iter().for_each(|golden| of_policy.add(golden, said));
            }
        }
        let policies: Vec<_> = gathered.into_iter().map(|(id, gathered)| gathered.share(opened, id)).collect();
        let shares = policies.iter().flat_map(|one| [&one.codes, &one.settings]);
        let (covered, of) = shares.fold((0, 0), |(covered, of), share| (covered + share.covered, of + share.of));
        let percent = (covered * 100).checked_div(of).map_or(100, |percent| u8::try_from(percent).unwrap_or(100));
        Self { policies, percent }
    }
}

impl Gathered {
    fn add(&mut self, expected: &Expected, said: &Said) {
        for want in expected.votes.iter().flat_map(BTreeMap::values) {
            match &want.is {
                VoteWord::Any => {}
                VoteWord::Abstain => self.votes.abstain = true,
                VoteWord::Vote("migrate", _) => self.votes.migrate = true,
                VoteWord::Vote(..) => self.votes.skip = true,
            }
            self.codes.extend(want.is.code().map(str::to_owned));
        }
        // The modes say it all: each policy has few reasons for a shape, and test files have no word for them.
        for (claim, want) in expected.modes.iter().flatten() {
            let code = said.mode_codes.get(claim).filter(|_| want.is != ModesWord::Any);
            self.codes.extend(code.cloned());
        }
        let findings = expected.findings.iter().flat_map(|findings| &findings.list);
        self.codes.extend(findings.map(|want| want.is.code.clone()));
        let undecided = expected.fault.as_ref().and_then(|fault| fault.is.strip_prefix("undecided "));
        self.codes.extend(undecided.map(str::to_owned));
    }

    fn share(&self, opened: &Opened, id: Id) -> PolicyCoverage {
        let info = opened.get(id).info();
        let settings = info.settings_schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
        let votes = info.has(Function::SELECT.interface());
        PolicyCoverage {
            policy: info.name.clone(),
            votes: votes.then_some(self.votes),
            codes: Share::of(info.codes.iter().map(|doc| doc.code.as_str()), &self.codes),
            settings: Share::of(settings.into_iter().flat_map(|all| all.keys()).map(String::as_str), &self.settings),
        }
    }
}
