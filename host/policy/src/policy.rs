//! A policy that is loaded: what is known about it, its settings, and how it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use pvmigrate_core::policy::{CallCost, Kind, LogLine, PolicyRef, json};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::answers::{Rules, bounded, prose};
use crate::call::{self, Context, Lookups, Runnable};
use crate::engine::Sandbox;
use crate::failure::{FailureKind, Origin, PolicyFailure};
use crate::function::Function;
use crate::info::{self, PolicyInfo};
use crate::input::Input;
use crate::interface::Exports;
use crate::limits::Limits;
use crate::question::ask::Ask;
use crate::settings::{Schema, SettingsError, SettingsProblem};

/// Maximum number of problems that a policy may have with its settings.
const MOST_PROBLEMS: usize = 1_000;

/// A policy that is compiled, checked and ready to be asked.
pub struct Policy {
    pub(crate) origin: Origin,
    pub(crate) info: PolicyInfo,
    pub(crate) codes: BTreeSet<String>,
    pub(crate) declared: Arc<BTreeSet<Kind>>,
    pub(crate) schema: Option<Schema>,
    pub(crate) sandbox: &'static Sandbox,
    pub(crate) runnable: Runnable,
    pub(crate) exports: Exports,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A checked answer with what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// The answer.
    pub items: Vec<T>,
    /// What the call cost, and what was logged.
    pub cost: CallCost,
}

impl Policy {
    /// Returns all that is known about it.
    pub fn info(&self) -> &PolicyInfo {
        &self.info
    }

    /// Returns whether it runs from its source, on an engine.
    pub fn is_source(&self) -> bool {
        self.runnable.loader.is_some()
    }

    /// Returns its identity for verdicts and records.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { name: self.info.name.clone(), version: self.info.version.clone(), digest: self.info.digest.clone() }
    }

    /// Fills in the defaults of the policy's schema, checks the settings against it, then with the policy's own check, and
    /// returns them as canonical JSON: what the policy gets to see, and what reports and records show.
    ///
    /// # Errors
    /// When something in them is wrong, or the policy fails while it checks them.
    pub fn check_settings(&self, settings: &Value) -> Result<String, SettingsError> {
        let wrong = |problems| SettingsError::Wrong { policy: self.info.name.clone(), problems };
        let problem = |message: &str| SettingsProblem { pointer: String::new(), message: message.to_owned() };
        let unusable = |why: String| PolicyFailure::of(&self.origin, info::rules::unusable_schema(&why));
        let mut filled = settings.clone();
        let problems = match (&self.schema, settings) {
            (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                vec![problem("settings are a mapping of names to values")]
            }
            (None, Value::Object(entries)) if entries.is_empty() => Vec::new(),
            (None, Value::Object(_)) => vec![problem("the policy takes no settings")],
            (Some(schema), Value::Object(_)) => {
                filled = schema.filled(settings).map_err(unusable)?;
                schema.problems(&filled, &self.info.limits).map_err(unusable)?
            }
        };
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        let canonical = json::canonical(&filled);
        if !self.exports.has(Function::VALIDATE) {
            return Ok(canonical);
        }
        let limits = &self.info.limits;
        let work = |store: &mut Store<Context>, instance: &Instance| self.exports.validate(store, instance, &canonical);
        let done = call::run(self.sandbox, &self.runnable, limits, Lookups::default(), limits.fuel(0), work)
            .map_err(|stopped| stopped.blame(&self.origin, Function::VALIDATE))?;
        match problems_of(done.value, limits) {
            Err(kind) => Err(self.failed(Function::VALIDATE, kind, done.log).into()),
            Ok(problems) if problems.is_empty() => Ok(canonical),
            Ok(problems) => Err(wrong(problems)),
        }
    }

    /// Instantiates it as for a call, and asks it nothing; for measuring.
    ///
    /// # Errors
    /// When it cannot be instantiated within its limits.
    pub fn instantiate(&self) -> Result<(), PolicyFailure> {
        let limits = &self.info.limits;
        call::run(self.sandbox, &self.runnable, limits, Lookups::default(), limits.fuel(0), |_, _| Ok(()))
            .map(|_| ())
            .map_err(|stopped| PolicyFailure::of(&self.origin, stopped.kind))
    }

    fn failed(&self, function: Function, kind: FailureKind, log: Vec<LogLine>) -> PolicyFailure {
        PolicyFailure { origin: Box::new(self.origin.clone()), function: Some(function), kind, log }
    }

    /// Asks a question about some volumes; `None` when the policy does not answer it.
    pub(crate) fn ask<Q: Ask>(
        &self,
        question: &Q,
        input: &Input<'_>,
    ) -> Result<Option<Answered<Q::Answer>>, PolicyFailure> {
        if !self.exports.has(Q::FUNCTION) {
            return Ok(None);
        }
        let limits = &self.info.limits;
        let failed = |kind, log| self.failed(Q::FUNCTION, kind, log);
        let fuel = limits.fuel(input.volumes.len());
        let lookups = Lookups { declared: Arc::clone(&self.declared), collected: Arc::clone(input.collected) };
        let work = |store: &mut Store<Context>, instance: &Instance| {
            question.call(self.exports.get(store, instance, Q::FUNCTION)?, input)
        };
        let done = call::run(self.sandbox, &self.runnable, limits, lookups, fuel, work)
            .map_err(|stopped| stopped.blame(&self.origin, Q::FUNCTION))?;
        let rules = Rules::new(&self.codes, input.volumes, limits);
        let items = match done.value {
            Err(error) => return Err(failed(rules.undecided(error), done.log)),
            Ok(answers) => match Q::hold(&rules, answers) {
                Ok(items) => items,
                Err(kind) => return Err(failed(kind, done.log)),
            },
        };
        Ok(Some(Answered {
            items,
            cost: CallCost {
                by: self.reference(),
                call: Q::FUNCTION.to_string(),
                fuel: done.fuel,
                memory: done.memory,
                looked_up: done.looked_up.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect(),
                log: done.log,
            },
        }))
    }
}

/// Applies the rules to the problems that a policy has with its settings.
fn problems_of(problems: Vec<SettingsProblem>, limits: &Limits) -> Result<Vec<SettingsProblem>, FailureKind> {
    if problems.len() > MOST_PROBLEMS {
        let what = format!("{} problems with settings, and at most {MOST_PROBLEMS} are accepted", problems.len());
        return Err(FailureKind::OutputTooLarge(what));
    }
    let bounded = problems.into_iter().map(|problem| {
        Ok(SettingsProblem { pointer: bounded(&problem.pointer, limits)?, message: prose(&problem.message, limits) })
    });
    bounded.collect()
}
