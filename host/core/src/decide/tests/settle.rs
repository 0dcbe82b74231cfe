//! Rows in which everything goes back to what it was, and the end is noted.

use super::scene::{Scene, at};
use crate::record::{Disposal, Ended, Outcome};

#[test]
fn reclaim_policy_and_scale_come_back() {
    assert_eq!(
        Scene::begun().bound().says(),
        ["RestoreReclaim new-data new-data-uid@7 Delete", "StartWorkload app@7 3"]
    );
}

#[test]
fn a_mark_on_a_workload_that_is_up_goes() {
    let scene = Scene::begun().settled().app_is(3, Some(3), 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn the_mark_says_what_the_scale_was() {
    let scene = Scene::begun().settled().app_is(0, Some(5), 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 5"]);
}

#[test]
fn a_workload_at_0_that_lost_its_mark_comes_back_all_the_same() {
    let scene = Scene::begun().settled().app_is(0, None, 0);
    assert_eq!(scene.says(), ["StartWorkload app@7 3"]);
}

#[test]
fn an_unmarked_workload_that_is_up_is_its_owners_business() {
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
    let mut scene = Scene::begun().settled();
    scene.seen.workloads.clear();
    assert_eq!(scene.disposal(Disposal::Keep).says(), ["Note Ended Migrated"]);
}

#[test]
fn an_ended_record_is_finished_whatever_is_seen() {
    let mut scene = Scene::begun();
    scene.record.ended = Some(Ended { at: at(1), how: Outcome::Migrated });
    assert_eq!(scene.says(), ["finished Migrated"]);
}
