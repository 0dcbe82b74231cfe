//! Two processes at once, with no lease between them: nothing is lost, and both see the same end.

use pvmigrate_rehearsal::{Chaos, Faults, Kill, When};
use pvmigrate_tests::{Ended, Scenario, picture};

use crate::scenarios::each_scenario;

/// How many pairs each scenario goes through.
const PAIRS: u64 = 4;

each_scenario!(two_at_once);

async fn two_at_once(name: &str, scenario: &Scenario) {
    let scene = scenario.start().await.unwrap();
    let (_, handle) = scene.migrate().await.unwrap();
    let (clean, writes) = (picture(&scene), handle.writes());
    scene.cluster.stop().await;
    for seed in 0..PAIRS {
        let scene = scenario.start().await.unwrap();
        // The seed shifts the two against each other; the second dies somewhere on its way, in the last pair not at all.
        let kill = Kill { at_write: 1 + seed * writes / 2, when: When::AfterWrite };
        let slow = Faults { chaos: Some(Chaos::latency(seed)), ..Faults::default() };
        let dying = Faults { kill: Some(kill), ..Faults::default() };
        let ((one, _), _) = tokio::join!(scene.process(slow), scene.process(dying));
        if let Ended::ByItself(result) = one
            && let Err(failure) = *result
        {
            panic!("{name} seed {seed}: {:#}", failure.error);
        }
        scene.migrate().await.unwrap();
        let end = picture(&scene);
        assert!(end == clean, "{name} seed {seed}\n{}", clean.differences(&end).join("\n"));
        scene.cluster.stop().await;
    }
    println!("{name}: {PAIRS} pairs of processes end as one does");
}
