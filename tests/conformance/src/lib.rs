//! What a migration relies on in the Kubernetes API: one list of behaviours, each a function over a client.
//!
//! The embedded cluster and a real API server go through the same list ([`each_behaviour`]). Where they differ, the
//! embedded cluster is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a behaviour fails by panicking")]
#![allow(missing_docs, reason = "each behaviour's name says what it holds")]

pub mod binding;
pub mod deleting;
pub mod limits;
pub mod pods;
pub mod provisioning;
pub mod reading;
pub mod reviewing;
pub mod stage;
pub mod watching;
pub mod workloads;
pub mod writing;

pub use stage::Stage;

/// Hands the list of all behaviours to a macro, as `module::function`, one after the other.
#[macro_export]
macro_rules! each_behaviour {
    ($run:ident) => {
        $run! {
            deleting::a_stale_resource_version_is_refused,
            deleting::another_uid_is_refused,
            deleting::a_finalizer_holds_and_no_new_one_is_taken,
            deleting::a_used_claim_stays_until_its_pod_is_gone,
            deleting::a_finished_pod_still_holds_its_claim,
            deleting::an_owner_takes_its_dependents_along,
            deleting::an_orphan_stays,
            deleting::an_object_whose_only_owner_is_absent_is_deleted,
            deleting::a_collection_goes_by_label,
            deleting::preconditions_hold_for_each_kind,
            deleting::a_finalizer_holds_a_succeeded_pod,
            deleting::a_namespace_that_is_being_deleted_takes_nothing_new,
            binding::a_reserved_volume_is_available_for_one_claim_only,
            binding::a_cleared_reference_is_dangerous,
            binding::a_foreign_claim_that_names_the_volume_stays_pending,
            binding::a_claim_holds_its_name_until_its_volume_is_re_pointed,
            binding::a_waiting_claim_takes_its_reserved_volume_at_once,
            binding::a_volume_too_small_is_refused,
            binding::a_claim_without_its_volume_is_lost,
            binding::a_retained_volume_is_released_and_a_late_delete_policy_reclaims_it,
            binding::a_bound_volume_cannot_go,
            provisioning::a_claim_waits_for_its_first_consumer,
            provisioning::a_failure_is_told_in_an_event,
            provisioning::a_node_bound_volume_keeps_its_pods_on_its_node,
            provisioning::a_missing_class_is_told_in_an_event,
            provisioning::the_default_class_is_filled_in,
            provisioning::a_class_by_name_is_admitted_as_it_is,
            provisioning::a_default_class_that_comes_later_is_filled_in_too,
            limits::a_quota_counts_claims_and_their_sizes,
            limits::a_quota_is_told_in_an_event_of_the_workload,
            limits::a_quota_of_memory_wants_it_named,
            limits::a_limit_range_bounds_claims,
            limits::a_limit_range_fills_in_and_bounds_containers,
            limits::a_restricted_namespace_refuses_pods_in_known_words,
            pods::a_terminating_claim_is_not_scheduled_but_a_named_node_starts,
            pods::a_missing_claim_keeps_a_pod_pending,
            pods::a_volume_of_one_node_is_not_mounted_on_two,
            pods::a_volume_of_one_pod_is_not_mounted_by_two,
            pods::a_pod_with_a_finalizer_stops_and_stays,
            workloads::a_deployment_scales_through_its_subresource,
            workloads::replicas_that_share_a_claim_share_its_node,
            workloads::a_stateful_set_makes_its_claims_in_order,
            workloads::scaling_down_deletes_claims_only_when_asked,
            workloads::a_stateful_set_waits_for_a_terminating_claim,
            workloads::an_orphaned_stateful_set_leaves_its_pods_to_the_next,
            workloads::a_retention_policy_that_changes_changes_the_owners_of_the_claims,
            workloads::a_stateful_set_makes_a_missing_claim_again,
            writing::a_stale_write_is_refused,
            writing::a_patch_with_uid_and_version_is_conditional,
            writing::a_json_patch_tests_first,
            writing::an_apply_creates_and_merges,
            writing::status_and_spec_are_written_apart,
            writing::a_write_of_nothing_changes_no_version,
            writing::immutable_fields_are_refused,
            writing::each_patch_type_has_its_own_rules,
            writing::classes_and_pods_keep_what_they_are,
            writing::bad_names_are_refused_in_known_words,
            writing::a_generated_name_is_new_each_time,
            writing::a_dry_run_writes_nothing,
            writing::an_unknown_namespace_is_named,
            reading::pages_show_one_moment,
            reading::selectors_pick,
            reading::metadata_can_be_had_alone,
            reading::discovery_lists_the_kinds,
            reading::an_expired_page_can_be_gone_on_from,
            reading::a_wrong_page_token_is_refused,
            reviewing::an_account_asks_what_it_may_do,
            reviewing::a_review_of_nothing_is_refused,
            reviewing::a_review_is_kept_nowhere,
            reviewing::an_account_asks_who_it_is,
            watching::a_watch_goes_on_from_a_version,
            watching::an_object_that_leaves_the_selection_is_deleted_for_the_watch,
            watching::a_reflector_follows,
            watching::a_streaming_list_ends_with_a_bookmark,
            watching::a_quiet_watch_gets_bookmarks,
            watching::a_compacted_version_answers_410,
        }
    };
}
