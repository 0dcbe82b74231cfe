//! The fields of objects that a capture takes: those that questions are made of.

use serde_json::{Map, Value};

/// A kind that questions are made of, and the fields of it that are taken.
pub(super) struct Kept {
    /// The file that it goes into.
    pub(super) file: &'static str,
    pub(super) kind: (&'static str, &'static str),
    pub(super) fields: &'static [&'static str],
    /// A capture can do without it.
    pub(super) optional: bool,
}

const OWNER: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.ownerReferences.apiVersion",
    "metadata.ownerReferences.kind",
    "metadata.ownerReferences.name",
    "metadata.ownerReferences.controller",
];

pub(super) const KEPT: [Kept; 8] = [
    Kept {
        file: "claims",
        kind: ("v1", "PersistentVolumeClaim"),
        fields: &[
            "metadata.name",
            "metadata.namespace",
            "metadata.uid",
            "metadata.labels",
            "metadata.annotations",
            "metadata.creationTimestamp",
            "metadata.deletionTimestamp",
            "metadata.ownerReferences.apiVersion",
            "metadata.ownerReferences.kind",
            "metadata.ownerReferences.name",
            "metadata.ownerReferences.controller",
            "spec.accessModes",
            "spec.storageClassName",
            "spec.volumeName",
            "spec.volumeMode",
            "spec.selector",
            "spec.resources.requests.storage",
            "status.phase",
            "status.accessModes",
            "status.capacity.storage",
        ],
        optional: false,
    },
    Kept {
        file: "volumes",
        kind: ("v1", "PersistentVolume"),
        fields: &[
            "metadata.name",
            "metadata.annotations",
            "spec.accessModes",
            "spec.storageClassName",
            "spec.persistentVolumeReclaimPolicy",
            "spec.volumeMode",
            "spec.capacity.storage",
            "spec.csi.driver",
            "spec.claimRef.namespace",
            "spec.claimRef.name",
            "spec.claimRef.uid",
            "status.phase",
        ],
        optional: false,
    },
    Kept {
        file: "classes",
        kind: ("storage.k8s.io/v1", "StorageClass"),
        fields: &[
            "metadata.name",
            "metadata.annotations",
            "provisioner",
            "parameters",
            "reclaimPolicy",
            "volumeBindingMode",
            "allowVolumeExpansion",
        ],
        optional: false,
    },
    Kept {
        file: "pods",
        kind: ("v1", "Pod"),
        fields: &[
            "metadata.name",
            "metadata.namespace",
            "metadata.ownerReferences.apiVersion",
            "metadata.ownerReferences.kind",
            "metadata.ownerReferences.name",
            "metadata.ownerReferences.controller",
            "spec.nodeName",
            "spec.volumes.name",
            "spec.volumes.persistentVolumeClaim",
            "spec.volumes.ephemeral",
            "spec.containers.volumeMounts.name",
            "spec.containers.volumeMounts.readOnly",
            "spec.containers.volumeDevices.name",
            "spec.initContainers.volumeMounts.name",
            "spec.initContainers.volumeMounts.readOnly",
            "spec.initContainers.volumeDevices.name",
            "status.phase",
        ],
        optional: false,
    },
    Kept { file: "owners", kind: ("apps/v1", "ReplicaSet"), fields: OWNER, optional: false },
    Kept { file: "owners", kind: ("apps/v1", "StatefulSet"), fields: OWNER, optional: false },
    Kept { file: "owners", kind: ("apps/v1", "Deployment"), fields: OWNER, optional: false },
    Kept {
        file: "namespaces",
        kind: ("v1", "Namespace"),
        fields: &["metadata.name", "metadata.deletionTimestamp", "status.phase"],
        optional: true,
    },
];

/// Takes fields out of a value; lists are passed through. An empty path takes the whole value.
pub(super) fn pick(value: &Value, paths: &[&str]) -> Value {
    match value {
        value if paths.contains(&"") => value.clone(),
        Value::Array(items) => items.iter().map(|item| pick(item, paths)).collect(),
        Value::Object(fields) => {
            let mut picked = Map::new();
            for (key, value) in fields {
                let below = paths.iter().filter_map(|path| match path.strip_prefix(key.as_str())? {
                    "" => Some(""),
                    rest => rest.strip_prefix('.'),
                });
                let below: Vec<&str> = below.collect();
                if !below.is_empty() {
                    picked.insert(key.clone(), pick(value, &below));
                }
            }
            Value::Object(picked)
        }
        other => other.clone(),
    }
}
