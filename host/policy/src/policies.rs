//! A chain of policies, asked in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pvmigrate_core::policy::chain::{self, Answer};
use pvmigrate_core::policy::{
    Ballot, CallCost, Collected, Finding, Judgement, Kind, Mapping, Need, Planned, PolicyRef, Question, Request,
    Target, Verdict, Volume, floor,
};
use serde_json::{Map, Value};

use crate::failure::PolicyFailure;
use crate::info::{PolicyInfo, Scope};
use crate::load::{Answered, Policy};
use crate::settings::SettingsError;

/// What one call is about: some of the volumes of a request.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    pub(crate) volumes: &'a [&'a Volume],
    pub(crate) settings: &'a str,
    pub(crate) collected: &'a Arc<Collected>,
}

/// A policy together with its settings, which it has accepted.
#[derive(Clone, Debug)]
pub struct Configured {
    policy: Arc<Policy>,
    /// Canonical JSON.
    settings: String,
}

impl Configured {
    /// Gives a policy its settings.
    ///
    /// # Errors
    /// When the policy does not take them.
    pub fn new(policy: Arc<Policy>, settings: &Value) -> Result<Self, SettingsError> {
        let settings = policy.check_settings(settings)?;
        Ok(Self { policy, settings })
    }

    /// Takes a policy without settings.
    ///
    /// # Errors
    /// When the policy cannot do without.
    pub fn bare(policy: Arc<Policy>) -> Result<Self, SettingsError> {
        Self::new(policy, &Value::Object(Map::new()))
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Returns the settings as canonical JSON.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Asks which volumes move; none when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn select(&self, question: &Question) -> Result<Option<Answered<Ballot>>, PolicyFailure> {
        self.in_batches(question, &all(question), |asked| self.policy.select(asked))
    }

    /// Asks what the new claims of these volumes look like; none when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn map_modes(
        &self,
        question: &Question,
        selected: &[&Volume],
    ) -> Result<Option<Answered<Mapping>>, PolicyFailure> {
        self.in_batches(question, selected, |asked| self.policy.map_modes(asked))
    }

    /// Asks what should be known about the plan; none when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn check(&self, question: &Question, plan: &[Planned]) -> Result<Option<Answered<Finding>>, PolicyFailure> {
        // Always in one call: findings may be about the plan as a whole.
        self.policy.check(&self.asked(question, &all(question)), plan)
    }

    fn asked<'a>(&'a self, question: &'a Question, volumes: &'a [&'a Volume]) -> Asked<'a> {
        Asked { request: &question.request, volumes, settings: &self.settings, collected: &question.collected }
    }

    /// Asks in one call, or in several side by side when the policy looks at volumes one by one and there are many.
    fn in_batches<T: Send>(
        &self,
        question: &Question,
        volumes: &[&Volume],
        ask: impl Fn(&Asked<'_>) -> Result<Option<Answered<T>>, PolicyFailure> + Sync,
    ) -> Result<Option<Answered<T>>, PolicyFailure> {
        let size = match self.policy.info().scope {
            Scope::PerVolume => self.policy.info().limits.batch_volumes.max(1),
            Scope::WholeBatch => usize::MAX,
        };
        if volumes.len() <= size {
            return ask(&self.asked(question, volumes));
        }
        let batches: Vec<_> = volumes.chunks(size).collect();
        let answers = side_by_side(&batches, |batch| ask(&self.asked(question, batch)));
        let mut whole: Option<Answered<T>> = None;
        for answer in answers {
            // The first failure in the order of the volumes, however the calls were interleaved.
            let Some(part) = answer? else { continue };
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    whole.items.extend(part.items);
                    add(&mut whole.cost, part.cost);
                }
            }
        }
        Ok(whole)
    }
}

/// Adds what one of several calls cost to what those before it did.
fn add(whole: &mut CallCost, part: CallCost) {
    whole.fuel += part.fuel;
    // Each call has a memory of its own, and another limit.
    whole.memory = whole.memory.max(part.memory);
    for (kind, count) in part.looked_up {
        *whole.looked_up.entry(kind).or_default() += count;
    }
    whole.log.extend(part.log);
}

/// Works on all items with as many threads as there are processors, and returns the results in the order of the items.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        while let Some((at, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn all(question: &Question) -> Vec<&Volume> {
    question.request.volumes.iter().collect()
}

/// The policies of one run: the user's in the order given, and the built-in one, which decides what they leave open.
#[derive(Clone, Debug)]
pub struct Policies {
    custom: Vec<Configured>,
    built_in: Configured,
}

impl Policies {
    /// Takes the built-in policy alone.
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
        let itself = |link: &Configured| link.policy.info().digest == built_in.policy.info().digest;
        let custom = chain.into_iter().filter(|link| !itself(link)).collect();
        Ok(Self { custom, built_in })
    }

    /// Returns the chain in order, the built-in policy last.
    pub fn chain(&self) -> impl Iterator<Item = &Configured> {
        self.custom.iter().chain(std::iter::once(&self.built_in))
    }

    /// Returns all that is known about each policy, the built-in one last.
    pub fn infos(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.chain().map(|link| link.policy.info())
    }

    /// Returns every kind of object that must be collected before the policies are asked: optional only where all
    /// policies that want it can do without.
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
            policies: self.chain().map(|link| link.policy.reference()).collect::<Vec<PolicyRef>>(),
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
            answers.push(Answer { by: link.policy.reference(), built_in, given: answered.items });
        }
        Ok(answers)
    }
}

fn selected<'a>(request: &'a Request, verdicts: &[Verdict]) -> Vec<&'a Volume> {
    let pairs = request.volumes.iter().zip(verdicts);
    pairs.filter(|(_, verdict)| verdict.selected()).map(|(volume, _)| volume).collect()
}
