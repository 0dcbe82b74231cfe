//! Crash safety: a process is killed at each of its writes, before and after it; a fresh one runs to the end; what the
//! cluster and its files then are equals what an uninterrupted run leaves.

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
    let mut points = 0;
    for at_write in 1..=handle.writes() {
        for when in [When::BeforeWrite, When::AfterWrite] {
            kill(scenario, Kill { at_write, when }, &clean).await;
            points += 1;
        }
    }
    println!("{name}: {points} kill points end as the clean run does ({:.1?})", began.elapsed());
}

async fn kill(scenario: &Scenario, kill: Kill, clean: &Picture) {
    let scene = scenario.start().await.unwrap();
    let (ended, handle) = scene.process(Faults { kill: Some(kill), ..Faults::default() }).await;
    let place = || format!("{}: {kill:?}: {:#?}", scenario.name, handle.written());
    // Pods come and go at their own pace, so this run may need a write less than the clean one did, and end by itself.
    if let Ended::ByItself(Err(failure)) = ended {
        panic!("{}: {:#}", place(), failure.error);
    }
    let (run, again) = scene.migrate().await.unwrap_or_else(|error| panic!("{}: then {error:#}", place()));
    let end = picture(&scene);
    let differences = clean.differences(&end).join("\n");
    assert!(end == *clean, "{}\n{:#?}\n{differences}\n{:?}", place(), again.written(), run.report.groups);
    scene.cluster.stop().await;
}
