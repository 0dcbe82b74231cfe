//! Rows of the way back.

use super::scene::{Scene, at, claim, pending, stray, succeeded, touched, user, volume};
use crate::observation::{ClaimSeen, RETAIN};
use crate::record::{Evidence, Goal};

/// Turns the group back, a moment ago.
fn just_turned(mut scene: Scene) -> Scene {
    scene.record.goal = Goal::Back("why".to_owned());
    scene
}

#[test]
fn the_original_claim_is_touched_before_anything_else() {
    let scene = just_turned(Scene::begun().quiet());
    assert_eq!(scene.says(), ["Touch data data-uid@7 at 0"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().touched = touched(0));
    assert_eq!(scene.says(), ["Note Touched data"]);
}

#[test]
fn a_late_retain_is_made_to_conflict_first() {
    let scene = just_turned(Scene::begun());
    assert_eq!(scene.says(), ["RetainSource old-data old-data-uid@7"]);
}

#[test]
fn a_late_mark_is_made_to_conflict_first() {
    let mut scene = just_turned(Scene::begun().prepared());
    scene.record.stopped = Some(scene.now);
    assert_eq!(scene.says(), ["MarkWorkload app@7 3"]);
}

#[test]
fn then_temporary_claims_then_pods_go() {
    let scene = Scene::begun().quiet().turned_back().with(|seen| seen.pods = vec![succeeded()]);
    assert_eq!(scene.says(), ["DeleteTemp data-pvcmigrate data-pvcmigrate-uid@7"]);
    let scene = scene.with(|seen| seen.destination = None);
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
}

#[test]
fn the_destination_volume_gets_its_own_policy_back() {
    let scene = Scene::begun().quiet().turned_back().with(|seen| seen.destination = None);
    assert_eq!(scene.says(), ["RestoreReclaim new-data new-data-uid@7 Delete"]);
}

#[test]
fn a_fence_that_went_through_is_seen_through() {
    let scene = Scene::begun().quiet().turned_back().with(|seen| {
        seen.named.as_mut().unwrap().terminating = true;
        (seen.destination, seen.destination_volume) = (None, None);
        seen.users = vec![user(true)];
    });
    assert_eq!(scene.says(), ["wait OriginalGone of claim data"]);
    assert_eq!(scene.app_is(3, Some(3), 3).says(), ["StopWorkload app@7 3"], "or the claim would never go");
}

/// Returns a group turned back behind the fence, with only the source volume left.
fn nothing_left() -> Scene {
    Scene::begun().fenced().turned_back().with(|seen| {
        (seen.source, seen.destination, seen.destination_volume) = (None, None, None);
    })
}

#[test]
fn the_source_volume_is_reserved_for_the_claim() {
    assert_eq!(nothing_left().says(), ["Reserve old-data old-data-uid@7 for the claim"]);
}

#[test]
fn a_volume_that_still_names_the_deleted_original_is_reserved_too() {
    let mut released = volume("old-data", RETAIN, "data", Some("data-uid"));
    released.phase = "Released".to_owned();
    let scene = nothing_left().with(|seen| seen.source_volume = Some(released));
    assert_eq!(scene.says(), ["Reserve old-data old-data-uid@7 for the claim"]);
}

#[test]
fn then_the_claim_that_kept_the_name_makes_room_for_the_original() {
    let scene = nothing_left().with(|seen| seen.source_volume = Some(volume("old-data", RETAIN, "data", None)));
    assert_eq!(scene.says(), ["FreeName data new-uid@7 Pending"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait NameFree of claim data"]);
    let scene = scene.with(|seen| seen.named = None);
    assert_eq!(scene.says(), ["RestoreOriginalClaim data"]);
}

#[test]
fn no_workload_runs_while_the_name_is_about_to_be_free() {
    assert_eq!(
        nothing_left().app_is(3, None, 0).says(),
        ["Reserve old-data old-data-uid@7 for the claim", "StopWorkload app@7 3"]
    );
}

#[test]
fn a_set_that_makes_the_claim_in_that_moment_gets_the_source_volume() {
    let waits = nothing_left().with(|seen| {
        seen.named = Some(stray(None));
        seen.source_volume = Some(volume("old-data", RETAIN, "data", None));
    });
    assert_eq!(waits.says(), ["Touch data stray-uid@7 at 0"], "it is about to get the source volume");
    let scene = waits.with(|seen| {
        seen.named = Some(stray(Some("old-data")));
        seen.source_volume = Some(volume("old-data", RETAIN, "data", Some("stray-uid")));
    });
    assert_eq!(scene.says(), ["Unmark data stray-uid@7", "StartWorkload app@7 3"], "with the original's annotations");
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().complete = true);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn a_source_volume_that_is_gone_blocks() {
    let scene = nothing_left().with(|seen| seen.source_volume = None);
    assert_eq!(scene.says(), ["blocked source-volume-gone"]);
}

/// Returns a group whose claim was created again on its source volume.
fn restored() -> Scene {
    nothing_left().with(|seen| {
        seen.named = Some(claim("new", Some("old-data"), Some("run")));
        seen.source_volume = Some(volume("old-data", RETAIN, "data", Some("new-uid")));
    })
}

#[test]
fn the_restored_claim_is_awaited() {
    let scene = restored().with(|seen| seen.named.as_mut().unwrap().bound = false);
    assert_eq!(scene.says(), ["Touch data new-uid@7 at 0"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().touched = touched(0));
    assert_eq!(scene.says(), ["wait ClaimBound of claim data until 2"]);
}

#[test]
fn then_everything_comes_back() {
    assert_eq!(restored().says(), ["Unmark data new-uid@7", "StartWorkload app@7 3"]);
    let scene = restored().with(|seen| seen.named.as_mut().unwrap().run = None);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
    let mut scene = scene.app_is(3, None, 3).later(9);
    assert_eq!(scene.says(), ["Note Ready 9"]);
    scene.record.ready = Some(at(9));
    assert_eq!(scene.says(), ["RestoreReclaim old-data old-data-uid@7 Delete"]);
    let scene = scene.with(|seen| seen.source_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    assert_eq!(scene.says(), ["Note Ended RolledBack(\"why\")"]);
}

#[test]
fn a_group_that_is_not_ready_in_time_ends_all_the_same() {
    let mut scene = restored().app_is(3, None, 0).later(1000).with(|seen| {
        seen.named.as_mut().unwrap().run = None;
        seen.source_volume.as_mut().unwrap().reclaim = "Delete".to_owned();
    });
    scene.record.started = Some(at(5));
    assert_eq!(scene.says(), ["Note Ended RolledBack(\"why; since then StatefulSet app: 0 of 3 pods Ready\")"]);
}

#[test]
fn the_touch_goes_last_and_then_the_end_is_noted() {
    let scene = Scene::begun().turned_back();
    assert_eq!(scene.says(), ["Unmark data data-uid@7"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().touched = None);
    assert_eq!(scene.says(), ["Note Ended RolledBack(\"why\")"]);
}

#[test]
fn nothing_starts_before_every_claim_is_back() {
    let scene = Scene::of(&["data", "logs"]).fenced().turned_back().each(|name, _, seen| {
        (seen.source, seen.destination, seen.destination_volume) = (None, None, None);
        if name == "logs" {
            seen.named = Some(claim("new", Some("old-logs"), Some("run")));
            seen.source_volume = Some(volume("old-logs", RETAIN, "logs", Some("new-uid")));
        }
    });
    assert_eq!(scene.says(), ["Reserve old-data old-data-uid@7 for the claim"]);
}

#[test]
fn a_claim_that_is_neither_is_foreign() {
    let scene = nothing_left().with(|seen| seen.named = Some(claim("other", Some("elsewhere"), None)));
    assert_eq!(scene.says(), ["blocked foreign-claim"]);
}

/// Returns a group turned back of which the reference tool had swapped `data` before it was killed.
fn half_swapped() -> Scene {
    let scene = Scene::of(&["data", "logs"]).bound().recorded(|record| {
        record.uid = None;
        record.evidence = Some(Evidence::Adopted);
    });
    let logs = Scene::of(&["data", "logs"]).quiet();
    let mut scene = just_turned(scene);
    scene.record.claims.extend(logs.record.claims.into_iter().filter(|(name, _)| name == "logs"));
    scene.seen.claims.extend(logs.seen.claims.into_iter().filter(|(name, _)| name == "logs"));
    scene
}

/// Changes what is seen of `logs`.
fn logs(mut scene: Scene, change: impl FnOnce(&mut ClaimSeen)) -> Scene {
    change(scene.seen.claims.get_mut("logs").unwrap());
    scene
}

#[test]
fn what_the_reference_tool_has_swapped_stays_so_when_the_rest_turns_back() {
    let scene = half_swapped();
    assert_eq!(scene.says(), ["Touch logs logs-uid@7 at 0"], "and data does not count as foreign");
    let mut scene = logs(scene, |seen| {
        seen.named.as_mut().unwrap().touched = touched(0);
        (seen.destination, seen.destination_volume) = (None, None);
    });
    scene.record.claims.get_mut("logs").unwrap().touched = true;
    assert_eq!(scene.says(), ["Unmark data new-uid@7", "StartWorkload app@7 3"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().run = None).app_is(3, None, 3);
    let mut scene = scene.later(5);
    (scene.record.started, scene.record.ready) = (Some(at(2)), Some(at(3)));
    let each = ["RestoreReclaim new-data new-data-uid@7 Delete", "RestoreReclaim old-logs old-logs-uid@7 Delete"];
    assert_eq!(scene.says(), each, "each claim's own volume");
    let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    let scene = logs(scene, |seen| {
        seen.source_volume.as_mut().unwrap().reclaim = "Delete".to_owned();
        seen.named.as_mut().unwrap().touched = None;
    });
    let says = scene.says();
    assert!(says[0].contains("moved already by the interrupted run, and stays so: data"), "{says:?}");
}

#[test]
fn what_the_reference_tool_has_begun_to_swap_is_finished_when_the_rest_turns_back() {
    let scene = logs(half_swapped(), |seen| seen.named.as_mut().unwrap().touched = touched(0));
    let mut scene = logs(scene, |seen| (seen.destination, seen.destination_volume) = (None, None));
    scene.record.claims.get_mut("logs").unwrap().touched = true;
    let scene = scene.with(|seen| {
        seen.named = None;
        seen.destination_volume = Some(volume("new-data", "Delete", "data-pvcmigrate", Some("gone")));
    });
    assert_eq!(scene.says(), ["CreateFinalClaim data"], "the name is not left free");
    let scene = scene.with(|seen| seen.named = Some(pending("data")));
    assert_eq!(scene.says(), ["RetainDestination new-data new-data-uid@7"]);
    let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = RETAIN.to_owned());
    assert_eq!(scene.says(), ["Reserve new-data new-data-uid@7 for the claim"]);
    assert_eq!(scene.app_is(3, Some(3), 3).says()[1], "StopWorkload app@7 3", "until it is bound");
}
