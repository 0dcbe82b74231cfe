//! Whether an object can be understood. The messages name object and field.

use pvmigrate_core::policy::quantity::parse_bytes;
use serde_json::Value;

use super::{InputError, Origin};
use crate::kinds;

/// A list of objects.
pub(super) struct List<'a> {
    pub(super) items: &'a [Value],
    /// The kind of its items, when the list says it.
    pub(super) item_kind: Option<String>,
    pub(super) api_version: &'a str,
}

/// Reads the value as a list; `None` for an object.
pub(super) fn list<'a>(origin: &Origin, value: &'a Value) -> Result<Option<List<'a>>, InputError> {
    let wrong = |what: &str| InputError::Object { origin: origin.clone(), what: what.to_owned() };
    if !value.is_object() {
        return Err(wrong("not a Kubernetes object: it has no fields"));
    }
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let kind = text("kind").ok_or_else(|| wrong("not a Kubernetes object: it has no kind"))?;
    let api_version = text("apiVersion").ok_or_else(|| wrong("not a Kubernetes object: it has no apiVersion"))?;
    let Some((item_kind, items)) = kind.strip_suffix("List").zip(value.get("items")) else { return Ok(None) };
    let items = match items {
        Value::Null => &[][..],
        Value::Array(items) => items,
        _ => return Err(wrong("the field items of the List is not a list")),
    };
    let item_kind = Some(item_kind.to_owned()).filter(|kind| !kind.is_empty());
    Ok(Some(List { items, item_kind, api_version }))
}

/// Checks an object in the form that [`super::normal::make`] gives it.
pub(super) fn object(origin: &Origin, object: &Value) -> Result<(), InputError> {
    let wrong = |what: String| InputError::Object { origin: origin.clone(), what };
    let kind = object["kind"].as_str().unwrap_or_default();
    if object.get("metadata").is_none_or(|metadata| metadata.get("name").is_none()) {
        return Err(wrong(format!("{kind} has no metadata.name")));
    }
    let about = |what: String| wrong(format!("{}: {what}", identity(object)));
    kinds::check(object).map_err(about)?;
    if object["metadata"]["name"] == "" {
        return Err(wrong(format!("{kind} has no metadata.name")));
    }
    match kind {
        "PersistentVolumeClaim" => claim("spec", &object["spec"]).map_err(about),
        "PersistentVolume" => size("spec.capacity.storage", &object["spec"]["capacity"]).map_err(about),
        "StatefulSet" => {
            let templates = object["spec"]["volumeClaimTemplates"].as_array();
            for (at, template) in templates.into_iter().flatten().enumerate() {
                claim(&format!("spec.volumeClaimTemplates[{at}].spec"), &template["spec"]).map_err(about)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Checks what an API server demands of every claim.
fn claim(path: &str, spec: &Value) -> Result<(), String> {
    let modes = spec["accessModes"].as_array().map_or(0, Vec::len);
    if modes == 0 {
        return Err(format!("{path}.accessModes is missing: a claim asks for at least one"));
    }
    size(&format!("{path}.resources.requests.storage"), &spec["resources"]["requests"])
}

fn size(path: &str, list: &Value) -> Result<(), String> {
    let Some(size) = list["storage"].as_str() else { return Err(format!("{path} is missing")) };
    match parse_bytes(size) {
        Ok(0) => Err(format!("{path} is 0")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// Returns the name of an object in messages, which is unique: `PersistentVolumeClaim ns/data`, `Deployment.apps ns/web`.
pub(super) fn identity(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&object["kind"]);
    let api_version = text(&object["apiVersion"]);
    let group = api_version.split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
    let name = text(&object["metadata"]["name"]);
    match object["metadata"]["namespace"].as_str() {
        None | Some("") => format!("{kind}{group} {name}"),
        Some(namespace) => format!("{kind}{group} {namespace}/{name}"),
    }
}
