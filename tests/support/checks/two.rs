//! Two processes at once, with no lease between them: nothing is lost, and both see the same end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check fails by panicking"
)]

use pvmigrate_rehearsal::{Chaos, Faults, Kill, When};

use crate::{Ended, Place, Scenario, content};

/// Runs pairs of processes on one scene each.
pub async fn two_at_once(place: &Place, name: &str, scenario: &Scenario, pairs: u64) {
    let scene = scenario.start_on(place).await.unwrap();
    let (_, handle) = scene.migrate().await.unwrap();
    let (clean, writes) = (content(&scene).await, handle.writes());
    scene.cluster.stop().await;
    for seed in 0..pairs {
        let scene = scenario.start_on(place).await.unwrap();
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
        let end = scene.content_like(&clean).await;
        assert!(end == clean, "{name} seed {seed}\n{}", clean.differences(&end).join("\n"));
        scene.cluster.stop().await;
    }
    println!("{name}: {pairs} pairs of processes end as one does");
}
