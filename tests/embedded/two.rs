//! Two processes at once, with no lease between them: nothing is lost, and both see the same end.

use pvmigrate_rehearsal::{Chaos, Faults, Kill, When};
use pvmigrate_tests::{Ended, picture};

use crate::scenarios;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_at_once_leave_what_one_leaves() {
    for scenario in scenarios::all() {
        let scene = scenario.start().await.unwrap();
        let (_, handle) = scene.migrate().await.unwrap();
        let (clean, writes) = (picture(&scene), handle.writes());
        scene.cluster.stop().await;
        for seed in 0..4 {
            let scene = scenario.start().await.unwrap();
            // The seed spreads the two over each other's time; one of them dies somewhere on its way.
            let kill = Kill { at_write: 1 + seed * writes / 4, when: When::AfterWrite };
            let slow = Faults { chaos: Some(Chaos::latency(seed)), ..Faults::default() };
            let dying = Faults { kill: Some(kill), ..Faults::default() };
            let ((one, _), (_, _)) = tokio::join!(scene.process(slow), scene.process(dying));
            if let Ended::ByItself(Err(failure)) = one {
                panic!("{} seed {seed}: {:#}", scenario.name, failure.error);
            }
            scene.migrate().await.unwrap();
            let end = picture(&scene);
            assert!(end == clean, "{} seed {seed}\n{}", scenario.name, clean.differences(&end).join("\n"));
            scene.cluster.stop().await;
        }
        println!("{:24} 4 pairs", scenario.name);
    }
}
