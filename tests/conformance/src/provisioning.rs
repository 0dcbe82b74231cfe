//! The provisioning of volumes.

use k8s_openapi::api::core::v1::Event;
use kube::{
    Api, ResourceExt,
    api::ListParams,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;

use crate::stage::{Stage, claim, create, gone, merge, pod, pod_phase, refusal, wait};

/// Waits for the first event with this reason about an object.
pub(crate) async fn event(stage: &Stage, about: &str, reason: &str) -> String {
    use futures::StreamExt as _;
    let wanted = format!("involvedObject.name={about},reason={reason}");
    let events: Api<Event> = stage.api();
    let stream = watcher(events, watcher::Config::default().fields(&wanted)).applied_objects();
    let found = async { std::pin::pin!(stream).next().await.unwrap().unwrap() };
    let found = tokio::time::timeout(std::time::Duration::from_secs(20), found).await.unwrap();
    found.message.unwrap()
}

pub async fn a_claim_waits_for_its_first_consumer(stage: &Stage) {
    stage.claim("data", &stage.waiting).await;
    event(stage, "data", "WaitForFirstConsumer").await;
    create(&stage.pods(), pod("user", "data")).await;
    wait(&stage.pods(), "user", pod_phase("Running")).await;
    stage.wait_bound("data").await;
    let node = stage.pods().get("user").await.unwrap().spec.unwrap().node_name.unwrap();
    let data = stage.claims().get("data").await.unwrap();
    assert_eq!(data.annotations().get("volume.kubernetes.io/selected-node"), Some(&node));
    event(stage, "data", "ProvisioningSucceeded").await;
}

pub async fn a_failure_is_told_in_an_event(stage: &Stage) {
    let modes = json!({"rehearsal.pvmigrate.dev/access-modes": "ReadWriteOnce,ReadWriteOncePod"});
    let narrow = stage.class("narrow", "Immediate", modes).await;
    let mut wide = claim("wide", &narrow);
    wide["spec"]["accessModes"] = json!(["ReadWriteMany"]);
    create(&stage.claims(), wide).await;
    let message = event(stage, "wide", "ProvisioningFailed").await;
    let words = format!("failed to provision volume with StorageClass {narrow:?}: rpc error:");
    assert!(message.starts_with(&words), "{message}");
    assert!(message.contains("ReadWriteMany"), "{message}");
    stage.claim("fits", &narrow).await;
    stage.wait_bound("fits").await;
    let why = json!({"rehearsal.pvmigrate.dev/provision": "the pool is full"});
    let full = stage.class("full", "Immediate", why).await;
    stage.claim("late", &full).await;
    let message = event(stage, "late", "ProvisioningFailed").await;
    assert_eq!(message, format!("failed to provision volume with StorageClass {full:?}: the pool is full"));
}

pub async fn a_node_bound_volume_keeps_its_pods_on_its_node(stage: &Stage) {
    let bound = json!({"rehearsal.pvmigrate.dev/node-bound": "true"});
    let local = stage.class("local", "WaitForFirstConsumer", bound).await;
    stage.claim("data", &local).await;
    let mut first = pod("first", "data");
    first["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": &stage.nodes[1]});
    create(&stage.pods(), first).await;
    wait(&stage.pods(), "first", pod_phase("Running")).await;
    stage.pods().delete("first", &Default::default()).await.unwrap();
    wait(&stage.pods(), "first", gone()).await;
    create(&stage.pods(), pod("second", "data")).await;
    let second = wait(&stage.pods(), "second", pod_phase("Running")).await.unwrap();
    assert_eq!(second.spec.unwrap().node_name.as_ref(), Some(&stage.nodes[1]));
    let mut third = pod("third", "data");
    third["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": &stage.nodes[0]});
    create(&stage.pods(), third).await;
    let message = event(stage, "third", "FailedScheduling").await;
    assert!(message.contains("1 node(s) didn't match PersistentVolume's node affinity"), "{message}");
}

pub async fn a_missing_class_is_told_in_an_event(stage: &Stage) {
    let nowhere = stage.own("nowhere");
    stage.claim("data", &nowhere).await;
    let message = event(stage, "data", "ProvisioningFailed").await;
    assert_eq!(message, format!("storageclass.storage.k8s.io {nowhere:?} not found"));
    // The class may come later.
    stage.class("nowhere", "Immediate", json!({})).await;
    stage.wait_bound("data").await;
}

/// Returns a claim that names no class.
fn plain(name: &str) -> serde_json::Value {
    let mut plain = claim(name, "x");
    plain["spec"]["storageClassName"] = json!(null);
    plain
}

fn default() -> serde_json::Value {
    json!({"storageclass.kubernetes.io/is-default-class": "true"})
}

pub async fn the_default_class_is_filled_in(stage: &Stage) {
    stage.take_turn().await;
    let usual = stage.class("usual", "Immediate", default()).await;
    let made = create(&stage.claims(), plain("plain")).await;
    assert_eq!(made.spec.unwrap().storage_class_name, Some(usual));
    let volume = stage.wait_bound("plain").await;
    let spec = stage.volumes().get(&volume).await.unwrap().spec.unwrap();
    assert_eq!(spec.persistent_volume_reclaim_policy.as_deref(), Some("Delete"));
    assert_eq!(spec.csi.unwrap().driver, "disks.example.com");
    let listed = stage.volumes().list(&ListParams::default()).await.unwrap();
    assert!(listed.items.iter().any(|one| one.name_any() == volume));
}

pub async fn a_class_by_name_is_admitted_as_it_is(stage: &Stage) {
    stage.take_turn().await;
    stage.class("usual", "Immediate", default()).await;
    let foreign = stage.own("foreign");
    let made = stage.claim("named", &foreign).await;
    assert_eq!(made.spec.unwrap().storage_class_name, Some(foreign.clone()), "nobody asks whether it exists");
    let made = stage.claim("none", "").await;
    assert_eq!(made.spec.unwrap().storage_class_name.as_deref(), Some(""), "an empty class asks for none");
    event(stage, "named", "ProvisioningFailed").await;
    let refused = merge(&stage.claims(), "named", json!({"spec": {"storageClassName": stage.immediate}})).await;
    assert_eq!(refusal(refused).code, 422, "a class once named stays");
}

pub async fn a_default_class_that_comes_later_is_filled_in_too(stage: &Stage) {
    stage.take_turn().await;
    let made = create(&stage.claims(), plain("early")).await;
    assert_eq!(made.spec.unwrap().storage_class_name, None);
    let usual = stage.class("usual", "Immediate", default()).await;
    stage.wait_bound("early").await;
    assert_eq!(stage.claims().get("early").await.unwrap().spec.unwrap().storage_class_name, Some(usual));
}
