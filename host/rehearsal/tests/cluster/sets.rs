//! StatefulSets, where the clock matters or only the embedded cluster can be looked into.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use crate::stage::{Embedded, create, gone, merge, pod_phase, stateful_set, wait};

#[tokio::test]
async fn a_set_backs_off_while_its_claim_is_being_deleted() {
    let embedded = Embedded::new().await;
    let stage = &embedded.stage;
    create(&stage.sets(), stateful_set("db", 1, "now")).await;
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    let old = stage.claims().get("data-db-0").await.unwrap();
    merge(&stage.claims(), "data-db-0", json!({"metadata": {"finalizers": ["example.com/hold"]}})).await.unwrap();
    stage.claims().delete("data-db-0", &DeleteParams::default()).await.unwrap();
    stage.pods().delete("db-0", &DeleteParams::default()).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    // A pending retry does not keep the cluster from being settled: it may never succeed.
    embedded.cluster.settled().await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let tries = || {
        let events = embedded.cluster.events_of("StatefulSet", "db");
        events.iter().find(|event| event["reason"] == "FailedCreate").unwrap()["count"].as_i64().unwrap()
    };
    let before = tries();
    assert!((4..12).contains(&before), "5 ms, and twice as long each time: {before}");
    merge(&stage.claims(), "data-db-0", json!({"metadata": {"finalizers": null}})).await.unwrap();
    embedded.cluster.settled().await;
    assert_eq!(tries(), before, "it is told nothing, but tries again in time");
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    assert_ne!(stage.claims().get("data-db-0").await.unwrap().uid(), old.uid());
}

#[tokio::test]
async fn a_pod_that_no_longer_fits_its_set_is_let_go() {
    let embedded = Embedded::new().await;
    let stage = &embedded.stage;
    create(&stage.sets(), stateful_set("db", 1, "now")).await;
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    merge(&stage.pods(), "db-0", json!({"metadata": {"labels": {"app": "other"}}})).await.unwrap();
    embedded.cluster.settled().await;
    let free = stage.pods().get("db-0").await.unwrap();
    assert!(free.owner_references().is_empty());
    merge(&stage.pods(), "db-0", json!({"metadata": {"labels": {"app": "db"}}})).await.unwrap();
    embedded.cluster.settled().await;
    let adopted = stage.pods().get("db-0").await.unwrap();
    assert_eq!((adopted.owner_references().len(), adopted.uid()), (1, free.uid()));
}
