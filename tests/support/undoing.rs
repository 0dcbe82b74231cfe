//! Clients that undo what pvmigrate does to workloads: a person, an operator or a GitOps controller that scales them
//! back up as soon as they are at 0, or recreates them.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta};
use serde_json::{Value, json};

use crate::ground::Ground;

/// Several times within a copy and the moment at the fence.
const EVERY: Duration = Duration::from_millis(50);

/// The scale of all workloads as it was.
pub(crate) struct Undoing {
    workloads: Vec<(Api<DynamicObject>, String, i64)>,
}

fn api(ground: &Ground, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    Api::namespaced_with(ground.client(), &ground.named(namespace), &resource)
}

/// Waits until a StatefulSet is at 0, deletes it, leaving its pods and claims, and creates it again as it was at first.
/// Returns the uid of the new one.
///
/// # Errors
/// When the API refuses.
pub(crate) async fn make_anew(ground: &Ground, namespace: &str, name: &str) -> Result<String> {
    let sets = api(ground, "StatefulSet", namespace);
    let mut before = sets.get(name).await?;
    while sets.get(name).await?.data["spec"]["replicas"] != json!(0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sets.delete(name, &DeleteParams::orphan()).await?;
    while sets.get_opt(name).await?.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (labels, annotations) = (before.metadata.labels.take(), before.metadata.annotations.take());
    before.metadata = ObjectMeta { name: Some(name.to_owned()), labels, annotations, ..ObjectMeta::default() };
    before.data.as_object_mut().and_then(|data| data.remove("status"));
    sets.create(&PostParams::default(), &before).await?.metadata.uid.context("a created object has a uid")
}

impl Undoing {
    /// Notes the workloads that are up.
    pub(crate) async fn of(ground: &Ground) -> Self {
        let mut workloads = Vec::new();
        for object in ground.objects().await {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, replicas) = (text(&object["kind"]), object["spec"]["replicas"].as_i64().unwrap_or(0));
            if replicas > 0 && ["Deployment", "StatefulSet"].contains(&kind.as_str()) {
                let api = api(ground, &kind, &text(&object["metadata"]["namespace"]));
                workloads.push((api, text(&object["metadata"]["name"]), replicas));
            }
        }
        Self { workloads }
    }

    /// Scales up whatever is at 0, for as long as it is polled. What goes wrong is tried again the next time.
    pub(crate) async fn go_on(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            for (api, name, replicas) in &self.workloads {
                let found = api.get(name).await;
                if found.is_ok_and(|found| found.data["spec"]["replicas"] == json!(0)) {
                    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
                    let _ = api.patch(name, &PatchParams::default(), &patch).await;
                }
            }
        }
    }
}
