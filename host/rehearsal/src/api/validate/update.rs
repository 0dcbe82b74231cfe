//! What may not change once an object exists.

use serde_json::Value;

use super::{VOLUME_TERMS, refuse_any};
use crate::{
    api::failure::{Cause, Failure},
    kinds::Kind,
    object::{self, bytes_of_quantity},
};

/// Checks a change of an existing object.
pub(crate) fn changes(kind: &Kind, old: &Value, new: &Value) -> Result<(), Failure> {
    let mut causes = finalizers(old, new);
    match (kind.group, kind.plural) {
        ("", "persistentvolumeclaims") => causes.extend(claim(old, new)),
        ("", "persistentvolumes") => causes.extend(volume(old, new)),
        ("", "pods") => causes.extend(pod(old, new)),
        ("apps", "statefulsets") => causes.extend(stateful_set(old, new)),
        ("apps", "deployments" | "replicasets") if old.pointer("/spec/selector") != new.pointer("/spec/selector") => {
            causes.push(Cause::invalid("spec.selector", "changed", "field is immutable"));
        }
        ("storage.k8s.io", "storageclasses") => {
            for field in ["provisioner", "reclaimPolicy", "volumeBindingMode", "parameters"] {
                if old.get(field) != new.get(field) {
                    causes.push(Cause::immutable(field, new.get(field).unwrap_or(&Value::Null)));
                }
            }
        }
        _ => {}
    }
    refuse_any(kind, new, &causes)
}

fn finalizers(old: &Value, new: &Value) -> Vec<Cause> {
    if !object::is_terminating(old) {
        return Vec::new();
    }
    let had = object::texts(old, "/metadata/finalizers");
    let added: Vec<&str> =
        object::texts(new, "/metadata/finalizers").into_iter().filter(|one| !had.contains(one)).collect();
    if added.is_empty() {
        return Vec::new();
    }
    let shown = added.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(", ");
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
    );
    vec![Cause::forbidden("metadata.finalizers", &why)]
}

/// Returns a spec without some of its fields.
fn without(object: &Value, fields: &[&str]) -> Value {
    let mut spec = object.get("spec").cloned().unwrap_or(Value::Null);
    if let Value::Object(map) = &mut spec {
        map.retain(|key, value| !fields.contains(&key.as_str()) && !value.is_null());
    }
    spec
}

fn claim(old: &Value, new: &Value) -> Vec<Cause> {
    // A claim's volume and class may be set once, from nothing.
    let mut free = vec!["resources", "volumeAttributesClassName"];
    for (field, pointer) in [("volumeName", "/spec/volumeName"), ("storageClassName", "/spec/storageClassName")] {
        if object::text(old, pointer).is_none() {
            free.push(field);
        }
    }
    let limits = |object: &Value| object.pointer("/spec/resources/limits").cloned();
    if without(old, &free) != without(new, &free) || limits(old) != limits(new) {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                   bound claims";
        return vec![Cause::forbidden("spec", why)];
    }
    let size = |object: &Value| object::text(object, "/spec/resources/requests/storage").and_then(bytes_of_quantity);
    match (size(old), size(new)) {
        (Some(before), Some(after)) if after < before => {
            let why = "field can not be less than status.capacity";
            vec![Cause::forbidden("spec.resources.requests.storage", why)]
        }
        (before, after) if before != after && object::text(old, "/status/phase") != Some("Bound") => {
            let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                       bound claims";
            vec![Cause::forbidden("spec", why)]
        }
        _ => Vec::new(),
    }
}

fn volume(old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if without(old, &VOLUME_TERMS) != without(new, &VOLUME_TERMS) {
        let why = "spec.persistentvolumesource is immutable after creation";
        causes.push(Cause::forbidden("spec.persistentvolumesource", why));
    }
    for (field, pointer) in [("volumeMode", "/spec/volumeMode"), ("spec.nodeAffinity", "/spec/nodeAffinity")] {
        let (before, after) = (old.pointer(pointer), new.pointer(pointer));
        if before.is_some_and(|before| !before.is_null()) && before != after {
            causes.push(Cause::immutable(field, after.unwrap_or(&Value::Null)));
        }
    }
    causes
}

fn pod(old: &Value, new: &Value) -> Vec<Cause> {
    let frozen = |object: &Value| {
        let free = ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates"];
        let mut spec = without(object, &free);
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                object::remove(container, &["image"]);
            }
        }
        spec
    };
    if frozen(old) == frozen(new) {
        return Vec::new();
    }
    let why = "pod updates may not change fields other than `spec.containers[*].image`,\
               `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
               existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
               previously negative)";
    vec![Cause::forbidden("spec", why)]
}

fn stateful_set(old: &Value, new: &Value) -> Vec<Cause> {
    let free = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    if without(old, &free) == without(new, &free) {
        return Vec::new();
    }
    let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
               'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
               'minReadySeconds' are forbidden";
    vec![Cause::forbidden("spec", why)]
}
