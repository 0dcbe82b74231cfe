//! `select`: which volumes move.

use std::collections::BTreeMap;
use std::fmt;

use pvmigrate_core::policy::{PolicyRef, Verdict, Vote};
use pvmigrate_yaml::{Node, Wrong, did_you_mean, scalar};

use super::by_volume::{self, Word};
use super::kind::Kind;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::checker::Checker;
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::difference::{self, Difference};

pub(super) const KIND: Kind = by_volume::kind::<VoteWord>();

/// A vote; in a chain, the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VoteWord {
    Any,
    Abstain,
    /// `migrate` or `skip`, and perhaps the code.
    Vote(&'static str, Option<String>),
}

impl Word for VoteWord {
    const KEY: &'static str = "select";
    const WHAT: &'static str = "a vote";
    const ANY: Self = Self::Any;

    fn read(checker: &Checker<'_>, node: &Node) -> Result<Self, Wrong> {
        let vote = Self::parse(node)?;
        if checker.names.chain && vote == Self::Abstain {
            return Err(Wrong::new(&node.at, "a whole chain never abstains; write migrate or skip"));
        }
        vote.code().map(|code| checker.code(node, code)).transpose()?;
        Ok(vote)
    }

    fn actual(actual: &Actual) -> BTreeMap<String, Self> {
        let vote = |verdict: &Verdict| match actual.policy() {
            Some(policy) => vote_of(verdict, policy),
            None => decision(verdict),
        };
        actual.verdicts().iter().map(|verdict| (verdict.claim(), vote(verdict))).collect()
    }

    fn details(actual: &Actual) -> Vec<String> {
        let votes = |verdict: &Verdict| {
            let own = verdict.votes.iter().filter(|cast| actual.is_about(&cast.by));
            own.map(|cast| format!("{} {cast:?}", verdict.claim())).collect::<Vec<_>>()
        };
        actual.verdicts().iter().flat_map(votes).collect()
    }

    fn fits(&self, got: &Self) -> bool {
        match (self, got) {
            (Self::Any, _) => true,
            (Self::Vote(word, None), Self::Vote(other, _)) => word == other,
            (expected, got) => expected == got,
        }
    }

    fn value(&self) -> String {
        scalar(&self.to_string())
    }

    fn difference(expected: &str, got: &str) -> Option<Difference> {
        difference::of_votes(expected, got)
    }

    fn cover(&self, _claim: &str, _actual: &Actual, covered: &mut Covered) {
        match self {
            Self::Any => {}
            Self::Abstain => covered.votes.abstain = true,
            Self::Vote("migrate", _) => covered.votes.migrate = true,
            Self::Vote(..) => covered.votes.skip = true,
        }
        covered.codes.extend(self.code().map(str::to_owned));
    }
}

impl VoteWord {
    fn parse(node: &Node) -> Result<Self, Wrong> {
        let text = node.text("a vote")?;
        let mut words = text.split_whitespace();
        let (vote, code, more) = (words.next().unwrap_or_default(), words.next(), words.next());
        let word = match vote {
            "migrate" => "migrate",
            "skip" => "skip",
            "any" if code.is_none() => return Ok(Self::Any),
            "abstain" if code.is_none() => return Ok(Self::Abstain),
            _ => {
                let near = did_you_mean(vote, ["migrate", "skip", "abstain", "any"]);
                let what = format!(
                    "invalid vote {text:?}: write migrate, skip, abstain or any, and a code after the first two{near}"
                );
                return Err(Wrong::new(&node.at, what));
            }
        };
        match more {
            None => Ok(Self::Vote(word, code.map(str::to_owned))),
            Some(_) => Err(Wrong::new(&node.at, format!("{text:?} has more than a vote and a code"))),
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Vote(_, code) => code.as_deref(),
            Self::Any | Self::Abstain => None,
        }
    }
}

impl fmt::Display for VoteWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Abstain => f.write_str("abstain"),
            Self::Vote(word, None) => f.write_str(word),
            Self::Vote(word, Some(code)) => write!(f, "{word} {code}"),
        }
    }
}

fn vote_of(verdict: &Verdict, policy: &PolicyRef) -> VoteWord {
    let cast = verdict.votes.iter().find(|cast| cast.by == *policy);
    match cast.map(|cast| &cast.vote) {
        Some(Vote::Migrate(reason)) => VoteWord::Vote("migrate", Some(reason.code.clone())),
        Some(Vote::Skip(reason)) => VoteWord::Vote("skip", Some(reason.code.clone())),
        Some(Vote::Abstain) | None => VoteWord::Abstain,
    }
}

/// Returns what a chain decided.
pub(super) fn decision(verdict: &Verdict) -> VoteWord {
    let word = if verdict.decision.selected { "migrate" } else { "skip" };
    VoteWord::Vote(word, Some(verdict.decision.reason.code.clone()))
}
