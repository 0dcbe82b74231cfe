//! A chain of policies, asked in order.

use pvmigrate_core::policy::chain::{self, Answer};
use pvmigrate_core::policy::{
    CallCost, Judgement, Kind, Need, Planned, PolicyRef, Question, Request, Target, Verdict, Volume, floor,
};

use crate::configured::Configured;
use crate::failure::PolicyFailure;
use crate::info::PolicyInfo;
use crate::policy::{Answered, Policy};
use crate::settings::SettingsError;

/// The policies of one run: the user's in the order given, and the built-in one, which decides what they leave open.
#[derive(Clone, Debug)]
pub struct Policies {
    custom: Vec<Configured>,
    built_in: Configured,
}

impl Policies {
    /// Makes a chain of the built-in policy alone.
    ///
    /// # Errors
    /// Only when the engine does not start.
    pub fn builtin() -> Result<Self, SettingsError> {
        Self::new(Vec::new())
    }

    /// Makes a chain. The built-in policy is always its last link, whether it is named or not.
    ///
    /// # Errors
    /// Only when the engine does not start.
    pub fn new(chain: Vec<Configured>) -> Result<Self, SettingsError> {
        let built_in = Configured::bare(Policy::built_in()?)?;
        let itself = |link: &Configured| link.policy().info().digest == built_in.policy().info().digest;
        let custom = chain.into_iter().filter(|link| !itself(link)).collect();
        Ok(Self { custom, built_in })
    }

    /// Returns the chain in order, the built-in policy last.
    pub fn chain(&self) -> impl Iterator<Item = &Configured> {
        self.custom.iter().chain(std::iter::once(&self.built_in))
    }

    /// Returns all that is known about each policy, the built-in one last.
    pub fn infos(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.chain().map(|link| link.policy().info())
    }

    /// Returns every kind of object that must be collected before the policies are asked: optional only where all
    /// policies that look it up can do without it.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = std::collections::BTreeMap::<&Kind, Need>::new();
        for need in self.infos().flat_map(|info| &info.needs) {
            let kept = needs.entry(&need.kind).or_insert_with(|| need.clone());
            if kept.optional && !need.optional {
                *kept = need.clone();
            }
        }
        needs.into_values().collect()
    }

    /// Asks everything: which volumes move, what they become, and what should be known about the plan.
    ///
    /// `plan_of` derives the plan of one selected volume; [`Planned::of`] is the usual one.
    ///
    /// # Errors
    /// For the first policy that cannot decide, breaks a rule, or runs into a limit. Then nothing is judged.
    pub fn judge(
        &self,
        question: &Question,
        plan_of: &dyn Fn(&Volume, &Target) -> Planned,
    ) -> Result<Judgement, PolicyFailure> {
        let request = &question.request;
        let mut calls = Vec::new();
        let ballots = self.ask_all(&mut calls, |link| link.select(question))?;
        let mut verdicts = chain::select(request, &ballots);

        let selected = selected(request, &verdicts);
        let mappings = match selected.is_empty() {
            true => Vec::new(),
            false => self.ask_all(&mut calls, |link| link.map_modes(question, &selected))?,
        };
        let warnings = chain::shape(request, &mut verdicts, &mappings);

        let targets = || {
            let pairs = request.volumes.iter().zip(&verdicts);
            pairs.filter_map(|(volume, verdict)| Some((volume, verdict.target.as_ref()?)))
        };
        let of_the_host = targets().flat_map(|(volume, target)| floor::check(request, volume, target)).collect();
        let plan: Vec<_> = targets().map(|(volume, target)| plan_of(volume, target)).collect();
        let findings = self.ask_all(&mut calls, |link| link.check(question, &plan))?;
        Ok(Judgement {
            findings: chain::findings(request, &findings, of_the_host),
            verdicts,
            warnings,
            policies: self.chain().map(|link| link.policy().reference()).collect::<Vec<PolicyRef>>(),
            calls,
        })
    }

    /// Asks each policy one question. Those that do not export it have no answer.
    fn ask_all<T>(
        &self,
        calls: &mut Vec<CallCost>,
        ask: impl Fn(&Configured) -> Result<Option<Answered<T>>, PolicyFailure>,
    ) -> Result<Vec<Answer<T>>, PolicyFailure> {
        let mut answers = Vec::new();
        for (at, link) in self.chain().enumerate() {
            let Some(answered) = ask(link)? else { continue };
            calls.push(answered.cost);
            let built_in = at == self.custom.len();
            answers.push(Answer { by: link.policy().reference(), built_in, given: answered.items });
        }
        Ok(answers)
    }
}

fn selected<'a>(request: &'a Request, verdicts: &[Verdict]) -> Vec<&'a Volume> {
    let pairs = request.volumes.iter().zip(verdicts);
    pairs.filter(|(_, verdict)| verdict.selected()).map(|(volume, _)| volume).collect()
}
