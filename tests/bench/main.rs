//! Measures migrations on a real cluster, for `tests/cluster/bench`: wall time, downtime beside that of a plain restart,
//! requests, and whether all bytes came over. Prints the tables of the README, and where the downtime stood still.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its result")]

mod compare;
mod gaps;
mod machine;
mod measure;
mod options;
mod restart;
mod table;

use anyhow::{Context as _, Result, ensure};
use pvmigrate_tests::real::Real;

use crate::measure::Measured;
use crate::options::{LOCAL, Options};

/// KiB a second of the slow copy, of [`SLOW_MIB`].
const SLOW_RATE: u32 = 150;
const SLOW_MIB: u32 = 4;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    ensure!(
        std::env::var("PVMIGRATE_CLUSTER").as_deref() == Ok("nodes"),
        "there is no cluster with nodes here; run tests/cluster/bench"
    );
    let real = Real::connect().await?;
    let machine = machine::describe(&real).await?;
    let mut rows = Vec::new();
    for pool in &options.pools {
        for claims in &options.claims {
            for run in 1..=options.runs {
                eprintln!("{}, {claims} claims, run {run} of {} ...", pool.name, options.runs);
                let measured = measure::run(&real, *pool, *claims, 4, &[]).await?;
                eprintln!("{measured}");
                rows.push(measured);
            }
        }
    }
    for rows in rows.chunk_by(|one, other| one.pool == other.pool) {
        println!("{}", table::main(&machine, rows));
    }
    println!("{}", compare::with_restarts(&rows));
    println!("{}", compare::gaps(&rows));
    if options.slowly {
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
    let slow = measure::run(real, LOCAL, 1, SLOW_MIB, &["--rsync-flags", &format!("--bwlimit={SLOW_RATE}")]).await?;
    eprintln!("{slow}");
    Ok(slow)
}
