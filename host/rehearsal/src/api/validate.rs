//! What the API server refuses: malformed names, oversized objects, impossible claims and volumes.

use serde_json::Value;

use super::{
    failure::{Cause, Failure},
    selector::label_selector_matches,
};
use crate::{
    kinds::{self, Kind},
    object,
};

mod identity;
mod update;
pub(crate) use identity::identity;
pub(crate) use update::changes;

/// All annotations of one object together.
const ANNOTATION_BYTES: usize = 256 * 1024;
/// The data of one ConfigMap or Secret.
const CONFIG_BYTES: usize = 1024 * 1024;
const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
    or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
    must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
    used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Checks an object's form as its Go type would.
pub(crate) fn form(kind: &Kind, new: &Value) -> Result<(), Failure> {
    (kind.check)(new).map_err(|error| {
        Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: json: {error}",
            kind.kind, kind.version, kind.kind
        ))
    })
}

/// Checks an object that is about to be stored.
pub(crate) fn object(kind: &Kind, new: &Value) -> Result<(), Failure> {
    let mut causes = metadata(kind, new);
    match (kind.group, kind.plural) {
        ("", "persistentvolumeclaims") => causes.extend(claim(new)),
        ("", "persistentvolumes") => causes.extend(volume(new)),
        ("", "pods") => causes.extend(pod(new)),
        ("", "configmaps" | "secrets") => causes.extend(config(new)),
        ("apps", _) if kind.scale => causes.extend(workload(new)),
        _ => {}
    }
    refuse_any(kind, new, &causes)
}

fn refuse_any(kind: &Kind, new: &Value, causes: &[Cause]) -> Result<(), Failure> {
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(kind, object::name(new), causes)) }
}

fn metadata(kind: &Kind, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object::name(new);
    let (longest, rule) = if *kind == kinds::NAMESPACES { (63, LABEL_RULE) } else { (253, SUBDOMAIN_RULE) };
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if kind.group != "rbac.authorization.k8s.io" {
        if name.len() > longest {
            causes.push(Cause::invalid("metadata.name", name, &format!("must be no more than {longest} characters")));
        }
        if !is_subdomain(name) || longest == 63 && name.contains('.') {
            causes.push(Cause::invalid("metadata.name", name, rule));
        }
    }
    for (_, value) in object::pairs(new, "/metadata/labels") {
        if value.len() > 63 {
            causes.push(Cause::invalid("metadata.labels", &value, "must be no more than 63 characters"));
        } else if !is_label_value(&value) {
            causes.push(Cause::invalid("metadata.labels", &value, VALUE_RULE));
        }
    }
    let annotations = object::pairs(new, "/metadata/annotations");
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > ANNOTATION_BYTES {
        causes.push(Cause::too_long("metadata.annotations", ANNOTATION_BYTES));
    }
    causes
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(|part| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        edge(part.as_bytes().first())
            && edge(part.as_bytes().last())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

fn is_label_value(value: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    edge(value.as_bytes().first())
        && edge(value.as_bytes().last())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn access_modes(new: &Value, none: &str) -> Vec<Cause> {
    let modes = object::texts(new, "/spec/accessModes");
    let mut causes = Vec::new();
    if modes.is_empty() {
        causes.push(Cause::required("spec.accessModes", none));
    }
    for mode in &modes {
        if !MODES.contains(mode) {
            let supported = MODES.map(|mode| format!("{mode:?}")).join(", ");
            causes.push(Cause {
                field: "spec.accessModes".to_owned(),
                reason: "FieldValueNotSupported",
                message: format!("Unsupported value: {mode:?}: supported values: {supported}"),
            });
        }
    }
    if modes.len() > 1 && modes.contains(&"ReadWriteOncePod") {
        let why = "may not use ReadWriteOncePod with other access modes";
        causes.push(Cause::forbidden("spec.accessModes", why));
    }
    causes
}

fn claim(new: &Value) -> Vec<Cause> {
    let mut causes = access_modes(new, "at least 1 access mode is required");
    match object::text(new, "/spec/resources/requests/storage") {
        None => causes.push(Cause::required("spec.resources[storage]", "")),
        Some(size) => match object::bytes_of_quantity(size) {
            None | Some(0) => {
                causes.push(Cause::invalid("spec.resources[storage]", size, "must be greater than zero"));
            }
            Some(_) => {}
        },
    }
    causes
}

/// The fields of a volume's spec that say where it may be used; what is left is the volume's source.
pub(super) const VOLUME_TERMS: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

fn volume(new: &Value) -> Vec<Cause> {
    let mut causes = access_modes(new, "");
    if object::text(new, "/spec/capacity/storage").is_none() {
        causes.push(Cause::required("spec.capacity", ""));
    }
    let sources = new
        .get("spec")
        .and_then(Value::as_object)
        .map_or(0, |spec| spec.keys().filter(|key| !VOLUME_TERMS.contains(&key.as_str())).count());
    match sources {
        0 => causes.push(Cause::required("spec", "must specify a volume type")),
        1 => {}
        _ => causes.push(Cause::forbidden("spec", "may not specify more than 1 volume type")),
    }
    causes
}

fn pod(new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if object::items(new, "/spec/containers").is_empty() {
        causes.push(Cause::required("spec.containers", ""));
    }
    let volumes: Vec<&str> =
        object::items(new, "/spec/volumes").iter().filter_map(|volume| object::text(volume, "/name")).collect();
    for list in ["initContainers", "containers"] {
        for (at, container) in object::items(new, &format!("/spec/{list}")).iter().enumerate() {
            for (mount_at, mount) in object::items(container, "/volumeMounts").iter().enumerate() {
                let name = object::text(mount, "/name").unwrap_or_default();
                if !volumes.contains(&name) {
                    causes.push(Cause {
                        field: format!("spec.{list}[{at}].volumeMounts[{mount_at}].name"),
                        reason: "FieldValueNotFound",
                        message: format!("Not found: {name:?}"),
                    });
                }
            }
        }
    }
    causes
}

fn config(new: &Value) -> Vec<Cause> {
    let size: usize =
        ["/data", "/binaryData"].iter().flat_map(|field| object::pairs(new, field)).map(|(_, value)| value.len()).sum();
    if size > CONFIG_BYTES { vec![Cause::too_long("data", CONFIG_BYTES)] } else { Vec::new() }
}

fn workload(new: &Value) -> Vec<Cause> {
    let selector = new.pointer("/spec/selector").unwrap_or(&Value::Null);
    if selector.as_object().is_none_or(serde_json::Map::is_empty) {
        return vec![Cause::required("spec.selector", "")];
    }
    let template = new.pointer("/spec/template").unwrap_or(&Value::Null);
    if !label_selector_matches(selector, template) {
        let shown = object::pairs(template, "/metadata/labels");
        let why = "`selector` does not match template `labels`";
        return vec![Cause::invalid("spec.template.metadata.labels", &format!("{shown:?}"), why)];
    }
    if object::number(new, "/spec/replicas").is_some_and(|replicas| replicas < 0) {
        return vec![Cause::invalid("spec.replicas", "negative", "must be greater than or equal to 0")];
    }
    Vec::new()
}
