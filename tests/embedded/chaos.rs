//! Faults by seed: refused, throttled, lost and late answers, dropped watches. Every run ends right, or says that it did not
//! and the next one does.

use pvmigrate_rehearsal::{Chaos, Faults};
use pvmigrate_tests::{Ended, picture};

use crate::scenarios;

/// How many seeds a test goes through: `SEEDS` in the environment, or enough for every change to meet some hundreds.
fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40)
}

/// How many runs in trouble may follow each other before the test calls it endless.
const RUNS: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_by_seed_change_nothing_in_the_end() {
    for scenario in scenarios::all() {
        let scene = scenario.start().await.unwrap();
        scene.migrate().await.unwrap();
        let clean = picture(&scene);
        scene.cluster.stop().await;
        for seed in 0..seeds() / 4 {
            let scene = scenario.start().await.unwrap();
            let mut troubles = Vec::new();
            let mut done = false;
            for run in 0..RUNS {
                let chaos = Chaos::new(seed * 1000 + run as u64);
                match scene.process(Faults { chaos: Some(chaos), ..Faults::default() }).await.0 {
                    Ended::Killed => panic!("nothing kills here"),
                    Ended::ByItself(Err(failure)) => troubles.push(format!("{:#}", failure.error)),
                    Ended::ByItself(Ok(run)) => {
                        let groups = &run.report.groups;
                        let unfinished = |group: &&pvmigrate::report::GroupReport| {
                            !matches!(group.end, pvmigrate::driver::GroupEnd::Ended(_))
                        };
                        let open: Vec<String> =
                            groups.iter().filter(unfinished).map(|group| format!("{:?}", group.end)).collect();
                        let kept: Vec<String> = run.blockers().iter().map(ToString::to_string).collect();
                        if open.is_empty() && kept.is_empty() {
                            done = true;
                            break;
                        }
                        troubles.extend(open);
                        troubles.extend(kept);
                    }
                }
            }
            assert!(done, "{} seed {seed} does not end: {troubles:#?}", scenario.name);
            scene.cluster.settled().await;
            let end = picture(&scene);
            assert!(
                end == clean,
                "{} seed {seed}\n{}\n{troubles:#?}",
                scenario.name,
                clean.differences(&end).join("\n")
            );
            scene.cluster.stop().await;
        }
        println!("{:24} {} seeds", scenario.name, seeds() / 4);
    }
}
