//! Crash safety: a process is killed at each of its writes, before and after it; a fresh one runs to the end; what the
//! cluster and its files then are equals what an uninterrupted run leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check fails by panicking"
)]

use futures::stream::{self, StreamExt};
use pvmigrate_rehearsal::{Faults, Kill, When};

use crate::{Content, Ended, Place, Scenario, content};

/// The writes at which runs are killed, and how many runs there are at once.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// The sides of a write.
    pub sides: &'static [When],
    /// 1: every write; 5: every fifth, starting with a different one in each scenario.
    pub every: u64,
    /// How many runs at once.
    pub at_once: usize,
}

/// Kills runs of a scenario at its writes.
pub async fn kill_at_writes(place: &Place, name: &str, scenario: &Scenario, kills: Kills) {
    let began = std::time::Instant::now();
    let scene = scenario.start_on(place).await.unwrap();
    let (run, handle) = scene.migrate().await.unwrap();
    assert!(!run.report.groups.is_empty(), "{name}: {:#?}", run.blockers());
    let clean = content(&scene).await;
    scene.cluster.stop().await;
    let Kills { sides, every, at_once } = kills;
    let offset = name.bytes().map(u64::from).sum::<u64>();
    let writes = (1..=handle.writes()).filter(|at_write| (at_write + offset) % every == 0);
    let points = writes.flat_map(|at_write| sides.iter().map(move |&when| Kill { at_write, when })).collect::<Vec<_>>();
    let (count, all) = (points.len(), handle.writes());
    assert!(count > 0, "{name}: none of the {all} writes is a kill point");
    let each = stream::iter(points).map(|point| kill(place, scenario, point, &clean));
    each.buffer_unordered(at_once).collect::<()>().await;
    println!("{name}: {count} kill points end as the clean run does ({all} writes, {:.1?})", began.elapsed());
}

async fn kill(place: &Place, scenario: &Scenario, kill: Kill, clean: &Content) {
    let scene = scenario.start_on(place).await.unwrap();
    let (ended, handle) = scene.process(Faults { kill: Some(kill), ..Faults::default() }).await;
    let at = || format!("{}: {kill:?}: {:#?}", scenario.name, handle.written());
    // Pods come and go at their own pace, so this run may need a write less than the clean one did, and end by itself.
    if let Ended::ByItself(result) = ended
        && let Err(failure) = *result
    {
        panic!("{}: {:#}", at(), failure.error);
    }
    let (run, again) = scene.migrate().await.unwrap_or_else(|error| panic!("{}: then {error:#}", at()));
    let end = scene.content_like(clean).await;
    let differences = clean.differences(&end).join("\n");
    let found = run.blockers();
    assert!(end == *clean, "{}\n{:#?}\n{differences}\n{:?}\n{found:#?}", at(), again.written(), run.report.groups);
    scene.cluster.stop().await;
}
