//! The four patch types, applied to an object.
//!
//! Strategic merge and server-side apply share one merge: lists of objects are merged by the key Kubernetes gives them
//! where it is one of the common ones, other lists are replaced. Field ownership (`managedFields`) is not kept, so an
//! apply never removes what an earlier apply of the same manager had set.

use json_patch::PatchErrorKind;
use serde_json::{Map, Value, json};

use super::failure::Failure;

pub(crate) const JSON: &str = "application/json-patch+json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// Applies a patch of the given content type to a copy of the object.
pub(crate) fn apply(content_type: &str, present: &Value, patch: &Value) -> Result<Value, Failure> {
    let mut new = present.clone();
    match content_type {
        JSON => apply_json(&mut new, patch)?,
        MERGE => json_patch::merge(&mut new, patch),
        STRATEGIC | APPLY => merge_value(&mut new, patch, ""),
        other => return Err(Failure::unsupported_media_type(other)),
    }
    if new.is_object() { Ok(new) } else { Err(Failure::bad_request("the patch did not leave an object")) }
}

fn apply_json(new: &mut Value, patch: &Value) -> Result<(), Failure> {
    let operations: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    json_patch::patch(new, &operations).map_err(|error| {
        let why = match error.kind {
            PatchErrorKind::TestFailed => format!("testing value {} failed", error.path),
            _ => error.to_string(),
        };
        Failure::unprocessable(format!("the server rejected our request due to an error in our request: {why}"))
    })
}

/// Merges one value into another; `field` is the name the value lies under.
fn merge_value(into: &mut Value, patch: &Value, field: &str) {
    match patch {
        Value::Object(patch) => merge_map(into, patch),
        Value::Array(patch) => merge_list(into, patch, field),
        other => *into = other.clone(),
    }
}

fn merge_map(into: &mut Value, patch: &Map<String, Value>) {
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") || !into.is_object() {
        *into = json!({});
    }
    let Value::Object(map) = into else { return };
    for (key, value) in patch {
        if key == "$patch" || key == "$retainKeys" || key.starts_with("$setElementOrder/") {
            continue;
        }
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            delete_from_list(map, field, value);
        } else if value.is_null() {
            map.remove(key);
        } else {
            merge_value(map.entry(key.clone()).or_insert(Value::Null), value, key);
        }
    }
}

fn delete_from_list(map: &mut Map<String, Value>, field: &str, gone: &Value) {
    if let (Some(Value::Array(list)), Some(gone)) = (map.get_mut(field), gone.as_array()) {
        list.retain(|one| !gone.contains(one));
    }
}

fn merge_list(into: &mut Value, patch: &[Value], field: &str) {
    let replace = patch.iter().any(|item| item.get("$patch").and_then(Value::as_str) == Some("replace"));
    let plain: Vec<Value> = patch.iter().filter(|item| item.get("$patch").is_none()).cloned().collect();
    let Value::Array(list) = into else {
        *into = Value::Array(plain);
        return;
    };
    if replace {
        *list = plain;
        return;
    }
    if field == "finalizers" {
        list.extend(plain.into_iter().filter(|one| !list.contains(one)).collect::<Vec<_>>());
        return;
    }
    let Some(merge_key) = merge_key(field) else {
        *list = plain;
        return;
    };
    for item in patch {
        let identity = item.get(merge_key);
        let place = list.iter().position(|one| identity.is_some() && one.get(merge_key) == identity);
        match (item.get("$patch").and_then(Value::as_str), place) {
            (Some("delete"), Some(place)) => {
                list.remove(place);
            }
            (Some("delete"), None) => {}
            (_, Some(place)) => merge_value(&mut list[place], item, ""),
            (_, None) => list.push(item.clone()),
        }
    }
}

/// Returns the field by which Kubernetes merges the items of a list.
fn merge_key(field: &str) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "env" | "imagePullSecrets" => {
            Some("name")
        }
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "ports" => Some("containerPort"),
        "conditions" => Some("type"),
        "ownerReferences" => Some("uid"),
        "taints" => Some("key"),
        "topologySpreadConstraints" => Some("topologyKey"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_strategic_merge_keeps_the_other_containers() {
        let present = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}});
        let patch = json!({"spec": {"containers": [{"name": "b", "image": "3"}, {"name": "a", "$patch": "delete"}]}});
        let new = apply(STRATEGIC, &present, &patch).unwrap();
        assert_eq!(new, json!({"spec": {"containers": [{"name": "b", "image": "3"}]}}));
    }

    #[test]
    fn a_failed_test_operation_changes_nothing() {
        let present = json!({"spec": {"replicas": 2}});
        let patch = json!([
            {"op": "test", "path": "/spec/replicas", "value": 3},
            {"op": "replace", "path": "/spec/replicas", "value": 0},
        ]);
        let failure = apply(JSON, &present, &patch).unwrap_err();
        assert_eq!(failure.code, 422);
        assert!(failure.message.contains("testing value /spec/replicas failed"), "{}", failure.message);
    }

    #[test]
    fn a_merge_patch_removes_by_null() {
        let present = json!({"metadata": {"annotations": {"a": "1", "b": "2"}}});
        let new = apply(MERGE, &present, &json!({"metadata": {"annotations": {"a": null}}})).unwrap();
        assert_eq!(new, json!({"metadata": {"annotations": {"b": "2"}}}));
    }
}
