//! Runs one case, several times over.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pvmigrate_core::policy::{Collected, Decider, Judgement, LogLine, Planned, PolicyRef, Question, Request};

use super::compare::mismatch;
use super::made_up::Probed;
use crate::testkit::read::chain::Opened;
use crate::testkit::read::ready::Ready;
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::answer::{Said, Subject};
use crate::testkit::vocabulary::report::{CaseReport, Mismatch, Outcome};
use pvmigrate_policy::Policies;
use pvmigrate_policy::Scope;
use pvmigrate_policy::{FailureKind, PolicyFailure};
use pvmigrate_yaml::Mistake;

/// Above this many volumes, asking one by one would take longer than the rest of the test.
const MOST_ONE_BY_ONE: usize = 100;

/// What came of a case: for people, and what was said, for coverage and updates.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: CaseReport,
    /// None when the case was skipped.
    pub(crate) said: Option<Said>,
}

/// Runs a case; `again` is what to type to run it alone.
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
        return Ran { report, said: None };
    }
    let policies = match &case.ready {
        Ready::Policies(policies) => policies,
        Ready::Refused(problems) => {
            let said = Said { problems: Some(problems.clone()), ..Said::default() };
            report.outcome = outcome(case.mismatches(&said, &Cost::default()));
            return Ran { report, said: Some(said) };
        }
        Ready::Failed(failure) => {
            let said = Said::failed(&failure.kind);
            report.log.clone_from(&failure.log);
            report.outcome = match case.expects_fault() {
                true => outcome(case.mismatches(&said, &Cost::default())),
                false => fault(failure),
            };
            return Ran { report, said: Some(said) };
        }
    };
    let asker = Asker::new(opened, case, policies);
    let result = asker.judge(&case.question.request);
    let cost = match &result {
        Ok(judgement) => asker.cost(judgement),
        Err(failure) => Cost { log: failure.log.clone(), ..Cost::default() },
    };
    let said = match &result {
        Ok(judgement) => Said::of(judgement, &asker.subject),
        Err(failure) => Said::failed(&failure.kind),
    };
    report.outcome = asker.outcome(case, result, &said, &cost);
    report.take(cost);
    report.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ran { report, said: Some(said) }
}

/// What all calls of a case cost together.
#[derive(Debug, Default)]
struct Cost {
    fuel: u64,
    /// Of the call that used most.
    memory: u64,
    looked_up: BTreeMap<String, u64>,
    log: Vec<LogLine>,
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
    /// Holds an answer against all that is expected, here and in the golden.
    fn mismatches(&self, said: &Said, cost: &Cost) -> Vec<Mismatch> {
        let mut found = self.expected.compare(said);
        match self.golden.as_ref().map(|golden| &golden.expected) {
            Some(Ok(golden)) => found.extend(golden.compare(said)),
            Some(Err(Mistake { place, what })) => {
                let got = "an answer that no golden holds: see it with -v, and keep it with --update";
                found.push(mismatch("golden", place, what, got));
            }
            None => {}
        }
        if let Some(budget) = self.expected.budget.as_ref().filter(|_| said.fault.is_none()) {
            let each = cost.fuel / (self.question.request.volumes.len().max(1) as u64);
            found.extend(budget.exceeded(each, cost.memory));
        }
        found
    }

    fn expects_fault(&self) -> bool {
        let golden = self.golden.as_ref().and_then(|golden| golden.expected.as_ref().ok());
        self.expected.fault.is_some() || golden.is_some_and(|golden| golden.fault.is_some())
    }
}

/// Asks about a case in every way there is, whatever it expects; none when there is nothing to ask.
pub(crate) fn probe(opened: &Opened, case: &Case) -> Option<Probed> {
    let policies = match &case.ready {
        Ready::Policies(policies) => policies,
        Ready::Refused(_) => return None,
        Ready::Failed(failure) => return Some(Probed::failed(failure)),
    };
    let (asker, request) = (Asker::new(opened, case, policies), &case.question.request);
    let first = match asker.judge(request) {
        Ok(first) => first,
        Err(failure) => {
            let again = asker.judge(request).map_or_else(|again| again.to_string(), |_| "an answer".to_owned());
            let message = format!("the same question again did not end the same way: {failure}; then: {again}");
            let same = again == failure.to_string();
            return Some(if same { Probed::failed(&failure) } else { Probed::Differs { rule: "same-twice", message } });
        }
    };
    let differs = asker.unstable(request, &first).and_then(|found| match found {
        None if asker.per_volume => asker.depends_on_batches(request, &first).map(|found| (found, "per-volume")),
        found => {
            let is = |words: &str| found.as_ref().is_some_and(|message| message.contains(words));
            let rule = if is("in another order") {
                "order"
            } else if is("per-volume") {
                "per-volume"
            } else {
                "same-twice"
            };
            Ok((found, rule))
        }
    });
    Some(match differs {
        Ok((None, _)) => Probed::Same { question: Box::new(case.question.clone()), judgement: first },
        Ok((Some(message), rule)) => Probed::Differs { rule, message },
        Err(failure) if matches!(failure.kind, FailureKind::Undecided(_)) => Probed::Differs {
            rule: "order",
            message: format!("in another order, or about fewer volumes, it could not decide any more: {failure}"),
        },
        Err(failure) => Probed::failed(&failure),
    })
}

/// Asks the chain of a case.
struct Asker<'a> {
    policies: &'a Policies,
    collected: &'a Arc<Collected>,
    subject: Subject,
    /// Whether each policy, and so the chain, says that it looks at volumes one by one.
    per_volume: bool,
}

impl<'a> Asker<'a> {
    fn new(opened: &Opened, case: &'a Case, policies: &'a Policies) -> Self {
        let per_volume = match case.chain.tested {
            Some(id) => opened.get(id).info().scope == Scope::PerVolume,
            None => policies.infos().all(|info| info.scope == Scope::PerVolume),
        };
        Self { policies, collected: &case.question.collected, subject: opened.subject(&case.chain), per_volume }
    }

    fn judge(&self, request: &Request) -> Result<Judgement, PolicyFailure> {
        let question = Question { request: request.clone(), collected: Arc::clone(self.collected) };
        self.policies.judge(&question, &Planned::of)
    }

    /// Returns what the policy under test used up and logged; in a chain, what all did.
    fn cost(&self, judgement: &Judgement) -> Cost {
        let own = judgement.calls.iter().filter(|cost| match &self.subject {
            Subject::Policy(policy) => cost.by == *policy,
            Subject::Chain => true,
        });
        own.fold(Cost::default(), |mut sum, cost| {
            sum.fuel += cost.fuel;
            sum.memory = sum.memory.max(cost.memory);
            for (kind, count) in &cost.looked_up {
                *sum.looked_up.entry(kind.clone()).or_default() += count;
            }
            sum.log.extend(cost.log.iter().cloned());
            sum
        })
    }

    fn outcome(&self, case: &Case, result: Result<Judgement, PolicyFailure>, said: &Said, cost: &Cost) -> Outcome {
        match result {
            Ok(judgement) => match self.unstable(&case.question.request, &judgement) {
                Ok(None) => outcome(case.mismatches(said, cost)),
                Ok(Some(message)) => Outcome::Unstable { message },
                Err(failure) => fault(&failure),
            },
            Err(_) if case.expects_fault() => outcome(case.mismatches(said, cost)),
            Err(failure) => fault(&failure),
        }
    }

    /// Asks the same again in other ways, and says what came out differently.
    fn unstable(&self, request: &Request, first: &Judgement) -> Result<Option<String>, PolicyFailure> {
        if self.judge(request)? != *first {
            return Ok(Some("the same question again had another answer, or cost another amount of fuel".to_owned()));
        }
        let mut shuffled = request.clone();
        shuffle(&mut shuffled);
        if self.said(&self.judge(&shuffled)?) != self.said(first) {
            return Ok(Some("with the volumes in another order the answer was another".to_owned()));
        }
        match self.per_volume && request.volumes.len() <= MOST_ONE_BY_ONE {
            true => self.depends_on_neighbours(request, first),
            false => Ok(None),
        }
    }

    /// Asks about each volume alone, and says for which the answer was another.
    fn depends_on_neighbours(&self, request: &Request, first: &Judgement) -> Result<Option<String>, PolicyFailure> {
        let together = self.said(first);
        for volume in &request.volumes {
            let alone = Request { volumes: vec![volume.clone()], ..request.clone() };
            let alone = self.said(&self.judge(&alone)?);
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

    /// Asks about parts of the volumes, as the host does when there are many, and with one fewer.
    fn depends_on_batches(&self, request: &Request, first: &Judgement) -> Result<Option<String>, PolicyFailure> {
        let together = self.said(first);
        let volumes = &request.volumes;
        let half = volumes.len() / 2;
        for part in [&volumes[..half], &volumes[half..], &volumes[..volumes.len().saturating_sub(1)]] {
            let asked = Request { volumes: part.to_vec(), ..request.clone() };
            let apart = self.said(&self.judge(&asked)?);
            for volume in part {
                let start = format!("{} ", volume.claim());
                let about = |lines: &[String]| -> Vec<String> {
                    lines.iter().filter(|line| line.starts_with(&start)).cloned().collect()
                };
                if about(&apart) != about(&together) {
                    return Ok(Some(format!(
                        "the policy says that its scope is per-volume, but {} of {} volumes {start}had another answer",
                        part.len(),
                        volumes.len()
                    )));
                }
            }
        }
        Ok(None)
    }

    /// Everything that was said, as lines that do not depend on the order of volumes.
    fn said(&self, judgement: &Judgement) -> Vec<String> {
        let own = |by: &PolicyRef| match &self.subject {
            Subject::Policy(policy) => by == policy,
            Subject::Chain => true,
        };
        let mut lines = Vec::new();
        for verdict in &judgement.verdicts {
            let claim = verdict.claim();
            let votes = verdict.votes.iter().filter(|cast| own(&cast.by));
            lines.extend(votes.map(|cast| format!("{claim} {cast:?}")));
            let opinions = verdict.opinions.iter().filter(|opinion| own(&opinion.by));
            lines.extend(opinions.map(|opinion| format!("{claim} {opinion:?}")));
        }
        let findings = judgement.findings.iter().filter(|finding| match &finding.by {
            Decider::Policy(policy) => own(policy),
            Decider::Host => self.subject == Subject::Chain,
        });
        lines.extend(findings.map(|finding| format!("{} {finding:?}", finding.about)));
        lines.sort_unstable();
        lines
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

/// Puts the volumes into another order, the same one every time, and never the one they were in.
fn shuffle(request: &mut Request) {
    request.volumes.reverse();
    // Turning a reversed list of two would undo it.
    if request.volumes.len() > 2 {
        request.volumes.rotate_left(1);
    }
}
