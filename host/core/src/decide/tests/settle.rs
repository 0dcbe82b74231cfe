//! Rows in which everything goes back to what it was, and the end is noted.

use serde_json::json;

use super::scene::{Scene, at};
use crate::record::{Disposal, Ended, Outcome};

#[test]
fn marks_go_and_the_scale_comes_back() {
    assert_eq!(Scene::begun().bound().says(), ["Unmark data new-uid@7", "StartWorkload app@7 3"]);
}

#[test]
fn a_mark_on_a_workload_that_is_up_goes() {
    let scene = Scene::begun().settled().app_is(3, Some(3), 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn a_workload_that_somebody_has_scaled_up_since_the_reference_tool_died_keeps_that_scale() {
    let mut scene = Scene::begun().settled().app_is(5, Some(3), 0);
    scene.record.stopped = None;
    assert_eq!(scene.says(), ["StartWorkload app@7 5"]);
    scene.record.stopped = Some(at(0));
    assert_eq!(
        scene.says(),
        ["StartWorkload app@7 3"],
        "the mark is ours, and whoever scales up did not know about us"
    );
}

#[test]
fn the_mark_says_what_the_scale_was() {
    let scene = Scene::begun().settled().app_is(0, Some(5), 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 5"]);
}

#[test]
fn a_workload_at_0_that_lost_its_mark_comes_back_all_the_same() {
    let scene = Scene::begun().started().app_is(0, None, 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn a_scale_of_0_once_all_were_started_is_intended() {
    let mut scene = Scene::begun().started().app_is(0, None, 0);
    scene.record.started = Some(at(0));
    assert_eq!(scene.says(), ["Note Ready 0"]);
}

#[test]
fn the_pods_are_awaited_before_any_volume_is_given_up() {
    let mut scene = Scene::begun().started();
    assert_eq!(scene.says(), ["Note Started 0"]);
    scene.record.started = Some(at(5));
    assert_eq!(scene.says(), ["wait PodsReady of StatefulSet app until 905"]);
    let scene = scene.app_is(3, None, 2);
    assert_eq!(scene.says(), ["wait PodsReady of StatefulSet app until 905"]);
    let mut scene = scene.app_is(3, None, 3).later(20);
    assert_eq!(scene.says(), ["Note Ready 20"]);
    scene.record.ready = Some(at(20));
    assert_eq!(scene.says(), ["RestoreReclaim new-data new-data-uid@7 Delete"]);
}

#[test]
fn as_many_pods_are_awaited_as_were_ready_or_as_are_wanted() {
    let mut scene = Scene::begun().started().app_is(3, None, 2);
    scene.record.workloads[0].ready = Some(2);
    assert_eq!(scene.says(), ["Note Ready 0"], "one was not Ready before either");
    scene.record.workloads[0].ready = None;
    assert_eq!(scene.says(), ["Note Ready 0"], "it was down when it was found, so one is awaited");
    assert_eq!(scene.app_is(3, None, 0).says(), ["Note Started 0"]);
    let scene = Scene::begun().started().app_is(2, None, 2);
    assert_eq!(scene.says(), ["Note Ready 0"], "no more are wanted now");
}

#[test]
fn pods_that_are_not_ready_in_time_end_it_with_the_source_kept() {
    for disposal in [Disposal::Delete, Disposal::Reclaim] {
        let mut scene = Scene::begun().started().app_is(3, None, 1).disposal(disposal).later(905);
        scene.record.started = Some(at(5));
        assert_eq!(scene.says(), ["RestoreReclaim new-data new-data-uid@7 Delete"]);
        let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
        assert_eq!(scene.says(), ["Note Ended NotReady(\"StatefulSet app: 1 of 3 pods Ready\")"]);
    }
}

#[test]
fn owners_come_back_as_they_are_now_and_missing_ones_are_named() {
    let owner = |name: &str| json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": "old"});
    let scene = Scene::begun().bound().app_is(3, None, 3).recorded(|record| {
        record.manifest = json!({"metadata": {"ownerReferences": [owner("app"), owner("gone")]}});
    });
    assert_eq!(scene.says(), ["Note OwnersLost data StatefulSet gone", "Unmark data new-uid@7 owned by app app-uid"]);
    let scene = scene.recorded(|record| record.lost_owners = vec!["StatefulSet gone".to_owned()]);
    assert_eq!(scene.says(), ["Unmark data new-uid@7 owned by app app-uid"]);
}

#[test]
fn an_unmarked_workload_that_is_up_is_left_alone() {
    let scene = Scene::begun().settled().app_is(8, None, 8);
    assert_eq!(scene.says(), ["DeleteSourceVolume old-data old-data-uid@7"]);
}

#[test]
fn disposal_delete_removes_the_source_volumes_object() {
    let scene = Scene::begun().settled();
    assert_eq!(scene.says(), ["DeleteSourceVolume old-data old-data-uid@7"]);
    let scene = scene.with(|seen| seen.source_volume.as_mut().unwrap().terminating = Some(at(10)));
    assert_eq!(scene.says(), ["wait SourceVolumeGone of claim data until 310"]);
    let scene = scene.with(|seen| seen.source_volume = None);
    assert_eq!(scene.says(), ["Note Ended Migrated"]);
}

#[test]
fn a_source_volume_that_does_not_go_does_not_hold_up_the_end() {
    let scene = Scene::begun().settled().with(|seen| seen.source_volume.as_mut().unwrap().terminating = Some(at(10)));
    assert_eq!(scene.later(310).says(), ["Note Ended Migrated"]);
}

#[test]
fn disposal_keep_leaves_the_source_volume() {
    assert_eq!(Scene::begun().settled().disposal(Disposal::Keep).says(), ["Note Ended Migrated"]);
}

#[test]
fn disposal_reclaim_gives_the_source_volume_its_policy_back() {
    let scene = Scene::begun().settled().disposal(Disposal::Reclaim);
    assert_eq!(scene.says(), ["RestoreReclaim old-data old-data-uid@7 Delete"]);
    let scene = scene.with(|seen| seen.source_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    assert_eq!(scene.says(), ["Note Ended Migrated"]);
}

#[test]
fn no_source_volume_is_disposed_of_before_the_workloads_are_back() {
    let scene = Scene::begun().settled().app_is(3, Some(3), 3);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn a_workload_that_is_gone_needs_nothing() {
    let mut scene = Scene::begun().started();
    scene.seen.workloads.clear();
    assert_eq!(scene.disposal(Disposal::Keep).says(), ["Note Ready 0"]);
}

#[test]
fn an_ended_record_is_finished_whatever_is_seen() {
    let mut scene = Scene::begun();
    scene.record.ended = Some(Ended { at: at(1), how: Outcome::Migrated });
    assert_eq!(scene.says(), ["finished Migrated"]);
}
