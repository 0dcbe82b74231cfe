//! `modes`: what the new claims look like.

use std::collections::BTreeMap;
use std::fmt;

use pvmigrate_core::access::AccessMode;
use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{ModesOpinion, PolicyRef, Verdict};
use pvmigrate_yaml::{Node, Wrong, Yaml, did_you_mean};

use super::by_volume::{self, Word};
use super::kind::Kind;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::checker::Checker;
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::difference::{self, Difference};
use crate::testkit::vocabulary::parse;

pub(super) const KIND: Kind = by_volume::kind::<ModesWord>();

/// The access modes wanted for one volume; in a chain, those that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModesWord {
    Any,
    NoOpinion,
    Exactly(Vec<AccessMode>),
}

impl Word for ModesWord {
    const KEY: &'static str = "modes";
    const WHAT: &'static str = "modes";
    const ANY: Self = Self::Any;

    fn read(_: &Checker<'_>, node: &Node) -> Result<Self, Wrong> {
        match &node.is {
            Yaml::Text(text) if text == "any" => Ok(Self::Any),
            Yaml::Text(text) if text == "no-opinion" => Ok(Self::NoOpinion),
            Yaml::Text(text) if !did_you_mean(text, ["any", "no-opinion"]).is_empty() => {
                let near = did_you_mean(text, ["any", "no-opinion"]);
                Err(Wrong::new(&node.at, format!("{text:?} is neither an access mode nor a word for one{near}")))
            }
            _ => parse::words(node).map(|modes| Self::Exactly(normal_modes(modes))),
        }
    }

    fn actual(actual: &Actual) -> BTreeMap<String, Self> {
        let modes = |verdict: &Verdict| match actual.policy() {
            Some(policy) => opinion(verdict, policy).map(|opinion| Self::of(&opinion.shape.modes)),
            None => verdict.target.as_ref().map(|target| Self::of(&target.modes)),
        };
        let by_claim = |verdict: &Verdict| (verdict.claim(), modes(verdict).unwrap_or(Self::NoOpinion));
        actual.verdicts().iter().map(by_claim).collect()
    }

    fn details(actual: &Actual) -> Vec<String> {
        let opinions = |verdict: &Verdict| {
            let own = verdict.opinions.iter().filter(|opinion| actual.is_about(&opinion.by));
            own.map(|opinion| format!("{} {opinion:?}", verdict.claim())).collect::<Vec<_>>()
        };
        actual.verdicts().iter().flat_map(opinions).collect()
    }

    fn fits(&self, got: &Self) -> bool {
        *self == Self::Any || self == got
    }

    fn value(&self) -> String {
        self.to_string()
    }

    fn difference(_: &str, got: &str) -> Option<Difference> {
        difference::of_modes(got)
    }

    /// Adds the code alone, without the modes: each policy has few reasons for a shape, and test files have no word for
    /// them.
    fn cover(&self, claim: &str, actual: &Actual, covered: &mut Covered) {
        let verdict = actual.verdicts().iter().find(|verdict| verdict.claim() == claim);
        let opinion = verdict.zip(actual.policy()).and_then(|(verdict, policy)| opinion(verdict, policy));
        let code = opinion.filter(|_| *self != Self::Any).map(|opinion| opinion.shape.why.code.clone());
        covered.codes.extend(code);
    }
}

impl ModesWord {
    /// Sorts modes, each once.
    pub(super) fn of(modes: &[AccessMode]) -> Self {
        Self::Exactly(normal_modes(modes.iter().copied()))
    }
}

fn opinion<'a>(verdict: &'a Verdict, policy: &PolicyRef) -> Option<&'a ModesOpinion> {
    verdict.opinions.iter().find(|opinion| opinion.by == *policy)
}

impl fmt::Display for ModesWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::NoOpinion => f.write_str("no-opinion"),
            Self::Exactly(modes) => {
                let words: Vec<_> = modes.iter().map(|mode| mode.abbreviation()).collect();
                write!(f, "[{}]", words.join(", "))
            }
        }
    }
}
