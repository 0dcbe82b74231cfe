//! The old volume is let go only once the workload is Ready on the new one, and that is when the downtime ends.

use std::time::Duration;

use pvmigrate_tests::apps::App;
use pvmigrate_tests::real::Real;
use serde_json::Value;

use crate::repeating::Repeating;
use crate::stage::{Stage, classes, in_rounds};
use crate::witness::{Before, uptime};

/// How long the application needs from its start on.
const WARM_UP: u32 = 5;

/// When each thing was first seen.
#[derive(Debug, Default)]
struct Times {
    /// No pod was Ready.
    down: Option<f64>,
    /// A pod was Ready after that.
    up: Option<f64>,
    /// The old volume was let go before a pod was Ready.
    early: Option<(f64, Value)>,
    /// The old volume was let go.
    let_go: Option<f64>,
}

async fn is_ready(real: &Real, namespace: &str) -> Option<bool> {
    let pods = real.list("Pod", namespace).await.ok()?;
    let conditions = |pod: &Value| pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    Some(pods.iter().any(|pod| pod["metadata"]["labels"]["app"] == "app" && conditions(pod).iter().any(is_ready)))
}

/// Watches both until it is told to end. A volume is let go when nothing keeps it: it is gone, or may be freed.
fn watch(stage: &Stage, volume: &str) -> Repeating<Times> {
    let (real, namespace, volume) = (stage.real.clone(), stage.namespace.clone(), volume.to_owned());
    Repeating::every(Duration::from_millis(50), move |turns| async move {
        let mut times = Times::default();
        let mut was_kept = false;
        while turns.next().await {
            // The volume is read first: if it is let go then, a pod must be Ready then and later.
            let Ok(found) = real.find("PersistentVolume", "", &volume).await else { continue };
            let Some(ready) = is_ready(&real, &namespace).await else { continue };
            let kept = |found: &Value| {
                found["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
                    && found["metadata"]["deletionTimestamp"].is_null()
            };
            let is_kept = found.as_ref().is_some_and(kept);
            was_kept |= is_kept;
            let now = Some(uptime());
            if !ready {
                times.down = times.down.or(now);
            } else if times.down.is_some() {
                times.up = times.up.or(now);
            }
            if was_kept && !is_kept {
                times.let_go = times.let_go.or(now);
                if !ready && times.up.is_none() {
                    times.early = times.early.take().or(now.zip(Some(found.unwrap_or_default())));
                }
            }
        }
        times
    })
}

async fn kept_until_ready(stage: Stage, classes: [&'static str; 2], words: &'static [&'static str]) {
    let app = App { warm_up: WARM_UP, ..App::witness(&stage.namespace, "app") };
    stage.deploy(&app, "data", classes[0]).await;
    let before = Before::of(&stage, "data").await;
    let times = watch(&stage, before.volume());
    let exited = stage.migrated(classes, &[&["--output", "json"], words].concat()).await;
    let times = times.end().await;
    assert!(times.early.is_none(), "the old volume was let go before a pod was Ready: {times:?}");
    let (Some(down), Some(up)) = (times.down, times.up) else { panic!("never down, or never up: {times:?}") };
    let report = exited.report().unwrap();
    let told = report["groups"][0]["claims"][0]["downMilliseconds"].as_f64().unwrap() / 1000.0;
    assert!(told >= f64::from(WARM_UP), "{told} s of downtime leave the {WARM_UP} s of the start out: {times:?}");
    // The stop is written before the pod is seen not to be Ready, and what is seen of an end is seen a little later.
    assert!(told >= up - down - 1.0, "{told} s of downtime, but seen from {down} to {up}");
    stage.assert_runs("Deployment", "app", 1).await;
    stage.assert_claims(&["data"], classes[1]).await;
    before.assert_kept(&stage).await;
    let (seen, let_go) = (up - down, times.let_go.map(|at| at - up));
    stage.end(&format!("told {told:.2} s of downtime, seen {seen:.2} s; old volume let go {let_go:.2?} s later")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_volume_stays_until_the_workload_is_ready() {
    in_rounds("ready", |stage, round| kept_until_ready(stage, classes(round), &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_disk_stays_until_the_workload_is_ready() {
    let words = &["--source-volumes", "reclaim"];
    in_rounds("ready-free", |stage, round| kept_until_ready(stage, classes(round + 1), words)).await;
}
