//! The binder's race: it decides on claims by what it last saw of their volumes.

use std::time::{Duration, Instant};

use pvmigrate_rehearsal::Settings;
use serde_json::{Value, json};

use crate::stage::{Embedded, claim, claim_phase, create, merge, volume_phase, wait};

/// Longer than a test takes.
const NEVER: Duration = Duration::from_secs(3600);

fn lagging(lag: Duration, resync: Duration) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.volume_lag = lag..=lag;
        settings.resync_every = resync;
    }
}

/// Makes a released volume that is then reserved for the claim `second`; the binder sees that only after its lag.
async fn reserved(embedded: &Embedded) -> String {
    let stage = &embedded.stage;
    let volume = stage.released_volume("first").await;
    embedded.cluster.settled().await;
    let reference = json!({"namespace": stage.namespace, "name": "second", "uid": null, "resourceVersion": null});
    merge(&stage.volumes(), &volume, json!({"spec": {"claimRef": reference}})).await.unwrap();
    volume
}

fn naming(name: &str, volume: &str) -> Value {
    let mut claim = claim(name, "now");
    claim["spec"]["volumeName"] = json!(volume);
    claim
}

fn phase(embedded: &Embedded, name: &str) -> Value {
    let claim = embedded.cluster.get("v1", "PersistentVolumeClaim", Some("test"), name).unwrap();
    claim["status"]["phase"].clone()
}

#[tokio::test]
async fn a_claim_that_comes_too_early_waits_until_it_is_written_to() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::from_millis(200), NEVER)).await;
    let stage = &embedded.stage;
    let volume = reserved(&embedded).await;
    create(&stage.claims(), naming("second", &volume)).await;
    wait(&stage.volumes(), &volume, volume_phase("Available")).await;
    embedded.cluster.settled().await;
    assert_eq!(phase(&embedded, "second"), "Pending", "the volume's change brings no turn of the claim");
    merge(&stage.claims(), "second", json!({"metadata": {"annotations": {"touched": "yes"}}})).await.unwrap();
    assert_eq!(stage.wait_bound("second").await, volume);
}

#[tokio::test]
async fn a_claim_that_comes_too_early_is_found_by_the_resync() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::from_millis(200), Duration::from_secs(1))).await;
    let volume = reserved(&embedded).await;
    create(&embedded.stage.claims(), naming("second", &volume)).await;
    embedded.cluster.settled().await;
    assert_eq!(embedded.stage.wait_bound("second").await, volume);
}

#[tokio::test]
async fn a_claim_is_bound_at_once_when_nothing_lags() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::ZERO, NEVER)).await;
    let volume = reserved(&embedded).await;
    embedded.cluster.settled().await;
    create(&embedded.stage.claims(), naming("second", &volume)).await;
    embedded.cluster.settled().await;
    assert_eq!(phase(&embedded, "second"), "Bound");
}

#[tokio::test]
async fn a_volume_that_lags_keeps_the_cluster_unsettled_but_a_resync_does_not() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::from_millis(300), NEVER)).await;
    let volume = reserved(&embedded).await;
    let began = Instant::now();
    embedded.cluster.settled().await;
    assert!(began.elapsed() > Duration::from_millis(200), "{:?}", began.elapsed());
    let volume = embedded.cluster.get("v1", "PersistentVolume", None, &volume).unwrap();
    assert_eq!(volume["status"]["phase"], "Available");
}

#[tokio::test]
async fn a_stale_binder_meets_a_conflict_and_takes_nothing() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::from_millis(200), NEVER)).await;
    let stage = &embedded.stage;
    let volume = stage.released_volume("first").await;
    merge(&stage.volumes(), &volume, json!({"spec": {"claimRef": null}})).await.unwrap();
    wait(&stage.volumes(), &volume, volume_phase("Available")).await;
    embedded.cluster.settled().await;
    // The binder still takes it for free.
    let reference = json!({"namespace": stage.namespace, "name": "second"});
    merge(&stage.volumes(), &volume, json!({"spec": {"claimRef": reference}})).await.unwrap();
    create(&stage.claims(), naming("other", &volume)).await;
    embedded.cluster.settled().await;
    assert_eq!(phase(&embedded, "other"), "Pending");
    create(&stage.claims(), naming("second", &volume)).await;
    wait(&stage.claims(), "second", claim_phase("Bound")).await;
}

#[tokio::test]
async fn a_new_volume_brings_the_turn_of_the_claim_it_was_made_for() {
    let embedded = Embedded::with(Vec::new(), lagging(Duration::from_millis(100), NEVER)).await;
    embedded.stage.claim("data", "now").await;
    embedded.cluster.settled().await;
    assert_eq!(phase(&embedded, "data"), "Bound");
}
