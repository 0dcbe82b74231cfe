//! Asks about a case, and checks whether the answers depend on what they must not depend on.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_core::policy::{Collected, Judgement, LogLine, Planned, Question, Request};
use pvmigrate_policy::{Policies, PolicyFailure, Scope};

use crate::testkit::read::chain::Opened;
use crate::testkit::read::suite::Case;
use crate::testkit::vocabulary::actual::{Actual, Subject};
use crate::testkit::vocabulary::answer::KINDS;

/// Above this many volumes, asking one by one would take longer than the rest of the test.
const MOST_ONE_BY_ONE: usize = 100;

/// What all calls of a case cost together.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) fuel: u64,
    /// Of the call that used most.
    pub(super) memory: u64,
    pub(super) looked_up: BTreeMap<String, u64>,
    pub(super) log: Vec<LogLine>,
}

const SAYS_PER_VOLUME: &str = "the policy says that its scope is per-volume";

/// An answer that depends on what it must not depend on.
pub(super) struct Unstable {
    /// The rule that is broken: `same-twice`, `order` or `per-volume`.
    pub(super) rule: &'static str,
    /// What was done differently, and what came out differently.
    pub(super) message: String,
}

/// The chain of a case, to be asked.
pub(super) struct Asker<'a> {
    policies: &'a Policies,
    collected: &'a Arc<Collected>,
    pub(super) subject: Subject,
    /// Whether each policy, and so the chain, says that it looks at volumes one by one.
    pub(super) per_volume: bool,
}

impl<'a> Asker<'a> {
    pub(super) fn new(opened: &Opened, case: &'a Case, policies: &'a Policies) -> Self {
        let per_volume = match case.chain.tested {
            Some(id) => opened.get(id).info().scope == Scope::PerVolume,
            None => policies.infos().all(|info| info.scope == Scope::PerVolume),
        };
        Self { policies, collected: &case.question.collected, subject: opened.subject(&case.chain), per_volume }
    }

    pub(super) fn judge(&self, request: &Request) -> Result<Judgement, PolicyFailure> {
        let question = Question { request: request.clone(), collected: Arc::clone(self.collected) };
        self.policies.judge(&question, &Planned::of)
    }

    /// Returns what the policy under test used up and logged; in a chain, what all did.
    pub(super) fn cost(&self, judgement: &Judgement) -> Cost {
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

    /// Asks the same again in other ways, and returns what came out differently.
    pub(super) fn unstable(&self, request: &Request, first: &Judgement) -> Result<Option<Unstable>, PolicyFailure> {
        if self.judge(request)? != *first {
            return broken(
                "same-twice",
                "the same question, asked again, got a different answer or used a different amount of fuel".to_owned(),
            );
        }
        let mut shuffled = request.clone();
        shuffle(&mut shuffled);
        if self.lines(&self.judge(&shuffled)?) != self.lines(first) {
            return broken("order", "with the volumes in another order the answer was different".to_owned());
        }
        match self.per_volume && request.volumes.len() <= MOST_ONE_BY_ONE {
            true => self.depends_on_neighbours(request, first),
            false => Ok(None),
        }
    }

    /// Asks about each volume alone, and returns for which the answer differed.
    fn depends_on_neighbours(&self, request: &Request, first: &Judgement) -> Result<Option<Unstable>, PolicyFailure> {
        let together = self.lines(first);
        for volume in &request.volumes {
            let alone = Request { volumes: vec![volume.clone()], ..request.clone() };
            let alone = self.lines(&self.judge(&alone)?);
            let claim = volume.claim();
            if about(&claim, &alone) != about(&claim, &together) {
                return broken(
                    "per-volume",
                    format!("{SAYS_PER_VOLUME}, but asked about {claim} alone it answered differently"),
                );
            }
        }
        Ok(None)
    }

    /// Asks about parts of the volumes, as the host does when there are many, and with one fewer.
    pub(super) fn depends_on_batches(
        &self,
        request: &Request,
        first: &Judgement,
    ) -> Result<Option<Unstable>, PolicyFailure> {
        let together = self.lines(first);
        let volumes = &request.volumes;
        let half = volumes.len() / 2;
        for part in [&volumes[..half], &volumes[half..], &volumes[..volumes.len().saturating_sub(1)]] {
            let asked = Request { volumes: part.to_vec(), ..request.clone() };
            let apart = self.lines(&self.judge(&asked)?);
            for volume in part {
                let claim = volume.claim();
                if about(&claim, &apart) != about(&claim, &together) {
                    let asked = format!("asked about {} of {} volumes", part.len(), volumes.len());
                    return broken(
                        "per-volume",
                        format!("{SAYS_PER_VOLUME}, but {asked} it answered differently about {claim}"),
                    );
                }
            }
        }
        Ok(None)
    }

    /// Writes all answers as lines that do not depend on the order of volumes.
    fn lines(&self, judgement: &Judgement) -> Vec<String> {
        let actual = Actual::judged(judgement, &self.subject);
        let mut lines: Vec<_> = KINDS.iter().flat_map(|kind| (kind.details)(&actual)).collect();
        lines.sort_unstable();
        lines
    }
}

/// Returns the lines about one claim.
fn about<'a>(claim: &str, lines: &'a [String]) -> Vec<&'a String> {
    lines.iter().filter(|line| line.strip_prefix(claim).is_some_and(|rest| rest.starts_with(' '))).collect()
}

fn broken(rule: &'static str, message: String) -> Result<Option<Unstable>, PolicyFailure> {
    Ok(Some(Unstable { rule, message }))
}

/// Puts the volumes into another order, the same one every time, and never the one they were in.
fn shuffle(request: &mut Request) {
    request.volumes.reverse();
    // Turning a reversed list of two would undo it.
    if request.volumes.len() > 2 {
        request.volumes.rotate_left(1);
    }
}
