//! Holds what came against what was expected.

use std::fmt::Display;

use pvmigrate_core::policy::Judged;

use crate::testkit::vocabulary::answer::{Plan, Said};
use crate::testkit::vocabulary::difference;
use crate::testkit::vocabulary::expect::{Expected, Want, WantFindings, WantPlan};
use crate::testkit::vocabulary::report::Mismatch;
use crate::testkit::vocabulary::words::{FindingWord, Message, finding};
use pvmigrate_yaml::Place;

impl Expected {
    /// Compares an answer, or the fault that came instead; none when a fault came that no case could expect.
    pub(crate) fn compare(&self, said: &Said) -> Vec<Mismatch> {
        let mut found = Vec::new();
        if let Some(want) = &self.settings_error {
            let Some(problems) = &said.problems else {
                return vec![mismatch("settings-error", &want.at, want, "settings that the policy takes")];
            };
            let others = problems.iter().filter(|problem| !want.fits(problem));
            return others.map(|problem| mismatch("settings-error", &want.at, want, problem)).collect();
        }
        if let Some(want) = &self.fault {
            let got = said.fault.as_deref().unwrap_or("an answer");
            if want.is != got {
                found.push(mismatch("fault", &want.at, &want.is, got));
            }
            return found;
        }
        for (claim, want) in self.votes.iter().flatten() {
            let got = said.votes.get(claim).filter(|got| !want.is.fits(got));
            found.extend(got.map(|got| differs(&format!("select {claim}"), &want.at, &want.is, got)));
        }
        for (claim, want) in self.modes.iter().flatten() {
            let got = said.modes.get(claim).filter(|got| !want.is.fits(got));
            found.extend(got.map(|got| differs(&format!("modes {claim}"), &want.at, &want.is, got)));
        }
        found.extend(self.findings.iter().flat_map(|want| want.compare(&said.findings)));
        found.extend(self.plan.iter().flat_map(|want| want.compare(&said.plan)));
        found
    }
}

/// Says that something else came; the two sides have nothing in common that a mark could point at.
pub(crate) fn mismatch(what: &str, at: &Place, expected: impl Display, got: impl Display) -> Mismatch {
    let (expected, got) = (expected.to_string(), got.to_string());
    Mismatch { what: what.to_owned(), at: at.clone(), expected, got, difference: None }
}

/// Says that something else of the same kind came.
fn differs(what: &str, at: &Place, expected: impl Display, got: impl Display) -> Mismatch {
    let mut found = mismatch(what, at, expected, got);
    found.difference = match what.split(' ').next() {
        Some("modes") => difference::of_modes(&found.got),
        Some("findings") => difference::of_findings(&found.expected, &found.got),
        _ => difference::of_votes(&found.expected, &found.got),
    };
    found
}

/// What became of the findings of a case: pairs of expected and got, one side missing where there is no other.
pub(crate) struct Paired<'a> {
    /// The place in the list of those expected.
    pub(crate) expected: Option<usize>,
    pub(crate) got: Option<&'a Judged>,
    pub(crate) fits: bool,
}

/// Pairs each finding expected with the one meant, as far as that can be told: the same, or else one with the same
/// code and subject, or else one with the same code.
pub(crate) fn pair<'a>(expected: &[Want<FindingWord>], got: &'a [Judged]) -> Vec<Paired<'a>> {
    let mut left: Vec<&Judged> = got.iter().collect();
    let mut pairs: Vec<Paired<'a>> = Vec::new();
    let mut open: Vec<usize> = (0..expected.len()).collect();
    let likeness: [fn(&FindingWord, &Judged) -> bool; 3] = [
        FindingWord::fits,
        |want, got| want.code == got.code && want.about == got.about.to_string(),
        |want, got| want.code == got.code,
    ];
    for (round, alike) in likeness.into_iter().enumerate() {
        open.retain(|at| {
            let Some(found) = left.iter().position(|got| alike(&expected[*at].is, got)) else { return true };
            pairs.push(Paired { expected: Some(*at), got: Some(left.remove(found)), fits: round == 0 });
            false
        });
    }
    pairs.extend(open.into_iter().map(|at| Paired { expected: Some(at), got: None, fits: false }));
    pairs.sort_by_key(|pair| pair.expected);
    pairs.extend(left.into_iter().map(|got| Paired { expected: None, got: Some(got), fits: false }));
    pairs
}

impl WantFindings {
    fn compare(&self, got: &[Judged]) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for pair in pair(&self.list, got).into_iter().filter(|pair| !pair.fits) {
            match (pair.expected.map(|at| &self.list[at]), pair.got) {
                (Some(want), Some(got)) => {
                    // Where no message was asked for, it would only draw the eye.
                    let got = match want.is.message {
                        Message::Any => finding(&Judged { message: String::new(), ..got.clone() }),
                        _ => finding(got),
                    };
                    found.push(differs("findings", &want.at, &want.is.text, got));
                }
                (Some(want), None) => {
                    found.push(mismatch("findings", &want.at, &want.is.text, "nothing like it"));
                }
                (None, Some(got)) if self.exhaustive => {
                    found.push(mismatch("findings", &self.at, "no such finding", finding(got)));
                }
                (None, _) => {}
            }
        }
        found
    }
}

impl WantPlan {
    fn compare(&self, got: &Plan) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for (claim, want) in &self.claims {
            match got.claims.get(claim) {
                Some(line) if *line == want.is => {}
                Some(line) => found.push(differs(&format!("plan {claim}"), &want.at, &want.is, line)),
                None => found.push(mismatch(&format!("plan {claim}"), &want.at, &want.is, "no such volume")),
            }
        }
        let new = got.claims.iter().filter(|(claim, _)| !self.claims.contains_key(*claim));
        found.extend(new.map(|(claim, line)| mismatch(&format!("plan {claim}"), &self.at, "no such volume", line)));
        found.extend(lines("plan findings", &self.at, &self.findings, &got.findings));
        found.extend(lines("plan warnings", &self.at, &self.warnings, &got.warnings));
        found
    }
}

fn lines(what: &str, at: &Place, expected: &[Want<String>], got: &[String]) -> Vec<Mismatch> {
    let mut left: Vec<&String> = got.iter().collect();
    let mut found = Vec::new();
    for want in expected {
        match left.iter().position(|line| **line == want.is) {
            Some(at) => {
                left.remove(at);
            }
            None => found.push(mismatch(what, &want.at, &want.is, "no such line")),
        }
    }
    found.extend(left.into_iter().map(|line| mismatch(what, at, "no such line", line)));
    found
}
