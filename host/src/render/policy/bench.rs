//! What `policy bench` shows.

use std::fmt::Write as _;

use pvmigrate_policy_kit::bench::{Bench, Compared, End, Headroom, Wall};
use serde::Serialize;

use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::table::Table;
use crate::render::units::bytes;
use crate::render::{Screen, clean};

/// A measurement for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    #[serde(flatten)]
    bench: &'a Bench,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<&'a Compared>,
}

/// Returns a measurement for scripts.
pub fn json<'a>(bench: &'a Bench, compared: Option<&'a Compared>, exit: Exit) -> BenchJson<'a> {
    BenchJson { schema_version: SCHEMA_VERSION, exit: exit.into(), bench, compared }
}

/// Returns a measurement for people; `percent` is by how much costs may grow.
pub fn text(bench: &Bench, compared: Option<&Compared>, percent: f64, screen: &Screen) -> String {
    let title = clean(&format!("{} {}", bench.policy.name, bench.policy.version));
    let mut text = format!("{}\n", screen.paint.title(&title));
    if let Some(millis) = bench.compile_millis {
        let _ = writeln!(text, "  compile      {millis:.0} ms, without the cache");
    }
    let _ = writeln!(text, "  instantiate  {}\n", times(&bench.instantiate));
    let header = ["DECISION", "VOLUMES", "FUEL PER VOLUME", "MEMORY", "P50", "P95", "P99"];
    let mut table = Table::new(&header, &[1, 2, 3, 4, 5, 6]);
    for row in &bench.rows {
        let (fuel, memory) = (row.fuel_per_volume.to_string(), bytes(row.memory));
        let [p50, p95, p99] = [row.wall.p50, row.wall.p95, row.wall.p99].map(micros);
        table.row(&[row.call.clone(), row.volumes.to_string(), fuel, memory, p50, p95, p99]);
    }
    text.push_str(&table.text(screen.width));
    text.push('\n');
    for native in &bench.native {
        let _ = writeln!(
            text,
            "native       {} volumes: {} for all decisions, {} without the sandbox: x{:.1}",
            native.volumes,
            micros(native.sandboxed_micros),
            micros(native.native_micros),
            native.ratio
        );
    }
    for growth in &bench.growth {
        let factors = format!("x{:.1} fuel for x{:.1} volumes", growth.fuel_factor, growth.volumes_factor);
        let words = match &growth.suspected {
            Some(power) => screen.paint.bad(&clean(&format!("suspected O({power}): {factors}"))),
            None => format!("linear: {factors}"),
        };
        let _ = writeln!(text, "growth       {}: {words}", clean(&growth.call));
    }
    for headroom in &bench.headroom {
        let _ = writeln!(text, "limits       {}", left(headroom, screen));
    }
    if let Some(compared) = compared {
        text.push_str(&held(compared, percent, screen));
    }
    text
}

/// Says what a decision leaves of its limits, and where one of them ends it.
pub(super) fn left(headroom: &Headroom, screen: &Screen) -> String {
    let used = format!("{}: {} % of the fuel", clean(&headroom.call), headroom.fuel_percent);
    match &headroom.ends {
        Some(End { volumes, limit }) => {
            screen.paint.bad(&clean(&format!("{used}; would run out of {limit} at about {volumes} claims")))
        }
        None => format!("{used}, at any number of claims"),
    }
}

fn held(compared: &Compared, percent: f64, screen: &Screen) -> String {
    let mut text = String::new();
    for grown in &compared.grown {
        let more = (grown.is as f64 / grown.was.max(1) as f64 - 1.0) * 100.0;
        let _ = writeln!(
            text,
            "{}        {} of {} volumes: {} was {}, is {} (+{more:.1} %)",
            screen.paint.bad("grown"),
            clean(&grown.call),
            grown.volumes,
            grown.what,
            grown.was,
            grown.is
        );
    }
    if compared.grown.is_empty() {
        let _ = writeln!(text, "compared     {} rows, none grew by more than {percent} %", compared.rows);
    }
    text
}

fn times(wall: &Wall) -> String {
    format!("{} (p95 {}, p99 {})", micros(wall.p50), micros(wall.p95), micros(wall.p99))
}

/// Writes microseconds in three digits or so: `42 us`, `1.9 ms`, `2.5 s`.
fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1_000.0),
        _ => format!("{:.2} s", micros as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::policy::PolicyRef;
    use pvmigrate_policy_kit::bench::{Grown, Growth, Native, Row};
    use serde_json::Value;

    use super::*;
    use crate::render::samples;

    fn bench() -> Bench {
        let wall = |p50| Wall { p50, p95: p50 * 2, p99: p50 * 3, count: 50 };
        let row = |call: &str, volumes: u64, fuel: u64| Row {
            call: call.to_owned(),
            volumes,
            fuel,
            fuel_per_volume: fuel / volumes,
            memory: 1_179_648,
            wall: wall(volumes * 7),
        };
        let ends = End { volumes: 12_345, limit: "fuel".to_owned() };
        let suspected = Some("n^2".to_owned());
        Bench {
            policy: PolicyRef { name: "k\u{1b}[2Jeep".to_owned(), version: "1.0".to_owned(), digest: String::new() },
            settings: Value::Null,
            compile_millis: Some(18.2),
            instantiate: wall(41),
            rows: vec![row("select", 100, 400_000), row("select", 1_000, 39_200_000)],
            growth: vec![Growth { call: "select".to_owned(), volumes_factor: 10.0, fuel_factor: 98.0, suspected }],
            headroom: vec![
                Headroom { call: "check".to_owned(), fuel_percent: 3, ends: None },
                Headroom { call: "select".to_owned(), fuel_percent: 99, ends: Some(ends) },
            ],
            native: vec![Native { volumes: 1_000, sandboxed_micros: 2_800, native_micros: 180, ratio: 15.555 }],
        }
    }

    #[test]
    fn for_people() {
        let grown = Grown { call: "select".to_owned(), volumes: 100, what: "fuel", was: 380_000, is: 400_000 };
        let compared = Compared { rows: 2, grown: vec![grown] };
        let fine = Compared { rows: 2, grown: Vec::new() };
        let screen = samples::screen(None);
        let shown = text(&bench(), Some(&compared), 2.0, &screen);
        assert!(text(&bench(), Some(&fine), 2.0, &screen).ends_with("2 rows, none grew by more than 2 %\n"));
        assert_eq!(
            serde_json::to_value(json(&bench(), Some(&compared), Exit::Finding)).ok().and_then(|json| {
                Some((json["exit"]["code"].as_u64()?, json["compared"]["grown"][0]["is"].as_u64()?))
            }),
            Some((1, 400_000))
        );
        insta::assert_snapshot!(shown);
    }
}
