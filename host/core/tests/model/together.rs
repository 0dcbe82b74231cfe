//! One claim, two processes without any lease: each may do late what it decided early, or die.

use crate::setting::Setting;
use crate::world::Budget;
use crate::{holds, holds_and_ends};

fn any_order() -> Setting {
    Setting { processes: 2, ..Setting::one_claim() }
}

fn with(budget: Budget) -> Setting {
    Setting { in_order: true, swift: true, budget: Budget { writes: 1, ..budget }, ..any_order() }
}

#[test]
fn nobody_around() {
    holds_and_ends(&any_order(), 56_984);
}

#[test]
fn an_abort() {
    holds_and_ends(&with(Budget { aborts: 1, ..Budget::default() }), 54_154);
}

#[test]
fn a_person_who_scales_up_and_an_abort() {
    holds(&with(Budget { scale_ups: 1, aborts: 1, ..Budget::default() }), 250_446);
}

#[test]
fn a_pod_that_a_person_creates() {
    holds(&with(Budget { bare_pods: 1, ..Budget::default() }), 22_683);
}

#[test]
fn copies_that_fail_and_an_abort() {
    holds(&Setting { attempts: 2, ..with(Budget { failures: 2, aborts: 1, ..Budget::default() }) }, 164_061);
}

#[test]
fn a_copy_that_fails_and_deadlines_that_pass() {
    holds(&with(Budget { failures: 1, jumps: 1, ..Budget::default() }), 318_564);
}

#[test]
fn a_claim_that_a_person_creates() {
    holds(&with(Budget { foreign_claims: 1, ..Budget::default() }), 22_647);
}

#[test]
fn a_temporary_claim_that_a_person_deletes() {
    holds(&with(Budget { lost_temps: 1, ..Budget::default() }), 80_869);
}

#[test]
fn a_warm_copy_to_a_class_that_binds_late() {
    holds_and_ends(&Setting { warm: true, binds_late: true, ..with(Budget::default()) }, 27_944);
}
