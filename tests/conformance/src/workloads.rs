//! Deployments and StatefulSets.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::stage::{Stage, create, gone, merge, pod, pod_phase, refusal, stateful_set, terminating, wait, workload};

fn ready(replicas: i32) -> impl kube::runtime::wait::Condition<Deployment> {
    move |found: Option<&Deployment>| {
        found.and_then(|found| found.status.as_ref()).is_some_and(|status| {
            status.replicas.unwrap_or(0) == replicas && status.ready_replicas.unwrap_or(0) == replicas
        })
    }
}

fn set_ready(replicas: i32) -> impl kube::runtime::wait::Condition<StatefulSet> {
    move |found: Option<&StatefulSet>| {
        found
            .and_then(|found| found.status.as_ref())
            .is_some_and(|status| status.replicas == replicas && status.ready_replicas.unwrap_or(0) == replicas)
    }
}

pub async fn a_deployment_scales_through_its_subresource(stage: &Stage) {
    let spec = json!({"containers": [{"name": "main", "image": "example.com/app"}]});
    create(&stage.deployments(), workload("Deployment", "web", 2, spec)).await;
    wait(&stage.deployments(), "web", ready(2)).await;
    let mut scale = stage.deployments().get_scale("web").await.unwrap();
    assert_eq!(scale.status.as_ref().unwrap().selector.as_deref(), Some("app=web"));
    let stale = scale.clone();
    scale.spec.as_mut().unwrap().replicas = Some(0);
    let put = PostParams::default();
    stage.deployments().replace_scale("web", &put, &scale).await.unwrap();
    wait(&stage.deployments(), "web", ready(0)).await;
    let pods = stage.pods().list(&ListParams::default().labels("app=web")).await.unwrap();
    assert!(pods.items.iter().all(|pod| pod.metadata.deletion_timestamp.is_some()));
    let refused = refusal(stage.deployments().replace_scale("web", &put, &stale).await);
    assert_eq!(refused.code, 409);
    let patch = Patch::Merge(json!({"spec": {"replicas": 1}}));
    stage.deployments().patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    let web = wait(&stage.deployments(), "web", ready(1)).await.unwrap();
    assert_eq!(web.status.unwrap().observed_generation, web.metadata.generation);
    assert_eq!(web.metadata.generation, Some(3));
}

pub async fn replicas_that_share_a_claim_share_its_node(stage: &Stage) {
    // Only a volume of one node holds its pods together: the scheduler does not mind that others are attached to one node.
    let bound = json!({"rehearsal.pvmigrate.dev/node-bound": "true"});
    let local = stage.class("local", "WaitForFirstConsumer", bound).await;
    stage.claim("data", &local).await;
    let spec = pod("x", "data")["spec"].take();
    create(&stage.deployments(), workload("Deployment", "web", 3, spec)).await;
    wait(&stage.deployments(), "web", ready(3)).await;
}

pub async fn a_stateful_set_makes_its_claims_in_order(stage: &Stage) {
    create(&stage.sets(), stateful_set("db", 2, &stage.waiting)).await;
    wait(&stage.sets(), "db", set_ready(2)).await;
    for name in ["data-db-0", "data-db-1"] {
        stage.wait_bound(name).await;
        assert_eq!(stage.claims().get(name).await.unwrap().labels().get("app").map(String::as_str), Some("db"));
    }
    let first = stage.pods().get("db-0").await.unwrap();
    let second = stage.pods().get("db-1").await.unwrap();
    assert!(first.metadata.creation_timestamp <= second.metadata.creation_timestamp);
    let volume = second.spec.unwrap().volumes.unwrap().remove(0);
    assert_eq!(volume.persistent_volume_claim.unwrap().claim_name, "data-db-1");
    // The claims stay when the pods go, and are found again.
    let before = stage.claims().get("data-db-1").await.unwrap().uid();
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 0}})).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 2}})).await.unwrap();
    wait(&stage.sets(), "db", set_ready(2)).await;
    assert_eq!(stage.claims().get("data-db-1").await.unwrap().uid(), before);
}

pub async fn scaling_down_deletes_claims_only_when_asked(stage: &Stage) {
    create(&stage.sets(), stateful_set("db", 2, &stage.immediate)).await;
    wait(&stage.sets(), "db", set_ready(2)).await;
    let policy = |policy: &str| json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": policy}}});
    merge(&stage.sets(), "db", policy("Delete")).await.unwrap();
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 1}})).await.unwrap();
    wait(&stage.claims(), "data-db-1", gone()).await;
    merge(&stage.sets(), "db", policy("Retain")).await.unwrap();
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 0}})).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    stage.bound_claim("clock").await;
    assert!(stage.claims().get("data-db-0").await.unwrap().metadata.deletion_timestamp.is_none());
}

pub async fn a_stateful_set_waits_for_a_terminating_claim(stage: &Stage) {
    create(&stage.sets(), stateful_set("db", 1, &stage.immediate)).await;
    wait(&stage.sets(), "db", set_ready(1)).await;
    let old = stage.claims().get("data-db-0").await.unwrap().uid();
    merge(&stage.claims(), "data-db-0", json!({"metadata": {"finalizers": ["example.com/hold"]}})).await.unwrap();
    stage.claims().delete("data-db-0", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data-db-0", terminating()).await;
    stage.pods().delete("db-0", &DeleteParams::default()).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    stage.bound_claim("clock").await;
    assert!(stage.pods().get_opt("db-0").await.unwrap().is_none());
    merge(&stage.claims(), "data-db-0", json!({"metadata": {"finalizers": null}})).await.unwrap();
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    assert_ne!(stage.claims().get("data-db-0").await.unwrap().uid(), old, "the set has made a new, empty claim");
    create(&stage.pods(), pod("other", "data-db-0")).await;
}

/// Returns whether an object is owned by exactly these uids.
fn owned_by<K: Resource>(uids: Vec<Option<String>>) -> impl kube::runtime::wait::Condition<K> {
    move |found: Option<&K>| {
        let owners =
            |found: &K| found.owner_references().iter().map(|owner| Some(owner.uid.clone())).collect::<Vec<_>>();
        found.is_some_and(|found| owners(found) == uids)
    }
}

pub async fn an_orphaned_stateful_set_leaves_its_pods_to_the_next(stage: &Stage) {
    let mut set = stateful_set("db", 1, &stage.immediate);
    set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete", "whenScaled": "Retain"});
    let old = create(&stage.sets(), set.clone()).await;
    wait(&stage.sets(), "db", set_ready(1)).await;
    let claim = wait(&stage.claims(), "data-db-0", owned_by(vec![old.uid()])).await.unwrap();
    let pod = wait(&stage.pods(), "db-0", owned_by(vec![old.uid()])).await.unwrap();
    stage.sets().delete("db", &DeleteParams::orphan()).await.unwrap();
    wait(&stage.sets(), "db", gone()).await;
    wait(&stage.claims(), "data-db-0", owned_by(vec![])).await;
    wait(&stage.pods(), "db-0", owned_by(vec![])).await;
    stage.bound_claim("clock").await;
    let new = create(&stage.sets(), set).await;
    let adopted = wait(&stage.pods(), "db-0", owned_by(vec![new.uid()])).await.unwrap();
    assert_eq!((adopted.uid(), adopted.metadata.deletion_timestamp), (pod.uid(), None), "the pod runs on");
    let adopted = wait(&stage.claims(), "data-db-0", owned_by(vec![new.uid()])).await.unwrap();
    assert_eq!((adopted.uid(), adopted.metadata.deletion_timestamp), (claim.uid(), None));
    wait(&stage.sets(), "db", set_ready(1)).await;
}

pub async fn a_retention_policy_that_changes_changes_the_owners_of_the_claims(stage: &Stage) {
    let set = create(&stage.sets(), stateful_set("db", 1, &stage.immediate)).await;
    wait(&stage.sets(), "db", set_ready(1)).await;
    wait(&stage.claims(), "data-db-0", owned_by(vec![])).await;
    let policy = |policy: &str| json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": policy}}});
    merge(&stage.sets(), "db", policy("Delete")).await.unwrap();
    wait(&stage.claims(), "data-db-0", owned_by(vec![set.uid()])).await;
    merge(&stage.sets(), "db", policy("Retain")).await.unwrap();
    wait(&stage.claims(), "data-db-0", owned_by(vec![])).await;
}

pub async fn a_stateful_set_makes_a_missing_claim_again(stage: &Stage) {
    let mut set = stateful_set("db", 1, &stage.immediate);
    let template = &mut set["spec"]["volumeClaimTemplates"][0];
    template["metadata"]["labels"] = json!({"tier": "data"});
    template["metadata"]["annotations"] = json!({"example.com/of-the-template": "yes"});
    create(&stage.sets(), set).await;
    wait(&stage.sets(), "db", set_ready(1)).await;
    let old = stage.claims().get("data-db-0").await.unwrap();
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 0}})).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    stage.claims().delete("data-db-0", &DeleteParams::default()).await.unwrap();
    wait(&stage.claims(), "data-db-0", gone()).await;
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 1}})).await.unwrap();
    wait(&stage.sets(), "db", set_ready(1)).await;
    let new = stage.claims().get("data-db-0").await.unwrap();
    assert_ne!(new.uid(), old.uid());
    let labels: Vec<_> = new.labels().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("app", "db"), ("tier", "data")]);
    let of_kubernetes = ["pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/"];
    let theirs = |key: &str| of_kubernetes.iter().any(|prefix| key.starts_with(prefix));
    let own: Vec<_> = new.annotations().keys().filter(|key| !theirs(key)).collect();
    assert_eq!(own, ["example.com/of-the-template"]);
}
