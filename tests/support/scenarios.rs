//! The scenarios that the outcome, kill, chaos and two-driver checks go through.

use pvmigrate_core::record::{Disposal, OnFailure};

use pvmigrate_rehearsal::Settings;

use crate::Scenario;

/// One Deployment with one claim; both classes bind at once.
pub const ONE_CLAIM: Scenario = Scenario::new("one-claim");
/// Warm passes are made, as they are where nothing else is asked; the other scenarios are about what comes after.
pub const WARM: Scenario = Scenario { ask: |options| options.warm_passes = 3, ..ONE_CLAIM };
/// The source volume stays.
pub const KEEP: Scenario = Scenario { ask: |options| options.disposal = Disposal::Keep, ..ONE_CLAIM };
/// The source volume is given back to its provisioner.
pub const RECLAIM: Scenario = Scenario { ask: |options| options.disposal = Disposal::Reclaim, ..ONE_CLAIM };
/// A StatefulSet that deletes its claims when it is scaled down. No class is the default one: scenarios with one wait for each
/// other on a real cluster.
pub const STATEFUL_SET: Scenario = Scenario::new("stateful-set");
/// Workloads that share a claim.
pub const SHARED: Scenario = Scenario::new("shared");
/// No pod uses the claims; the default class moves.
pub const IDLE: Scenario = Scenario { ask: |options| options.set_defaults = true, ..Scenario::new("idle") };
/// What the reference tool leaves before its swap.
pub const LEFT_BY_REFERENCE: Scenario = Scenario::new("left-by-reference");
/// What the reference tool leaves within its swap.
pub const SWAPPED_BY_REFERENCE: Scenario = Scenario::new("swapped-by-reference");
/// What the reference tool is killed on, see [`crate::reference`].
pub const HALFWAY: Scenario = Scenario::new("halfway");
/// One copy fails.
pub const FAILS_ONCE: Scenario = Scenario { failing_copies: 1, ..ONE_CLAIM };
/// All copies fail, and the groups go back.
pub const ROLLS_BACK: Scenario = Scenario { failing_copies: u32::MAX, ..Scenario::new("shared") };
/// Somebody scales the StatefulSet back up all the time, and each copy takes a while.
pub const UNDONE_SET: Scenario = Scenario { set: slowly, undone: true, ..STATEFUL_SET };
/// The same with a Deployment.
pub const UNDONE: Scenario = Scenario { set: slowly, undone: true, ..ONE_CLAIM };
/// The same StatefulSet, when all copies fail.
pub const UNDONE_BACK: Scenario = Scenario { failing_copies: u32::MAX, ..UNDONE_SET };
/// Three copies fail, which is as many as are allowed; the fourth would not.
pub const HOLDS: Scenario =
    Scenario { ask: |options| options.on_failure = OnFailure::Hold, failing_copies: 3, ..ONE_CLAIM };

fn slowly(settings: &mut Settings) {
    settings.rsync_bandwidth = Some(8 * 1024);
}

/// Hands each scenario that a check goes through to a macro, as pairs of a test's name and a scenario. Each also has a
/// test of its own in [`crate::checks::outcome`] that says what its outcome must be.
#[macro_export]
macro_rules! each_scenario {
    ($run:ident!($($more:tt)*)) => {
        $run! {
            $($more)*
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
            undone_set = UNDONE_SET,
            undone = UNDONE,
            undone_back = UNDONE_BACK,
        }
    };
}
