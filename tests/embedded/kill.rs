//! Crash safety: a process is killed at each of its writes, before and after it; a fresh one runs to the end; what the
//! cluster and its files then are equals what an uninterrupted run leaves.

use futures::stream::{self, StreamExt};
use pvmigrate_rehearsal::{Faults, Kill, When};
use pvmigrate_tests::{Ended, Picture, Scenario, picture};

use crate::scenarios::each_scenario;

each_scenario!(kill_at_every_write);

async fn kill_at_every_write(name: &str, scenario: &Scenario) {
    let began = std::time::Instant::now();
    let scene = scenario.start().await.unwrap();
    let (run, handle) = scene.migrate().await.unwrap();
    assert!(!run.report.groups.is_empty(), "{name}: {:#?}", run.blockers());
    let clean = picture(&scene);
    scene.cluster.stop().await;
    let sides = |at_write| [When::BeforeWrite, When::AfterWrite].map(|when| Kill { at_write, when });
    let kills: Vec<Kill> = (1..=handle.writes()).flat_map(sides).collect();
    let points = kills.len();
    stream::iter(kills).map(|point| kill(scenario, point, &clean)).buffer_unordered(4).collect::<()>().await;
    println!("{name}: {points} kill points end as the clean run does ({:.1?})", began.elapsed());
}

async fn kill(scenario: &Scenario, kill: Kill, clean: &Picture) {
    let scene = scenario.start().await.unwrap();
    let (ended, handle) = scene.process(Faults { kill: Some(kill), ..Faults::default() }).await;
    let place = || format!("{}: {kill:?}: {:#?}", scenario.name, handle.written());
    // Pods come and go at their own pace, so this run may need a write less than the clean one did, and end by itself.
    if let Ended::ByItself(result) = ended
        && let Err(failure) = *result
    {
        panic!("{}: {:#}", place(), failure.error);
    }
    let (run, again) = scene.migrate().await.unwrap_or_else(|error| panic!("{}: then {error:#}", place()));
    let end = picture(&scene);
    let differences = clean.differences(&end).join("\n");
    assert!(end == *clean, "{}\n{:#?}\n{differences}\n{:?}", place(), again.written(), run.report.groups);
    scene.cluster.stop().await;
}
