//! How many volumes a policy can be asked about before a limit ends it.

use pvmigrate_core::policy::Planned;
use pvmigrate_policy::{Configured, Limits, PolicyFailure, PolicyInfo, QUESTIONS, Scope};
use serde::{Deserialize, Serialize};

use super::{Row, Wall, growth, synthetic};

/// Questions of these sizes tell fixed costs from those of each volume, in a time that no test notices.
const PROBED: [usize; 2] = [100, 400];
/// More volumes than any cluster has.
const MOST: u64 = 1_000_000;

/// What one decision leaves of the limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// The question: `select`, `map-modes` or `check`.
    pub call: String,
    /// How much of its fuel the largest question that was measured used, in percent.
    pub fuel_percent: u64,
    /// Where a limit would end it; `None` when none does below a million volumes.
    pub ends: Option<End>,
}

/// The number of volumes from which on a limit ends a decision, as far as two measurements tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// About how many volumes.
    pub volumes: u64,
    /// The limit: `fuel` or `memory`.
    pub limit: String,
}

/// Asks a policy questions of two sizes and returns what its decisions leave of the limits.
///
/// # Errors
/// When it fails.
pub(crate) fn probe(policy: &Configured) -> Result<Vec<Headroom>, PolicyFailure> {
    let info = policy.policy().info();
    let mut rows = Vec::new();
    for size in PROBED {
        let question = synthetic::question(size, &info.needs);
        let plan: Vec<Planned> = question.request.volumes.iter().map(synthetic::planned).collect();
        for kind in QUESTIONS {
            let Some(cost) = kind.cost(policy, &question, &plan)? else { continue };
            rows.push(Row {
                call: kind.function().to_string(),
                volumes: size as u64,
                fuel: cost.fuel,
                fuel_per_volume: cost.fuel / size as u64,
                memory: cost.memory,
                wall: Wall { p50: 0, p95: 0, p99: 0, count: 0 },
            });
        }
    }
    Ok(of(&rows, info))
}

/// Extends what was measured of each decision to larger questions.
pub(super) fn of(rows: &[Row], info: &PolicyInfo) -> Vec<Headroom> {
    // A policy that looks at volumes one by one is never asked about more at a time.
    let most = match info.scope {
        Scope::PerVolume => info.limits.batch_volumes as u64,
        Scope::WholeBatch => MOST,
    };
    let mut calls: Vec<&str> = Vec::new();
    for row in rows {
        if !calls.contains(&row.call.as_str()) {
            calls.push(&row.call);
        }
    }
    let rows_of = |call: &str| {
        let mut rows: Vec<_> = rows.iter().filter(|row| row.call == call && row.volumes <= most).collect();
        rows.sort_by_key(|row| row.volumes);
        rows
    };
    calls.into_iter().filter_map(|call| of_call(call, &rows_of(call), most, &info.limits)).collect()
}

fn of_call(call: &str, rows: &[&Row], most: u64, limits: &Limits) -> Option<Headroom> {
    let last = rows.last()?;
    let before = rows.iter().rev().nth(1);
    let given = |volumes: u64| limits.fuel(usize::try_from(volumes).unwrap_or(usize::MAX));
    let curve = |of: fn(&Row) -> u64| Curve {
        last: (last.volumes as f64, of(last) as f64),
        before: before.map_or((0.0, 0.0), |row| (row.volumes as f64, of(row) as f64)),
    };
    let (fuel, memory) = (curve(|row| row.fuel), curve(|row| row.memory));
    let memory_bytes = limits.memory_bytes as f64;
    let ends = [
        ("fuel", first(last.volumes, most, |volumes| fuel.at(volumes) > given(volumes) as f64)),
        ("memory", first(last.volumes, most, |volumes| memory.at(volumes) > memory_bytes)),
    ];
    let ends = ends.into_iter().filter_map(|(limit, volumes)| Some(End { volumes: volumes?, limit: limit.to_owned() }));
    Some(Headroom {
        call: call.to_owned(),
        fuel_percent: last.fuel.saturating_mul(100).div_ceil(given(last.volumes).max(1)),
        ends: ends.min_by_key(|end| end.volumes),
    })
}

/// What is used by questions of every size, as two of them tell.
struct Curve {
    before: (f64, f64),
    last: (f64, f64),
}

impl Curve {
    fn at(&self, volumes: u64) -> f64 {
        let ((few, less), (many, more)) = (self.before, self.last);
        let volumes = volumes as f64;
        let exponent = if few > 0.0 && less > 0.0 { (more / less).ln() / (many / few).ln() } else { 1.0 };
        if exponent > growth::LINEAR {
            return more * (volumes / many).powf(exponent);
        }
        more + (more - less).max(0.0) / (many - few).max(1.0) * (volumes - many)
    }
}

/// Finds the first number for which it is too much, between one for which it is not and `most`.
fn first(fits: u64, most: u64, is_too_much: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut fits, mut over) = (fits, most);
    if over <= fits || !is_too_much(over) {
        return None;
    }
    while over - fits > 1 {
        let middle = fits.midpoint(over);
        *(if is_too_much(middle) { &mut over } else { &mut fits }) = middle;
    }
    Some(over)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

    use std::path::Path;
    use std::sync::Arc;

    use pvmigrate_policy::{FailureKind, Policy};

    use super::*;

    fn rows(fuel: impl Fn(f64) -> f64, memory: impl Fn(f64) -> f64) -> Vec<Row> {
        let row = |volumes: u64| Row {
            call: "select".to_owned(),
            volumes,
            fuel: fuel(volumes as f64) as u64,
            fuel_per_volume: 0,
            memory: memory(volumes as f64) as u64,
            wall: Wall { p50: 0, p95: 0, p99: 0, count: 0 },
        };
        vec![row(100), row(1_000), row(10_000)]
    }

    #[test]
    fn where_a_limit_ends_it() {
        let usual = Policy::built_in().unwrap().info().clone();
        let whole = PolicyInfo { scope: Scope::WholeBatch, ..usual.clone() };
        let ends = |info: &PolicyInfo, rows: Vec<Row>| {
            let ends = of(&rows, info).remove(0).ends?;
            Some((ends.volumes, ends.limit))
        };
        let fuel = |volumes| Some((volumes, "fuel".to_owned()));
        let little = |_: f64| 1e6;
        // 200 M and 2 M a volume are given.
        assert_eq!(ends(&whole, rows(|n| 1e6 + 5_000.0 * n, little)), None);
        assert_eq!(ends(&whole, rows(|n| 2_010_000.0 * n, little)), fuel(20_001));
        assert_eq!(ends(&whole, rows(|n| 100.0 * n * n, little)), fuel(20_100));
        assert_eq!(ends(&whole, rows(|n| 5_000.0 * n, |n| 1e6 + 20_000.0 * n)), Some((13_372, "memory".to_owned())));
        // One by one, at most 2,000 are asked about at a time: the sum for 10,000 says nothing.
        assert_eq!(ends(&usual, rows(|n| 2_010_000.0 * n, |n| 20_000.0 * n)), None);
        assert_eq!(ends(&usual, rows(|n| 2_150_000.0 * n, little)), fuel(1_334));
        assert_eq!(of(&rows(|n| 1_480_000.0 * n, little), &usual)[0].fuel_percent, 68);
    }

    #[test]
    fn a_policy_ends_where_it_was_said_to() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/dist/quota-room.wasm");
        let open = |limits: Limits| Configured::bare(Arc::new(Policy::open(&file, &limits).unwrap())).unwrap();
        let cost = |policy: &Configured, size: usize| {
            let question = synthetic::question(size, &policy.policy().info().needs);
            let plan: Vec<Planned> = question.request.volumes.iter().map(synthetic::planned).collect();
            let select = QUESTIONS.iter().find(|kind| kind.function().to_string() == "check").unwrap();
            select.cost(policy, &question, &plan)
        };
        let plain = open(Limits::default());
        assert!(
            probe(&plain).unwrap().iter().all(|one| one.ends.is_none() && one.fuel_percent < 5),
            "{:?}",
            probe(&plain)
        );
        let each = cost(&plain, 400).unwrap().unwrap().fuel / 400;
        // A tenth less than each volume takes, so that it is the base that is used up.
        let tight = open(Limits { fuel_base: each * 100, fuel_per_volume: each - each / 10, ..Limits::default() });
        let ends = probe(&tight).unwrap().into_iter().find(|one| one.call == "check").unwrap().ends.unwrap();
        assert!(ends.limit == "fuel" && (500..2_000).contains(&ends.volumes), "{ends:?}");
        let near = |percent: u64| usize::try_from(ends.volumes * percent / 100).unwrap();
        assert!(cost(&tight, near(85)).is_ok());
        assert!(cost(&tight, near(115)).is_err_and(|failure| matches!(failure.kind, FailureKind::Fuel { .. })));
    }
}
