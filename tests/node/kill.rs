//! `kill -9` of pvmigrate at any time of its run: the next run continues, and nothing is lost.

use std::time::{Duration, Instant};

use futures::future::join_all;
use pvmigrate_tests::apps::App;

use crate::journal::{assert_whole, writer};
use crate::stage::{CSI, LOCAL, Stage, assert_same};

/// Number of kills before the run's own end in each of the lanes that run side by side.
const KILLS: u32 = 5;
/// Maximum number of runs of a lane that are started to be killed: some end by themselves before.
const TURNS: u32 = 12;

/// Lanes that run side by side: the classes, to and fro, and flags. Without checks more of the run is the migration itself.
const LANES: [([&str; 2], &[&str]); 4] = [
    (LOCAL, &[]),
    ([LOCAL[1], LOCAL[0]], &["--skip-preflight-validation"]),
    (CSI, &[]),
    ([CSI[1], CSI[0]], &["--skip-preflight-validation", "--no-warm"]),
];

/// The result of one lane.
struct Lane {
    kills: u32,
    /// How many runs had ended by themselves before they could be killed.
    late: u32,
    lines: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_the_next_run_goes_on() {
    let began = Instant::now();
    let lanes: Vec<Lane> =
        join_all(LANES.into_iter().zip(0_u32..).map(|((classes, words), number)| lane(number, classes, words))).await;
    let kills: u32 = lanes.iter().map(|lane| lane.kills).sum();
    let late: u32 = lanes.iter().map(|lane| lane.late).sum();
    let lines: usize = lanes.iter().map(|lane| lane.lines).sum();
    pvmigrate_tests::real::say(&format!(
        "node: kill: {kills} runs killed at any time (and {late} that had ended by then), each gone on with and all moved; \
         {lines} lines of journals whole ({:.1?})",
        began.elapsed()
    ));
}

/// Migrates a keeper and a writer to and fro, and kills each run but the first.
async fn lane(number: u32, mut classes: [&str; 2], words: &[&str]) -> Lane {
    let stage = Stage::new(&format!("kill-{number}")).await;
    stage.deploy(&App::keeper(&stage.namespace, "keeper"), "kept", classes[0]).await;
    let mut old = writer(&stage, classes[0]).await;
    let before = stage.walk("kept").await;
    let (mut lane, mut length) = (Lane { kills: 0, late: 0, lines: 0 }, Duration::from_secs(10));
    for turn in 0..=TURNS {
        if lane.kills == KILLS {
            break;
        }
        if turn > 0 {
            let place = at(number * TURNS + turn);
            let exited = stage.start(classes, words).killed_after(length.mul_f64(place)).await.unwrap();
            if exited.code.is_some() {
                // Other lanes' work slows a run down; this is what it takes by now.
                (lane.late, length) = (lane.late + 1, exited.took);
            } else {
                lane.kills += 1;
            }
        }
        let exited = stage.migrated(classes, words).await;
        if turn == 0 {
            length = exited.took;
        }
        let what = format!("kill-{number}, turn {turn} of {length:?}");
        stage.assert_runs("Deployment", "keeper", 1).await;
        stage.assert_runs("Deployment", "writer", 1).await;
        stage.assert_claims(&["kept", "written"], classes[1]).await;
        stage.assert_no_pods_of_ours().await;
        assert_same(&what, &before, &stage.walk("kept").await);
        let new = stage.directory("written").await;
        lane.lines = assert_whole(&old, &new);
        old = new;
        classes = [classes[1], classes[0]];
    }
    assert_eq!(lane.kills, KILLS, "kill-{number}: too few kills came before the run's own end");
    stage.end(&format!("{KILLS} kills within {length:.1?}")).await;
    lane
}

/// Spreads the seeds evenly over the run, in an order that looks like none.
fn at(seed: u32) -> f64 {
    (f64::from(seed) * 0.618_033_988_75).fract()
}
