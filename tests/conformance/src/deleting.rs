//! Deletion: preconditions, finalizers, owners.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams, Preconditions},
};
use serde_json::{Value, json};

use crate::pods::unschedulable;
use crate::stage::{Stage, claim, copy_pod, create, gone, merge, pod, pod_phase, refusal, terminating, wait};

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
    assert!(
        status
            .message
            .starts_with("Operation cannot be fulfilled on PersistentVolumeClaim \"data\": the ResourceVersion"),
        "{}",
        status.message
    );
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

pub async fn an_object_whose_only_owner_is_absent_is_deleted(stage: &Stage) {
    let owner = create(&stage.configs(), config("owner", json!({}))).await.uid();
    let by =
        |name: &str, uid: Option<String>| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid});
    let absent = Some("0e6c2f4b-57a8-4d1e-9c7d-3d5c0b1f2a49".to_owned());
    // The uid decides, not the name alone.
    create(&stage.configs(), config("other-uid", json!({"ownerReferences": [by("owner", absent.clone())]}))).await;
    wait(&stage.configs(), "other-uid", gone()).await;
    create(&stage.configs(), config("other-name", json!({"ownerReferences": [by("nobody", absent.clone())]}))).await;
    wait(&stage.configs(), "other-name", gone()).await;
    // Beside a living owner the absent one is only removed from the list.
    let both = json!({"ownerReferences": [by("owner", owner.clone()), by("nobody", absent.clone())]});
    create(&stage.configs(), config("both", both)).await;
    let has_one = |both: Option<&ConfigMap>| both.is_some_and(|both| both.owner_references().len() == 1);
    let both = wait(&stage.configs(), "both", has_one).await.unwrap();
    assert_eq!(Some(&both.owner_references()[0].uid), owner.as_ref());
    // A claim goes with its volume, when that is to be deleted: this is what makes a dangling owner dangerous.
    let mut data = claim("data", &stage.immediate);
    data["metadata"]["ownerReferences"] = json!([by("nobody", absent)]);
    create(&stage.claims(), data).await;
    wait(&stage.claims(), "data", gone()).await;
}

pub async fn a_collection_goes_by_label(stage: &Stage) {
    create(&stage.configs(), config("a", json!({"labels": {"run": "1"}}))).await;
    create(&stage.configs(), config("b", json!({"labels": {"run": "2"}}))).await;
    let chosen = ListParams::default().labels("run=1");
    stage.configs().delete_collection(&DeleteParams::default(), &chosen).await.unwrap();
    wait(&stage.configs(), "a", gone()).await;
    stage.configs().get("b").await.unwrap();
}

/// Deletes an object that was changed meanwhile, once by its old and once by its new version.
async fn delete_stale<K>(api: &Api<K>, name: &str)
where
    K: kube::Resource + serde::de::DeserializeOwned + Clone + std::fmt::Debug,
{
    let old = api.get(name).await.unwrap();
    let new = merge(api, name, json!({"metadata": {"labels": {"changed": "yes"}}})).await.unwrap();
    let (old, new) = (old.meta().clone(), new.meta().clone());
    let stale = refusal(api.delete(name, &when(old.uid.clone(), old.resource_version)).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"), "{}", stale.message);
    assert!(stale.message.contains("the ResourceVersion in the precondition ("), "{}", stale.message);
    let other = refusal(api.delete(name, &when(Some("other".to_owned()), new.resource_version.clone())).await);
    assert_eq!((other.code, other.reason.as_str()), (409, "Conflict"), "{}", other.message);
    assert!(api.get(name).await.unwrap().meta().deletion_timestamp.is_none(), "{name} is as it was");
    api.delete(name, &when(new.uid, new.resource_version)).await.unwrap();
}

pub async fn preconditions_hold_for_each_kind(stage: &Stage) {
    let volume = stage.released_volume("freed").await;
    delete_stale(&stage.volumes(), &volume).await;
    stage.claim("waits", &stage.waiting).await;
    delete_stale(&stage.claims(), "waits").await;
    create(&stage.pods(), pod("waits", "nothing")).await;
    // From then on no controller writes to it.
    unschedulable(stage, "waits").await;
    delete_stale(&stage.pods(), "waits").await;
    // Of the kinds that no controller writes to.
    create(&stage.configs(), config("plain", json!({}))).await;
    delete_stale(&stage.configs(), "plain").await;
}

pub async fn a_finalizer_holds_a_succeeded_pod(stage: &Stage) {
    stage.bound_claim("one").await;
    stage.bound_claim("two").await;
    let mut copy = copy_pod("copy", "one", "two", &["-a"]);
    copy["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(&stage.pods(), copy).await;
    let done = wait(&stage.pods(), "copy", pod_phase("Succeeded")).await.unwrap();
    stage.pods().delete("copy", &when(done.uid(), None)).await.unwrap();
    let held = wait(&stage.pods(), "copy", terminating()).await.unwrap();
    assert_eq!((held.uid(), held.finalizers()), (done.uid(), ["example.com/hold".to_owned()].as_slice()));
    assert_eq!(held.status.unwrap().phase.as_deref(), Some("Succeeded"), "its end can still be read");
    // And while it is there, its claims are in use, and its name is taken.
    stage.claims().delete("two", &DeleteParams::default()).await.unwrap();
    stage.bound_claim("clock").await;
    assert_eq!(stage.claims().get("two").await.unwrap().finalizers(), ["kubernetes.io/pvc-protection"]);
    let again = serde_json::from_value(copy_pod("copy", "one", "two", &["-a"])).unwrap();
    let taken = refusal(stage.pods().create(&PostParams::default(), &again).await);
    assert_eq!((taken.code, taken.reason.as_str()), (409, "AlreadyExists"));
    merge(&stage.pods(), "copy", json!({"metadata": {"finalizers": null}})).await.unwrap();
    wait(&stage.pods(), "copy", gone()).await;
    wait(&stage.claims(), "two", gone()).await;
}

pub async fn a_namespace_that_is_being_deleted_takes_nothing_new(stage: &Stage) {
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let name = stage.own("leaving");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "finalizers": ["example.com/hold"]}});
    create(&namespaces, namespace).await;
    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    let is_terminating = |namespace: Option<&Namespace>| {
        let phase = || namespace?.status.as_ref()?.phase.clone();
        phase().as_deref() == Some("Terminating")
    };
    wait(&namespaces, &name, is_terminating).await;
    let configs: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &name);
    let config = serde_json::from_value(json!({"metadata": {"name": "new"}})).unwrap();
    let status = refusal(configs.create(&Default::default(), &config).await);
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    let words = format!(
        "configmaps \"new\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
    );
    assert_eq!(status.message, words);
    merge(&namespaces, &name, json!({"metadata": {"finalizers": null}})).await.unwrap();
    wait(&namespaces, &name, gone()).await;
}
