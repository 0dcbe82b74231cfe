//! StatefulSets: their controller makes claims that are missing, and people scale them up again or recreate them.

use pvmigrate_core::record::WorkloadKind;

use crate::setting::Setting;
use crate::world::Budget;
use crate::{holds, holds_and_ends};

fn set(budget: Budget) -> Setting {
    Setting {
        kind: WorkloadKind::StatefulSet,
        in_order: true,
        swift: true,
        budget: Budget { writes: 1, ..budget },
        ..Setting::one_claim()
    }
}

#[test]
fn a_client_that_scales_up_again_and_a_claim_made_in_the_moment_between() {
    let setting = set(Budget { scale_ups: 2, made_claims: 1, ..Budget::default() });
    holds_and_ends(&Setting { in_order: false, swift: false, ..setting }, 44_114);
}

#[test]
fn the_same_and_an_abort() {
    holds_and_ends(&set(Budget { scale_ups: 2, made_claims: 1, aborts: 1, ..Budget::default() }), 30_651);
}

#[test]
fn the_same_with_two_processes() {
    let setting = set(Budget { scale_ups: 1, made_claims: 1, ..Budget::default() });
    holds(&Setting { processes: 2, ..setting }, 82_020);
}

#[test]
fn the_same_with_two_processes_and_an_abort() {
    let setting = set(Budget { writes: 0, scale_ups: 1, made_claims: 1, aborts: 1, ..Budget::default() });
    holds(&Setting { processes: 2, ..setting }, 548_412);
}

#[test]
fn the_same_seen_through_caches_that_lag() {
    let setting = set(Budget { scale_ups: 1, made_claims: 1, aborts: 1, ..Budget::default() });
    holds(&Setting { caches: true, ..setting }, 160_758);
}

#[test]
fn a_temporary_claim_that_a_person_deletes_while_the_set_is_up() {
    let setting = set(Budget { scale_ups: 1, made_claims: 1, lost_temps: 1, ..Budget::default() });
    holds_and_ends(&setting, 11_525);
}

#[test]
fn a_set_that_owns_its_claims_and_is_recreated() {
    let setting = set(Budget { made_anew: 1, made_claims: 1, aborts: 1, ..Budget::default() });
    holds_and_ends(&Setting { owned: true, ..setting }, 12_488);
}

#[test]
fn pods_that_do_not_become_ready() {
    holds_and_ends(&set(Budget { hung_pods: 1, jumps: 1, aborts: 1, ..Budget::default() }), 14_905);
}
