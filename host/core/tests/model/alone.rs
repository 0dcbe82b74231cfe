//! One claim, one process that may die at any moment.

use pvmigrate_core::record::Disposal;

use crate::setting::Setting;
use crate::world::Budget;
use crate::{holds, holds_and_ends};

fn with(budget: Budget) -> Setting {
    Setting { budget: Budget { writes: 1, ..budget }, ..Setting::one_claim() }
}

#[test]
fn nobody_around() {
    holds_and_ends(&Setting::one_claim(), 740);
}

#[test]
fn a_source_volume_kept_or_reclaimed() {
    holds_and_ends(&Setting { disposal: Disposal::Keep, ..Setting::one_claim() }, 697);
    holds_and_ends(&Setting { disposal: Disposal::Reclaim, ..Setting::one_claim() }, 792);
}

#[test]
fn a_warm_copy_to_a_class_that_binds_late() {
    let setting = with(Budget { failures: 1, aborts: 1, ..Budget::default() });
    holds_and_ends(&Setting { warm: true, binds_late: true, ..setting }, 14_817);
}

#[test]
fn a_class_that_binds_late_with_a_node_chosen() {
    let setting = with(Budget { full_nodes: 1, aborts: 1, ..Budget::default() });
    holds_and_ends(&Setting { binds_late: true, has_node: true, ..setting }, 8_600);
}

#[test]
fn people_who_scale_up_create_pods_and_abort() {
    holds_and_ends(&with(Budget { scale_ups: 1, bare_pods: 1, aborts: 1, ..Budget::default() }), 51_917);
}

#[test]
fn copies_that_fail_deadlines_that_pass_and_an_abort() {
    let setting = with(Budget { failures: 2, jumps: 1, aborts: 1, ..Budget::default() });
    holds_and_ends(&Setting { attempts: 2, ..setting }, 74_116);
}

#[test]
fn claims_that_people_create_and_delete() {
    holds_and_ends(&with(Budget { foreign_claims: 1, strangers: 1, lost_temps: 1, ..Budget::default() }), 19_184);
    holds(&with(Budget { foreign_claims: 1, aborts: 1, scale_ups: 1, ..Budget::default() }), 39_661);
}

#[test]
fn a_pod_that_never_ends() {
    holds_and_ends(&with(Budget { hung_pods: 1, jumps: 1, ..Budget::default() }), 12_978);
}
