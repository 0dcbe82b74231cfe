//! One process that looks through caches: claims, volumes, pods and workloads each as of another moment.
//!
//! A cache may lag behind others' writes without bound; the process lays the answers to its own over it.

use crate::setting::Setting;
use crate::world::Budget;
use crate::{holds, holds_and_ends};

fn any_order() -> Setting {
    Setting { caches: true, ..Setting::one_claim() }
}

fn with(budget: Budget) -> Setting {
    Setting { in_order: true, swift: true, budget: Budget { writes: 1, ..budget }, ..any_order() }
}

#[test]
fn nobody_around() {
    holds_and_ends(&any_order(), 4_565);
}

#[test]
fn people_who_scale_up_create_pods_and_abort() {
    holds(&with(Budget { scale_ups: 1, bare_pods: 1, aborts: 1, ..Budget::default() }), 207_650);
}

#[test]
fn copies_that_fail_deadlines_that_pass_and_an_abort() {
    let setting = with(Budget { failures: 1, jumps: 1, aborts: 1, ..Budget::default() });
    holds(&Setting { attempts: 2, ..setting }, 142_188);
}

#[test]
fn a_warm_copy_and_a_temporary_claim_that_a_person_deletes() {
    holds(&Setting { warm: true, ..with(Budget { lost_temps: 1, ..Budget::default() }) }, 10_547);
}

#[test]
fn two_claims_of_one_workload() {
    holds(&Setting { workloads: vec![vec!["a", "b"]], ..with(Budget::default()) }, 16_859);
}
