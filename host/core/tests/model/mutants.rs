//! Every rule of the order, broken: the search finds what it leads to.

use pvmigrate_core::record::WorkloadKind;

use crate::checked::{HELD, KEPT, RUN_FIRST, STRAYS, TAKEN, TRUE, UP, WHOLE};
use crate::mutant::Mutant;
use crate::setting::Setting;
use crate::world::Budget;
use crate::{broken, finds, reach};

fn alone(budget: Budget) -> Setting {
    Setting { budget: Budget { writes: 1, ..budget }, ..Setting::one_claim() }
}

fn two(budget: Budget) -> Setting {
    Setting { processes: 2, in_order: true, swift: true, ..alone(budget) }
}

const NOBODY: Budget = Budget {
    writes: 0,
    made_claims: 0,
    made_anew: 0,
    scale_ups: 0,
    bare_pods: 0,
    foreign_claims: 0,
    strangers: 0,
    failures: 0,
    aborts: 0,
    jumps: 0,
    hung_pods: 0,
    lost_temps: 0,
    full_nodes: 0,
};

#[test]
fn a_source_volume_that_is_not_retained_first_goes_with_its_claim() {
    finds(KEPT, Mutant::SourceNotRetained, alone(NOBODY));
}

#[test]
fn a_destination_volume_that_is_not_retained_goes_with_its_temporary_claim() {
    finds(TRUE, Mutant::DestinationNotRetained, alone(NOBODY));
}

#[test]
fn without_a_mark_nothing_says_what_a_workload_at_0_was() {
    finds(TRUE, Mutant::ScaledDownUnmarked, two(Budget { scale_ups: 1, ..NOBODY }));
}

#[test]
fn without_its_version_a_late_stop_leaves_the_workload_down() {
    finds(UP, Mutant::ScaledDownAnyVersion, two(NOBODY));
}

#[test]
fn a_fence_before_the_group_is_quiet_leaves_no_way_when_a_pod_stays() {
    let setting = broken(Mutant::FencedUnquiet, alone(Budget { hung_pods: 1, jumps: 1, ..NOBODY }));
    assert!(reach::explore(&setting).lost > 0);
}

#[test]
fn without_its_version_a_late_fence_takes_the_claim_after_the_turn_back() {
    finds(UP, Mutant::FencedAnyVersion, two(Budget { aborts: 1, ..NOBODY }));
    finds(KEPT, Mutant::FencedAnyVersion, two(Budget { aborts: 1, ..NOBODY }));
}

#[test]
fn without_its_uid_a_late_fence_takes_the_new_claim() {
    finds(KEPT, Mutant::FencedByName, two(NOBODY));
}

#[test]
fn a_copy_without_a_fence_takes_the_volume_from_the_original_claim() {
    finds(HELD, Mutant::NotFenced, alone(NOBODY));
}

#[test]
fn a_copy_beside_a_pod_that_slipped_in_misses_its_writes() {
    finds(WHOLE, Mutant::CopiedBesideUsers, alone(Budget { bare_pods: 1, ..NOBODY }));
}

fn set(budget: Budget) -> Setting {
    Setting { kind: WorkloadKind::StatefulSet, ..alone(budget) }
}

const UNDOING: Budget = Budget { scale_ups: 1, made_claims: 1, ..NOBODY };

#[test]
fn a_name_left_empty_is_free_for_a_controller_while_the_copy_runs() {
    finds(TAKEN, Mutant::NameLeftEmpty, set(UNDOING));
}

#[test]
fn the_volume_of_a_stray_goes_with_it_unless_retained() {
    finds(STRAYS, Mutant::StrayNotRetained, set(UNDOING));
}

#[test]
fn an_earlier_owner_has_the_claim_collected() {
    let setting = Setting { owned: true, ..set(Budget { made_anew: 1, ..NOBODY }) };
    finds(TRUE, Mutant::OldOwners, setting);
}

#[test]
fn a_recreated_set_without_a_mark_takes_a_late_stop() {
    let setting = set(Budget { made_anew: 1, ..NOBODY });
    finds(UP, Mutant::NotMarkedAgain, Setting { processes: 2, in_order: true, swift: true, ..setting });
}

#[test]
fn a_source_volume_disposed_of_at_once_is_gone_before_anything_has_run() {
    finds(RUN_FIRST, Mutant::DisposedUnready, alone(NOBODY));
}

#[test]
fn a_warm_copy_that_counts_misses_later_writes() {
    finds(WHOLE, Mutant::WarmCopyCounts, Setting { warm: true, ..alone(NOBODY) });
}

#[test]
fn a_cleared_claim_ref_lets_a_stranger_take_the_volume() {
    finds(KEPT, Mutant::ClaimRefCleared, alone(Budget { strangers: 1, ..NOBODY }));
}

#[test]
fn pods_deleted_before_the_temporary_claims_let_a_late_twin_tear_the_copy() {
    finds(WHOLE, Mutant::PodsBeforeTemps, two(NOBODY));
}

#[test]
fn a_failed_pod_cleared_away_at_once_lets_a_late_twin_tear_the_next_copy() {
    let setting = two(Budget { failures: 2, ..NOBODY });
    finds(WHOLE, Mutant::TombstonesCleared, Setting { attempts: 2, ..setting });
}

#[test]
fn without_the_unmark_a_workload_that_is_up_keeps_its_mark() {
    finds(TRUE, Mutant::LeftMarked, two(Budget { scale_ups: 1, ..NOBODY }));
}

#[test]
fn a_late_helper_pod_left_alone_holds_the_claim_at_the_fence_for_ever() {
    let setting = broken(Mutant::HelpersStay, Setting { warm: true, ..two(NOBODY) });
    assert!(reach::explore(&setting).lost > 0);
}

#[test]
fn without_the_touch_a_late_fence_takes_the_claim_after_the_turn_back() {
    finds(KEPT, Mutant::NotTouched, two(Budget { aborts: 1, ..NOBODY }));
}

#[test]
fn a_group_settled_before_all_is_bound_ends_without_its_claim() {
    finds(TRUE, Mutant::SettledUnbound, alone(NOBODY));
}
