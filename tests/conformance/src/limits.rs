//! ResourceQuotas, LimitRanges and Pod Security: what they refuse, in their own words, and what they fill in.

use std::time::Duration;

use k8s_openapi::api::core::v1::{LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    provisioning::event,
    stage::{Stage, claim, create, gone, merge, pod, refusal, stateful_set, wait},
};

async fn quota(stage: &Stage, name: &str, hard: Value) {
    let quotas: Api<ResourceQuota> = stage.api();
    let wanted = hard.as_object().unwrap().len();
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}});
    create(&quotas, quota).await;
    let counted = move |quota: Option<&ResourceQuota>| {
        let used = || quota?.status.as_ref()?.used.as_ref().map(|used| used.len());
        used() == Some(wanted)
    };
    wait(&quotas, name, counted).await;
}

async fn limits(stage: &Stage, limits: Value) {
    let ranges: Api<LimitRange> = stage.api();
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "bounds"},
        "spec": {"limits": [limits]}});
    create(&ranges, range).await;
}

async fn post_claim(stage: &Stage, name: &str) -> Result<PersistentVolumeClaim, kube::Error> {
    let claim = serde_json::from_value(claim(name, &stage.waiting)).unwrap();
    stage.claims().create(&PostParams::default(), &claim).await
}

/// Repeats what is refused until it is granted: an API server counts, and learns of new bounds, with a little delay.
async fn until<T, F: Future<Output = Option<T>>>(try_once: impl Fn() -> F) -> T {
    for _ in 0..400 {
        if let Some(done) = try_once().await {
            return done;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to be");
}

pub async fn a_quota_counts_claims_and_their_sizes(stage: &Stage) {
    quota(stage, "few", json!({"persistentvolumeclaims": "1"})).await;
    post_claim(stage, "a").await.unwrap();
    let status = refusal(post_claim(stage, "b").await);
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    let words = "persistentvolumeclaims \"b\" is forbidden: exceeded quota: few, requested: persistentvolumeclaims=1, \
                 used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1";
    assert_eq!(status.message, words);
    stage.claims().delete("a", &Default::default()).await.unwrap();
    wait(&stage.claims(), "a", gone()).await;
    until(async || post_claim(stage, "b").await.ok()).await;
    let class = format!("{}.storageclass.storage.k8s.io/requests.storage", stage.waiting);
    quota(stage, "small", json!({"requests.storage": "10Gi", class.clone(): "1536Mi"})).await;
    let status = refusal(post_claim(stage, "c").await);
    // Either quota may be the first to say no.
    let small = format!("exceeded quota: small, requested: {class}=1Gi, used: {class}=1Gi, limited: {class}=1536Mi");
    assert!(status.message.contains("exceeded quota: few") || status.message.contains(&small), "{}", status.message);
    let quotas: Api<ResourceQuota> = stage.api();
    quotas.delete("few", &Default::default()).await.unwrap();
    let status = until(async || match post_claim(stage, "c").await {
        Err(kube::Error::Api(status)) if status.message.contains("quota: small") => Some(status),
        Err(_) => None,
        Ok(_) => panic!("not refused"),
    });
    assert!(status.await.message.ends_with(&small));
}

pub async fn a_quota_is_told_in_an_event_of_the_workload(stage: &Stage) {
    quota(stage, "none", json!({"persistentvolumeclaims": "0"})).await;
    create(&stage.sets(), stateful_set("db", 1, &stage.waiting)).await;
    let message = event(stage, "db", "FailedCreate").await;
    assert!(message.contains("persistentvolumeclaims \"data-db-0\" is forbidden: exceeded quota: none"), "{message}");
}

pub async fn a_quota_of_memory_wants_it_named(stage: &Stage) {
    quota(stage, "memory", json!({"limits.memory": "100Mi"})).await;
    let post = async |pod: Value| {
        let pod = serde_json::from_value(pod).unwrap();
        stage.pods().create(&PostParams::default(), &pod).await
    };
    let status = refusal(post(pod("unnamed", "nothing")).await);
    assert_eq!(
        status.message,
        "pods \"unnamed\" is forbidden: failed quota: memory: must specify limits.memory for: main"
    );
    let mut named = pod("named", "nothing");
    named["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "64Mi"}});
    post(named.clone()).await.unwrap();
    named["metadata"]["name"] = json!("second");
    let status = refusal(post(named).await);
    let words = "pods \"second\" is forbidden: exceeded quota: memory, requested: limits.memory=64Mi, used: \
                 limits.memory=64Mi, limited: limits.memory=100Mi";
    assert_eq!(status.message, words);
}

pub async fn a_limit_range_bounds_claims(stage: &Stage) {
    limits(stage, json!({"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}, "max": {"storage": "4Gi"}})).await;
    let status = until(async || post_dry(stage, "small", "1Gi").await.err()).await;
    let status = refusal::<()>(Err(status));
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    let words = "persistentvolumeclaims \"small\" is forbidden: minimum storage usage per PersistentVolumeClaim is 2Gi, \
                 but request is 1Gi";
    assert_eq!(status.message, words);
    let status = refusal(post_dry(stage, "large", "5Gi").await);
    let words = "persistentvolumeclaims \"large\" is forbidden: maximum storage usage per PersistentVolumeClaim is 4Gi, \
                 but request is 5Gi";
    assert_eq!(status.message, words);
    post_dry(stage, "fits", "3Gi").await.unwrap();
}

async fn post_dry(stage: &Stage, name: &str, size: &str) -> Result<PersistentVolumeClaim, kube::Error> {
    let mut claim = claim(name, &stage.waiting);
    claim["spec"]["resources"]["requests"]["storage"] = json!(size);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    stage.claims().create(&params, &serde_json::from_value(claim).unwrap()).await
}

pub async fn a_limit_range_fills_in_and_bounds_containers(stage: &Stage) {
    limits(stage, json!({"type": "Container", "default": {"memory": "64Mi"}, "max": {"memory": "128Mi"}})).await;
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let plain = serde_json::from_value(pod("plain", "nothing")).unwrap();
    let filled = until(async || {
        let made = stage.pods().create(&params, &plain).await.unwrap();
        made.spec.unwrap().containers.remove(0).resources.filter(|resources| resources.limits.is_some())
    });
    let filled = filled.await;
    assert_eq!(filled.limits.unwrap()["memory"].0, "64Mi");
    assert_eq!(filled.requests.unwrap()["memory"].0, "64Mi");
    let mut greedy = pod("greedy", "nothing");
    greedy["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "1Gi"}});
    let status = refusal(stage.pods().create(&params, &serde_json::from_value(greedy).unwrap()).await);
    let words = "pods \"greedy\" is forbidden: maximum memory usage per Container is 128Mi, but limit is 1Gi";
    assert_eq!(status.message, words);
}

pub async fn a_restricted_namespace_refuses_pods_in_known_words(stage: &Stage) {
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let enforce = |level: &str, version: &str| {
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level,
            "pod-security.kubernetes.io/enforce-version": version}}})
    };
    merge(&namespaces, &stage.namespace, enforce("restricted", "v1.30")).await.unwrap();
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let plain: Pod = serde_json::from_value(pod("plain", "nothing")).unwrap();
    // The admission of pods learns of labels with a little delay.
    let status = refusal::<()>(Err(until(async || stage.pods().create(&params, &plain).await.err()).await));
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    let words = "pods \"plain\" is forbidden: violates PodSecurity \"restricted:v1.30\": allowPrivilegeEscalation != \
                 false (container \"main\" must set securityContext.allowPrivilegeEscalation=false), unrestricted \
                 capabilities (container \"main\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot \
                 != true (pod or container \"main\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or \
                 container \"main\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
                 \"Localhost\")";
    assert_eq!(status.message, words);
    let mut hardened = pod("hardened", "nothing");
    hardened["spec"]["containers"][0]["securityContext"] = json!({"allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    stage.pods().create(&params, &serde_json::from_value(hardened.clone()).unwrap()).await.unwrap();
    hardened["spec"]["hostNetwork"] = json!(true);
    let status = refusal(stage.pods().create(&params, &serde_json::from_value(hardened).unwrap()).await);
    let words = "violates PodSecurity \"restricted:v1.30\": host namespaces (hostNetwork=true)";
    assert!(status.message.ends_with(words), "{}", status.message);
    merge(&namespaces, &stage.namespace, enforce("privileged", "latest")).await.unwrap();
    until(async || stage.pods().create(&params, &plain).await.ok()).await;
}
