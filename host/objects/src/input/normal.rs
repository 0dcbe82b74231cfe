//! Makes an object what an API server would have made of it: without empty fields, with quantities as text, of a version
//! that is served, and in a namespace.

use serde_json::{Value, json};

use crate::kinds;

/// Fields that hold quantities by resource: `{storage: 1Gi}`.
const QUANTITIES: [&str; 11] = [
    "requests",
    "limits",
    "capacity",
    "allocatable",
    "allocatedResources",
    "hard",
    "used",
    "min",
    "max",
    "default",
    "defaultRequest",
];

/// Fields that map text to text. A key without a value is an empty text there, and no field at all elsewhere.
const TEXTS: [&str; 5] = ["labels", "annotations", "matchLabels", "nodeSelector", "parameters"];

/// The namespace of what says none.
const DEFAULT_NAMESPACE: &str = "default";

pub(super) fn make(object: &mut Value) {
    kinds::modernize(object);
    let of_kind = kinds::of(object).map(|kind| kind.namespaced);
    clean(object, of_kind.is_some());
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        match of_kind {
            Some(true) => {
                let namespace = metadata.entry("namespace").or_insert(Value::Null);
                if namespace.is_null() || *namespace == "" {
                    *namespace = json!(DEFAULT_NAMESPACE);
                }
            }
            Some(false) => {
                metadata.remove("namespace");
            }
            // Of a kind that is not known, so is its scope.
            None => {}
        }
        metadata.remove("managedFields");
    }
}

/// Drops null, as Go's decoder does. In objects of a known kind, writes numbers that are quantities as text.
fn clean(value: &mut Value, is_known: bool) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            for (key, value) in fields.iter_mut() {
                match value {
                    Value::Object(entries) if TEXTS.contains(&key.as_str()) => {
                        entries.values_mut().filter(|text| text.is_null()).for_each(|text| *text = json!(""));
                    }
                    Value::Object(entries) if is_known && QUANTITIES.contains(&key.as_str()) => {
                        entries.values_mut().for_each(quantity);
                        clean(value, is_known);
                    }
                    value => clean(value, is_known),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, is_known)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn quantity(value: &mut Value) {
    if let Value::Number(number) = value {
        // A whole number that YAML wrote with an exponent has become a float.
        let whole = number.as_f64().filter(|float| !number.is_u64() && float.fract() == 0.0);
        *value = Value::String(whole.map_or_else(|| number.to_string(), |whole| format!("{whole:.0}")));
    }
}
