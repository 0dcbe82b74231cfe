//! Faults by seed: refused, throttled, lost and late answers, dropped watches. Every run ends right, or says that it did not
//! and the next one does.

use futures::stream::{self, StreamExt};
use pvmigrate::driver::GroupEnd;
use pvmigrate::run::Run;
use pvmigrate_rehearsal::{Chaos, Faults};
use pvmigrate_tests::{Content, Ended, Scenario, Scene, content};

use crate::scenarios::each_scenario;

/// Returns how many seeds each scenario goes through: `SEEDS` in the environment, or enough for some hundreds of
/// faults.
fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(20)
}

/// Maximum number of runs in trouble after each other, before the test calls it endless.
const RUNS: u64 = 25;

each_scenario!(faults_by_seed);

async fn faults_by_seed(name: &str, scenario: &Scenario) {
    let scene = scenario.start().await.unwrap();
    scene.migrate().await.unwrap();
    let clean = content(&scene).await;
    scene.cluster.stop().await;
    let clean = &clean;
    let one = |seed| async move {
        let scene = scenario.start().await.unwrap();
        let end = run_until_done(&scene, seed).await;
        assert!(end == *clean, "{name} seed {seed}\n{}", clean.differences(&end).join("\n"));
        scene.cluster.stop().await;
    };
    // Most of their time they wait for the pauses that the faults ask for.
    stream::iter(0..seeds()).map(one).buffer_unordered(20).collect::<()>().await;
    println!("{name}: {} seeds of faults end as the clean run does", seeds());
}

async fn run_until_done(scene: &Scene, seed: u64) -> Content {
    let mut troubles = Vec::new();
    for run in 0..RUNS {
        // About one request in twenty fails: more would spend the time in the pauses before the first step.
        let rates = Chaos::new(seed * 1000 + run);
        let chaos = Chaos { too_many: 0.002, internal: 0.01, fail_before: 0.01, answer_lost: 0.02, ..rates };
        match scene.process(Faults { chaos: Some(chaos), ..Faults::default() }).await.0 {
            Ended::Killed => panic!("nothing kills here"),
            Ended::ByItself(result) => match *result {
                Err(failure) => troubles.push(format!("{:#}", failure.error)),
                Ok(run) => {
                    let open = unfinished(&run);
                    if open.is_empty() {
                        scene.cluster.settled().await;
                        return content(scene).await;
                    }
                    troubles.extend(open);
                }
            },
        }
    }
    panic!("seed {seed} does not end: {troubles:#?}")
}

fn unfinished(run: &Run) -> Vec<String> {
    let ends = run.report.groups.iter().map(|group| &group.end);
    let open = ends.filter(|end| !matches!(end, GroupEnd::Ended(_))).map(|end| format!("{end:?}"));
    open.chain(run.blockers().iter().map(ToString::to_string)).collect()
}
