//! Rows in which all is proven and the claims move.

use super::scene::{Scene, claim, pod, succeeded, touched, volume};
use crate::names;
use crate::observation::{Progress, RETAIN};
use crate::record::{Evidence, Purpose};

#[test]
fn both_temporary_claims_go_first() {
    assert_eq!(
        Scene::begun().proven().says(),
        [
            "DeleteTemp data-pvcmigrate-src data-pvcmigrate-src-uid@7",
            "DeleteTemp data-pvcmigrate data-pvcmigrate-uid@7"
        ]
    );
}

#[test]
fn the_copy_pod_goes_once_both_are_on_their_way_out() {
    let scene = Scene::begun().proven().with(|seen| {
        seen.source = None;
        seen.destination.as_mut().unwrap().terminating = true;
    });
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"], "for it keeps the claim");
    let scene = scene.with(|seen| seen.pods.clear());
    assert_eq!(scene.says(), ["wait TempsGone of claim data"]);
}

#[test]
fn a_workload_that_lost_its_mark_is_marked_so_that_a_late_stop_conflicts() {
    assert_eq!(Scene::begun().proven().app_is(3, None, 0).says()[0], "MarkWorkload app@7 3");
    assert_eq!(Scene::begun().bound().app_is(3, None, 3).says(), ["Unmark data new-uid@7"], "later none is decided");
}

#[test]
fn a_late_twin_that_runs_is_not_killed() {
    let scene = Scene::begun().proven().with(|seen| {
        (seen.source, seen.destination) = (None, None);
        seen.pods = vec![pod(Purpose::Copy, 1, Progress::Running)];
    });
    assert_eq!(scene.says(), ["wait CopyFinished of claim data"]);
}

#[test]
fn a_temporary_claim_of_another_run_is_left_alone() {
    let scene = Scene::begun().proven().with(|seen| {
        seen.source = None;
        seen.destination.as_mut().unwrap().run = Some("another".to_owned());
    });
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
}

/// Returns a group whose temporary claims and pods are gone.
fn cleared() -> Scene {
    let scene = Scene::begun().proven();
    scene.with(|seen| (seen.source, seen.destination, seen.pods) = (None, None, Vec::new()))
}

#[test]
fn the_destination_volume_is_reserved_for_the_claim() {
    assert_eq!(cleared().says(), ["Reserve new-data new-data-uid@7 for the claim"]);
}

#[test]
fn the_claim_on_the_reserved_volume_is_touched_so_that_the_binder_looks() {
    let scene = cleared().with(|seen| seen.destination_volume = Some(volume("new-data", RETAIN, "data", None)));
    assert_eq!(scene.says(), ["Touch data new-uid@7 at 0"]);
    let scene = scene.with(|seen| seen.named.as_mut().unwrap().touched = touched(0));
    assert_eq!(scene.says(), ["wait ClaimBound of claim data until 2"]);
    assert_eq!(scene.later(2).says(), ["Touch data new-uid@7 at 2"], "it may have looked at an old state");
}

#[test]
fn a_claim_that_a_person_deletes_before_it_is_bound_is_created_again_at_once() {
    let scene = Scene::begun().proven().with(|seen| seen.named = None);
    assert_eq!(scene.says(), ["CreateFinalClaim data"]);
}

#[test]
fn a_volume_released_by_a_claim_that_is_gone_again_is_reserved_again() {
    let mut released = volume("new-data", RETAIN, "data", Some("gone-uid"));
    released.phase = "Released".to_owned();
    let scene = cleared().with(|seen| seen.destination_volume = Some(released));
    assert_eq!(scene.says(), ["Reserve new-data new-data-uid@7 for the claim"]);
}

#[test]
fn a_destination_volume_that_is_gone_blocks() {
    let scene = cleared().with(|seen| seen.destination_volume = None);
    assert_eq!(scene.says(), ["blocked destination-volume-gone"]);
}

#[test]
fn the_new_claim_is_awaited_until_it_is_bound_to_stay() {
    let scene = Scene::begun().bound().with(|seen| {
        let named = seen.named.as_mut().unwrap();
        (named.bound, named.touched) = (false, touched(0));
    });
    assert_eq!(scene.says(), ["wait ClaimBound of claim data until 2"]);
    let scene = Scene::begun().bound().with(|seen| seen.named.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait ClaimBound of claim data"]);
}

#[test]
fn nothing_is_settled_before_all_claims_are_bound() {
    let scene = Scene::of(&["data", "logs"]).bound();
    let scene = scene.with(|seen| {
        let named = seen.named.as_mut().unwrap();
        (named.bound, named.touched) = (false, touched(0));
    });
    assert_eq!(scene.says(), ["wait ClaimBound of claim data until 2"]);
}

#[test]
fn a_claim_of_unknown_uid_is_foreign_and_both_volumes_are_named() {
    let foreign = claim("other", Some("elsewhere"), None);
    let scene = cleared().with(|seen| seen.named = Some(foreign));
    let message = &scene.blockers()[0].message;
    assert!(message.contains("old-data") && message.contains("new-data"), "{message}");
}

#[test]
fn a_group_is_not_cut_over_while_one_copy_is_missing() {
    let scene = Scene::of(&["data", "logs"]).proven().recorded(|record| record.evidence = None);
    assert_eq!(scene.says(), ["Note Copied data 1"]);
    let scene = scene.with(|seen| seen.pods.clear());
    assert_eq!(scene.says(), ["StartPod data copy 1"], "and nothing is done to the temporary claims of logs");
}

#[test]
fn what_a_late_write_left_is_cleared_away_after_the_move() {
    let temp = names::destination_claim("data");
    let scene = Scene::begun().bound().with(|seen| {
        seen.destination = Some(claim(&temp, None, Some("run")));
        seen.pods = vec![succeeded()];
    });
    let says = scene.says();
    assert!(says.contains(&"DeleteTemp data-pvcmigrate data-pvcmigrate-uid@7".to_owned()), "{says:?}");
    let says = scene.with(|seen| seen.destination = None).says();
    assert!(says.contains(&"DeletePod copy1 copy1-uid".to_owned()), "{says:?}");
}

/// Returns a claim that the reference tool has deleted, with the temporary claim that it was killed at.
fn adopted() -> Scene {
    let temp = names::destination_claim("data");
    let scene = cleared().with(|seen| seen.destination = Some(claim(&temp, Some("new-data"), None)));
    scene.recorded(|record| {
        record.uid = None;
        record.evidence = Some(Evidence::Adopted);
    })
}

#[test]
fn the_temporary_claim_of_the_reference_tool_goes_once_its_volume_is_kept() {
    let unkept = volume("new-data", "Delete", "data-pvcmigrate", Some("data-pvcmigrate-uid"));
    let scene = adopted().with(|seen| seen.destination_volume = Some(unkept));
    assert_eq!(scene.says(), ["RetainDestination new-data new-data-uid@7"]);
    let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = RETAIN.to_owned());
    assert_eq!(scene.says(), ["DeleteTemp data-pvcmigrate data-pvcmigrate-uid@7"]);
    let scene = scene.with(|seen| seen.destination.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait TempsGone of claim data"]);
    let scene = scene.with(|seen| seen.destination.as_mut().unwrap().volume = Some("another".to_owned()));
    assert_eq!(scene.says(), ["Reserve new-data new-data-uid@7 for the claim"], "it is somebody else's");
}
