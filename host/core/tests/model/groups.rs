//! Groups: what stops together, moves together and goes back together.

use crate::setting::Setting;
use crate::world::Budget;
use crate::{holds, holds_and_ends};

fn group(workloads: &[&[&'static str]], budget: Budget) -> Setting {
    Setting {
        workloads: workloads.iter().map(|claims| claims.to_vec()).collect(),
        in_order: true,
        swift: true,
        budget: Budget { writes: 1, ..budget },
        ..Setting::one_claim()
    }
}

const TWO_CLAIMS: &[&[&str]] = &[&["a", "b"]];
const TWO_WORKLOADS: &[&[&str]] = &[&["a"], &["a"]];

#[test]
fn two_claims_of_one_workload_with_steps_in_any_order() {
    let setting = group(TWO_CLAIMS, Budget::default());
    holds_and_ends(&Setting { in_order: false, swift: false, ..setting }, 41_572);
}

#[test]
fn two_claims_of_one_workload_and_an_abort() {
    holds(&group(TWO_CLAIMS, Budget { aborts: 1, ..Budget::default() }), 47_689);
}

#[test]
fn two_claims_of_one_workload_and_a_copy_that_fails() {
    holds_and_ends(&group(TWO_CLAIMS, Budget { failures: 1, ..Budget::default() }), 22_729);
}

#[test]
fn two_claims_of_one_workload_and_people_who_scale_up_and_create_pods() {
    holds(&group(TWO_CLAIMS, Budget { scale_ups: 1, bare_pods: 1, ..Budget::default() }), 22_662);
}

#[test]
fn one_claim_of_two_workloads_a_person_who_scales_up_and_an_abort() {
    holds_and_ends(&group(TWO_WORKLOADS, Budget { scale_ups: 1, aborts: 1, ..Budget::default() }), 30_517);
}

#[test]
fn one_claim_of_two_workloads_and_two_processes() {
    holds(&Setting { processes: 2, ..group(TWO_WORKLOADS, Budget::default()) }, 68_935);
}

#[test]
fn two_claims_one_of_them_of_two_workloads() {
    holds_and_ends(&group(&[&["a", "b"], &["b"]], Budget::default()), 4_576);
}

#[test]
fn two_claims_with_warm_passes_of_which_one_fails() {
    let setting = group(TWO_CLAIMS, Budget { failures: 1, ..Budget::default() });
    holds_and_ends(&Setting { warm: true, attempts: 2, ..setting }, 8_094);
}

#[test]
fn two_claims_of_one_workload_and_two_processes() {
    holds(&Setting { processes: 2, ..group(TWO_CLAIMS, Budget { writes: 0, ..Budget::default() }) }, 213_046);
}
