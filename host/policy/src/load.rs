//! From bytes to a policy that can be asked.

mod bytes;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pvmigrate_core::policy::{Ballot, CallCost, Finding, Kind, LogLine, Mapping, Planned, PolicyRef, json};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

use crate::answers::{Rules, bounded, said};
use crate::audit::{self, Audited};
use crate::call::{self, Call, Context, Done, Lookups, Stopped};
use crate::engine::Sandbox;
use crate::failure::{Fault, NotComponent, Origin, PolicyFailure};
use crate::info::{self, PolicyInfo, RawInfo};
use crate::interface::v0_2::{self, Decided, Exports};
use crate::limits::Limits;
use crate::policies::Asked;
use crate::settings::{Schema, SettingsError, SettingsProblem};
use crate::text;

/// The most problems a policy may have with its settings.
const MOST_PROBLEMS: usize = 1_000;

/// The policy that is built in.
const BUILT_IN_BYTES: &[u8] = include_bytes!("../../../policies/dist/default.wasm");

/// A policy that is compiled, checked and ready to be asked.
pub struct Policy {
    origin: Origin,
    info: PolicyInfo,
    codes: BTreeSet<String>,
    declared: Arc<BTreeSet<Kind>>,
    schema: Option<Schema>,
    sandbox: &'static Sandbox,
    component: InstancePre<Context>,
    exports: Exports,
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
    /// Reads, compiles and checks a component file.
    ///
    /// # Errors
    /// [`Fault`] names everything that can be wrong with a file.
    pub fn open(file: &Path, limits: &Limits) -> Result<Self, PolicyFailure> {
        let origin = Origin { file: Some(file.to_owned()), digest: None };
        match bytes::read(file, limits) {
            Ok(bytes) => Self::load(origin, &bytes, limits),
            Err(fault) => Err(failure(origin, None, fault)),
        }
    }

    /// Reads a component file that must have these digests (`sha256:` and hex), and compiles and checks it. Another file
    /// is refused before it is compiled.
    ///
    /// # Errors
    /// As [`Self::open`], and [`Fault::WrongDigest`].
    pub fn open_pinned(file: &Path, digests: &[&str], limits: &Limits) -> Result<Self, PolicyFailure> {
        let origin = Origin { file: Some(file.to_owned()), digest: None };
        match bytes::read(file, limits) {
            Ok(bytes) => Self::load_pinned(origin, &bytes, digests, limits),
            Err(fault) => Err(failure(origin, None, fault)),
        }
    }

    /// Compiles and checks a component that was read elsewhere, with these digests as in [`Self::open_pinned`]; messages
    /// call it `named`.
    ///
    /// # Errors
    /// As [`Self::open_pinned`].
    pub fn from_bytes(named: &Path, bytes: &[u8], digests: &[&str], limits: &Limits) -> Result<Self, PolicyFailure> {
        let origin = Origin { file: Some(named.to_owned()), digest: None };
        if bytes.len() > limits.component_bytes {
            let (bytes, limit) = (bytes.len() as u64, limits.component_bytes);
            return Err(failure(origin, None, Fault::TooLarge { bytes, limit }));
        }
        Self::load_pinned(origin, bytes, digests, limits)
    }

    fn load_pinned(origin: Origin, bytes: &[u8], digests: &[&str], limits: &Limits) -> Result<Self, PolicyFailure> {
        let is = bytes::digest(bytes);
        match digests.iter().find(|wanted| **wanted != is) {
            Some(wanted) => Err(failure(origin, None, Fault::WrongDigest { wanted: (*wanted).to_owned(), is })),
            None => Self::load(origin, bytes, limits),
        }
    }

    /// Returns the policy that is built in; the process compiles it once.
    ///
    /// # Errors
    /// Only when the engine does not start: tests hold the rest.
    pub fn built_in() -> Result<Arc<Self>, PolicyFailure> {
        static BUILT_IN: OnceLock<Arc<Policy>> = OnceLock::new();
        if let Some(policy) = BUILT_IN.get() {
            return Ok(Arc::clone(policy));
        }
        let policy = Self::load(Origin { file: None, digest: None }, BUILT_IN_BYTES, &Limits::default())?;
        // Two threads may both have compiled it; either will do.
        Ok(Arc::clone(BUILT_IN.get_or_init(|| Arc::new(policy))))
    }

    fn load(mut origin: Origin, bytes: &[u8], limits: &Limits) -> Result<Self, PolicyFailure> {
        let digest = bytes::digest(bytes);
        origin.digest = Some(digest.clone());
        let prepared = match prepare(bytes) {
            Ok(prepared) => prepared,
            Err(fault) => return Err(failure(origin, None, fault)),
        };
        let described = describe(&prepared, limits).map_err(|stopped| PolicyFailure {
            origin: Box::new(origin.clone()),
            call: Some(Call::Describe),
            fault: stopped.fault,
            log: stopped.log,
        })?;
        let checked = info::rules::check(described, limits).and_then(|raw| Ok((info::rules::schema(&raw)?, raw)));
        let (schema, raw) = match checked {
            Ok(checked) => checked,
            Err(fault) => return Err(failure(origin, None, fault)),
        };
        let info = PolicyInfo {
            file: origin.file.clone(),
            name: raw.name,
            version: raw.version,
            summary: raw.summary,
            scope: raw.scope,
            digest,
            bytes: bytes.len(),
            interface: format!("pvmigrate:policy@{}", prepared.audited.written),
            exports: prepared.audited.exports,
            imports: prepared.audited.imports,
            settings_schema: schema.as_ref().map(|schema| schema.document.clone()),
            needs: raw.needs,
            codes: raw.codes,
            limits: limits.clone(),
        };
        Ok(Self {
            origin,
            codes: info.codes.iter().map(|code| code.code.clone()).collect(),
            declared: Arc::new(info.needs.iter().map(|need| need.kind.clone()).collect()),
            schema,
            info,
            sandbox: prepared.sandbox,
            component: prepared.component,
            exports: prepared.exports,
        })
    }

    /// Makes an instance of it as for a call, and asks it nothing.
    pub fn instantiate(&self) -> Result<(), PolicyFailure> {
        let limits = &self.info.limits;
        call::run(self.sandbox, &self.component, limits, Lookups::default(), limits.fuel(0), |_, _| Ok(()))
            .map(|_| ())
            .map_err(|stopped| failure(self.origin.clone(), None, stopped.fault))
    }

    /// Compiles it once more, without the cache, and returns how long that took; none when the file that it came from is
    /// gone or another one by now.
    pub fn compile_cold(&self) -> Result<Option<Duration>, PolicyFailure> {
        let bytes = match &self.origin.file {
            None => Cow::Borrowed(BUILT_IN_BYTES),
            Some(file) => match bytes::read(file, &self.info.limits) {
                Ok(bytes) if bytes::digest(&bytes) == self.info.digest => Cow::Owned(bytes),
                Ok(_) | Err(_) => return Ok(None),
            },
        };
        let began = Instant::now();
        Sandbox::compile_cold(&bytes).map_err(|fault| failure(self.origin.clone(), None, fault))?;
        Ok(Some(began.elapsed()))
    }

    /// Returns all that is known about it.
    pub fn info(&self) -> &PolicyInfo {
        &self.info
    }

    /// Identifies it in verdicts and records.
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { name: self.info.name.clone(), version: self.info.version.clone(), digest: self.info.digest.clone() }
    }

    /// Holds settings to the policy's schema, then to its own check, and returns them as canonical JSON.
    ///
    /// # Errors
    /// When something in them is wrong, or the policy fails over them.
    pub fn check_settings(&self, settings: &Value) -> Result<String, SettingsError> {
        let wrong = |problems| SettingsError::Wrong { policy: self.info.name.clone(), problems };
        let problem = |message: &str| SettingsProblem { pointer: String::new(), message: message.to_owned() };
        let problems = match (&self.schema, settings) {
            (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                vec![problem("settings are a mapping of names to values")]
            }
            (None, Value::Object(entries)) if entries.is_empty() => Vec::new(),
            (None, Value::Object(_)) => vec![problem("the policy takes no settings")],
            (Some(schema), Value::Object(_)) => schema
                .problems(settings, &self.info.limits)
                .map_err(|why| failure(self.origin.clone(), None, info::rules::unusable_schema(&why)))?,
        };
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        let canonical = json::canonical(settings);
        if !self.exports.answers(Call::Validate) {
            return Ok(canonical);
        }
        let limits = &self.info.limits;
        let work = |store: &mut Store<Context>, instance: &Instance| self.exports.validate(store, instance, &canonical);
        let failed = |fault, log| self.failed(Call::Validate, fault, log);
        let done = call::run(self.sandbox, &self.component, limits, Lookups::default(), limits.fuel(0), work)
            .map_err(|stopped| failed(stopped.fault, stopped.log))?;
        match problems_of(done.value, limits) {
            Err(fault) => Err(failed(fault, done.log).into()),
            Ok(problems) if problems.is_empty() => Ok(canonical),
            Ok(problems) => Err(wrong(problems)),
        }
    }

    /// Asks which volumes move; none when the policy does not answer this question.
    pub(crate) fn select(&self, asked: &Asked<'_>) -> Result<Option<Answered<Ballot>>, PolicyFailure> {
        let ask = |store: &mut Store<Context>, instance: &Instance| self.exports.select(store, instance, asked);
        self.ask(Call::Select, asked, ask, |rules, items| rules.ballots(items))
    }

    /// Asks what the new claims look like; none when the policy does not answer this question.
    pub(crate) fn map_modes(&self, asked: &Asked<'_>) -> Result<Option<Answered<Mapping>>, PolicyFailure> {
        let ask = |store: &mut Store<Context>, instance: &Instance| self.exports.map_modes(store, instance, asked);
        self.ask(Call::MapModes, asked, ask, |rules, items| rules.mappings(items))
    }

    /// Asks what should be known about the plan; none when the policy does not answer this question.
    pub(crate) fn check(
        &self,
        asked: &Asked<'_>,
        plan: &[Planned],
    ) -> Result<Option<Answered<Finding>>, PolicyFailure> {
        let ask = |store: &mut Store<Context>, instance: &Instance| self.exports.check(store, instance, asked, plan);
        self.ask(Call::Check, asked, ask, |rules, items| rules.findings(items))
    }

    fn failed(&self, call: Call, fault: Fault, log: Vec<LogLine>) -> PolicyFailure {
        PolicyFailure { origin: Box::new(self.origin.clone()), call: Some(call), fault, log }
    }

    fn ask<T>(
        &self,
        call: Call,
        asked: &Asked<'_>,
        ask: impl FnOnce(&mut Store<Context>, &Instance) -> wasmtime::Result<Decided<T>>,
        hold: impl FnOnce(&Rules<'_>, Vec<T>) -> Result<Vec<T>, Fault>,
    ) -> Result<Option<Answered<T>>, PolicyFailure> {
        if !self.exports.answers(call) {
            return Ok(None);
        }
        let limits = &self.info.limits;
        let failed = |fault, log| self.failed(call, fault, log);
        let fuel = limits.fuel(asked.volumes.len());
        let lookups = Lookups { declared: Arc::clone(&self.declared), collected: Arc::clone(asked.collected) };
        let done = call::run(self.sandbox, &self.component, limits, lookups, fuel, ask)
            .map_err(|stopped| failed(stopped.fault, stopped.log))?;
        let rules = Rules::new(&self.codes, asked.volumes, limits);
        let items = match done.value {
            Err(error) => return Err(failed(rules.undecided(error), done.log)),
            Ok(items) => match hold(&rules, items) {
                Ok(items) => items,
                Err(fault) => return Err(failed(fault, done.log)),
            },
        };
        Ok(Some(Answered {
            items,
            cost: CallCost {
                by: self.reference(),
                call: call.to_string(),
                fuel: done.fuel,
                memory: done.memory,
                looked_up: done.looked_up.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect(),
                log: done.log,
            },
        }))
    }
}

/// A component that is compiled, audited and linked.
struct Prepared {
    sandbox: &'static Sandbox,
    component: InstancePre<Context>,
    exports: Exports,
    audited: Audited,
}

fn prepare(bytes: &[u8]) -> Result<Prepared, Fault> {
    audit::recognise(bytes).map_err(Fault::NotAComponent)?;
    let sandbox = Sandbox::shared()?;
    let component = Component::from_binary(&sandbox.engine, bytes)
        .map_err(|error| Fault::NotAComponent(NotComponent::Invalid(text::escape(&format!("{error:#}")))))?;
    let audited = audit::audit(&sandbox.engine, &component.component_type())?;
    let wrong_world = |error: wasmtime::Error| Fault::WrongWorld(text::escape(&format!("{error:#}")));
    let mut linker = Linker::new(&sandbox.engine);
    v0_2::add_to_linker(&mut linker).map_err(wrong_world)?;
    let component = linker.instantiate_pre(&component).map_err(wrong_world)?;
    let exports = Exports::find(&component, &audited).map_err(wrong_world)?;
    Ok(Prepared { sandbox, component, exports, audited })
}

/// Asks a policy who it is, after a check that its functions have the right types.
fn describe(prepared: &Prepared, limits: &Limits) -> Result<RawInfo, Stopped> {
    let mut wrong = None;
    let work = |store: &mut Store<Context>, instance: &Instance| {
        if let Err(error) = prepared.exports.check_types(store, instance) {
            wrong = Some(text::escape(&format!("{error:#}")));
            return Err(error);
        }
        prepared.exports.describe(store, instance)
    };
    let done = call::run(prepared.sandbox, &prepared.component, limits, Lookups::default(), limits.describe_fuel, work);
    match (done, wrong) {
        (Ok(Done { value, .. }), _) => Ok(value),
        (Err(stopped), Some(wrong)) => Err(Stopped { fault: Fault::WrongWorld(wrong), log: stopped.log }),
        (Err(stopped), None) => Err(stopped),
    }
}

/// Holds what a policy has against settings to the rules.
fn problems_of(problems: Vec<SettingsProblem>, limits: &Limits) -> Result<Vec<SettingsProblem>, Fault> {
    if problems.len() > MOST_PROBLEMS {
        let what = format!("{} problems with settings, and at most {MOST_PROBLEMS} are accepted", problems.len());
        return Err(Fault::OutputTooLarge(what));
    }
    let bounded = problems.into_iter().map(|problem| {
        Ok(SettingsProblem { pointer: bounded(&problem.pointer, limits)?, message: said(&problem.message, limits) })
    });
    bounded.collect()
}

fn failure(origin: Origin, call: Option<Call>, fault: Fault) -> PolicyFailure {
    PolicyFailure { origin: Box::new(origin), call, fault, log: Vec::new() }
}
