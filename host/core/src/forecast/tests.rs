//! Forecasts from some moments of a migration.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{End, Forecast, Line, forecast};
use crate::decide::tests::line::step;
use crate::decide::tests::scene::Scene;
use crate::record::{Disposal, Outcome};

fn told(scene: &Scene) -> (Vec<String>, End) {
    let Forecast { lines, ends } = forecast(&scene.record, &scene.seen, scene.now);
    let line = |line: &Line| match line {
        // Uids and versions of imagined objects mean nothing.
        Line::Do(done) => {
            let words = step(done);
            let words: Vec<&str> = words.split(['@', ' ']).take(2).collect();
            words.join(" ")
        }
        Line::Await(waiting) => format!("wait {:?}", waiting.on),
    };
    (lines.iter().map(line).collect(), ends)
}

fn ends_as(ends: &End, outcome: &Outcome) -> bool {
    matches!(ends, End::Finished(ended) if ended.how == *outcome)
}

#[test]
fn from_the_beginning_the_whole_way_is_forecast() {
    let (lines, ends) = told(&Scene::begun());
    let way = [
        "RetainSource old-data",
        "CreateDestination data",
        "wait DestinationBound",
        "Note Destination",
        "RetainDestination pvc-1",
        "Note Stopping",
        "StopWorkload app",
        "wait SourcePodsGone", // of the workload
        "wait SourcePodsGone", // of the claim
        "DeleteOriginalClaim data",
        "wait OriginalGone",
        "CreateFinalClaim data",
        "Reserve old-data",
        "CreateSourceTemp data",
        "wait SourceTempBound",
        "StartPod data",
        "wait CopyStarted",
        "wait CopyFinished",
        "Note Copied",
        "DeleteTemp data-pvcmigrate-src",
        "DeleteTemp data-pvcmigrate",
        "DeletePod migrate-data-a86ef50bca-1",
        "wait TempsGone",
        "Reserve pvc-1",
        "Touch data",
        "wait ClaimBound",
        "Unmark data",
        "StartWorkload app",
        "Note Started",
        "wait PodsReady",
        "Note Ready",
        "RestoreReclaim pvc-1",
        "DeleteSourceVolume old-data",
        "wait SourceVolumeGone",
        "Note Ended",
    ];
    assert_eq!(lines, way);
    assert!(ends_as(&ends, &Outcome::Migrated), "{ends:?}");
}

#[test]
fn from_the_middle_only_the_rest_is_forecast() {
    let (lines, ends) = told(&Scene::begun().settled().disposal(Disposal::Keep));
    assert_eq!(lines, ["Note Ended"]);
    assert!(ends_as(&ends, &Outcome::Migrated), "{ends:?}");
}

#[test]
fn the_forecast_of_a_group_turned_back_is_the_way_back() {
    let (lines, ends) = told(&Scene::begun().fenced().turned_back());
    assert!(lines.contains(&"RestoreOriginalClaim data".to_owned()), "{lines:?}");
    assert!(ends_as(&ends, &Outcome::RolledBack("why".to_owned())), "{ends:?}");
}

#[test]
fn a_blocker_ends_it() {
    let (lines, ends) = told(&Scene::begun().prepared().with(|seen| seen.source_volume = None));
    assert_eq!(lines, Vec::<String>::new());
    assert!(matches!(ends, End::Blocked(_)), "{ends:?}");
}

#[test]
fn what_never_comes_by_itself_is_endless() {
    let scene = Scene::begun().fenced().with(|seen| seen.source.as_mut().unwrap().bound = false);
    let scene = scene.with(|seen| seen.source.as_mut().unwrap().volume = Some("elsewhere".to_owned()));
    assert_eq!(told(&scene).1, End::Endless);
}
