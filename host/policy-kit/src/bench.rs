//! Measures what a policy costs: fuel and memory, which are the same on every machine, and time, which is not.
//!
//! The questions are [`synthetic`]: the same for everybody, with as many volumes as wanted. Look-ups find nothing. What
//! is measured is one policy by itself, each decision about all volumes, as the host asks it. [`compare()`] compares
//! the result with a saved one, and [`growth`] sees whether the cost per volume grows with their number. For the
//! built-in policy there is a [`native`] twin to compare with.

mod compare;
mod growth;
pub(crate) mod headroom;
mod native;
pub(crate) mod synthetic;

use std::time::{Duration, Instant};

use pvmigrate_core::policy::{Planned, PolicyRef, Question};
use pvmigrate_policy::{Configured, Policy, PolicyFailure, QUESTIONS, QuestionKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use compare::{Compared, Grown, compare};
pub use growth::Growth;
pub use headroom::{End, Headroom};

/// How often a question is asked, at most and at least; in between the clock decides.
const MOST_CALLS: usize = 50;
const LEAST_CALLS: usize = 5;
/// Time for all calls of one question.
const ENOUGH: Duration = Duration::from_secs(2);
/// How often the policy is only instantiated.
const INSTANCES: usize = 50;

/// Why a benchmark failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The policy failed.
    #[error(transparent)]
    Policy(#[from] PolicyFailure),
    /// Fuel or memory were not the same twice.
    #[error(
        "policy {policy} used different amounts of fuel or memory in two calls of {call} about the same {volumes} volumes"
    )]
    Unsteady {
        /// The policy's name.
        policy: String,
        /// The question.
        call: String,
        /// How many volumes it was about.
        volumes: usize,
    },
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bench {
    /// The policy.
    pub policy: PolicyRef,
    /// Its settings.
    pub settings: Value,
    /// Time to compile it without any cache, in milliseconds; `None` when its bytes are no longer available.
    pub compile_millis: Option<f64>,
    /// Time from nothing to an instance that can be asked.
    pub instantiate: Wall,
    /// A row for each decision and number of volumes.
    pub rows: Vec<Row>,
    /// How the cost grows with the number of volumes, for each decision.
    pub growth: Vec<Growth>,
    /// What each decision leaves of the limits.
    #[serde(default)]
    pub headroom: Vec<Headroom>,
    /// The same rules without WebAssembly; only for the built-in policy.
    pub native: Vec<Native>,
}

/// What one decision about so many volumes cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The question: `select`, `map-modes` or `check`.
    pub call: String,
    /// How many volumes it was about.
    pub volumes: u64,
    /// Fuel for all volumes.
    pub fuel: u64,
    /// Fuel for each of them.
    pub fuel_per_volume: u64,
    /// Linear memory at its largest, in bytes.
    pub memory: u64,
    /// Time for the whole decision, the host's part included.
    pub wall: Wall,
}

/// Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wall {
    /// Half of all took no longer.
    pub p50: u64,
    /// 95 of 100 took no longer.
    pub p95: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// How many were measured.
    pub count: u64,
}

impl Wall {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(rank).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
        };
        Self { p50: at(50), p95: at(95), p99: at(99), count: times.len() as u64 }
    }
}

/// The time of all three decisions with and without WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Native {
    /// How many volumes they were about.
    pub volumes: u64,
    /// Time of the component's decisions together (the sum of their p50), in microseconds.
    pub sandboxed_micros: u64,
    /// Time of the native twin's, in microseconds.
    pub native_micros: u64,
    /// How many times longer the component took.
    pub ratio: f64,
}

/// Measures a policy with each of these numbers of volumes.
///
/// # Errors
/// When it fails, or two equal calls differ in cost.
pub fn run(policy: &Configured, sizes: &[usize]) -> Result<Bench, BenchError> {
    let opened = policy.policy();
    let mut rows = Vec::new();
    let mut native = Vec::new();
    for size in sizes {
        let question = synthetic::question(*size, &opened.info().needs);
        let of_size = decisions(policy, &question)?;
        native.extend(native_run(opened, &question, &of_size)?);
        rows.extend(of_size);
    }
    Ok(Bench {
        policy: opened.reference(),
        settings: serde_json::from_str(policy.settings()).unwrap_or_default(),
        compile_millis: opened.compile_cold()?.map(|took| took.as_secs_f64() * 1_000.0),
        instantiate: instances(opened)?,
        growth: growth::of(&rows),
        headroom: headroom::of(&rows, opened.info()),
        rows,
        native,
    })
}

fn instances(policy: &Policy) -> Result<Wall, PolicyFailure> {
    let times = (0..INSTANCES).map(|_| {
        let began = Instant::now();
        policy.instantiate().map(|()| began.elapsed())
    });
    Ok(Wall::of(times.collect::<Result<_, _>>()?))
}

fn decisions(policy: &Configured, question: &Question) -> Result<Vec<Row>, BenchError> {
    let plan: Vec<Planned> = question.request.volumes.iter().map(synthetic::planned).collect();
    let rows = QUESTIONS.iter().map(|kind| measure(policy, kind, question, &plan));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Asks one question repeatedly; `None` when the policy does not answer it.
fn measure(
    policy: &Configured,
    kind: &QuestionKind,
    question: &Question,
    plan: &[Planned],
) -> Result<Option<Row>, BenchError> {
    let call = kind.function().to_string();
    let volumes = question.request.volumes.len();
    let ask = || kind.cost(policy, question, plan);
    // Only the first call finds cold memory.
    let Some(first) = ask()? else { return Ok(None) };
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < LEAST_CALLS || (times.len() < MOST_CALLS && began.elapsed() < ENOUGH) {
        let asked = Instant::now();
        let again = ask()?;
        times.push(asked.elapsed());
        if again.is_none_or(|again| (again.fuel, again.memory) != (first.fuel, first.memory)) {
            let policy = policy.policy().info().name.clone();
            return Err(BenchError::Unsteady { policy, call, volumes });
        }
    }
    let count = volumes.max(1) as u64;
    Ok(Some(Row {
        call,
        volumes: volumes as u64,
        fuel: first.fuel,
        fuel_per_volume: first.fuel / count,
        memory: first.memory,
        wall: Wall::of(times),
    }))
}

/// Asks the native twin of the built-in policy the same questions.
fn native_run(policy: &Policy, question: &Question, rows: &[Row]) -> Result<Option<Native>, PolicyFailure> {
    if policy.info().digest != Policy::built_in()?.info().digest {
        return Ok(None);
    }
    let plan: Vec<Planned> = question.request.volumes.iter().map(synthetic::planned).collect();
    let times = (0..=MOST_CALLS).map(|_| {
        let began = Instant::now();
        std::hint::black_box(native::select(&question.request));
        std::hint::black_box(native::map_modes(&question.request));
        std::hint::black_box(native::check(&question.request, &plan));
        began.elapsed()
    });
    let native_micros = Wall::of(times.collect()).p50;
    let sandboxed_micros: u64 = rows.iter().map(|row| row.wall.p50).sum();
    let ratio = sandboxed_micros as f64 / native_micros.max(1) as f64;
    Ok(Some(Native { volumes: question.request.volumes.len() as u64, sandboxed_micros, native_micros, ratio }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let wall = |count: u64| Wall::of((1..=count).rev().map(Duration::from_micros).collect());
        assert_eq!(wall(100), Wall { p50: 50, p95: 95, p99: 99, count: 100 });
        assert_eq!(wall(3), Wall { p50: 2, p95: 3, p99: 3, count: 3 });
        assert_eq!(wall(1), Wall { p50: 1, p95: 1, p99: 1, count: 1 });
    }

    #[test]
    fn fuel_and_memory_are_the_same_for_everybody() {
        let builtin = Configured::bare(Policy::built_in().unwrap()).unwrap();
        let (one, other) = (run(&builtin, &[20, 40]).unwrap(), run(&builtin, &[20, 40]).unwrap());
        let plain = |bench: &Bench| -> Vec<_> {
            bench.rows.iter().map(|row| (row.call.clone(), row.volumes, row.fuel, row.memory)).collect()
        };
        assert_eq!(plain(&one), plain(&other));
        let calls: Vec<_> = one.rows.iter().map(|row| (row.call.as_str(), row.volumes)).collect();
        let wanted = ["select", "map-modes", "check"];
        assert_eq!(calls, [20, 40].map(|volumes| wanted.map(|call| (call, volumes))).concat());
        assert!(one.rows.iter().all(|row| row.fuel_per_volume > 100 && row.memory >= 64 << 10), "{one:?}");
        assert!(one.compile_millis.unwrap() > 0.0 && one.instantiate.p50 > 0);
        assert_eq!(one.native.len(), 2);

        let kept: Bench = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(plain(&kept), plain(&one));
    }
}
