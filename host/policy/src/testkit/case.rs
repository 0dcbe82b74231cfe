//! Runs one case, several times over.

use std::path::Path;

use pvmigrate_core::policy::{Decider, Judgement, Planned, PolicyRef, Request};

use super::compare::Expected;
use super::report::{CaseReport, Outcome};
use super::suite::Case;
use crate::failure::PolicyFailure;
use crate::load::{Policy, Scope};
use crate::policies;

/// Above this many volumes, asking one by one would take longer than the rest of the test.
const MOST_ONE_BY_ONE: usize = 100;

pub(super) fn run(policy: &Policy, built_in: &Policy, file: &Path, case: &Case) -> CaseReport {
    let asker = Asker { policy, built_in };
    let result = asker.judge(&case.request);
    let (fuel, log) = match &result {
        Ok(judgement) => {
            let own = judgement.calls.iter().filter(|cost| cost.by == policy.reference());
            own.fold((0, Vec::new()), |(fuel, mut log), cost| {
                log.extend(cost.log.iter().cloned());
                (fuel + cost.fuel, log)
            })
        }
        Err(failure) => (0, failure.log.clone()),
    };
    CaseReport {
        file: file.to_owned(),
        line: case.line,
        name: case.name.clone(),
        outcome: outcome(&asker, &case.request, &case.expected, result),
        fuel,
        volumes: case.request.volumes.len(),
        log,
    }
}

fn outcome(
    asker: &Asker<'_>,
    request: &Request,
    expected: &Expected,
    result: Result<Judgement, PolicyFailure>,
) -> Outcome {
    let failed = |mismatches: Vec<_>| match mismatches.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(mismatches),
    };
    match result {
        Ok(judgement) => match asker.unstable(request, &judgement) {
            Ok(None) => failed(expected.judged(&judgement, &asker.policy.reference())),
            Ok(Some(message)) => Outcome::Unstable { message },
            Err(failure) => fault(&failure),
        },
        Err(failure) => match expected.failed(&failure) {
            Some(mismatches) => failed(mismatches),
            None => fault(&failure),
        },
    }
}

fn fault(failure: &PolicyFailure) -> Outcome {
    Outcome::Fault { word: failure.fault.word().to_owned(), message: failure.to_string() }
}

/// Asks the policy as part of a chain with the built-in one.
struct Asker<'a> {
    policy: &'a Policy,
    built_in: &'a Policy,
}

impl Asker<'_> {
    fn judge(&self, request: &Request) -> Result<Judgement, PolicyFailure> {
        // The built-in policy under test is not asked twice.
        let itself = self.policy.info().digest == self.built_in.info().digest;
        let chain = [(self.policy, itself), (self.built_in, true)];
        policies::judge(if itself { &chain[..1] } else { &chain }, request, &Planned::of)
    }

    /// Asks the same again in other ways, and says what came out differently.
    fn unstable(&self, request: &Request, first: &Judgement) -> Result<Option<String>, PolicyFailure> {
        if self.judge(request)? != *first {
            return Ok(Some("the same question again had another answer, or cost another amount of fuel".to_owned()));
        }
        let mut shuffled = request.clone();
        shuffle(&mut shuffled);
        if said(&self.judge(&shuffled)?, &self.policy.reference()) != said(first, &self.policy.reference()) {
            return Ok(Some("with the volumes in another order the answer was another".to_owned()));
        }
        let one_by_one = self.policy.info().scope == Scope::PerVolume && request.volumes.len() <= MOST_ONE_BY_ONE;
        match one_by_one {
            true => self.depends_on_neighbours(request, first),
            false => Ok(None),
        }
    }

    /// Asks about each volume alone, and says for which the answer was another.
    fn depends_on_neighbours(&self, request: &Request, first: &Judgement) -> Result<Option<String>, PolicyFailure> {
        let policy = self.policy.reference();
        let together = said(first, &policy);
        for volume in &request.volumes {
            let alone = Request { volumes: vec![volume.clone()], ..request.clone() };
            let alone = said(&self.judge(&alone)?, &policy);
            let claim = volume.claim();
            let about = |lines: &[String]| -> Vec<String> {
                lines.iter().filter(|line| line.starts_with(&format!("{claim} "))).cloned().collect()
            };
            if about(&alone) != about(&together) {
                return Ok(Some(format!(
                    "the policy says that its scope is per-volume, but alone {claim} had another answer"
                )));
            }
        }
        Ok(None)
    }
}

/// Everything that a policy said, as lines that do not depend on the order of volumes.
fn said(judgement: &Judgement, policy: &PolicyRef) -> Vec<String> {
    let mut lines = Vec::new();
    for verdict in &judgement.verdicts {
        let claim = verdict.claim();
        let votes = verdict.votes.iter().filter(|cast| cast.by == *policy);
        lines.extend(votes.map(|cast| format!("{claim} {:?}", cast.vote)));
        let opinions = verdict.opinions.iter().filter(|opinion| opinion.by == *policy);
        lines.extend(opinions.map(|opinion| format!("{claim} {:?}", opinion.shape)));
    }
    let by = Decider::Policy(policy.clone());
    let findings = judgement.findings.iter().filter(|finding| finding.by == by);
    lines.extend(findings.map(|finding| format!("{} {finding:?}", finding.about)));
    lines.sort_unstable();
    lines
}

/// Puts the volumes into another order, the same one every time, and never the one they were in.
fn shuffle(request: &mut Request) {
    request.volumes.reverse();
    // Turning a reversed list of two would undo it.
    if request.volumes.len() > 2 {
        request.volumes.rotate_left(1);
    }
}
