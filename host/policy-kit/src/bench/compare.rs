//! The comparison of a measurement with a saved one. Only fuel and memory count: times depend on the machine.

use serde::Serialize;

use super::{Bench, Row};

/// How a policy's cost has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// How many rows both have.
    pub rows: usize,
    /// What has grown by more than the threshold, in order of the rows.
    pub grown: Vec<Grown>,
}

/// One cost that has grown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grown {
    /// The question: `select`, `map-modes` or `check`.
    pub call: String,
    /// How many volumes it is about.
    pub volumes: u64,
    /// What has grown: `fuel` or `memory`.
    pub what: &'static str,
    /// The value before.
    pub was: u64,
    /// The value now.
    pub is: u64,
}

/// Compares the rows that both have; what has grown by more than `percent` is named.
pub fn compare(base: &Bench, now: &Bench, percent: f64) -> Compared {
    let mut compared = Compared { rows: 0, grown: Vec::new() };
    for row in &now.rows {
        let same = |other: &&Row| (&other.call, other.volumes) == (&row.call, row.volumes);
        let Some(was) = base.rows.iter().find(same) else { continue };
        compared.rows += 1;
        for (what, was, is) in [("fuel", was.fuel, row.fuel), ("memory", was.memory, row.memory)] {
            if is as f64 > was as f64 * (1.0 + percent / 100.0) {
                compared.grown.push(Grown { call: row.call.clone(), volumes: row.volumes, what, was, is });
            }
        }
    }
    compared
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::policy::PolicyRef;
    use serde_json::Value;

    use super::super::Wall;
    use super::*;

    fn bench(rows: &[(&str, u64, u64, u64)]) -> Bench {
        let wall = Wall { p50: 1, p95: 1, p99: 1, count: 1 };
        let row = |(call, volumes, fuel, memory): &(&str, u64, u64, u64)| Row {
            call: (*call).to_owned(),
            volumes: *volumes,
            fuel: *fuel,
            fuel_per_volume: fuel / volumes,
            memory: *memory,
            wall,
        };
        Bench {
            policy: PolicyRef { name: "p".to_owned(), version: "1".to_owned(), digest: String::new() },
            settings: Value::Null,
            compile_millis: None,
            instantiate: wall,
            rows: rows.iter().map(row).collect(),
            growth: Vec::new(),
            headroom: Vec::new(),
            native: Vec::new(),
        }
    }

    #[test]
    fn only_what_grows_beyond_the_threshold_is_named() {
        let base = bench(&[("select", 100, 1_000, 64), ("check", 100, 1_000, 64)]);
        let grown = |now: &[(&str, u64, u64, u64)], percent| {
            let compared = compare(&base, &bench(now), percent);
            let plain: Vec<_> =
                compared.grown.iter().map(|one| (one.call.clone(), one.what, one.was, one.is)).collect();
            (compared.rows, plain)
        };
        assert_eq!(grown(&[("select", 100, 1_020, 64), ("check", 100, 900, 64)], 2.0), (2, vec![]));
        assert_eq!(grown(&[("select", 100, 1_021, 64)], 2.0), (1, vec![("select".to_owned(), "fuel", 1_000, 1_021)]));
        assert_eq!(grown(&[("check", 100, 1_000, 128)], 2.0), (1, vec![("check".to_owned(), "memory", 64, 128)]));
        assert_eq!(grown(&[("select", 100, 1_001, 64)], 0.0).1.len(), 1);
        assert_eq!(grown(&[("select", 1_000, 9_999_999, 64), ("map-modes", 100, 9, 9)], 2.0), (0, vec![]));
    }
}
