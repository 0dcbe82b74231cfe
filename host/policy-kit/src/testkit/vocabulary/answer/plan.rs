//! `plan`: what follows from the answers of a whole chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_core::policy::{Decider, Judged, Judgement};
use pvmigrate_yaml::{Fields, Node, Place, Shape, Wrong, scalar};

use super::findings::finding;
use super::kind::{Kind, Read, Wanted};
use super::modes::ModesWord;
use super::votes::decision;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::block;
use crate::testkit::vocabulary::checker::{Checker, Want};
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::difference;
use crate::testkit::vocabulary::edit::{Edit, Written};
use crate::testkit::vocabulary::report::Mismatch;

pub(super) const KIND: Kind = Kind { key: "plan", of_chain: true, read, write, details };

const PLAN: Shape = Shape { name: "a plan", keys: &["claims", "findings", "warnings"] };

fn read(checker: &Checker<'_>, node: &Node) -> Read {
    Ok(Some(Arc::new(plan(checker, node)?)))
}

fn write(actual: &Actual, text: &mut String) {
    let plan = actual.judgement().map(Plan::of).unwrap_or_default();
    text.push_str("plan:\n");
    block::mapping(text, 2, "claims", plan.claims.iter().map(|(claim, line)| (claim, scalar(line))));
    block::list(text, 2, "findings", plan.findings.into_iter());
    block::list(text, 2, "warnings", plan.warnings.into_iter());
}

/// Returns nothing: the plan follows from the other answers.
fn details(_: &Actual) -> Vec<String> {
    Vec::new()
}

/// The plan that follows from a chain's answers: one line a claim, finding and warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Plan {
    claims: BTreeMap<String, String>,
    findings: Vec<String>,
    warnings: Vec<String>,
}

impl Plan {
    fn of(judgement: &Judgement) -> Self {
        let claims = judgement.verdicts.iter().map(|verdict| {
            let shape = match &verdict.target {
                Some(target) => format!(", {} {}", ModesWord::of(&target.modes), target.volume_mode),
                None => String::new(),
            };
            let line = format!("{} by {}{shape}", decision(verdict), decider(&verdict.decision.by));
            (verdict.claim(), line)
        });
        let by = |one: &Judged| {
            let text = finding(one);
            let (head, message) = text.split_once(" ~ ").unwrap_or((&text, ""));
            let line = format!("{head} by {} ~ {message}", decider(&one.by));
            line.trim_end_matches(" ~ ").to_owned()
        };
        let warnings = judgement.warnings.iter();
        Self {
            claims: claims.collect(),
            findings: judgement.findings.iter().map(by).collect(),
            warnings: warnings.map(|one| format!("{} on {} ~ {}", one.code, one.about, one.message)).collect(),
        }
    }
}

/// Returns who decided, without the version, so that a release does not change every golden.
fn decider(by: &Decider) -> String {
    match by {
        Decider::Policy(policy) => policy.name.clone(),
        Decider::Host => by.to_string(),
    }
}

/// The plan expected: lines as [`Plan`] writes them.
#[derive(Clone, Debug)]
struct WantPlan {
    at: Place,
    claims: BTreeMap<String, Want<String>>,
    findings: Vec<Want<String>>,
    warnings: Vec<Want<String>>,
}

fn plan(checker: &Checker<'_>, node: &Node) -> Result<WantPlan, Wrong> {
    if !checker.golden {
        return Err(Wrong::new(&node.at, "a plan is kept in a golden: write `plan: golden`"));
    }
    let fields = Fields::of(node, &PLAN)?;
    let line = |node: &Node| Ok(Want { at: checker.place(node), is: node.text("a line of the plan")?.to_owned() });
    let lines = |key: &str| match fields.get(key) {
        Some(node) => node.list(key)?.iter().map(line).collect(),
        None => Ok(Vec::new()),
    };
    let claims = match fields.get("claims") {
        Some(node) => node.map("claims")?,
        None => &[],
    };
    Ok(WantPlan {
        at: checker.place(node),
        claims: claims.iter().map(|(key, value)| Ok((key.name.clone(), line(value)?))).collect::<Result<_, _>>()?,
        findings: lines("findings")?,
        warnings: lines("warnings")?,
    })
}

impl Wanted for WantPlan {
    fn compare(&self, actual: &Actual) -> Vec<Mismatch> {
        let got = actual.judgement().map(Plan::of).unwrap_or_default();
        let mut found = Vec::new();
        for (claim, want) in &self.claims {
            match got.claims.get(claim) {
                Some(line) if *line == want.is => {}
                Some(line) => found.push(differs(claim, want, line)),
                None => found.push(Mismatch::new(&format!("plan {claim}"), &want.at, &want.is, "no such volume")),
            }
        }
        let new = got.claims.iter().filter(|(claim, _)| !self.claims.contains_key(*claim));
        found
            .extend(new.map(|(claim, line)| Mismatch::new(&format!("plan {claim}"), &self.at, "no such volume", line)));
        found.extend(lines("plan findings", &self.at, &self.findings, &got.findings));
        found.extend(lines("plan warnings", &self.at, &self.warnings, &got.warnings));
        found
    }

    /// Returns nothing: a plan is in a golden only.
    fn edits(&self, _: &Written<'_>, _: &Actual) -> Vec<Edit> {
        Vec::new()
    }

    fn cover(&self, _: &Actual, _: &mut Covered) {}

    fn looks_at(&self, _: &str) -> bool {
        true
    }
}

fn differs(claim: &str, want: &Want<String>, got: &str) -> Mismatch {
    let difference = difference::of_votes(&want.is, got);
    Mismatch { difference, ..Mismatch::new(&format!("plan {claim}"), &want.at, &want.is, got) }
}

fn lines(what: &str, at: &Place, expected: &[Want<String>], got: &[String]) -> Vec<Mismatch> {
    let mut left: Vec<&String> = got.iter().collect();
    let mut found = Vec::new();
    for want in expected {
        match left.iter().position(|line| **line == want.is) {
            Some(at) => {
                left.remove(at);
            }
            None => found.push(Mismatch::new(what, &want.at, &want.is, "no such line")),
        }
    }
    found.extend(left.into_iter().map(|line| Mismatch::new(what, at, "no such line", line)));
    found
}
