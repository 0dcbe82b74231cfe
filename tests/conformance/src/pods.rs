//! When pods are scheduled and started.

use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::DeleteParams};
use serde_json::json;

use crate::stage::{Stage, claim, create, gone, merge, pod, pod_phase, terminating, wait};

/// Waits until the scheduler has refused, and returns its words.
pub(crate) async fn unschedulable(stage: &Stage, name: &str) -> String {
    let refused = |pod: Option<&Pod>| refusal_of(pod).is_some();
    let pod = wait(&stage.pods(), name, refused).await;
    refusal_of(pod.as_ref()).unwrap()
}

fn refusal_of(pod: Option<&Pod>) -> Option<String> {
    let conditions = pod?.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status == "False")?.message.clone()
}

async fn node_of(stage: &Stage, name: &str) -> String {
    let pod = wait(&stage.pods(), name, pod_phase("Running")).await.unwrap();
    pod.spec.unwrap().node_name.unwrap()
}

fn on(node: &str, mut pod: serde_json::Value) -> serde_json::Value {
    pod["spec"]["nodeName"] = json!(node);
    pod
}

pub async fn a_terminating_claim_is_not_scheduled_but_a_named_node_starts(stage: &Stage) {
    stage.bound_claim("data").await;
    create(&stage.pods(), pod("holder", "data")).await;
    let node = node_of(stage, "holder").await;
    stage.claims().delete("data", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data", terminating()).await;
    create(&stage.pods(), pod("scheduled", "data")).await;
    let why = unschedulable(stage, "scheduled").await;
    assert!(why.contains("persistentvolumeclaim \"data\" is being deleted"), "{why}");
    create(&stage.pods(), on(&node, pod("placed", "data"))).await;
    wait(&stage.pods(), "placed", pod_phase("Running")).await;
    // It now holds the claim as well.
    stage.pods().delete("holder", &DeleteParams::default()).await.unwrap();
    wait(&stage.pods(), "holder", gone()).await;
    stage.bound_claim("clock").await;
    stage.claims().get("data").await.unwrap();
    stage.pods().delete("placed", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data", gone()).await;
}

pub async fn a_missing_claim_keeps_a_pod_pending(stage: &Stage) {
    create(&stage.pods(), pod("early", "data")).await;
    let why = unschedulable(stage, "early").await;
    assert!(why.contains("persistentvolumeclaim \"data\" not found"), "{why}");
    create(&stage.pods(), on(&stage.nodes[0], pod("placed", "data"))).await;
    let creating = |pod: Option<&Pod>| {
        let waiting = || pod?.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()?.waiting.as_ref();
        waiting().is_some_and(|waiting| waiting.reason.as_deref() == Some("ContainerCreating"))
    };
    wait(&stage.pods(), "placed", creating).await;
    // Another node could be chosen for the first one, and the volume is for one node only.
    stage.pods().delete("placed", &DeleteParams::default()).await.unwrap();
    wait(&stage.pods(), "placed", gone()).await;
    stage.claim("data", &stage.immediate).await;
    wait(&stage.pods(), "early", pod_phase("Running")).await;
}

pub async fn a_volume_of_one_node_is_not_mounted_on_two(stage: &Stage) {
    stage.bound_claim("data").await;
    create(&stage.pods(), on(&stage.nodes[0], pod("first", "data"))).await;
    wait(&stage.pods(), "first", pod_phase("Running")).await;
    create(&stage.pods(), on(&stage.nodes[0], pod("beside", "data"))).await;
    wait(&stage.pods(), "beside", pod_phase("Running")).await;
    create(&stage.pods(), on(&stage.nodes[1], pod("elsewhere", "data"))).await;
    stage.bound_claim("clock").await;
    let elsewhere = stage.pods().get("elsewhere").await.unwrap();
    assert_eq!(elsewhere.status.unwrap().phase.as_deref(), Some("Pending"));
    for name in ["first", "beside"] {
        stage.pods().delete(name, &DeleteParams::default()).await.unwrap();
    }
    wait(&stage.pods(), "elsewhere", pod_phase("Running")).await;
}

pub async fn a_volume_of_one_pod_is_not_mounted_by_two(stage: &Stage) {
    let mut alone = claim("alone", &stage.immediate);
    alone["spec"]["accessModes"] = json!(["ReadWriteOncePod"]);
    create(&stage.claims(), alone).await;
    create(&stage.pods(), pod("first", "alone")).await;
    wait(&stage.pods(), "first", pod_phase("Running")).await;
    create(&stage.pods(), pod("second", "alone")).await;
    let why = unschedulable(stage, "second").await;
    assert!(why.contains("ReadWriteOncePod"), "{why}");
    stage.pods().delete("first", &DeleteParams::default()).await.unwrap();
    wait(&stage.pods(), "second", pod_phase("Running")).await;
}

pub async fn a_pod_with_a_finalizer_stops_and_stays(stage: &Stage) {
    stage.bound_claim("data").await;
    let mut held = pod("held", "data");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(&stage.pods(), held).await;
    wait(&stage.pods(), "held", pod_phase("Running")).await;
    stage.pods().delete("held", &DeleteParams::default()).await.unwrap();
    let stopped = wait(&stage.pods(), "held", pod_phase("Failed")).await.unwrap();
    assert_eq!(stopped.finalizers(), ["example.com/hold"]);
    merge(&stage.pods(), "held", json!({"metadata": {"finalizers": null}})).await.unwrap();
    wait(&stage.pods(), "held", gone()).await;
}
