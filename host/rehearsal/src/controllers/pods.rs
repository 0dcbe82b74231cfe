//! What the workload controllers have in common: building pods, counting them, and their ephemeral claims.

use std::sync::Arc;

use serde_json::{Value, json};

use super::create;
use crate::{
    kinds,
    object::{self, text},
    store::{
        Key, Reference, Store,
        lifecycle::{self, DeleteRequest},
    },
};

/// Returns the pods that a workload controls.
pub(super) fn controlled(store: &Store, owner: &Value) -> Vec<(Key, Arc<Value>)> {
    store
        .referring(&kinds::PODS, &Reference::Owner(object::uid(owner).to_owned()))
        .filter(|(_, pod)| object::is_controlled_by(pod, object::uid(owner)))
        .map(|(key, pod)| (key.clone(), Arc::clone(pod)))
        .collect()
}

/// Tells whether a pod counts for its workload.
pub(super) fn is_active(pod: &Value) -> bool {
    !object::is_terminating(pod) && !object::is_finished_pod(pod)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    is_active(pod)
        && object::items(pod, "/status/conditions")
            .iter()
            .any(|one| text(one, "/type") == Some("Ready") && text(one, "/status") == Some("True"))
}

/// Builds a pod from a workload's template.
pub(super) fn from_template(owner: &Value) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template.get("metadata").filter(|metadata| metadata.is_object()).cloned().unwrap_or(json!({})),
        "spec": template.get("spec").cloned().unwrap_or(json!({})),
    });
    object::set(&mut pod, &["metadata", "namespace"], json!(object::namespace(owner)));
    object::set(&mut pod, &["metadata", "ownerReferences"], json!([object::controller_reference(owner)]));
    pod
}

pub(super) fn delete(store: &mut Store, key: &Key, pod: &Value) {
    let request = DeleteRequest { uid: Some(object::uid(pod).to_owned()), ..DeleteRequest::default() };
    if let Err(failure) = lifecycle::delete(store, key, &request) {
        tracing::debug!(pod = key.name, "the pod went first: {}", failure.message);
    }
}

/// Makes the claims of a pod's generic ephemeral volumes.
pub(super) fn make_ephemeral_claims(store: &mut Store, pod: &Value) {
    if !is_active(pod) {
        return;
    }
    for volume in object::items(pod, "/spec/volumes") {
        let Some(template) = volume.pointer("/ephemeral/volumeClaimTemplate") else { continue };
        let Some(name) = object::claim_of_pod_volume(pod, volume) else { continue };
        if store.find(&kinds::CLAIMS, object::namespace(pod), &name).is_some() {
            continue;
        }
        let mut claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": template.get("metadata").filter(|found| found.is_object()).cloned().unwrap_or(json!({})),
            "spec": template["spec"],
        });
        object::set(&mut claim, &["metadata", "name"], json!(name));
        object::set(&mut claim, &["metadata", "namespace"], json!(object::namespace(pod)));
        object::set(&mut claim, &["metadata", "ownerReferences"], json!([object::controller_reference(pod)]));
        // What is refused has an Event; the pod waits.
        let _ = create(store, &kinds::CLAIMS, claim, pod);
    }
}
