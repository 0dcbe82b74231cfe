//! `findings`: what should be known about the plan.

mod edits;
mod pairs;
mod word;

use std::sync::Arc;

use pvmigrate_core::policy::Judged;
use pvmigrate_yaml::{Fields, Node, Place, Shape, Wrong, Yaml, did_you_mean};

use super::kind::{Kind, Read, Wanted};
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::block;
use crate::testkit::vocabulary::checker::{Checker, Want};
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::difference;
use crate::testkit::vocabulary::edit::{Edit, Written};
use crate::testkit::vocabulary::report::Mismatch;
use pairs::pair;
use word::{FindingWord, Message};

pub(super) use word::finding;

pub(crate) const AT_LEAST: Shape = Shape { name: "findings", keys: &["at-least"] };

pub(super) const KIND: Kind = Kind { key: "findings", of_chain: false, read, write, details };

fn read(checker: &Checker<'_>, node: &Node) -> Read {
    Ok(findings(checker, node)?.map(|findings| -> Arc<dyn Wanted> { Arc::new(findings) }))
}

fn write(actual: &Actual, text: &mut String) {
    let findings = actual.findings();
    match findings.is_empty() {
        true => text.push_str("findings: none\n"),
        false => block::list(text, 0, "findings", findings.into_iter().map(finding)),
    }
}

/// The findings expected.
#[derive(Clone, Debug)]
pub(super) struct WantFindings {
    at: Place,
    exhaustive: bool,
    list: Vec<Want<FindingWord>>,
}

fn findings(checker: &Checker<'_>, node: &Node) -> Result<Option<WantFindings>, Wrong> {
    let at = checker.place(node);
    let (exhaustive, list) = match &node.is {
        Yaml::Text(word) if word == "any" => return Ok(None),
        Yaml::Text(word) if word == "none" => (true, &[][..]),
        Yaml::Text(word) => {
            let near = did_you_mean(word, ["any", "none"]);
            let what = format!("{word:?} is neither `none`, `any` nor a list of findings{near}");
            return Err(Wrong::new(&node.at, what));
        }
        Yaml::Map(_) => {
            let list = Fields::of(node, &AT_LEAST)?.need("at-least")?.list("at-least")?;
            if list.is_empty() {
                return Err(Wrong::new(&node.at, "an empty `at-least` always holds; name a finding, or write any"));
            }
            (false, list)
        }
        _ => (true, node.list("findings")?),
    };
    let list = list.iter().map(|item| finding_at(checker, item)).collect::<Result<_, _>>()?;
    Ok(Some(WantFindings { at, exhaustive, list }))
}

fn finding_at(checker: &Checker<'_>, node: &Node) -> Result<Want<FindingWord>, Wrong> {
    let read = if checker.golden { FindingWord::read_golden(node) } else { FindingWord::read(node) }?;
    checker.code(node, &read.code)?;
    checker.about(node, &read.about)?;
    Ok(Want { at: checker.place(node), is: read })
}

fn details(actual: &Actual) -> Vec<String> {
    actual.findings().into_iter().map(|finding| format!("{} {finding:?}", finding.about)).collect()
}

impl Wanted for WantFindings {
    fn compare(&self, actual: &Actual) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for pair in pair(&self.list, &actual.findings()).into_iter().filter(|pair| !pair.fits) {
            match (pair.expected.map(|at| &self.list[at]), pair.got) {
                (Some(want), Some(got)) => {
                    // Where no message is expected, showing one would only distract.
                    let got = match want.is.message {
                        Message::Any => finding(&Judged { message: String::new(), ..got.clone() }),
                        _ => finding(got),
                    };
                    let difference = difference::of_findings(&want.is.text, &got);
                    let plain = Mismatch::new("findings", &want.at, &want.is.text, got);
                    found.push(Mismatch { difference, ..plain });
                }
                (Some(want), None) => {
                    found.push(Mismatch::new("findings", &want.at, &want.is.text, "no such finding"));
                }
                (None, Some(got)) if self.exhaustive => {
                    found.push(Mismatch::new("findings", &self.at, "no such finding", finding(got)));
                }
                (None, _) => {}
            }
        }
        found
    }
    fn edits(&self, written: &Written<'_>, actual: &Actual) -> Vec<Edit> {
        edits::findings(written, &self.list, self.exhaustive, &actual.findings())
    }

    fn cover(&self, _: &Actual, covered: &mut Covered) {
        covered.codes.extend(self.list.iter().map(|want| want.is.code.clone()));
    }

    fn looks_at(&self, claim: &str) -> bool {
        self.exhaustive || self.list.iter().any(|want| want.is.about == claim)
    }
}
