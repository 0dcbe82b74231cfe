//! Crash safety: a process is killed at each of its writes, before and after it; a fresh one runs to the end; what the
//! cluster and its files then are equals what an uninterrupted run leaves.

use pvmigrate_rehearsal::{Faults, Kill, When};
use pvmigrate_tests::{Ended, Scenario, picture};

use crate::scenarios;

/// Kills at every point of the scenario; returns how many there were.
async fn kill_everywhere(scenario: &Scenario) -> usize {
    let scene = scenario.start().await.unwrap();
    let (_, handle) = scene.migrate().await.unwrap();
    let clean = picture(&scene);
    scene.cluster.stop().await;
    let mut points = 0;
    for at_write in 1..=handle.writes() {
        for when in [When::BeforeWrite, When::AfterWrite] {
            let scene = scenario.start().await.unwrap();
            let (ended, handle) =
                scene.process(Faults { kill: Some(Kill { at_write, when }), ..Faults::default() }).await;
            let place = || format!("{}: killed at write {at_write} ({when:?}): {:?}", scenario.name, handle.written());
            // Pods come and go at their own pace, so another run may need a write less than the clean one did.
            if let Ended::ByItself(Err(failure)) = ended {
                panic!("{}: {:#}", place(), failure.error);
            }
            let (run, _) = scene.migrate().await.unwrap_or_else(|error| panic!("{}: then {error:#}", place()));
            let end = picture(&scene);
            assert!(end == clean, "{}\n{}\n{:?}", place(), clean.differences(&end).join("\n"), run.report.groups);
            scene.cluster.stop().await;
            points += 1;
        }
    }
    points
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_any_write_is_finished_by_the_next() {
    let mut all = 0;
    for scenario in scenarios::all() {
        let began = std::time::Instant::now();
        let points = kill_everywhere(&scenario).await;
        println!("{:24} {points:4} kill points in {:.1?}", scenario.name, began.elapsed());
        all += points;
    }
    println!("all {all} kill points end as the clean run does");
}
