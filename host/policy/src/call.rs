//! One call of one policy: a fresh store, budgets, a log, and an end to it.

use std::fmt;

use pvmigrate_core::policy::{LogLevel, LogLine, Pairs};
use serde::Serialize;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, Trap};

use crate::engine::{Sandbox, ticks};
use crate::failure::Fault;
use crate::limits::{Limits, MemoryMeter};
use crate::text;

/// The field that marks a logged line as a policy's last words.
const PANIC: &str = "pvmigrate.dev/panic";

/// Names a function that policies export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Who are you?
    Describe,
    /// Which claims move?
    Select,
    /// What do the new claims look like?
    MapModes,
    /// What should be known before it starts?
    Check,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Describe => "describe",
            Self::Select => "select",
            Self::MapModes => "map-modes",
            Self::Check => "check",
        })
    }
}

/// What the host keeps while a policy runs; gone when the call is over.
pub(crate) struct Context {
    memory: MemoryMeter,
    log: Vec<LogLine>,
    logged_bytes: usize,
    flooded: bool,
    last_words: Option<String>,
    limits: Limits,
}

impl Context {
    fn new(limits: &Limits) -> Self {
        Self {
            memory: MemoryMeter::new(limits.memory_bytes),
            log: Vec::new(),
            logged_bytes: 0,
            flooded: false,
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
        self.logged_bytes = self.logged_bytes.saturating_add(raw).saturating_add(message.len());
        if self.logged_bytes > self.limits.log_bytes {
            self.flooded = true;
            wasmtime::bail!("log limit reached");
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
}

/// What a finished call left behind.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    pub(crate) fuel: u64,
    pub(crate) log: Vec<LogLine>,
}

/// What a call that did not finish left behind.
pub(crate) struct Stopped {
    pub(crate) fault: Fault,
    pub(crate) log: Vec<LogLine>,
}

/// Instantiates the component afresh and runs `work` on it, within the limits and this much fuel.
pub(crate) fn run<T>(
    sandbox: &Sandbox,
    component: &InstancePre<Context>,
    limits: &Limits,
    fuel: u64,
    work: impl FnOnce(&mut Store<Context>, &Instance) -> wasmtime::Result<T>,
) -> Result<Done<T>, Stopped> {
    let mut store = Store::new(&sandbox.engine, Context::new(limits));
    store.limiter(|context| &mut context.memory);
    store.set_hostcall_fuel(limits.answer_bytes);
    store.set_epoch_deadline(ticks(limits.wall));
    let _clock = sandbox.clock_on();
    let result = store
        .set_fuel(fuel)
        .and_then(|()| component.instantiate(&mut store))
        .and_then(|instance| work(&mut store, &instance));
    let left = store.get_fuel().unwrap_or(0);
    let context = store.into_data();
    match result {
        Ok(value) => Ok(Done { value, fuel: fuel.saturating_sub(left), log: context.log }),
        Err(error) => {
            Err(Stopped { fault: classify(&error, &context, fuel, fuel.saturating_sub(left)), log: context.log })
        }
    }
}

/// Tells apart what ended a call. The host's own limits are asked first: they end a call with a plain error.
fn classify(error: &wasmtime::Error, context: &Context, limit: u64, used: u64) -> Fault {
    if context.flooded {
        return Fault::LogFlood { limit: context.limits.log_bytes };
    }
    if let Some(wanted) = context.memory.refused {
        return Fault::Memory { wanted, limit: context.limits.memory_bytes };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Fault::Fuel { used, limit },
        Some(Trap::Interrupt) => {
            return Fault::Time { limit: context.limits.wall };
        }
        Some(Trap::StackOverflow) => return Fault::Stack,
        _ => {}
    }
    let words = text::escape(&error.root_cause().to_string());
    // The engine has no type for this one; a test holds its text.
    if words.contains("fuel allocated for hostcalls has been exhausted") {
        return Fault::OutputTooLarge(format!(
            "more than {} in all",
            pvmigrate_core::policy::quantity::Bytes(context.limits.answer_bytes as u64)
        ));
    }
    Fault::Trap { words: context.last_words.clone(), trap: words }
}
