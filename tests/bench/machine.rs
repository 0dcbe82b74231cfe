//! A description of the machine on which the measurements were made.

use std::fs;

use anyhow::{Context as _, Result};
use pvmigrate_tests::real::Real;

/// Describes cores, memory, kernel and Kubernetes in one line.
///
/// # Errors
/// When the system does not provide these.
pub(crate) async fn describe(real: &Real) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: u64 = memory.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let version = real.read("/version").await?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    Ok(format!(
        "{cores} cores, {:.0} GiB of memory, Linux {}, Kubernetes {}, {build} build of pvmigrate {}",
        kib as f64 / f64::from(1 << 20),
        kernel.trim(),
        version["gitVersion"].as_str().unwrap_or("?"),
        env!("CARGO_PKG_VERSION"),
    ))
}

/// Returns how many processes ran or wanted to, on average over the last minute.
///
/// # Errors
/// When the system does not provide it.
pub(crate) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
    first.with_context(|| format!("unreadable load average {text:?}"))
}
