//! Several claims, one pod.

use super::scene::{Scene, at, failure, pod};
use crate::copy_report::CopyReport;
use crate::observation::{Pod, Progress};
use crate::reach::Reach;
use crate::record::{Purpose, Retry, WarmPass};

const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

/// Returns a prepared group with these claims, for which warm passes are wanted.
fn warm(claims: &[&str]) -> Scene {
    let mut scene = Scene::of(claims).prepared();
    scene.record.asked.warm_passes = 3;
    scene
}

/// Shows one pod of all claims; each has got this far.
fn shared(scene: Scene, purpose: Purpose, attempt: u32, progress: impl Fn(&str) -> Progress) -> Scene {
    let names: Vec<String> = scene.record.claims.keys().cloned().collect();
    scene.each(|name, _, seen| {
        let others = names.iter().filter(|other| *other != name).cloned().collect();
        seen.pods = vec![Pod { others, ..pod(purpose, attempt, progress(name)) }];
    })
}

fn well() -> Progress {
    Progress::Succeeded(Ok(CopyReport::default()))
}

fn badly() -> Progress {
    Progress::Failed { why: "disk full".to_owned(), retry: Retry::Again }
}

#[test]
fn a_pod_takes_eight_claims() {
    let expected = ["StartPod a+b+c+d+e+f+g+h copy 1", "StartPod i copy 1"];
    assert_eq!(Scene::of(&NAMES).fenced().says(), expected);
    assert_eq!(warm(&NAMES).says(), expected.map(|line| line.replace("copy 1", "warm 1")));
}

#[test]
fn claims_that_are_used_on_different_nodes_have_pods_of_their_own() {
    let scene = Scene::of(&["a", "b", "c"]).fenced().each(|name, record, _| {
        record.source.node = Some(if name == "b" { "n2" } else { "n1" }.to_owned());
    });
    assert_eq!(scene.says(), ["StartPod a+c copy 1", "StartPod b copy 1"]);
}

#[test]
fn so_do_claims_whose_volumes_no_node_can_mount_together() {
    let scene = Scene::of(&["a", "b", "c"]).fenced().each(|name, _, seen| {
        let node = if name == "c" { "n2" } else { "n1" };
        let on = Reach::any([[("host".to_owned(), [node.to_owned()].into())].into()]);
        seen.destination_volume.as_mut().unwrap().reach = on;
    });
    assert_eq!(scene.says(), ["StartPod a+b copy 1", "StartPod c copy 1"]);
}

#[test]
fn those_of_a_pod_are_started_when_all_can_be() {
    let scene = Scene::of(&["a", "b"]).fenced().each(|name, _, seen| {
        if name == "b" {
            seen.source.as_mut().unwrap().bound = false;
        }
    });
    assert_eq!(scene.says(), ["wait SourceTempBound of claim b until 2"]);
}

#[test]
fn a_failed_pass_is_tried_again_in_a_pod_of_its_own() {
    let progress = |name: &str| if name == "a" { badly() } else { Progress::Running };
    let scene = shared(Scene::of(&["a", "b"]).fenced(), Purpose::Copy, 1, progress);
    assert_eq!(scene.says(), ["Note CopyFailed a 1 disk full"]);
    let scene = scene.each(|name, record, _| record.failures.extend((name == "a").then(|| failure(1))));
    assert_eq!(scene.later(110).says(), ["StartPod a copy 2"]);
}

#[test]
fn a_pod_stays_while_a_pass_in_it_counts() {
    let noted = WarmPass { attempt: 1, at: at(1), seconds: 1, failure: None };
    let progress = |name: &str| if name == "a" { well() } else { Progress::Running };
    let scene = shared(warm(&["a", "b"]), Purpose::Warm, 1, progress);
    assert_eq!(scene.says(), ["Note Warmed a 1 well"]);
    let scene = scene.each(|name, record, _| record.warm_passes.extend((name == "a").then(|| noted.clone())));
    assert_eq!(scene.says(), ["wait WarmPassEnded of claim a", "wait WarmPassEnded of claim b"]);
    let scene = shared(scene, Purpose::Warm, 1, |_| well());
    assert_eq!(scene.says(), ["Note Warmed b 1 well"]);
    let scene = scene.each(|_, record, _| record.warm_passes = vec![noted.clone()]);
    assert_eq!(scene.says(), ["DeletePod warm1 warm1-uid"], "once");
}

#[test]
fn a_group_that_turns_back_waits_for_no_pass() {
    let progress = |name: &str| if name == "a" { badly() } else { Progress::Running };
    let scene = shared(Scene::of(&["a", "b"]).prepared(), Purpose::Copy, 1, progress).turned_back();
    let scene = scene.each(|_, _, seen| (seen.source, seen.destination) = (None, None));
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
}

#[test]
fn a_pod_that_does_not_start_gives_each_claim_one_of_its_own() {
    let scene = shared(Scene::of(&["a", "b"]).fenced(), Purpose::Copy, 1, |_| Progress::Starting(None));
    assert_eq!(scene.says(), ["wait CopyStarted of claim a until 300", "wait CopyStarted of claim b until 300"]);
    let scene = scene.later(300);
    let why = "its copy pod copy1 did not start in time: no event says why";
    assert_eq!(scene.says(), [format!("Note CopyFailed a 1 {why}"), format!("Note CopyFailed b 1 {why}")]);
    let scene = scene.each(|_, record, _| record.failures.push(failure(1)));
    assert_eq!(scene.says(), ["DeletePod copy1 copy1-uid"]);
    let scene = scene.each(|_, _, seen| seen.pods.clear());
    assert_eq!(scene.says(), ["StartPod a copy 2", "StartPod b copy 2"]);
}
