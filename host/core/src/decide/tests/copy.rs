//! Rows of the downtime: stop, fence, copy.

use super::scene::{Scene, at, claim, failed, failure, pending, pod, stray, succeeded, user, volume};
use crate::copy_report::CopyReport;
use crate::names;
use crate::observation::{Claim, Progress, RETAIN, User};
use crate::record::{CopyFailure, Evidence, Purpose, Retry, Stray, Uid};

/// Returns a prepared group, with the stop of its workloads noted.
fn stopping() -> Scene {
    let mut scene = Scene::begun().prepared();
    scene.record.stopped = Some(at(0));
    scene
}

#[test]
fn the_stop_is_noted_before_it_is_done() {
    assert_eq!(Scene::begun().prepared().later(50).says(), ["Note Stopping 50 app 3"]);
}

#[test]
fn a_pod_that_no_stop_would_end_is_awaited_before_the_stop() {
    let stranger = User { owned: false, since: at(20), ..user(true) };
    let scene = Scene::begun().prepared().with(|seen| seen.users = vec![user(true), stranger]).later(50);
    assert_eq!(scene.says(), ["wait SourcePodsGone of claim data until 920"]);
    let scene = scene.later(920);
    let why = "claim data: pods that no workload of the group owns still use it: shell";
    assert_eq!(scene.says(), [format!("Note TurnedBack {why}")], "while the workload runs");
    let scene = scene.with(|seen| seen.users.truncate(1));
    assert_eq!(scene.says(), ["Note Stopping 920 app 3"]);
}

#[test]
fn then_the_workload_is_stopped() {
    assert_eq!(stopping().says(), ["StopWorkload app@7 3"]);
}

#[test]
fn the_mark_holds_the_scale_of_the_moment() {
    assert_eq!(stopping().app_is(5, None, 5).says(), ["StopWorkload app@7 5"]);
    assert_eq!(stopping().app_is(0, None, 0).says(), ["StopWorkload app@7 3"], "a workload that lost its mark");
}

#[test]
fn a_mark_says_what_to_come_back_to_whatever_the_scale_is_now() {
    assert_eq!(stopping().app_is(1, Some(3), 1).says(), ["StopWorkload app@7 3"]);
}

#[test]
fn a_workload_at_0_with_the_mark_of_the_reference_tool_is_left_as_it_is() {
    assert_eq!(stopping().app_is(0, Some(4), 0).says(), ["DeleteOriginalClaim data data-uid@7"]);
}

#[test]
fn the_workloads_pods_are_awaited() {
    assert_eq!(stopping().app_is(0, Some(3), 2).says(), ["wait SourcePodsGone of StatefulSet app until 900"]);
}

#[test]
fn other_pods_on_the_claim_are_awaited_placed_or_not() {
    for placed in [true, false] {
        let scene = Scene::begun().quiet().with(|seen| seen.users = vec![user(placed)]);
        assert_eq!(scene.says(), ["wait SourcePodsGone of claim data until 900"]);
    }
}

#[test]
fn pods_that_stay_turn_the_group_back() {
    let scene = Scene::begun().quiet().with(|seen| seen.users = vec![user(true)]).later(900);
    assert_eq!(scene.says(), ["Note TurnedBack claim data: pods still use it: shell"]);
    assert_eq!(scene.hold().says(), ["blocked pods-remain"]);
}

#[test]
fn the_fence_names_uid_and_version_of_every_claim_once_all_is_quiet() {
    let scene = Scene::of(&["data", "logs"]).quiet();
    assert_eq!(scene.says(), ["DeleteOriginalClaim data data-uid@7", "DeleteOriginalClaim logs logs-uid@7"]);
}

#[test]
fn no_claim_is_fenced_while_a_pod_uses_another() {
    let scene = Scene::of(&["data", "logs"]).quiet().with(|seen| seen.users = vec![user(true)]);
    assert_eq!(scene.says(), ["wait SourcePodsGone of claim data until 900"]);
}

#[test]
fn a_terminating_original_is_awaited() {
    let scene = Scene::begun().quiet().with(|seen| seen.named.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait OriginalGone of claim data"]);
}

#[test]
fn a_late_helper_pod_is_not_left_to_hold_a_terminating_original() {
    let scene = Scene::begun().quiet().with(|seen| {
        seen.named.as_mut().unwrap().terminating = true;
        seen.pods = vec![pod(Purpose::Warm, 0, Progress::Succeeded(Ok(CopyReport::default())))];
    });
    assert_eq!(scene.says(), ["DeletePod warm0 warm0-uid"]);
}

#[test]
fn a_workload_scaled_up_behind_the_fence_is_brought_down_again() {
    let scene = Scene::begun().quiet().with(|seen| seen.named.as_mut().unwrap().terminating = true);
    assert_eq!(scene.app_is(3, Some(3), 0).says(), ["StopWorkload app@7 3"]);
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![pod(Purpose::Copy, 1, Progress::Running)]);
    assert_eq!(scene.app_is(3, None, 0).says(), ["StopWorkload app@7 3"]);
}

/// Returns a group whose original claim is gone, and to which nothing else has happened.
fn gone() -> Scene {
    Scene::begun().quiet().with(|seen| {
        seen.named = None;
        seen.source_volume.as_mut().unwrap().phase = "Released".to_owned();
    })
}

/// Returns the same, with the final claim keeping the name.
fn kept() -> Scene {
    gone().with(|seen| seen.named = Some(pending("data")))
}

#[test]
fn the_name_is_taken_again_before_anything_else() {
    assert_eq!(gone().says(), ["CreateFinalClaim data"]);
    assert_eq!(gone().app_is(3, None, 0).says(), ["CreateFinalClaim data"]);
    let scene = gone().recorded(|record| record.destination = None);
    assert_eq!(scene.says(), ["Note Destination data new-data Retain"], "as soon as there is a volume for it to name");
}

#[test]
fn a_claim_for_a_destination_that_was_lost_makes_room() {
    let scene = kept().with(|seen| seen.named.as_mut().unwrap().volume = Some("lost".to_owned()));
    assert_eq!(scene.says(), ["FreeName data new-uid@7 Pending"]);
}

#[test]
fn what_a_set_made_in_the_moment_between_is_undone() {
    let made = |volume: Option<&str>| gone().with(|seen| seen.named = Some(stray(volume)));
    assert_eq!(made(None).says(), ["Note Stray data stray-uid None"]);
    let noted = |volume: Option<&str>| {
        let stray = Stray { uid: Uid("stray-uid".to_owned()), volume: volume.map(str::to_owned) };
        made(volume).recorded(|record| record.strays = vec![stray])
    };
    assert_eq!(noted(None).says(), ["FreeName data stray-uid@7 Stray"]);
    assert_eq!(made(Some("empty")).says(), ["wait FreshLook of claim data"], "its volume is not seen yet");
    let bound = |scene: Scene, reclaim: &str| {
        scene.with(|seen| seen.other_volume = Some(volume("empty", reclaim, "data", Some("stray-uid"))))
    };
    assert_eq!(bound(made(Some("empty")), "Delete").says(), ["RetainStray empty empty-uid@7"]);
    assert_eq!(bound(made(Some("empty")), RETAIN).says(), ["Note Stray data stray-uid Some(\"empty\")"]);
    assert_eq!(bound(noted(Some("empty")), RETAIN).says(), ["FreeName data stray-uid@7 Stray"]);
    assert_eq!(
        bound(made(Some("empty")), "Delete").app_is(3, None, 1).says(),
        ["StopWorkload app@7 3", "RetainStray empty empty-uid@7"]
    );
}

#[test]
fn pods_that_stay_on_a_stray_are_reported() {
    let scene = gone().with(|seen| {
        seen.named = Some(Claim { terminating: true, ..stray(None) });
        seen.users = vec![user(true)];
    });
    assert_eq!(scene.says(), ["wait StrayGone of claim data until 900"]);
    assert_eq!(scene.later(900).says(), ["blocked pods-remain"]);
}

#[test]
fn a_pod_that_still_has_the_gone_claim_mounted_is_awaited() {
    let scene = kept().with(|seen| seen.users = vec![user(true)]);
    assert_eq!(scene.says(), ["wait SourcePodsGone of claim data until 900"]);
}

#[test]
fn a_pod_without_a_node_never_mounts_the_gone_claim() {
    let scene = kept().with(|seen| seen.users = vec![user(false)]);
    assert_eq!(scene.says(), ["Reserve old-data old-data-uid@7 for its temp"]);
}

#[test]
fn the_source_volume_is_reserved_for_its_temporary_claim() {
    assert_eq!(kept().says(), ["Reserve old-data old-data-uid@7 for its temp"]);
}

#[test]
fn a_released_volume_is_reserved_again_although_it_names_the_temporary_claim() {
    let scene = Scene::begun().fenced().with(|seen| {
        seen.source = None;
        seen.source_volume.as_mut().unwrap().phase = "Released".to_owned();
    });
    assert_eq!(scene.says(), ["Reserve old-data old-data-uid@7 for its temp"]);
}

#[test]
fn the_temporary_source_claim_is_created_and_awaited() {
    let temp = names::source_claim("data");
    let scene = kept().with(|seen| seen.source_volume = Some(volume("old-data", RETAIN, &temp, None)));
    assert_eq!(scene.says(), ["CreateSourceTemp data"]);
    let scene = scene.with(|seen| {
        let mut unbound = claim(&temp, Some("old-data"), Some("run"));
        unbound.bound = false;
        seen.source = Some(unbound);
    });
    assert_eq!(scene.says(), ["wait SourceTempBound of claim data until 2"]);
    assert_eq!(scene.later(2).says(), ["Touch data-pvcmigrate-src data-pvcmigrate-src-uid@7 at 2"]);
}

#[test]
fn a_temporary_source_claim_of_somebody_else_is_in_the_way() {
    let scene = Scene::begun().fenced().with(|seen| seen.source.as_mut().unwrap().run = None);
    assert_eq!(scene.says(), ["blocked foreign-temp-claim"]);
}

#[test]
fn a_temporary_source_claim_on_its_way_out_is_awaited() {
    let scene = Scene::begun().fenced().with(|seen| seen.source.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait TempsGone of claim data"]);
}

#[test]
fn the_copy_is_started_awaited_and_noted() {
    let scene = Scene::begun().fenced();
    assert_eq!(scene.says(), ["StartPod data copy 1"]);
    let scene = scene.with(|seen| seen.pods = vec![pod(Purpose::Copy, 1, Progress::Starting(None))]);
    assert_eq!(scene.says(), ["wait CopyStarted of claim data until 300"]);
    let scene = scene.with(|seen| seen.pods = vec![pod(Purpose::Copy, 1, Progress::Running)]);
    assert_eq!(scene.says(), ["wait CopyFinished of claim data"]);
    let scene = scene.with(|seen| seen.pods = vec![succeeded()]);
    assert_eq!(scene.says(), ["Note Copied data 1"]);
}

#[test]
fn a_copy_pod_that_does_not_start_in_time_turns_the_group_back() {
    let starting = pod(Purpose::Copy, 1, Progress::Starting(Some("ImagePullBackOff".to_owned())));
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![starting]).later(300);
    assert_eq!(
        scene.says(),
        ["Note TurnedBack claim data: its copy pod copy1 did not start in time: ImagePullBackOff"]
    );
    assert_eq!(scene.hold().says(), ["blocked copy-failed"]);
}

#[test]
fn a_copy_that_ended_well_without_totals_is_a_failure() {
    let hollow = pod(Purpose::Copy, 1, Progress::Succeeded(Err("no totals".to_owned())));
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![hollow]);
    assert_eq!(scene.says(), ["Note CopyFailed data 1 no totals"]);
}

#[test]
fn a_failed_copy_is_noted_and_tried_again_after_a_pause_that_doubles() {
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![failed(1)]).later(100);
    assert_eq!(scene.says(), ["Note CopyFailed data 1 disk full"]);
    let scene = scene.recorded(|record| record.failures = vec![failure(1)]);
    assert_eq!(scene.says(), ["wait NextAttempt of claim data until 110"]);
    let scene = scene.later(110);
    assert_eq!(scene.says(), ["StartPod data copy 2"], "the failed pod stays: no late twin of it can start");
    let scene = scene.recorded(|record| record.failures = vec![failure(1), failure(2)]);
    assert_eq!(scene.says(), ["wait NextAttempt of claim data until 120"]);
}

#[test]
fn attempts_used_up_turn_the_group_back() {
    let all = vec![failure(1), failure(2), failure(3)];
    let scene = Scene::begun().fenced().recorded(|record| record.failures = all).later(1000);
    assert_eq!(scene.says(), ["Note TurnedBack claim data: 3 copies failed, the last one: disk full"]);
    assert_eq!(scene.hold().says(), ["blocked copy-failed"]);
}

#[test]
fn a_copy_that_would_fail_again_is_not_tried_again() {
    let failures = |kinds: &[Retry]| {
        let numbered = (1..).zip(kinds).map(|(attempt, retry)| CopyFailure { retry: *retry, ..failure(attempt) });
        let all: Vec<CopyFailure> = numbered.collect();
        Scene::begun().fenced().recorded(|record| record.failures = all).later(1000)
    };
    let never = failures(&[Retry::Never]);
    assert_eq!(never.says(), ["Note TurnedBack claim data: the copy failed, and would fail again: disk full"]);
    assert_eq!(never.hold().says(), ["blocked copy-failed"]);
    assert_eq!(failures(&[Retry::Once]).says(), ["StartPod data copy 2"]);
    assert_eq!(failures(&[Retry::Once, Retry::Again]).says(), ["StartPod data copy 3"]);
    let twice = ["Note TurnedBack claim data: 2 copies failed, the last one: disk full"];
    assert_eq!(failures(&[Retry::Once, Retry::Once]).says(), twice);
    assert_eq!(failures(&[Retry::Again, Retry::Never]).says(), twice);
    assert_eq!(failures(&[Retry::FromEmpty]).says(), ["StartPod data copy 2"], "from an emptied destination");
    assert_eq!(failures(&[Retry::FromEmpty, Retry::FromEmpty]).says(), twice);
}

#[test]
fn a_person_who_runs_it_again_gets_another_try_of_what_would_have_failed_again() {
    let scene = Scene::begun().fenced().hold().recorded(|record| {
        record.failures = vec![CopyFailure { retry: Retry::Never, ..failure(1) }];
    });
    let granted = scene.record.more_attempts().unwrap();
    let record = scene.record.clone().with(granted).unwrap();
    assert_eq!(record.more_attempts(), None, "only once a run");
    assert_eq!(Scene { record, ..scene.later(1000) }.says(), ["StartPod data copy 2"]);
}

#[test]
fn both_twins_must_end_well() {
    let twin = |progress| pod(Purpose::Copy, 2, progress);
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![succeeded(), twin(Progress::Running)]);
    assert_eq!(scene.says(), ["wait CopyFinished of claim data"]);
    let scene = scene.with(|seen| seen.pods = vec![succeeded(), failed(2)]);
    assert_eq!(
        scene.says(),
        ["Note CopyFailed data 1 another copy failed at the same time", "Note CopyFailed data 2 disk full"]
    );
    let report = succeeded().progress;
    let scene = scene.with(|seen| seen.pods = vec![succeeded(), twin(report)]);
    assert_eq!(scene.says(), ["Note Copied data 2"]);
}

#[test]
fn a_late_twin_of_a_failed_copy_spoils_the_present_one() {
    let twin = pod(Purpose::Copy, 1, Progress::Running);
    let present = pod(Purpose::Copy, 2, succeeded().progress);
    let scene = Scene::begun().fenced().recorded(|record| record.failures = vec![failure(1)]);
    let scene = scene.with(|seen| seen.pods = vec![twin.clone(), present]);
    assert_eq!(scene.says(), ["Note CopyFailed data 2 another pod had the destination mounted at the same time"]);
    let scene = scene.with(|seen| seen.pods = vec![twin]);
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
}

#[test]
fn a_pod_of_the_reference_tool_behind_the_fence_is_deleted_before_the_copy() {
    let leftover = pod(Purpose::Leftover, 0, Progress::Running);
    let scene = Scene::begun().fenced().with(|seen| seen.pods = vec![leftover]);
    assert_eq!(scene.says(), ["DeletePod leftover0 leftover0-uid"]);
    let scene = scene.with(|seen| seen.pods[0].leaving = true);
    assert_eq!(scene.says(), ["wait PodsGone of claim data"]);
}

#[test]
fn a_pod_of_the_reference_tool_goes_while_the_original_is_on_its_way_out() {
    let leftover = pod(Purpose::Leftover, 0, Progress::Failed { why: "killed".to_owned(), retry: Retry::Again });
    let scene = Scene::begun().quiet().with(|seen| {
        seen.named.as_mut().unwrap().terminating = true;
        seen.pods = vec![leftover];
    });
    assert_eq!(scene.says()[0], "DeletePod leftover0 leftover0-uid", "it keeps the claim, though it has ended");
}

#[test]
fn a_claim_of_unknown_uid_behind_the_fence_is_foreign() {
    let scene = Scene::begun().fenced().with(|seen| seen.named = Some(claim("other", None, None)));
    assert_eq!(scene.says(), ["blocked foreign-claim"]);
}

#[test]
fn a_copied_claim_waits_for_the_rest_of_its_group() {
    let evidence = Evidence::Adopted;
    let scene = Scene::of(&["data", "logs"]).fenced().recorded(|record| record.evidence = Some(evidence));
    assert_eq!(scene.says(), ["StartPod logs copy 1"]);
}

#[test]
fn once_the_group_turns_back_no_other_step_is_done() {
    let all = vec![failure(1), failure(2), failure(3)];
    let scene = Scene::of(&["data", "logs"]).fenced().recorded(|record| record.failures = all);
    let says = scene.later(1000).says();
    assert_eq!(says, ["Note TurnedBack claim data: 3 copies failed, the last one: disk full"], "and no copy of logs");
}
