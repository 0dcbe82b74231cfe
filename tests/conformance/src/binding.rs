//! The binding of claims and volumes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::{Value, json};

use crate::pods::unschedulable;
use crate::provisioning::event;
use crate::stage::{
    Stage, claim, claim_phase, create, gone, merge, pod_phase, stateful_set, terminating, volume_phase, wait,
};

fn reserve(namespace: &str, name: &str) -> Value {
    // A merge patch must remove the old reference's other fields by name.
    json!({"spec": {"claimRef": {"namespace": namespace, "name": name, "uid": null, "resourceVersion": null}}})
}

/// Frees a volume as a patch asks for and waits until the binder has seen it. A claim that comes before that is decided
/// by the old claimRef, and looked at again only at the binder's next resync.
async fn free(stage: &Stage, volume: &str, patch: Value) {
    merge(&stage.volumes(), volume, patch).await.unwrap();
    wait(&stage.volumes(), volume, volume_phase("Available")).await;
}

async fn is_pending(stage: &Stage, name: &str) -> bool {
    let claim: PersistentVolumeClaim = stage.claims().get(name).await.unwrap();
    claim.status.unwrap().phase.as_deref() == Some("Pending")
}

fn naming(name: &str, class: &str, volume: &str) -> Value {
    let mut claim = claim(name, class);
    claim["spec"]["volumeName"] = json!(volume);
    claim
}

pub async fn a_reserved_volume_is_available_for_one_claim_only(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    free(stage, &volume, reserve(&stage.namespace, "second")).await;
    // One of another name gets a volume of its own.
    assert_ne!(stage.bound_claim("other").await, volume);
    let second = stage.claim("second", &stage.immediate).await;
    assert_eq!(stage.wait_bound("second").await, volume);
    let bound = stage.volumes().get(&volume).await.unwrap();
    let reference = bound.spec.unwrap().claim_ref.unwrap();
    assert_eq!(reference.uid, second.metadata.uid);
    let annotations = stage.claims().get("second").await.unwrap().metadata.annotations.unwrap();
    assert_eq!(annotations.get("pv.kubernetes.io/bind-completed").map(String::as_str), Some("yes"));
    assert_eq!(annotations.get("pv.kubernetes.io/bound-by-controller").map(String::as_str), Some("yes"));
}

pub async fn a_cleared_reference_is_dangerous(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    free(stage, &volume, json!({"spec": {"claimRef": null}})).await;
    assert_eq!(stage.bound_claim("anybody").await, volume, "any fitting claim takes it");
}

pub async fn a_foreign_claim_that_names_the_volume_stays_pending(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    free(stage, &volume, reserve(&stage.namespace, "rightful")).await;
    create(&stage.claims(), naming("foreign", &stage.immediate, &volume)).await;
    create(&stage.claims(), naming("rightful", &stage.immediate, &volume)).await;
    assert_eq!(stage.wait_bound("rightful").await, volume);
    assert!(is_pending(stage, "foreign").await);
}

pub async fn a_claim_holds_its_name_until_its_volume_is_re_pointed(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    let held = create(&stage.claims(), naming("data-db-0", &stage.immediate, &volume)).await;
    let message = event(stage, "data-db-0", "FailedBinding").await;
    assert!(message.contains("already bound to a different claim"), "{message}");
    // A StatefulSet finds the claim there and makes no other; its pod waits.
    create(&stage.sets(), stateful_set("db", 1, &stage.immediate)).await;
    let why = unschedulable(stage, "db-0").await;
    assert!(why.contains("unbound immediate PersistentVolumeClaims"), "{why}");
    stage.bound_claim("clock").await;
    let claims = stage.claims().list(&ListParams::default()).await.unwrap();
    assert_eq!(claims.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["clock", "data-db-0"]);
    assert!(is_pending(stage, "data-db-0").await);
    let waiting = stage.pods().get("db-0").await.unwrap();
    assert_eq!(waiting.status.unwrap().phase.as_deref(), Some("Pending"));
    // A change of the volume does not make the binder look at the claim; a change of the claim does.
    free(stage, &volume, reserve(&stage.namespace, "data-db-0")).await;
    let touch = json!({"metadata": {"annotations": {"example.com/touched": "yes"}}});
    merge(&stage.claims(), "data-db-0", touch).await.unwrap();
    assert_eq!(stage.wait_bound("data-db-0").await, volume);
    assert_eq!(stage.claims().get("data-db-0").await.unwrap().uid(), held.uid());
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
}

pub async fn a_waiting_claim_takes_its_reserved_volume_at_once(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    free(stage, &volume, reserve(&stage.namespace, "second")).await;
    stage.claim("second", &stage.waiting).await;
    assert_eq!(stage.wait_bound("second").await, volume);
}

pub async fn a_volume_too_small_is_refused(stage: &Stage) {
    let volume = stage.released_volume("first").await;
    free(stage, &volume, json!({"spec": {"claimRef": null}})).await;
    let mut large = naming("large", &stage.immediate, &volume);
    large["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
    create(&stage.claims(), large).await;
    let message = event(stage, "large", "VolumeMismatch").await;
    assert!(message.contains("requested PV is too small"), "{message}");
    assert!(is_pending(stage, "large").await);
}

pub async fn a_claim_without_its_volume_is_lost(stage: &Stage) {
    let volume = stage.bound_claim("data").await;
    stage.volumes().delete(&volume, &DeleteParams::default()).await.unwrap();
    wait(&stage.volumes(), &volume, terminating()).await;
    merge(&stage.volumes(), &volume, json!({"metadata": {"finalizers": null}})).await.unwrap();
    wait(&stage.claims(), "data", claim_phase("Lost")).await;
}

pub async fn a_retained_volume_is_released_and_a_late_delete_policy_reclaims_it(stage: &Stage) {
    let volume = stage.released_volume("data").await;
    stage.bound_claim("clock").await;
    stage.volumes().get(&volume).await.unwrap();
    merge(&stage.volumes(), &volume, json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"}})).await.unwrap();
    wait::<PersistentVolume>(&stage.volumes(), &volume, gone()).await;
}

pub async fn a_bound_volume_cannot_go(stage: &Stage) {
    let volume = stage.bound_claim("data").await;
    stage.volumes().delete(&volume, &DeleteParams::default()).await.unwrap();
    stage.bound_claim("clock").await;
    let held = stage.volumes().get(&volume).await.unwrap();
    assert_eq!(held.metadata.finalizers.unwrap(), ["kubernetes.io/pv-protection"]);
    stage.claims().delete("data", &DeleteParams::default()).await.unwrap();
    wait::<PersistentVolume>(&stage.volumes(), &volume, gone()).await;
}
