//! The tables, as they go into the README.

use std::fmt::Write as _;

use crate::compare::{series, typical};
use crate::measure::Measured;
use crate::options::LOCAL;

/// What the reference tool took with local-path volumes on a machine of two cores, by number of claims: wall time and downtime in seconds, requests.
const REFERENCE: [(u32, f64, f64, usize); 3] = [(1, 25.7, 16.5, 72), (5, 114.0, 66.0, 310), (20, 437.0, 241.0, 1188)];

/// Returns the main table of one pool's runs, of several of a size the one with the median downtime, and the requests of its
/// last row by verb and resource.
pub(crate) fn main(machine: &str, rows: &[Measured]) -> String {
    let rows: Vec<&Measured> = series(rows).filter_map(typical).collect();
    let Some(last) = rows.last() else { return String::new() };
    let is_beside = last.pool == LOCAL;
    let note = "; in brackets the reference tool and how many times as much it takes";
    let mut text = format!(
        "One StatefulSet, 4 MiB a claim, from one {} class to another, with preflight{}.\n\
         Measured by `tests/cluster/bench` on {machine}.\n\n\
         | claims | wall time | downtime of the workload | API requests | a claim | files compared, differences |\n\
         |---:|---:|---:|---:|---:|---:|\n",
        last.pool.name,
        if is_beside { note } else { "" },
    );
    for row in &rows {
        let reference = REFERENCE.iter().find(|(claims, ..)| is_beside && *claims == row.claims);
        let (wall, down) = (row.wall.as_secs_f64(), row.down.as_secs_f64());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {wall:.1} s{} | {down:.1} s{} | {}{} | {:.1} | {}, {} |",
            row.claims,
            beside(reference.map(|(_, reference, ..)| (*reference, wall)), " s"),
            beside(reference.map(|(_, _, reference, _)| (*reference, down)), " s"),
            row.requests,
            beside(reference.map(|(.., reference)| (*reference as f64, row.requests as f64)), ""),
            row.requests as f64 / f64::from(row.claims),
            row.compared.0,
            row.differences.len(),
        );
    }
    let calls: Vec<String> = last.calls.iter().map(|(call, count)| format!("{count} {call}")).collect();
    let _ = writeln!(text, "\nThe {} requests for {} claims: {}.", last.requests, last.claims, calls.join(", "));
    text
}

fn beside(figures: Option<(f64, f64)>, unit: &str) -> String {
    figures.map_or_else(String::new, |(reference, ours)| format!(" ({reference}{unit}, {:.1}×)", reference / ours))
}

/// Describes how requests grow with the length of a copy.
pub(crate) fn slow(quick: &Measured, slow: &Measured, rate: u32) -> String {
    let (asked, length) = slow.while_copying;
    format!(
        "With rsync held to {rate} KiB/s the copy of one claim takes {:.1} s; {asked} of the run's {} requests come while it \
         runs, and the run with a quick copy makes {} in all: waiting costs none.\n",
        length.as_secs_f64(),
        slow.requests,
        quick.requests,
    )
}
