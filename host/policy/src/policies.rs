//! A chain of policies, asked in order.

use std::path::PathBuf;

use pvmigrate_core::policy::chain::{self, Answer};
use pvmigrate_core::policy::{CallCost, Judgement, Planned, Request, Target, Verdict, Volume, floor};

use crate::failure::PolicyFailure;
use crate::limits::Limits;
use crate::load::{Answered, Policy, PolicyInfo};

/// The policies of one run: the user's in the order given, and the built-in one, which decides what they leave open.
#[derive(Debug)]
pub struct Policies {
    custom: Vec<Policy>,
    built_in: &'static Policy,
}

impl Policies {
    /// Loads the built-in policy alone.
    ///
    /// # Errors
    /// Only when the engine does not start.
    pub fn builtin() -> Result<Self, PolicyFailure> {
        Self::load(&[], &Limits::default())
    }

    /// Loads the user's policies, each held to these limits, and the built-in one.
    ///
    /// # Errors
    /// For the first file that is no policy.
    pub fn load(files: &[PathBuf], limits: &Limits) -> Result<Self, PolicyFailure> {
        let custom = files.iter().map(|file| Policy::open(file, limits)).collect::<Result<_, _>>()?;
        Ok(Self { custom, built_in: Policy::built_in()? })
    }

    /// Returns all that is known about each policy, the built-in one last.
    pub fn infos(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.chain().map(|(policy, _)| policy.info())
    }

    /// Asks everything: which volumes move, what they become, and what should be known about the plan.
    ///
    /// `plan_of` derives the plan of one selected volume; [`Planned::of`] is the usual one.
    ///
    /// # Errors
    /// For the first policy that cannot decide, breaks a rule, or runs into a limit. Then nothing is judged.
    pub fn judge(
        &self,
        request: &Request,
        plan_of: &dyn Fn(&Volume, &Target) -> Planned,
    ) -> Result<Judgement, PolicyFailure> {
        let chain: Vec<_> = self.chain().collect();
        judge(&chain, request, plan_of)
    }

    fn chain(&self) -> impl Iterator<Item = (&Policy, bool)> {
        let custom = self.custom.iter().map(|policy| (policy, false));
        custom.chain(std::iter::once((self.built_in, true)))
    }
}

/// A policy in its place; true for the built-in one.
type Link<'a> = (&'a Policy, bool);

/// Asks a chain of policies everything.
pub(crate) fn judge(
    chain_of: &[Link<'_>],
    request: &Request,
    plan_of: &dyn Fn(&Volume, &Target) -> Planned,
) -> Result<Judgement, PolicyFailure> {
    let mut calls = Vec::new();
    let ballots = ask_all(chain_of, &mut calls, |policy| policy.select(request))?;
    let mut verdicts = chain::select(request, &ballots);

    let selected = only_selected(request, &verdicts);
    let mappings = match selected.volumes.is_empty() {
        true => Vec::new(),
        false => ask_all(chain_of, &mut calls, |policy| policy.map_modes(&selected))?,
    };
    let warnings = chain::shape(request, &mut verdicts, &mappings);

    let targets = || {
        let pairs = request.volumes.iter().zip(&verdicts);
        pairs.filter_map(|(volume, verdict)| Some((volume, verdict.target.as_ref()?)))
    };
    let of_the_host = targets().flat_map(|(volume, target)| floor::check(request, volume, target)).collect();
    let plan: Vec<_> = targets().map(|(volume, target)| plan_of(volume, target)).collect();
    let findings = ask_all(chain_of, &mut calls, |policy| policy.check(request, &plan))?;
    Ok(Judgement {
        findings: chain::findings(request, &findings, of_the_host),
        verdicts,
        warnings,
        policies: chain_of.iter().map(|(policy, _)| policy.reference()).collect(),
        calls,
    })
}

/// Asks each policy one question. Those that do not export it have no answer.
fn ask_all<T>(
    chain_of: &[Link<'_>],
    calls: &mut Vec<CallCost>,
    ask: impl Fn(&Policy) -> Result<Option<Answered<T>>, PolicyFailure>,
) -> Result<Vec<Answer<T>>, PolicyFailure> {
    let mut answers = Vec::new();
    for (policy, built_in) in chain_of {
        let Some(answered) = ask(policy)? else {
            continue;
        };
        calls.push(answered.cost);
        answers.push(Answer { by: policy.reference(), built_in: *built_in, given: answered.items });
    }
    Ok(answers)
}

fn only_selected(request: &Request, verdicts: &[Verdict]) -> Request {
    let volumes = request
        .volumes
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.selected())
        .map(|(volume, _)| volume.clone());
    Request {
        volumes: volumes.collect(),
        settings: request.settings.clone(),
        environment: request.environment.clone(),
        source: request.source.clone(),
        target: request.target.clone(),
        facts: request.facts.clone(),
        now: request.now,
    }
}
