//! Uids: of objects that have none, and of the owners that others name.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{name, namespace};

/// Gives each object a uid made of its name, and each owner reference without one the uid of the object that it names.
pub(super) fn add_uids(objects: &mut [Value]) {
    let mut known = HashMap::new();
    for object in objects.iter_mut() {
        add_uid(object);
        known.insert(identity(object, namespace(object)), object["metadata"]["uid"].clone());
    }
    for object in objects {
        let within = namespace(object).to_owned();
        let owners = object["metadata"].get_mut("ownerReferences").and_then(Value::as_array_mut);
        for owner in owners.into_iter().flatten() {
            let is_missing = owner["uid"].as_str().is_none_or(str::is_empty);
            let named = json!({"kind": owner["kind"], "metadata": {"name": owner["name"]}});
            // An object of the whole cluster may own one of a namespace.
            let found = known.get(&identity(&named, &within)).or_else(|| known.get(&identity(&named, "")));
            if let Some(uid) = found.filter(|_| is_missing) {
                owner["uid"] = uid.clone();
            }
        }
    }
}

/// Gives an object a uid made of its name, unless it has one.
pub(super) fn add_uid(object: &mut Value) {
    if object["metadata"]["uid"].as_str().is_none_or(str::is_empty) {
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let parts = ["uid", &kind, namespace(object), name(object)];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        object["metadata"]["uid"] = json!(parts.join("-"));
    }
}

fn identity(object: &Value, namespace: &str) -> (String, String, String) {
    let kind = object["kind"].as_str().unwrap_or_default();
    (kind.to_owned(), namespace.to_owned(), name(object).to_owned())
}
