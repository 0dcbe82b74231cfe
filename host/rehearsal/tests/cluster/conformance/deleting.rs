//! Deletion: preconditions, finalizers, owners.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};
use serde_json::{Value, json};

use crate::stage::{Stage, copy_pod, create, gone, merge, pod, pod_phase, refusal, terminating, wait};

fn when(uid: Option<String>, resource_version: Option<String>) -> DeleteParams {
    DeleteParams { preconditions: Some(Preconditions { uid, resource_version }), ..DeleteParams::default() }
}

fn config(name: &str, metadata: Value) -> Value {
    let mut config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    config["metadata"]["name"] = json!(name);
    config
}

pub async fn a_stale_resource_version_is_refused(stage: &Stage) {
    stage.bound_claim("data").await;
    let old = stage.claims().get("data").await.unwrap();
    let new = merge(&stage.claims(), "data", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    let status = refusal(stage.claims().delete("data", &when(old.uid(), old.resource_version())).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert!(status.message.starts_with("Operation cannot be fulfilled on persistentvolumeclaims \"data\""));
    assert!(stage.claims().get("data").await.unwrap().metadata.deletion_timestamp.is_none());
    stage.claims().delete("data", &when(new.uid(), new.resource_version())).await.unwrap();
    wait(&stage.claims(), "data", gone()).await;
}

pub async fn another_uid_is_refused(stage: &Stage) {
    create(&stage.configs(), config("one", json!({}))).await;
    let status = refusal(stage.configs().delete("one", &when(Some("other".to_owned()), None)).await);
    assert_eq!(status.code, 409);
    assert!(status.message.contains("the UID in the precondition (other) does not match"), "{}", status.message);
    stage.configs().get("one").await.unwrap();
}

pub async fn a_finalizer_holds_and_no_new_one_is_taken(stage: &Stage) {
    create(&stage.configs(), config("held", json!({"finalizers": ["example.com/hold"]}))).await;
    stage.configs().delete("held", &DeleteParams::default()).await.unwrap();
    let held = stage.configs().get("held").await.unwrap();
    assert!(held.metadata.deletion_timestamp.is_some());
    let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
    let status = refusal(merge(&stage.configs(), "held", more).await);
    assert_eq!(status.code, 422);
    assert!(status.message.contains("no new finalizers can be added"), "{}", status.message);
    merge(&stage.configs(), "held", json!({"metadata": {"finalizers": null}})).await.unwrap();
    assert!(stage.configs().get_opt("held").await.unwrap().is_none());
}

pub async fn a_used_claim_stays_until_its_pod_is_gone(stage: &Stage) {
    stage.bound_claim("data").await;
    create(&stage.pods(), pod("user", "data")).await;
    wait(&stage.pods(), "user", pod_phase("Running")).await;
    stage.claims().delete("data", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data", terminating()).await;
    assert_eq!(stage.claims().get("data").await.unwrap().finalizers(), ["kubernetes.io/pvc-protection"]);
    stage.pods().delete("user", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data", gone()).await;
}

pub async fn a_finished_pod_still_holds_its_claim(stage: &Stage) {
    stage.bound_claim("one").await;
    stage.bound_claim("two").await;
    create(&stage.pods(), copy_pod("copy", "one", "two", &["-a"])).await;
    wait(&stage.pods(), "copy", pod_phase("Succeeded")).await;
    stage.claims().delete("two", &DeleteParams::default()).await.unwrap();
    // Something later that the controllers do in the same order shows that they have looked at the claim by then.
    stage.bound_claim("later").await;
    assert!(stage.claims().get("two").await.unwrap().metadata.deletion_timestamp.is_some());
    stage.pods().delete("copy", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "two", gone()).await;
}

async fn owned(stage: &Stage, name: &str) -> ConfigMap {
    let owner = create(&stage.configs(), config(name, json!({}))).await;
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner.uid()});
    create(&stage.configs(), config("child", json!({"ownerReferences": [reference]}))).await
}

pub async fn an_owner_takes_its_dependents_along(stage: &Stage) {
    owned(stage, "owner").await;
    stage.configs().delete("owner", &DeleteParams::background()).await.unwrap();
    wait(&stage.configs(), "child", gone()).await;
}

pub async fn an_orphan_stays(stage: &Stage) {
    owned(stage, "owner").await;
    stage.configs().delete("owner", &DeleteParams::orphan()).await.unwrap();
    wait(&stage.configs(), "owner", gone()).await;
    let free = |child: Option<&ConfigMap>| child.is_some_and(|child| child.owner_references().is_empty());
    wait(&stage.configs(), "child", free).await;
}

pub async fn a_collection_goes_by_label(stage: &Stage) {
    create(&stage.configs(), config("a", json!({"labels": {"run": "1"}}))).await;
    create(&stage.configs(), config("b", json!({"labels": {"run": "2"}}))).await;
    let chosen = ListParams::default().labels("run=1");
    stage.configs().delete_collection(&DeleteParams::default(), &chosen).await.unwrap();
    wait(&stage.configs(), "a", gone()).await;
    stage.configs().get("b").await.unwrap();
}
