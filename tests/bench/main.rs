//! Measures a migration on a real cluster, for `tests/cluster/bench`: wall time, downtime, requests, and whether all bytes
//! came over. Prints the tables of the README.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its result")]

mod machine;
mod measure;
mod table;

use anyhow::{Context as _, Result, ensure};
use pvmigrate_tests::real::Real;

use crate::measure::Measured;

/// Claims of one StatefulSet, 4 MiB each.
const CLAIMS: [u32; 3] = [1, 5, 20];

/// KiB a second of the slow copy, of [`SLOW_MIB`].
const SLOW_RATE: u32 = 150;
const SLOW_MIB: u32 = 4;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Result<Vec<u32>> =
        words.iter().map(|word| word.parse().with_context(|| format!("{word} is no number of claims"))).collect();
    let chosen = if words.is_empty() { CLAIMS.to_vec() } else { chosen? };
    ensure!(
        std::env::var("PVMIGRATE_CLUSTER").as_deref() == Ok("nodes"),
        "there is no cluster with nodes here; run tests/cluster/bench"
    );
    let real = Real::connect().await?;
    let machine = machine::describe(&real).await?;
    let mut rows = Vec::new();
    for claims in chosen {
        eprintln!("{claims} claims ...");
        let measured = measure::run(&real, claims, 4, &[]).await?;
        eprintln!("{measured}");
        rows.push(measured);
    }
    println!("{}", table::main(&machine, &rows));
    if words.is_empty() {
        let slow = slow_copy(&real).await?;
        let quick = rows.first().context("nothing was measured")?;
        println!("{}", table::slow(quick, &slow, SLOW_RATE));
    }
    let lost: Vec<&String> = rows.iter().flat_map(|row| &row.differences).collect();
    ensure!(lost.is_empty(), "bytes were lost: {lost:?}");
    Ok(())
}

async fn slow_copy(real: &Real) -> Result<Measured> {
    eprintln!("1 claim, slowly ...");
    let slow = measure::run(real, 1, SLOW_MIB, &["--rsync-flags", &format!("--bwlimit={SLOW_RATE}")]).await?;
    eprintln!("{slow}");
    Ok(slow)
}
