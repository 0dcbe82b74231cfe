//! A policy with its settings, and how it is asked about many volumes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pvmigrate_core::policy::{CallCost, Question, Volume};
use serde_json::{Map, Value};

use crate::failure::PolicyFailure;
use crate::info::Scope;
use crate::input::Input;
use crate::policy::{Answered, Policy};
use crate::question::ask::Ask;
use crate::settings::SettingsError;

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
    /// When the policy does not accept them.
    pub fn new(policy: Arc<Policy>, settings: &Value) -> Result<Self, SettingsError> {
        let settings = policy.check_settings(settings)?;
        Ok(Self { policy, settings })
    }

    /// Takes a policy without settings.
    ///
    /// # Errors
    /// When the policy requires settings.
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

    fn input<'a>(&'a self, question: &'a Question, volumes: &'a [&'a Volume]) -> Input<'a> {
        Input { request: &question.request, volumes, settings: &self.settings, collected: &question.collected }
    }

    /// Asks in one call.
    pub(crate) fn ask<Q: Ask>(
        &self,
        ask: &Q,
        question: &Question,
        volumes: &[&Volume],
    ) -> Result<Option<Answered<Q::Answer>>, PolicyFailure> {
        self.policy.ask(ask, &self.input(question, volumes))
    }

    /// Asks in one call, or in several side by side when the policy looks at volumes one by one and there are many.
    pub(crate) fn ask_in_batches<Q: Ask>(
        &self,
        ask: &Q,
        question: &Question,
        volumes: &[&Volume],
    ) -> Result<Option<Answered<Q::Answer>>, PolicyFailure> {
        let size = match self.policy.info().scope {
            Scope::PerVolume => self.policy.info().limits.batch_volumes.max(1),
            Scope::WholeBatch => usize::MAX,
        };
        if volumes.len() <= size {
            return self.ask(ask, question, volumes);
        }
        let batches: Vec<_> = volumes.chunks(size).collect();
        let answers = side_by_side(&batches, |batch| self.ask(ask, question, batch));
        let mut whole: Option<Answered<Q::Answer>> = None;
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

/// Returns every volume of a question.
pub(crate) fn all(question: &Question) -> Vec<&Volume> {
    question.request.volumes.iter().collect()
}
