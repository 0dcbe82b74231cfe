//! One call of one policy: a fresh store, budgets, a log, and what ended the call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use pvmigrate_core::policy::quantity::Bytes;
use pvmigrate_core::policy::{Collected, Kind, LogLevel, LogLine, LookupError, Pairs};
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, Trap, WasmBacktrace};

use crate::engine::{self, Sandbox, ticks};
use crate::failure::{FailureKind, Origin, PolicyFailure};
use crate::function::Function;
use crate::interface::loader::Loader;
use crate::limits::{Limits, MemoryMeter};
use crate::source;
use crate::text;

/// The field that marks a logged line as a policy's last words.
const PANIC: &str = "pvmigrate.dev/panic";

/// What a policy may look up in one call.
#[derive(Clone, Default)]
pub(crate) struct Lookups {
    /// The kinds that it declares as needed; nothing is returned about any other.
    pub(crate) declared: Arc<BTreeSet<Kind>>,
    pub(crate) collected: Arc<Collected>,
}

/// The host's state while a policy runs; dropped when the call ends.
pub(crate) struct Context {
    memory: MemoryMeter,
    lookups: Lookups,
    looked_up: usize,
    /// By kind, of those that the policy declares.
    looked_up_kinds: BTreeMap<Kind, u64>,
    looked_up_bytes: usize,
    ends: Instant,
    log: Vec<LogLine>,
    logged_bytes: usize,
    refused: Option<FailureKind>,
    last_words: Option<String>,
    limits: Limits,
}

impl Context {
    fn new(limits: &Limits, lookups: Lookups) -> Self {
        Self {
            memory: MemoryMeter::new(limits.memory_bytes),
            lookups,
            looked_up: 0,
            looked_up_kinds: BTreeMap::new(),
            looked_up_bytes: 0,
            ends: Instant::now() + limits.wall,
            log: Vec::new(),
            logged_bytes: 0,
            refused: None,
            last_words: None,
            limits: limits.clone(),
        }
    }

    /// Keeps one line, escaped and cut; ends the call when it was one too many.
    pub(crate) fn write(
        &mut self,
        level: LogLevel,
        message: &str,
        fields: &[(String, String)],
    ) -> wasmtime::Result<()> {
        let raw: usize = fields.iter().map(|(key, value)| key.len() + value.len()).sum();
        // Counts the line's end too, so that empty lines are not free.
        self.logged_bytes = self.logged_bytes.saturating_add(raw).saturating_add(message.len() + 1);
        if self.logged_bytes > self.limits.log_bytes {
            return self.end(FailureKind::LogFlood { limit: self.limits.log_bytes });
        }
        let cut = |text: &str| text::escape_line(text, self.limits.log_line_bytes);
        let message = cut(message);
        let fields: Pairs = fields.iter().map(|(key, value)| (cut(key), cut(value))).collect();
        if fields.contains_key(PANIC) {
            self.last_words = Some(message.clone());
        }
        self.log.push(LogLine { level, message, fields });
        Ok(())
    }

    /// Answers one look-up; `answer` returns its size too. Ends the call when it was one too many.
    ///
    /// The work is done by the host, where no fuel is counted, so the clock is checked here.
    pub(crate) fn look_up<T>(
        &mut self,
        kind: &Kind,
        answer: impl FnOnce(&Collected) -> Result<(T, usize), LookupError>,
    ) -> wasmtime::Result<Result<T, LookupError>> {
        let Limits { lookups, lookup_bytes, wall, .. } = self.limits;
        self.looked_up += 1;
        if self.looked_up > lookups {
            return self.end(FailureKind::Lookups(format!("more than {lookups} look-ups")));
        }
        if Instant::now() >= self.ends {
            return self.end(FailureKind::Time { limit: wall });
        }
        if !self.lookups.declared.contains(kind) {
            return Ok(Err(LookupError::NotDeclared));
        }
        *self.looked_up_kinds.entry(kind.clone()).or_default() += 1;
        let (found, bytes) = match answer(&self.lookups.collected) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        self.looked_up_bytes = self.looked_up_bytes.saturating_add(bytes);
        if self.looked_up_bytes > lookup_bytes {
            return self.end(FailureKind::Lookups(format!("more than {}", Bytes(lookup_bytes as u64))));
        }
        Ok(Ok(found))
    }

    /// Ends the call from within a function that the policy called.
    pub(crate) fn end<T>(&mut self, kind: FailureKind) -> wasmtime::Result<T> {
        self.refused = Some(kind);
        wasmtime::bail!("the host ends the call")
    }
}

/// A component that can be instantiated.
pub(crate) struct Runnable {
    pub(crate) component: InstancePre<Context>,
    /// Its code was made for a system, and what it would ask of that stops it.
    pub(crate) asks_system: bool,
    /// What an engine loads the policy's source with; `None` for a policy that is whole.
    pub(crate) loader: Option<Loader>,
}

/// What a finished call left behind.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    pub(crate) fuel: u64,
    /// Linear memory at its largest, in bytes.
    pub(crate) memory: u64,
    /// How many look-ups were made.
    pub(crate) looked_up: BTreeMap<Kind, u64>,
    pub(crate) log: Vec<LogLine>,
}

/// What a call that did not finish left behind.
pub(crate) struct Stopped {
    pub(crate) kind: FailureKind,
    pub(crate) log: Vec<LogLine>,
    /// It did not get beyond loading the source.
    pub(crate) loading: bool,
}

impl Stopped {
    /// Blames a policy; `function` is what it was asked.
    pub(crate) fn blame(self, origin: &Origin, function: Function) -> PolicyFailure {
        let function = Some(if self.loading { Function::LOAD } else { function });
        PolicyFailure { origin: Box::new(origin.clone()), function, kind: self.kind, log: self.log }
    }
}

/// Instantiates the component afresh and runs `work` on it, within the limits and this much fuel.
///
/// An engine loads the source first. The clock runs meanwhile, but that fuel is not the call's: a component that is built
/// spends it only once, when it is built.
pub(crate) fn run<T>(
    sandbox: &Sandbox,
    runnable: &Runnable,
    limits: &Limits,
    lookups: Lookups,
    fuel: u64,
    work: impl FnOnce(&mut Store<Context>, &Instance) -> wasmtime::Result<T>,
) -> Result<Done<T>, Stopped> {
    let mut store = Store::new(&sandbox.engine, Context::new(limits, lookups));
    store.limiter(|context| &mut context.memory);
    store.set_hostcall_fuel(limits.answer_bytes);
    store.set_epoch_deadline(ticks(limits.wall));
    let _clock = sandbox.clock_on();
    let ready = match &runnable.loader {
        None => store.set_fuel(fuel).and_then(|()| runnable.component.instantiate(&mut store)),
        Some(loader) => load(&mut store, &runnable.component, loader, fuel),
    };
    let loading = ready.is_err() && runnable.loader.is_some();
    let fuel = if loading { source::FUEL } else { fuel };
    let result = ready.and_then(|instance| work(&mut store, &instance));
    let left = store.get_fuel().unwrap_or(0);
    let mut context = store.into_data();
    match result {
        Ok(value) => Ok(Done {
            value,
            fuel: fuel.saturating_sub(left),
            memory: context.memory.used(),
            looked_up: context.looked_up_kinds,
            log: context.log,
        }),
        Err(error) => {
            let mut kind = classify(&error, &mut context, fuel, fuel.saturating_sub(left));
            if let FailureKind::Trap { asked_system, .. } = &mut kind {
                *asked_system &= runnable.asks_system;
            }
            Err(Stopped { kind, log: context.log, loading })
        }
    }
}

/// Instantiates an engine, and lets it load the source; leaves this much fuel for the call.
fn load(
    store: &mut Store<Context>,
    engine: &InstancePre<Context>,
    loader: &Loader,
    fuel: u64,
) -> wasmtime::Result<Instance> {
    store.set_fuel(source::FUEL)?;
    let instance = engine.instantiate(&mut *store)?;
    loader.load(store, &instance)?;
    store.set_fuel(fuel)?;
    Ok(instance)
}

/// Classifies what ended a call. The host's own limits are asked first: they end a call with a plain error.
fn classify(error: &wasmtime::Error, context: &mut Context, limit: u64, used: u64) -> FailureKind {
    if let Some(kind) = context.refused.take() {
        return kind;
    }
    if let Some(wanted) = context.memory.refused {
        return FailureKind::Memory { wanted, limit: context.limits.memory_bytes };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return FailureKind::Fuel { used, limit },
        Some(Trap::Interrupt) => {
            return FailureKind::Time { limit: context.limits.wall };
        }
        Some(Trap::StackOverflow) => return FailureKind::Stack,
        Some(Trap::MemoryOutOfBounds) if is_deep(error) => return FailureKind::Stack,
        _ => {}
    }
    let words = text::escape(&error.root_cause().to_string());
    // The engine has no type for this one; a test pins its text.
    if words.contains("fuel allocated for hostcalls has been exhausted") {
        return FailureKind::OutputTooLarge(format!("more than {} in all", Bytes(context.limits.answer_bytes as u64)));
    }
    let asked_system = matches!(error.downcast_ref::<Trap>(), Some(Trap::UnreachableCodeReached));
    FailureKind::Trap { words: context.last_words.take(), trap: words, asked_system }
}

/// Returns whether a guest that left its memory had called itself very deeply before. Compilers put a stack of their own at
/// the beginning of that memory, and it grows downwards.
fn is_deep(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<WasmBacktrace>().is_some_and(|trace| trace.frames().len() >= engine::FRAMES)
}
