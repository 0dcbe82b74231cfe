//! What a policy may use up, and the meter that enforces it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

/// The budgets of one policy. The defaults are meant to be kept: they are far above what honest policies need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Largest component file, in bytes.
    pub component_bytes: usize,
    /// All linear memory of one call together, in bytes.
    pub memory_bytes: usize,
    /// Fuel of one call, whatever it asks about.
    pub fuel_base: u64,
    /// Further fuel of one call for each volume it asks about.
    pub fuel_per_volume: u64,
    /// Fuel of the one call that asks a policy who it is.
    pub describe_fuel: u64,
    /// Wall time of one call.
    pub wall: Duration,
    /// All that one call may log, in bytes.
    pub log_bytes: usize,
    /// Where one logged line is cut, in bytes.
    pub log_line_bytes: usize,
    /// Maximum number of findings in one answer.
    pub findings: usize,
    /// Maximum length of a string in an answer, in bytes.
    pub string_bytes: usize,
    /// Maximum number of look-ups in one call.
    pub lookups: usize,
    /// All that the look-ups of one call may return, in bytes.
    pub lookup_bytes: usize,
    /// Maximum number of volumes in one call to a policy that looks at them one by one; more are asked about in several
    /// calls, side by side. The answers do not depend on it.
    pub batch_volumes: usize,
    /// Maximum size of all data in one answer, in bytes, checked before its content.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes: 32 << 20,
            memory_bytes: 256 << 20,
            fuel_base: 200_000_000,
            fuel_per_volume: 2_000_000,
            describe_fuel: 10_000_000,
            wall: Duration::from_secs(10),
            log_bytes: 64 << 10,
            log_line_bytes: 1 << 10,
            findings: 10_000,
            string_bytes: 4 << 10,
            lookups: 10_000,
            lookup_bytes: 64 << 20,
            batch_volumes: 2_000,
            // 10,000 findings of a few hundred bytes, or 50,000 ballots, with room to spare.
            answer_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// Returns the fuel of one call about this many volumes.
    pub fn fuel(&self, volumes: usize) -> u64 {
        let volumes = u64::try_from(volumes).unwrap_or(u64::MAX);
        self.fuel_base.saturating_add(self.fuel_per_volume.saturating_mul(volumes))
    }
}

/// More tables, instances or elements of all tables together than the largest language runtimes need.
const TABLE_ELEMENTS: usize = 1_000_000;
const INSTANCES: usize = 100;
const TABLES: usize = 100;
const MEMORIES: usize = 16;

/// A meter of one call's memory, which ends the call when it wants too much.
///
/// A guest that is refused memory would mostly panic with an unhelpful message, so the call ends at once.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    limit: usize,
    used: usize,
    /// What was granted last.
    granted: usize,
    /// Elements of all tables together: they are the host's memory, which `limit` does not measure.
    table_elements: usize,
    /// What the guest wanted when it was refused.
    pub(crate) refused: Option<usize>,
}

impl MemoryMeter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, granted: 0, table_elements: 0, refused: None }
    }

    /// Returns the bytes in use. Linear memory never shrinks, so at the end of a call that is also its peak.
    pub(crate) fn used(&self) -> u64 {
        self.used as u64
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            self.refused = Some(total);
            wasmtime::bail!("memory limit reached");
        }
        self.granted = total - self.used;
        self.used = total;
        Ok(true)
    }

    /// Takes a grant back: the memory could not grow after all, such as beyond the maximum that the guest itself gives it.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used -= std::mem::take(&mut self.granted);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        let is_allowed = total <= TABLE_ELEMENTS;
        if is_allowed {
            self.table_elements = total;
        }
        Ok(is_allowed)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
