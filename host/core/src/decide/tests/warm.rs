//! Rows of the warm passes: nothing stops before its way is proven.

use super::scene::{Scene, at, pod};
use crate::copy_report::CopyReport;
use crate::decide::decide;
use crate::observation::{Pod, Progress};
use crate::record::{Purpose, Retry, WarmFailure, WarmPass};

const STOPS: &str = "Note Stopping 0 app 3";

/// Returns a prepared group for which as many warm passes may be made.
fn wanted(passes: u32) -> Scene {
    let mut scene = Scene::begun().prepared();
    scene.record.asked.warm_passes = passes;
    scene
}

fn with(progress: Progress) -> Scene {
    wanted(3).with(|seen| seen.pods = vec![pod(Purpose::Warm, 1, progress)])
}

fn pass(attempt: u32, seconds: u32) -> WarmPass {
    WarmPass { attempt, at: at(0), seconds, failure: None }
}

fn failed(attempt: u32, retry: Retry) -> WarmPass {
    WarmPass { failure: Some(WarmFailure { reason: "no route".to_owned(), retry }), ..pass(attempt, 1) }
}

fn after(passes: &[WarmPass]) -> Scene {
    wanted(3).recorded(|record| record.warm_passes = passes.to_vec())
}

#[test]
fn a_pass_is_made_before_anything_stops() {
    assert_eq!(wanted(0).says(), [STOPS]);
    assert_eq!(wanted(1).says(), ["StartPod data warm 1"]);
    assert_eq!(with(Progress::Running).says(), ["wait WarmPassEnded of claim data"]);
    assert_eq!(with(Progress::Starting(None)).says(), ["wait WarmPassEnded of claim data until 300"]);
    let done = Progress::Succeeded(Ok(CopyReport::default()));
    assert_eq!(with(done).says(), ["Note Warmed data 1 well"]);
}

#[test]
fn none_is_made_for_what_is_down_already_or_only_one_pod_may_mount() {
    assert_eq!(wanted(3).app_is(0, None, 0).says(), ["Note Stopping 0 app 0"]);
    let one_pod = serde_json::json!({"spec": {"accessModes": ["ReadWriteOncePod"]}});
    let alone = wanted(3).recorded(|record| record.manifest = one_pod);
    assert_eq!(alone.says(), [STOPS]);
    let mut stopping = wanted(3);
    stopping.record.stopped = Some(at(0));
    assert_eq!(stopping.says(), ["StopWorkload app@7 3"]);
}

#[test]
fn passes_go_on_until_one_was_short_or_there_were_enough() {
    assert_eq!(after(&[pass(1, 10)]).says(), [STOPS]);
    assert_eq!(after(&[pass(1, 11)]).says(), ["StartPod data warm 2"]);
    assert_eq!(after(&[pass(1, 900), pass(2, 9)]).says(), [STOPS]);
    assert_eq!(after(&[pass(1, 900), pass(2, 90)]).says(), ["StartPod data warm 3"]);
    assert_eq!(after(&[pass(1, 900), pass(2, 90), pass(3, 50)]).says(), [STOPS]);
}

#[test]
fn all_claims_have_another_while_that_of_one_was_long() {
    let mut scene = Scene::of(&["data", "logs"]).prepared();
    scene.record.asked.warm_passes = 3;
    let scene = scene.each(|name, record, _| {
        record.warm_passes = vec![pass(1, if name == "data" { 900 } else { 2 })];
    });
    assert_eq!(scene.says(), ["StartPod data+logs warm 2"]);
}

#[test]
fn the_pod_of_an_earlier_pass_goes_first() {
    let scene = after(&[pass(1, 900)]).with(|seen| {
        seen.pods = vec![pod(Purpose::Warm, 1, Progress::Succeeded(Ok(CopyReport::default())))];
    });
    assert_eq!(scene.says(), ["DeletePod warm1 warm1-uid"]);
}

#[test]
fn a_failed_pass_is_tried_again_after_a_pause_while_the_workload_runs() {
    let failure = with(Progress::Failed { why: "no route".to_owned(), retry: Retry::Again });
    assert_eq!(failure.says(), ["Note Warmed data 1 no route"]);
    let scene = after(&[failed(1, Retry::Again)]);
    assert_eq!(scene.says(), ["wait NextAttempt of claim data until 10"]);
    assert_eq!(scene.later(10).says(), ["StartPod data warm 2"]);
    let scene = after(&[failed(1, Retry::Again), failed(2, Retry::Again)]);
    assert_eq!(scene.says(), ["wait NextAttempt of claim data until 20"]);
}

#[test]
fn one_that_fails_for_good_gives_the_group_up_before_the_stop() {
    let never = after(&[failed(1, Retry::Never)]);
    let why = "claim data: the warm pass failed, and so would the final one: no route";
    assert_eq!(never.says(), [format!("Note TurnedBack {why}")]);
    assert_eq!(never.hold().says(), ["blocked copy-failed"]);
    let why = "claim data: 2 warm passes failed, the last one: no route";
    for passes in [[Retry::Once, Retry::Once], [Retry::Again, Retry::Never]] {
        let scene = after(&[failed(1, passes[0]), failed(2, passes[1])]);
        assert_eq!(scene.says(), [format!("Note TurnedBack {why}")]);
    }
    let again = [1, 2, 3].map(|attempt| failed(attempt, Retry::Again));
    let why = "claim data: 3 warm passes failed, the last one: no route";
    assert_eq!(after(&again).says(), [format!("Note TurnedBack {why}")]);
    let full = after(&[failed(1, Retry::FromEmpty)]);
    assert_eq!(full.later(10).says(), ["StartPod data warm 2"], "from an emptied destination");
    let full = after(&[failed(1, Retry::FromEmpty), failed(2, Retry::FromEmpty)]);
    assert_eq!(
        full.says(),
        [format!("Note TurnedBack {}", "claim data: 2 warm passes failed, the last one: no route")]
    );
    // Only failures in a row count.
    let between = [failed(1, Retry::Once), pass(2, 900), failed(3, Retry::Once)];
    assert_eq!(after(&between).later(10).says(), ["StartPod data warm 4"]);
}

#[test]
fn a_held_group_gets_more_attempts_when_it_is_asked_for_again() {
    for passes in [vec![failed(1, Retry::Never)], [1, 2, 3].map(|attempt| failed(attempt, Retry::Again)).to_vec()] {
        let next = format!("StartPod data warm {}", passes.len() + 1);
        let scene = after(&passes).hold();
        assert_eq!(scene.says(), ["blocked copy-failed"]);
        let record = scene.record.clone().with(scene.record.more_attempts().unwrap()).unwrap();
        assert_eq!(record.more_attempts(), None, "only once a run");
        assert_eq!(Scene { record, ..scene.later(1000) }.says(), [next]);
    }
}

#[test]
fn a_pod_that_does_not_start_is_final_unless_it_was_shared() {
    let late = with(Progress::Starting(None)).later(300);
    let why = "its pod warm1 did not start in time: no event says why";
    assert_eq!(late.says(), [format!("Note Warmed data 1 {why}")]);
    let is_final = |scene: Scene| {
        let decision = decide(&scene.record, &scene.seen, scene.now);
        format!("{decision:?}").contains("retry: Never")
    };
    assert!(is_final(late));
    let shared = with(Progress::Starting(None)).later(300).with(|seen| {
        seen.pods = vec![Pod { others: vec!["logs".to_owned()], ..pod(Purpose::Warm, 1, Progress::Starting(None)) }];
    });
    assert!(!is_final(shared));
}

#[test]
fn pods_are_cleared_away_before_anything_stops() {
    let scene = with(Progress::Running).recorded(|record| record.warm_passes = vec![pass(1, 1)]);
    assert_eq!(scene.says(), ["DeletePod warm1 warm1-uid"]);
    let scene = scene.with(|seen| seen.pods[0].leaving = true);
    assert_eq!(scene.says(), ["wait PodsGone of claim data"]);
    let scene = scene.with(|seen| seen.pods.clear());
    assert_eq!(scene.says(), [STOPS]);
}
