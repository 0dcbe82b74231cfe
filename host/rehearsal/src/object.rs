//! Small readers and writers for Kubernetes objects kept as JSON.
//!
//! Nothing here knows a kind's meaning: only where the common fields lie.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

pub(crate) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

pub(crate) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the strings of a list or nothing when the field is not a list.
pub(crate) fn texts<'a>(object: &'a Value, pointer: &str) -> Vec<&'a str> {
    items(object, pointer).iter().filter_map(Value::as_str).collect()
}

/// Returns a map of strings, empty when the field is absent.
pub(crate) fn pairs(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let Some(map) = object.pointer(pointer).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace").unwrap_or_default()
}

pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid").unwrap_or_default()
}

pub(crate) fn resource_version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion").unwrap_or_default()
}

pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

pub(crate) fn set_annotation(object: &mut Value, key: &str, value: &str) {
    set(object, &["metadata", "annotations", key], json!(value));
}

pub(crate) fn is_terminating(object: &Value) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

pub(crate) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    texts(object, "/metadata/finalizers").contains(&finalizer)
}

pub(crate) fn add_finalizer(object: &mut Value, finalizer: &str) {
    if has_finalizer(object, finalizer) {
        return;
    }
    let mut all = items(object, "/metadata/finalizers").to_vec();
    all.push(json!(finalizer));
    set(object, &["metadata", "finalizers"], Value::Array(all));
}

/// Takes a finalizer off and drops the list when it was the last, as the API server's encoding does.
pub(crate) fn remove_finalizer(object: &mut Value, finalizer: &str) {
    let left: Vec<Value> =
        items(object, "/metadata/finalizers").iter().filter(|one| one.as_str() != Some(finalizer)).cloned().collect();
    if left.is_empty() {
        remove(object, &["metadata", "finalizers"]);
    } else {
        set(object, &["metadata", "finalizers"], Value::Array(left));
    }
}

/// Sets a nested field and makes the maps on the way; a non-map on the way is replaced by one.
pub(crate) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut here = object;
    for step in path {
        if !here.is_object() {
            *here = json!({});
        }
        let Value::Object(map) = here else { return };
        here = map.entry((*step).to_owned()).or_insert(Value::Null);
    }
    *here = value;
}

/// Removes a nested field.
pub(crate) fn remove(object: &mut Value, path: &[&str]) {
    let Some((last, way)) = path.split_last() else { return };
    let mut here = object;
    for step in way {
        let Some(next) = here.get_mut(*step) else { return };
        here = next;
    }
    if let Value::Object(map) = here {
        map.remove(*last);
    }
}

/// Returns the owner reference that is marked as the controller.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| flag(owner, "/controller"))
}

pub(crate) fn is_controlled_by(object: &Value, owner_uid: &str) -> bool {
    controller_of(object).and_then(|owner| text(owner, "/uid")) == Some(owner_uid)
}

/// Builds the reference by which an object is owned and controlled.
pub(crate) fn controller_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Returns the names of the claims that a pod's volumes use, generic ephemeral volumes included.
pub(crate) fn claims_of_pod(pod: &Value) -> Vec<String> {
    items(pod, "/spec/volumes").iter().filter_map(|volume| claim_of_pod_volume(pod, volume)).collect()
}

/// Returns the claim behind one of a pod's volumes.
pub(crate) fn claim_of_pod_volume(pod: &Value, volume: &Value) -> Option<String> {
    if let Some(claim) = text(volume, "/persistentVolumeClaim/claimName") {
        return Some(claim.to_owned());
    }
    volume.get("ephemeral").filter(|ephemeral| ephemeral.is_object())?;
    Some(format!("{}-{}", name(pod), text(volume, "/name")?))
}

/// Tells whether a pod's containers have ended for good.
pub(crate) fn is_finished_pod(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), Some("Succeeded" | "Failed"))
}

/// Returns the present time the way Kubernetes writes it: UTC, whole seconds.
pub(crate) fn now() -> String {
    stamp(jiff::Timestamp::now())
}

pub(crate) fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Parses a Kubernetes quantity into whole bytes, rounded up; `None` when it is not a quantity.
pub(crate) fn bytes_of_quantity(quantity: &str) -> Option<u128> {
    parts_of_quantity(quantity, 1)
}

/// Parses a Kubernetes quantity into thousandths, rounded up, as processors are counted.
pub(crate) fn thousandths_of_quantity(quantity: &str) -> Option<u128> {
    parts_of_quantity(quantity, 1000)
}

fn parts_of_quantity(quantity: &str, parts: u128) -> Option<u128> {
    let split = quantity.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(quantity.len());
    let (digits, suffix) = quantity.split_at(split);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let (factor, divisor) = scale_of_suffix(suffix)?;
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: u128 = format!("{whole}{fraction}").parse().ok()?;
    Some(mantissa.checked_mul(factor)?.checked_mul(parts)?.div_ceil(scale.checked_mul(divisor)?))
}

fn scale_of_suffix(suffix: &str) -> Option<(u128, u128)> {
    let factor = match suffix {
        "" => 1,
        "m" => return Some((1, 1000)),
        "k" => 1000,
        "M" => 1000u128.pow(2),
        "G" => 1000u128.pow(3),
        "T" => 1000u128.pow(4),
        "P" => 1000u128.pow(5),
        "E" => 1000u128.pow(6),
        "Ki" => 1024,
        "Mi" => 1024u128.pow(2),
        "Gi" => 1024u128.pow(3),
        "Ti" => 1024u128.pow(4),
        "Pi" => 1024u128.pow(5),
        "Ei" => 1024u128.pow(6),
        _ => {
            let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            return (exponent <= 24).then(|| (10u128.pow(exponent), 1));
        }
    };
    Some((factor, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_compared_as_bytes() {
        assert_eq!(bytes_of_quantity("1Gi"), bytes_of_quantity("1024Mi"));
        assert_eq!(bytes_of_quantity("1.5Ki"), Some(1536));
        assert_eq!(bytes_of_quantity("1500m"), Some(2));
        assert_eq!(bytes_of_quantity("2e3"), Some(2000));
        assert_eq!(bytes_of_quantity("-1Gi"), None);
        assert_eq!(bytes_of_quantity("1Zi"), None);
    }

    #[test]
    fn setting_makes_the_maps_on_the_way() {
        let mut object = json!({"metadata": {"annotations": null}});
        set_annotation(&mut object, "a/b", "1");
        assert_eq!(annotation(&object, "a/b"), Some("1"));
    }
}
