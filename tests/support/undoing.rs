//! A client that undoes what pvmigrate does to workloads: a person, an operator or a GitOps controller that scales them back
//! up as soon as they are at 0.

use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;

use crate::ground::Ground;

/// Several times within a copy and the moment at the fence.
const EVERY: Duration = Duration::from_millis(50);

/// Knows the scale of all workloads as it was.
pub(crate) struct Undoing {
    workloads: Vec<(Api<DynamicObject>, String, i64)>,
}

impl Undoing {
    /// Notes the workloads that are up.
    pub(crate) async fn of(ground: &Ground) -> Self {
        let mut workloads = Vec::new();
        for object in ground.objects().await {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, replicas) = (text(&object["kind"]), object["spec"]["replicas"].as_i64().unwrap_or(0));
            if replicas > 0 && ["Deployment", "StatefulSet"].contains(&kind.as_str()) {
                let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", &kind));
                let namespace = ground.named(&text(&object["metadata"]["namespace"]));
                let api = Api::namespaced_with(ground.client(), &namespace, &resource);
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
