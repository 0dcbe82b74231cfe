//! Runs one case, several times over.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use pvmigrate_policy::PolicyFailure;
use pvmigrate_yaml::Mistake;

use super::asker::{Asker, Cost, Unstable};
use crate::testkit::read::chain::Opened;
use crate::testkit::read::ready::Ready;
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::report::{CaseReport, Mismatch, Outcome};

/// The outcome of a case: for people, and for coverage and updates.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: CaseReport,
    /// `None` when the case was skipped.
    pub(crate) actual: Option<Actual>,
}

pub(crate) fn run(opened: &Opened, file: &Path, case: &Case) -> Ran {
    let began = Instant::now();
    let mut report = CaseReport {
        file: file.to_owned(),
        line: case.line,
        name: case.name.clone(),
        outcome: Outcome::Passed,
        fuel: 0,
        memory: 0,
        looked_up: BTreeMap::new(),
        volumes: case.question.request.volumes.len(),
        log: Vec::new(),
        millis: 0,
    };
    if let Some(reason) = &case.skip {
        report.outcome = Outcome::Skipped { reason: reason.clone() };
        return Ran { report, actual: None };
    }
    let policies = match &case.ready {
        Ready::Policies(policies) => policies,
        Ready::Refused(problems) => {
            let actual = Actual::refused(problems);
            report.outcome = outcome(case.mismatches(&actual, &Cost::default()));
            return Ran { report, actual: Some(actual) };
        }
        Ready::Failed(failure) => {
            let actual = Actual::failed(&failure.kind);
            report.log.clone_from(&failure.log);
            report.outcome = match case.expects_fault() {
                true => outcome(case.mismatches(&actual, &Cost::default())),
                false => fault(failure),
            };
            return Ran { report, actual: Some(actual) };
        }
    };
    let asker = Asker::new(opened, case, policies);
    let result = asker.judge(&case.question.request);
    let cost = match &result {
        Ok(judgement) => asker.cost(judgement),
        Err(failure) => Cost { log: failure.log.clone(), ..Cost::default() },
    };
    let actual = match &result {
        Ok(judgement) => Actual::judged(judgement, &asker.subject),
        Err(failure) => Actual::failed(&failure.kind),
    };
    report.outcome = match result {
        Ok(judgement) => match asker.unstable(&case.question.request, &judgement) {
            Ok(None) => outcome(case.mismatches(&actual, &cost)),
            Ok(Some(Unstable { message, .. })) => Outcome::Unstable { message },
            Err(failure) => fault(&failure),
        },
        Err(_) if case.expects_fault() => outcome(case.mismatches(&actual, &cost)),
        Err(failure) => fault(&failure),
    };
    report.take(cost);
    report.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ran { report, actual: Some(actual) }
}

impl CaseReport {
    fn take(&mut self, cost: Cost) {
        self.fuel = cost.fuel;
        self.memory = cost.memory;
        self.looked_up = cost.looked_up;
        self.log = cost.log;
    }
}

impl Case {
    /// Compares an answer with all that is expected, here and in the golden.
    fn mismatches(&self, actual: &Actual, cost: &Cost) -> Vec<Mismatch> {
        let mut found = self.expected.compare(actual);
        match self.golden.as_ref().map(|golden| &golden.expected) {
            Some(Ok(golden)) => found.extend(golden.compare(actual)),
            Some(Err(Mistake { place, what })) => {
                let got = "an answer that no golden holds: see it with -v, and keep it with --update";
                found.push(Mismatch::new("golden", place, what, got));
            }
            None => {}
        }
        if let Some(budget) = self.expected.budget.as_ref().filter(|_| actual.fault.is_none()) {
            let each = cost.fuel / (self.question.request.volumes.len().max(1) as u64);
            found.extend(budget.exceeded(each, cost.memory));
        }
        found
    }

    pub(super) fn expects_fault(&self) -> bool {
        let golden = self.golden.as_ref().and_then(|golden| golden.expected.as_ref().ok());
        self.expected.fault.is_some() || golden.is_some_and(|golden| golden.fault.is_some())
    }
}

fn outcome(mismatches: Vec<Mismatch>) -> Outcome {
    match mismatches.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(mismatches),
    }
}

fn fault(failure: &PolicyFailure) -> Outcome {
    Outcome::Fault { word: failure.kind.as_str().to_owned(), message: failure.to_string() }
}
