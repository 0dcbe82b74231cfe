//! The scenarios that the kill, chaos and two-driver tests all go through.

use pvmigrate_core::record::{Disposal, OnFailure};
use pvmigrate_tests::Scenario;

/// All scenarios. Each also has a test of its own in `outcome` that says what it must come to.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        ONE_CLAIM,
        WARM,
        KEEP,
        RECLAIM,
        STATEFUL_SET,
        SHARED,
        IDLE,
        LEFT_BY_REFERENCE,
        SWAPPED_BY_REFERENCE,
        FAILS_ONCE,
        ROLLS_BACK,
    ]
}

pub(crate) const ONE_CLAIM: Scenario = Scenario::new("one-claim");
pub(crate) const WARM: Scenario = Scenario { ask: |options| options.warm = true, ..ONE_CLAIM };
pub(crate) const KEEP: Scenario = Scenario { ask: |options| options.disposal = Disposal::Keep, ..ONE_CLAIM };
pub(crate) const RECLAIM: Scenario = Scenario { ask: |options| options.disposal = Disposal::Reclaim, ..ONE_CLAIM };
pub(crate) const STATEFUL_SET: Scenario = Scenario::new("stateful-set");
pub(crate) const SHARED: Scenario = Scenario::new("shared");
pub(crate) const IDLE: Scenario = Scenario { ask: |options| options.set_defaults = true, ..Scenario::new("idle") };
pub(crate) const LEFT_BY_REFERENCE: Scenario = Scenario::new("left-by-reference");
pub(crate) const SWAPPED_BY_REFERENCE: Scenario = Scenario::new("swapped-by-reference");
pub(crate) const FAILS_ONCE: Scenario = Scenario { failing_copies: 1, ..ONE_CLAIM };
pub(crate) const ROLLS_BACK: Scenario = Scenario { failing_copies: u32::MAX, ..Scenario::new("shared") };
pub(crate) const HOLDS: Scenario =
    Scenario { ask: |options| options.on_failure = OnFailure::Hold, failing_copies: u32::MAX, ..ONE_CLAIM };
