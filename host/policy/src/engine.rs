//! The one compiler and runtime of the process, and the clock that ends calls.

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Cache, Config, Engine};

use crate::cache;
use crate::failure::FailureKind;

/// How long one tick of the clock is. Deadlines are this coarse; fuel is what stops a loop first.
const TICK: Duration = Duration::from_millis(20);

/// Far more stack than answers about lists need, far less than a thread has.
const STACK_BYTES: usize = 1 << 20;

/// More calls in each other than honest code has, and the most that are looked at when a call ends badly.
pub(crate) const FRAMES: usize = 200;

/// The engine that compiles and runs every policy of this process.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    clock: Arc<Clock>,
}

impl Sandbox {
    /// Returns the process's sandbox, made at the first call.
    pub(crate) fn shared() -> Result<&'static Self, FailureKind> {
        static SHARED: OnceLock<Sandbox> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        let made = Self::new()?;
        // Two threads may both have made one; the loser's clock ends with it.
        Ok(SHARED.get_or_init(|| made))
    }

    fn new() -> Result<Self, FailureKind> {
        let engine =
            Engine::new(&config(cache::of_user())).map_err(|error| FailureKind::Engine(format!("{error:#}")))?;
        let clock = Arc::new(Clock::default());
        let (ticking, ticked) = (Arc::clone(&clock), engine.weak());
        std::thread::Builder::new()
            .name("policy-clock".to_owned())
            .spawn(move || {
                while ticking.tick() {
                    let Some(engine) = ticked.upgrade() else { break };
                    engine.increment_epoch();
                }
            })
            .map_err(|error| FailureKind::Engine(format!("cannot start a thread: {error}")))?;
        Ok(Self { engine, clock })
    }

    /// Compiles a component without any cache, only to see that it can be done.
    pub(crate) fn compile_cold(bytes: &[u8]) -> Result<(), FailureKind> {
        let failed = |error: wasmtime::Error| FailureKind::Engine(format!("{error:#}"));
        let engine = Engine::new(&config(None)).map_err(failed)?;
        Component::from_binary(&engine, bytes).map(|_| ()).map_err(failed)
    }

    /// Keeps the clock going as long as the guard lives.
    pub(crate) fn clock_on(&self) -> ClockOn<'_> {
        self.clock.change(|turns| turns.calls += 1);
        ClockOn(&self.clock)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.clock.change(|turns| turns.over = true);
    }
}

/// Converts wall time into the clock's ticks, one more because the first may have nearly ended.
pub(crate) fn ticks(wall: Duration) -> u64 {
    let ticks = wall.as_millis().div_ceil(TICK.as_millis());
    u64::try_from(ticks).unwrap_or(u64::MAX - 1).saturating_add(1)
}

/// Returns the configuration. Compiled code comes from the compiler or from what it left in the cache, and from nowhere
/// else.
fn config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .parallel_compilation(true)
        // The same answer on every machine: no observable NaN bits, no vector instructions that may differ.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .max_wasm_stack(STACK_BYTES)
        // Only to be counted: a guest's function names are not for display, its panic message says more.
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        .cache(cache);
    config
}

/// A clock that ticks only while a policy is being asked, so that an idle process stays idle.
#[derive(Default)]
struct Clock {
    turns: Mutex<Turns>,
    changed: Condvar,
}

#[derive(Default)]
struct Turns {
    calls: usize,
    over: bool,
}

impl Clock {
    fn change(&self, change: impl FnOnce(&mut Turns)) {
        change(&mut self.turns.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for a call, then for one tick; returns false when the clock is to stop.
    fn tick(&self) -> bool {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.changed.wait_while(turns, |turns| turns.calls == 0 && !turns.over);
        let over = waiting.unwrap_or_else(PoisonError::into_inner).over;
        if !over {
            std::thread::sleep(TICK);
        }
        !over
    }
}

/// A guard that keeps the clock going.
pub(crate) struct ClockOn<'a>(&'a Clock);

impl Drop for ClockOn<'_> {
    fn drop(&mut self) {
        self.0.change(|turns| turns.calls -= 1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::path::{Path, PathBuf};

    use wasmtime::component::Component;

    use super::*;

    /// Compiles a component with this cache; returns how often the cache could help, and how often not.
    fn compile(folder: &Path) -> (usize, usize) {
        let cache = cache::below(folder).unwrap();
        let engine = Engine::new(&config(Some(cache.clone()))).unwrap();
        let module = r#"(component (core module (func (export "f") (result i32) i32.const 7)))"#;
        Component::new(&engine, wat::parse_str(module).unwrap()).unwrap();
        (cache.cache_hits(), cache.cache_misses())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn code_is_compiled_once_and_again_when_its_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("cache");
        assert_eq!(compile(&folder), (0, 1));
        assert_eq!(compile(&folder), (1, 0));
        let compiled = files(&folder);
        assert!(!compiled.is_empty());
        for file in compiled {
            std::fs::write(file, "no code").unwrap();
        }
        assert_eq!(compile(&folder), (0, 1));
    }
}
