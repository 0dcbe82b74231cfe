//! From bytes to a policy that can be asked.

mod bytes;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{Component, Instance, Linker};

use crate::audit;
use crate::audited::Audited;
use crate::bound;
use crate::call::{self, Context, Done, Lookups, Runnable, Stopped};
use crate::engine::Sandbox;
use crate::failure::{FailureKind, NotComponent, Origin, PolicyFailure};
use crate::function::Function;
use crate::info::{self, PolicyInfo, RawInfo};
use crate::interface::loader::Loader;
use crate::interface::{self, Exports};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::question::{QUESTIONS, QuestionKind};
use crate::source::Source;
use crate::text;

/// The policy that is built in.
const BUILT_IN_BYTES: &[u8] = include_bytes!("../../../policies/dist/default.wasm");

impl Policy {
    /// Reads, compiles and checks a component file.
    ///
    /// # Errors
    /// [`FailureKind`] names everything that can be wrong with a file.
    pub fn open(file: &Path, limits: &Limits) -> Result<Self, PolicyFailure> {
        let origin = Origin { file: Some(file.to_owned()), digest: None };
        match bytes::read(file, limits) {
            Ok(bytes) => Self::load(origin, &bytes, limits),
            Err(kind) => Err(PolicyFailure::of(&origin, kind)),
        }
    }

    /// Reads a component file that must have these digests (`sha256:` and hex), and compiles and checks it. A file with
    /// another digest is refused before it is compiled.
    ///
    /// # Errors
    /// As [`Self::open`], and [`FailureKind::WrongDigest`].
    pub fn open_pinned(file: &Path, digests: &[&str], limits: &Limits) -> Result<Self, PolicyFailure> {
        let origin = Origin { file: Some(file.to_owned()), digest: None };
        match bytes::read(file, limits) {
            Ok(bytes) => Self::load_pinned(origin, &bytes, digests, limits),
            Err(kind) => Err(PolicyFailure::of(&origin, kind)),
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
            return Err(PolicyFailure::of(&origin, FailureKind::TooLarge { bytes, limit }));
        }
        Self::load_pinned(origin, bytes, digests, limits)
    }

    /// Compiles and checks an engine, and loads a policy's source with it; messages call the policy `named`.
    ///
    /// # Errors
    /// As [`Self::open`], and [`FailureKind::Source`] for what is wrong with the source.
    pub fn from_source(named: &Path, engine: &[u8], source: &Source, limits: &Limits) -> Result<Self, PolicyFailure> {
        let mut origin = Origin { file: Some(named.to_owned()), digest: None };
        let limit = limits.component_bytes;
        if let Some(bytes) = [engine.len(), source.bytes()].into_iter().find(|bytes| *bytes > limit) {
            return Err(PolicyFailure::of(&origin, FailureKind::TooLarge { bytes: bytes as u64, limit }));
        }
        let digest = bytes::digest(&source.whole(&bytes::digest(engine)));
        origin.digest = Some(digest);
        Self::described(origin, prepare(engine, Some(source)), source.bytes(), limits)
    }

    fn load_pinned(origin: Origin, bytes: &[u8], digests: &[&str], limits: &Limits) -> Result<Self, PolicyFailure> {
        let is = bytes::digest(bytes);
        match digests.iter().find(|wanted| **wanted != is) {
            Some(wanted) => {
                Err(PolicyFailure::of(&origin, FailureKind::WrongDigest { wanted: (*wanted).to_owned(), is }))
            }
            None => Self::load(origin, bytes, limits),
        }
    }

    /// Returns the policy that is built in; the process compiles it once.
    ///
    /// # Errors
    /// Only when the engine does not start: tests cover the rest.
    pub fn built_in() -> Result<Arc<Self>, PolicyFailure> {
        static BUILT_IN: OnceLock<Arc<Policy>> = OnceLock::new();
        if let Some(policy) = BUILT_IN.get() {
            return Ok(Arc::clone(policy));
        }
        let policy = Self::load(Origin { file: None, digest: None }, BUILT_IN_BYTES, &Limits::default())?;
        // Two threads may both have compiled it; either will do.
        Ok(Arc::clone(BUILT_IN.get_or_init(|| Arc::new(policy))))
    }

    /// Compiles it once more, without the cache, and returns how long that took; `None` when the file that it came from
    /// is gone or has changed.
    ///
    /// # Errors
    /// When it no longer compiles.
    pub fn compile_cold(&self) -> Result<Option<Duration>, PolicyFailure> {
        let Some(bytes) = self.bytes() else { return Ok(None) };
        let began = Instant::now();
        Sandbox::compile_cold(&bytes).map_err(|kind| PolicyFailure::of(&self.origin, kind))?;
        Ok(Some(began.elapsed()))
    }

    /// Returns the component that was loaded; `None` when the file that it came from is gone or has changed.
    pub fn bytes(&self) -> Option<Cow<'static, [u8]>> {
        let Some(file) = &self.origin.file else { return Some(Cow::Borrowed(BUILT_IN_BYTES)) };
        let read = bytes::read(file, &self.info.limits).ok()?;
        (bytes::digest(&read) == self.info.digest).then_some(Cow::Owned(read))
    }

    fn load(mut origin: Origin, bytes: &[u8], limits: &Limits) -> Result<Self, PolicyFailure> {
        origin.digest = Some(bytes::digest(bytes));
        Self::described(origin, prepare(bytes, None), bytes.len(), limits)
    }

    /// Asks a policy who it is, and holds what it says to the rules.
    fn described(
        origin: Origin,
        prepared: Result<Prepared, FailureKind>,
        bytes: usize,
        limits: &Limits,
    ) -> Result<Self, PolicyFailure> {
        let prepared = prepared.map_err(|kind| PolicyFailure::of(&origin, kind))?;
        let described = describe(&prepared, limits).map_err(|stopped| stopped.blame(&origin, Function::DESCRIBE))?;
        let checked = info::rules::check(described, limits).and_then(|raw| Ok((info::rules::schema(&raw)?, raw)));
        let (schema, raw) = match checked {
            Ok(checked) => checked,
            Err(kind) => return Err(PolicyFailure::of(&origin, kind)),
        };
        let info = PolicyInfo {
            file: origin.file.clone(),
            name: raw.name,
            version: raw.version,
            summary: raw.summary,
            scope: raw.scope,
            digest: origin.digest.clone().unwrap_or_default(),
            bytes,
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
            runnable: prepared.runnable,
            exports: prepared.exports,
        })
    }
}

/// A component that is compiled, audited and linked.
struct Prepared {
    sandbox: &'static Sandbox,
    runnable: Runnable,
    exports: Exports,
    audited: Audited,
}

/// Compiles a component; with a source, an engine.
fn prepare(bytes: &[u8], source: Option<&Source>) -> Result<Prepared, FailureKind> {
    audit::recognise(bytes).map_err(FailureKind::NotAComponent)?;
    let asks_system = bound::check(bytes)?.asks_system;
    let sandbox = Sandbox::shared()?;
    let component = Component::from_binary(&sandbox.engine, bytes)
        .map_err(|error| FailureKind::NotAComponent(NotComponent::Invalid(text::escape(&format!("{error:#}")))))?;
    let audited = audit::audit(&sandbox.engine, &component.component_type(), source.is_some())?;
    let wrong_world = |error: wasmtime::Error| FailureKind::WrongWorld(text::escape(&format!("{error:#}")));
    let mut linker = Linker::new(&sandbox.engine);
    interface::add_to_linker(&mut linker).map_err(wrong_world)?;
    let component = linker.instantiate_pre(&component).map_err(wrong_world)?;
    let functions =
        [Function::DESCRIBE, Function::VALIDATE].into_iter().chain(QUESTIONS.iter().map(QuestionKind::function));
    let exports = Exports::find(&component, &audited, functions).map_err(wrong_world)?;
    let loader = source.map(|source| Loader::find(&component, source)).transpose().map_err(wrong_world)?;
    Ok(Prepared { sandbox, runnable: Runnable { component, asks_system, loader }, exports, audited })
}

/// Asks a policy who it is, after a check that its functions have the right types.
fn describe(prepared: &Prepared, limits: &Limits) -> Result<RawInfo, Stopped> {
    let mut wrong = None;
    let work = |store: &mut Store<Context>, instance: &Instance| {
        if let Err(error) = check_types(&prepared.exports, store, instance) {
            wrong = Some(text::escape(&format!("{error:#}")));
            return Err(error);
        }
        prepared.exports.describe(store, instance)
    };
    let done = call::run(prepared.sandbox, &prepared.runnable, limits, Lookups::default(), limits.describe_fuel, work);
    match (done, wrong) {
        (Ok(Done { value, .. }), _) => Ok(value),
        (Err(stopped), Some(wrong)) => Err(Stopped { kind: FailureKind::WrongWorld(wrong), ..stopped }),
        (Err(stopped), None) => Err(stopped),
    }
}

fn check_types(exports: &Exports, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<()> {
    exports.check_types(store, instance)?;
    for question in QUESTIONS.iter().filter(|question| exports.has(question.function())) {
        question.check_type(&mut exports.get(store, instance, question.function())?)?;
    }
    Ok(())
}
