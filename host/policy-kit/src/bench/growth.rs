//! Whether a policy's cost for each volume grows with their number.

use serde::{Deserialize, Serialize};

use super::Row;

/// Up to this exponent growth counts as linear: sorting, and room that grows by doubling, are within it.
pub(super) const LINEAR: f64 = 1.25;

/// How the fuel of one decision grew between two numbers of volumes: the pair where it grew most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// The question: `select`, `map-modes` or `check`.
    pub call: String,
    /// The ratio of the numbers of volumes.
    pub volumes_factor: f64,
    /// The ratio of the fuel.
    pub fuel_factor: f64,
    /// Such as `n^2`, when it is more than linear.
    pub suspected: Option<String>,
}

/// Fits each decision's rows. Decisions that were measured with one number of volumes only have no growth.
pub(super) fn of(rows: &[Row]) -> Vec<Growth> {
    let mut calls: Vec<&str> = rows.iter().map(|row| row.call.as_str()).collect();
    calls.sort_unstable();
    calls.dedup();
    calls.into_iter().filter_map(|call| of_call(call, rows)).collect()
}

fn of_call(call: &str, rows: &[Row]) -> Option<Growth> {
    let mut points: Vec<(u64, u64)> =
        rows.iter().filter(|row| row.call == call).map(|row| (row.volumes, row.fuel)).collect();
    points.sort_unstable();
    points.dedup_by_key(|point| point.0);
    let steps = points.windows(2).filter_map(|pair| match pair {
        [(few, less), (many, more)] if *few > 0 && *less > 0 => {
            Some((*many as f64 / *few as f64, *more as f64 / *less as f64))
        }
        _ => None,
    });
    // A cost that does not depend on volumes makes the exponent too small, never too large.
    let exponent = |(volumes, fuel): &(f64, f64)| fuel.ln() / volumes.ln();
    let worst = steps.max_by(|one, other| exponent(one).total_cmp(&exponent(other)))?;
    let exponent = exponent(&worst);
    let suspected = (exponent > LINEAR).then(|| match exponent.round() {
        whole if (exponent - whole).abs() < 0.2 => format!("n^{whole:.0}"),
        _ => format!("n^{exponent:.1}"),
    });
    Some(Growth { call: call.to_owned(), volumes_factor: worst.0, fuel_factor: worst.1, suspected })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::super::Wall;
    use super::*;

    fn grown(fuel: impl Fn(f64) -> f64) -> Growth {
        let rows: Vec<_> = [10_000_u64, 100, 1_000]
            .into_iter()
            .map(|volumes| Row {
                call: "select".to_owned(),
                volumes,
                fuel: fuel(volumes as f64) as u64,
                fuel_per_volume: 0,
                memory: 0,
                wall: Wall { p50: 0, p95: 0, p99: 0, count: 0 },
            })
            .collect();
        of(&rows).remove(0)
    }

    #[test]
    fn more_than_linear_is_suspected_and_nothing_else() {
        let suspected = |fuel: &dyn Fn(f64) -> f64| grown(fuel).suspected;
        assert_eq!(suspected(&|n| 5_000.0 * n), None);
        assert_eq!(suspected(&|n| 1e6 + 5_000.0 * n), None);
        assert_eq!(suspected(&|n| 700.0 * n * n.log2()), None);
        assert_eq!(suspected(&|n| 30.0 * n * n), Some("n^2".to_owned()));
        assert_eq!(suspected(&|n| 3.0 * n * n * n), Some("n^3".to_owned()));
        assert_eq!(suspected(&|n| 900.0 * n.powf(1.5)), Some("n^1.5".to_owned()));
        let quadratic = grown(|n| 1e5 + 30.0 * n * n);
        assert_eq!((quadratic.volumes_factor.round(), quadratic.suspected.as_deref()), (10.0, Some("n^2")));
    }
}
