//! Rows in which nothing is stopped yet.

use super::scene::{Scene, claim, pod, volume};
use crate::blocker::Code;
use crate::names;
use crate::observation::{Claim, Progress, RETAIN};
use crate::reach::Reach;
use crate::record::Purpose;

/// Returns a group with `Retain` on the source and a temporary claim that waits for its volume.
fn waiting_for_destination() -> Scene {
    Scene::begun().prepared().recorded(|record| record.destination = None).with(|seen| {
        seen.destination_volume = None;
        let temp = seen.destination.as_mut().unwrap();
        (temp.bound, temp.volume) = (false, None);
    })
}

#[test]
fn first_of_all_the_source_volume_is_kept() {
    assert_eq!(Scene::begun().says(), ["RetainSource old-data old-data-uid@7"]);
}

#[test]
fn then_the_temporary_claim_is_created() {
    let scene = Scene::begun().with(|seen| seen.source_volume.as_mut().unwrap().reclaim = RETAIN.to_owned());
    assert_eq!(scene.says(), ["CreateDestination data"]);
}

#[test]
fn the_destination_is_awaited_for_start_seconds() {
    assert_eq!(waiting_for_destination().says(), ["wait DestinationBound of claim data until 300"]);
}

#[test]
fn a_class_that_binds_late_gets_a_pod_that_asks_for_the_volume() {
    let mut scene = waiting_for_destination();
    scene.record.asked.binds_late = true;
    assert_eq!(scene.says(), ["StartPod data prime 0"]);
    let scene = scene.with(|seen| seen.pods = vec![pod(Purpose::Prime, 0, Progress::Starting(None))]);
    assert_eq!(scene.says(), ["wait DestinationBound of claim data until 300"]);
}

#[test]
fn a_class_that_binds_late_needs_no_pod_where_a_node_is_chosen() {
    let mut scene = waiting_for_destination().with(|seen| seen.destination.as_mut().unwrap().placed = true);
    scene.record.asked.binds_late = true;
    assert_eq!(scene.says(), ["wait DestinationBound of claim data until 300"]);
}

#[test]
fn a_destination_not_provisioned_in_time_turns_the_group_back_with_the_clusters_own_reason() {
    let scene = waiting_for_destination().later(300);
    let scene = scene.with(|seen| seen.destination.as_mut().unwrap().trouble = Some("quota exceeded".to_owned()));
    assert_eq!(
        scene.says(),
        ["Note TurnedBack claim data: its destination was not provisioned in time: quota exceeded"]
    );
    assert_eq!(scene.hold().says(), ["blocked destination-not-provisioned"]);
}

#[test]
fn volumes_that_no_node_can_mount_both_turn_the_group_back_before_anything_stops() {
    let on = |node: &str| Reach::any([[("host".to_owned(), [node.to_owned()].into())].into()]);
    let placed = |source: &str, destination: &str| {
        Scene::begun().prepared().with(|seen| {
            seen.source_volume.as_mut().unwrap().reach = on(source);
            seen.destination_volume.as_mut().unwrap().reach = on(destination);
        })
    };
    let apart = placed("n2", "n1");
    assert_eq!(
        apart.says(),
        [
            "Note TurnedBack claim data: no node can mount both volume old-data (host=n2) and the new one, new-data (host=n1)"
        ]
    );
    assert_eq!(apart.hold().says(), ["blocked volumes-apart"]);
    assert_eq!(placed("n1", "n1").says(), Scene::begun().prepared().says());
}

#[test]
fn the_destination_volume_is_noted_before_it_is_changed() {
    let scene = Scene::begun().prepared().recorded(|record| record.destination = None);
    let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    assert_eq!(scene.says(), ["Note Destination data new-data Delete"]);
}

#[test]
fn the_destination_volume_is_kept() {
    let scene = Scene::begun().prepared();
    let scene = scene.with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    assert_eq!(scene.says(), ["RetainDestination new-data new-data-uid@7"]);
}

#[test]
fn a_recreated_destination_is_noted_only_when_no_earlier_pod_is_left() {
    let temp = names::destination_claim("data");
    let scene = Scene::begun().fenced().with(|seen| {
        seen.destination.as_mut().unwrap().volume = Some("newer".to_owned());
        seen.destination_volume = Some(volume("newer", "Delete", &temp, Some("uid")));
        seen.pods = vec![super::scene::succeeded()];
    });
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
    let scene = scene.with(|seen| seen.pods.clear());
    assert_eq!(scene.says(), ["Note Destination data newer Delete"]);
}

#[test]
fn a_volume_not_seen_yet_is_awaited() {
    let scene = Scene::begun().prepared().with(|seen| seen.destination_volume = None);
    assert_eq!(scene.says(), ["wait FreshLook of claim data"]);
}

#[test]
fn a_fitting_temporary_claim_of_the_reference_tool_is_taken_over() {
    let temp = names::destination_claim("data");
    let scene = Scene::begun().prepared().with(|seen| seen.destination = Some(claim(&temp, Some("new-data"), None)));
    assert_eq!(scene.says(), ["AdoptDestination data-pvcmigrate data-pvcmigrate-uid@7"]);
}

#[test]
fn a_temporary_claim_that_does_not_fit_is_in_the_way() {
    let scene = Scene::begun().prepared().with(|seen| {
        let temp = seen.destination.as_mut().unwrap();
        (temp.run, temp.fits) = (None, false);
    });
    assert_eq!(scene.says(), ["blocked foreign-temp-claim"]);
}

#[test]
fn a_temporary_claim_of_another_run_is_in_the_way() {
    let scene = Scene::begun().prepared();
    let scene = scene.with(|seen| seen.destination.as_mut().unwrap().run = Some("another".to_owned()));
    let blockers = scene.blockers();
    assert_eq!(blockers[0].code, Code::ForeignTempClaim);
    assert!(blockers[0].message.contains("another"), "{}", blockers[0]);
}

#[test]
fn a_temporary_claim_on_its_way_out_is_awaited() {
    let scene = Scene::begun().prepared().with(|seen| seen.destination.as_mut().unwrap().terminating = true);
    assert_eq!(scene.says(), ["wait TempsGone of claim data"]);
    let scene = scene.with(|seen| seen.pods = vec![super::scene::failed(1)]);
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"], "for it would keep the claim");
}

#[test]
fn a_source_volume_that_is_gone_blocks() {
    let scene = Scene::begun().prepared().with(|seen| seen.source_volume = None);
    assert_eq!(scene.says(), ["blocked source-volume-gone"]);
}

#[test]
fn a_claim_on_another_volume_is_foreign_before_anything_is_proven() {
    let scene = Scene::begun().prepared().with(|seen| seen.named = Some(claim("other", Some("elsewhere"), None)));
    assert_eq!(scene.says(), ["blocked foreign-claim"]);
    let scene = scene.with(|seen| seen.named = Some(claim("other", Some("new-data"), None)));
    assert_eq!(scene.says(), ["blocked foreign-claim"]);
}

#[test]
fn nothing_stops_before_all_claims_are_prepared() {
    let scene = Scene::of(&["data", "logs"]).prepared();
    let scene = scene.with(|seen| seen.destination = None);
    assert_eq!(scene.says(), ["CreateDestination data on new-data"]);
}

#[test]
fn a_temporary_claim_that_was_deleted_comes_back_on_its_own_volume() {
    let lost = |phase: &str| {
        Scene::begun().fenced().with(|seen| {
            seen.destination = None;
            seen.destination_volume.as_mut().unwrap().phase = phase.to_owned();
        })
    };
    assert_eq!(lost("Released").says(), ["Reserve new-data new-data-uid@7 for its temp"]);
    let scene = lost("Released").with(|seen| {
        seen.destination_volume = Some(volume("new-data", RETAIN, &names::destination_claim("data"), None));
    });
    assert_eq!(scene.says(), ["CreateDestination data on new-data"]);
    let scene = lost("Released").with(|seen| seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned());
    assert_eq!(scene.says(), ["CreateDestination data"], "for its own is about to go");
    let scene = lost("Released").with(|seen| {
        let temp = names::destination_claim("data");
        seen.destination = Some(Claim { bound: false, ..claim(&temp, Some("new-data"), Some("run")) });
    });
    assert_eq!(scene.says(), ["Reserve new-data new-data-uid@7 for its temp"], "should it have come too early");
}

#[test]
fn a_copy_pod_left_by_the_reference_tool_is_cleared_away() {
    let scene = Scene::begun().prepared();
    let scene = scene.with(|seen| seen.pods = vec![pod(Purpose::Leftover, 0, Progress::Running)]);
    assert_eq!(scene.says(), ["DeletePod leftover0 leftover0-uid"]);
}
