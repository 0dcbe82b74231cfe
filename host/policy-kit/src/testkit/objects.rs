//! The parts of Kubernetes objects that requests are made of.
//!
//! Only what is read is named here; everything else in an object is passed over.

use std::path::Path;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::Pairs;
use pvmigrate_core::policy::quantity::parse_bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::TestkitError;
use super::yaml;
use pvmigrate_yaml::Mistake;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) labels: Option<Pairs>,
    pub(super) annotations: Option<Pairs>,
    pub(super) creation_timestamp: Option<jiff::Timestamp>,
    pub(super) deletion_timestamp: Option<String>,
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) controller: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Claim {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: ClaimSpec,
    #[serde(default)]
    pub(super) status: ClaimStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClaimSpec {
    pub(super) access_modes: Vec<AccessMode>,
    pub(super) storage_class_name: Option<String>,
    pub(super) volume_name: Option<String>,
    pub(super) volume_mode: Option<VolumeMode>,
    pub(super) resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) requests: Storage,
}

/// The `storage` entry of a list of resources.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Storage {
    storage: Option<Value>,
}

impl Storage {
    /// Reads the size; YAML writers leave plain numbers unquoted.
    pub(super) fn bytes(&self) -> Result<Option<u64>, String> {
        let text = match &self.storage {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        parse_bytes(&text).map(Some).map_err(|error| error.to_string())
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClaimStatus {
    pub(super) phase: Option<String>,
    pub(super) access_modes: Vec<AccessMode>,
    pub(super) capacity: Storage,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct PersistentVolume {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: PersistentVolumeSpec,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PersistentVolumeSpec {
    pub(super) access_modes: Vec<AccessMode>,
    pub(super) storage_class_name: Option<String>,
    pub(super) persistent_volume_reclaim_policy: Option<String>,
    pub(super) capacity: Storage,
    pub(super) csi: Option<Csi>,
    pub(super) claim_ref: Option<ClaimRef>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Csi {
    pub(super) driver: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct ClaimRef {
    pub(super) namespace: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Class {
    pub(super) metadata: Meta,
    pub(super) provisioner: String,
    pub(super) parameters: Option<Pairs>,
    pub(super) reclaim_policy: Option<String>,
    pub(super) volume_binding_mode: Option<String>,
    pub(super) allow_volume_expansion: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Pod {
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) spec: PodSpec,
    #[serde(default)]
    pub(super) status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    pub(super) volumes: Vec<PodVolume>,
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct PodStatus {
    pub(super) phase: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodVolume {
    pub(super) name: String,
    pub(super) persistent_volume_claim: Option<ClaimSource>,
    pub(super) ephemeral: Option<Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimSource {
    pub(super) claim_name: String,
    #[serde(default)]
    pub(super) read_only: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) volume_mounts: Vec<Mount>,
    pub(super) volume_devices: Vec<Mount>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount {
    pub(super) name: String,
    #[serde(default)]
    pub(super) read_only: bool,
}

/// Any object that may own a pod, or another owner.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub(super) kind: String,
    pub(super) metadata: Meta,
}

/// The objects of a fixture, by what they are needed for.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    pub(super) claims: Vec<Claim>,
    pub(super) volumes: Vec<PersistentVolume>,
    pub(super) classes: Vec<Class>,
    pub(super) pods: Vec<Pod>,
    pub(super) others: Vec<Other>,
    /// Every object as it is written, for look-ups.
    pub(super) all: Vec<Value>,
}

impl Objects {
    /// Adds every object of a file; lists are taken apart.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), TestkitError> {
        for (at, document) in yaml::documents(path)?.into_iter().enumerate() {
            let named = |what| Mistake { place: yaml::whole(path), what: format!("document {}: {what}", at + 1) };
            self.add(document).map_err(named)?;
        }
        Ok(())
    }

    /// Adds an object; a list is taken apart.
    pub(super) fn add(&mut self, object: Value) -> Result<(), String> {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let (true, Some(Value::Array(items))) = (kind.ends_with("List"), object.get("items")) {
            let item_kind = kind.trim_end_matches("List");
            for item in items {
                let mut item = item.clone();
                // The API leaves the kind out of the items of a typed list.
                if item.get("kind").is_none() && !item_kind.is_empty() && item.is_object() {
                    item["kind"] = Value::from(item_kind);
                }
                self.add(item)?;
            }
            return Ok(());
        }
        if !kind.is_empty() && kind != "Secret" {
            self.all.push(object.clone());
        }
        match kind.as_str() {
            "" => return Err("it has no kind, so it is no Kubernetes object".to_owned()),
            "PersistentVolumeClaim" => self.claims.push(read(&kind, object)?),
            "PersistentVolume" => self.volumes.push(read(&kind, object)?),
            "StorageClass" => self.classes.push(read(&kind, object)?),
            "Pod" => self.pods.push(read(&kind, object)?),
            _ => {
                let metadata = object.get("metadata").cloned().unwrap_or_default();
                self.others.push(Other { metadata: read(&kind, metadata)?, kind });
            }
        }
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(kind: &str, object: Value) -> Result<T, String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    serde_json::from_value(object).map_err(|error| match name.as_str() {
        "" => format!("{kind}: {error}"),
        name => format!("{kind} {name}: {error}"),
    })
}
