//! Pods that are leaving when a run begins: the reference tool had scaled to zero, and was killed.

use std::collections::BTreeSet;
use std::time::Duration;

use pvmigrate_tests::real::Real;
use serde_json::{Value, json};

use crate::repeating::Repeating;
use crate::stage::{Stage, classes, in_rounds};
use crate::witness::{Before, begin_with};

/// Traps that take a while to end, as databases do; the second ends with an error.
const SLOW_TO_END: [&str; 2] = ["trap 'sleep 2; exit 0' TERM", "trap 'sleep 1; exit 3' TERM"];

/// Notes the phases that pods have while they are leaving.
fn phases(stage: &Stage) -> Repeating<BTreeSet<String>> {
    let (real, namespace) = (stage.real.clone(), stage.namespace.clone());
    Repeating::every(Duration::from_millis(50), move |turns| async move {
        let mut phases = BTreeSet::new();
        while turns.next().await {
            let pods = real.list("Pod", &namespace).await.unwrap_or_default();
            let leaving = pods.iter().filter(|pod| {
                !pod["metadata"]["deletionTimestamp"].is_null() && pod["metadata"]["labels"]["app"] == "app"
            });
            phases.extend(leaving.filter_map(|pod| pod["status"]["phase"].as_str().map(str::to_owned)));
        }
        phases
    })
}

const HELD: &str = "example.com/held";

/// Keeps every pod for a while after its end, as a log collector may do.
async fn hold(real: &Real, namespace: &str) {
    for pod in real.list("Pod", namespace).await.unwrap() {
        let name = pod["metadata"]["name"].as_str().unwrap();
        real.patch("Pod", namespace, name, &json!({"metadata": {"finalizers": [HELD]}})).await.unwrap();
    }
}

/// Releases the pods that were held.
async fn let_go(real: Real, namespace: String) {
    tokio::time::sleep(Duration::from_secs(5)).await;
    for pod in real.list("Pod", &namespace).await.unwrap() {
        let held = pod["metadata"]["finalizers"].as_array().is_some_and(|all| all.contains(&json!(HELD)));
        if held && let Some(name) = pod["metadata"]["name"].as_str() {
            real.patch("Pod", &namespace, name, &json!({"metadata": {"finalizers": null}})).await.unwrap();
        }
    }
}

async fn gone_on_with(stage: Stage, round: u32) {
    let classes = classes(round);
    let slow = SLOW_TO_END[usize::from(round % 4 > 1)];
    let edit = |set: &mut Value| {
        let spec = &mut set["spec"]["template"]["spec"];
        spec["terminationGracePeriodSeconds"] = json!(10);
        let script = spec["containers"][0]["command"][2].as_str().unwrap().replace("trap 'exit 0' TERM", slow);
        spec["containers"][0]["command"][2] = json!(script);
    };
    let (before, _) = begin_with(&stage, classes[0], edit).await;
    let names: Vec<&str> = before.iter().map(Before::name).collect();
    let held = round % 3 == 2;
    if held {
        hold(&stage.real, &stage.namespace).await;
    }
    let marked = json!({"metadata": {"annotations": {"kurl.sh/pvcmigrate-scale": "2"}}, "spec": {"replicas": 0}});
    stage.real.patch("StatefulSet", &stage.namespace, "app", &marked).await.unwrap();
    let released = held.then(|| tokio::spawn(let_go(stage.real.clone(), stage.namespace.clone())));
    // Spread over two seconds, in an order that looks like none.
    let pause = Duration::from_secs_f64((f64::from(round) * 0.618_033_988_75).fract() * 2.0);
    tokio::time::sleep(pause).await;
    let (phases, exited) = (phases(&stage), stage.migrate(classes, &[]).await);
    let phases = phases.end().await;
    assert_eq!(
        exited.code,
        Some(0),
        "{pause:?}, {phases:?}: {exited}\n{}",
        stage.real.troubles(&stage.namespace).await
    );
    if let Some(released) = released {
        released.await.unwrap();
    }
    stage.assert_runs("StatefulSet", "app", 2).await;
    stage.assert_claims(&names, classes[1]).await;
    stage.assert_no_pods_of_ours().await;
    for claim in &before {
        claim.assert_kept(&stage).await;
        claim.assert_left().await;
    }
    let took = exited.took;
    stage.end(&format!("begun {pause:.1?} after the scale to 0, pods leaving as {phases:?}, run of {took:.1?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_begins_while_pods_are_leaving() {
    in_rounds("leaving", gone_on_with).await;
}
