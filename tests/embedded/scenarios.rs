//! The scenarios that the kill, chaos and two-driver tests all go through.

use pvmigrate_core::record::{Disposal, OnFailure};
use pvmigrate_tests::Scenario;

/// Makes one test a scenario of the check `$check(&Scenario)`. Each scenario also has a test of its own in `outcome` that
/// says what it must come to.
macro_rules! each_scenario {
    ($check:ident: $($name:ident = $scenario:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $check(stringify!($name), &$crate::scenarios::$scenario).await;
            }
        )*
    };
    ($check:ident) => {
        $crate::scenarios::each_scenario! {
            $check:
            one_claim = ONE_CLAIM,
            warm = WARM,
            keep = KEEP,
            reclaim = RECLAIM,
            stateful_set = STATEFUL_SET,
            shared = SHARED,
            idle = IDLE,
            left_by_reference = LEFT_BY_REFERENCE,
            swapped_by_reference = SWAPPED_BY_REFERENCE,
            fails_once = FAILS_ONCE,
            rolls_back = ROLLS_BACK,
        }
    };
}
pub(crate) use each_scenario;

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
/// Three copies fail, which is as many as are allowed; the fourth would not.
pub(crate) const HOLDS: Scenario =
    Scenario { ask: |options| options.on_failure = OnFailure::Hold, failing_copies: 3, ..ONE_CLAIM };
