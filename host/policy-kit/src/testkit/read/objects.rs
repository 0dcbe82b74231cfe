//! The parts of Kubernetes objects that requests are made of.
//!
//! Only what is read is named here; everything else in an object is passed over.

use std::path::Path;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::Pairs;
use pvmigrate_core::policy::quantity::parse_bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::yaml;
use crate::testkit::vocabulary::error::TestkitError;
use pvmigrate_yaml::Mistake;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) labels: Option<Pairs>,
    pub(crate) annotations: Option<Pairs>,
    pub(crate) creation_timestamp: Option<jiff::Timestamp>,
    pub(crate) deletion_timestamp: Option<String>,
    pub(crate) owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Owner {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) controller: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claim {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) spec: ClaimSpec,
    #[serde(default)]
    pub(crate) status: ClaimStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ClaimSpec {
    pub(crate) access_modes: Vec<AccessMode>,
    pub(crate) storage_class_name: Option<String>,
    pub(crate) volume_name: Option<String>,
    pub(crate) volume_mode: Option<VolumeMode>,
    pub(crate) resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Resources {
    pub(crate) requests: Storage,
}

/// The `storage` entry of a list of resources.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Storage {
    storage: Option<Value>,
}

impl Storage {
    /// Reads the size; YAML writers leave plain numbers unquoted.
    pub(crate) fn bytes(&self) -> Result<Option<u64>, String> {
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
pub(crate) struct ClaimStatus {
    pub(crate) phase: Option<String>,
    pub(crate) access_modes: Vec<AccessMode>,
    pub(crate) capacity: Storage,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PersistentVolume {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) spec: PersistentVolumeSpec,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PersistentVolumeSpec {
    pub(crate) access_modes: Vec<AccessMode>,
    pub(crate) storage_class_name: Option<String>,
    pub(crate) persistent_volume_reclaim_policy: Option<String>,
    pub(crate) capacity: Storage,
    pub(crate) csi: Option<Csi>,
    pub(crate) claim_ref: Option<ClaimRef>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Csi {
    pub(crate) driver: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ClaimRef {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Class {
    pub(crate) metadata: Meta,
    pub(crate) provisioner: String,
    pub(crate) parameters: Option<Pairs>,
    pub(crate) reclaim_policy: Option<String>,
    pub(crate) volume_binding_mode: Option<String>,
    pub(crate) allow_volume_expansion: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Pod {
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) spec: PodSpec,
    #[serde(default)]
    pub(crate) status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) node_name: Option<String>,
    pub(crate) volumes: Vec<PodVolume>,
    pub(crate) containers: Vec<Container>,
    pub(crate) init_containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PodStatus {
    pub(crate) phase: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodVolume {
    pub(crate) name: String,
    pub(crate) persistent_volume_claim: Option<ClaimSource>,
    pub(crate) ephemeral: Option<Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaimSource {
    pub(crate) claim_name: String,
    #[serde(default)]
    pub(crate) read_only: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) volume_mounts: Vec<Mount>,
    pub(crate) volume_devices: Vec<Mount>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) read_only: bool,
}

/// Any object that may own a pod, or another owner.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) kind: String,
    pub(crate) metadata: Meta,
}

/// The objects of a fixture, by what they are needed for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    pub(crate) claims: Vec<Claim>,
    pub(crate) volumes: Vec<PersistentVolume>,
    pub(crate) classes: Vec<Class>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) others: Vec<Other>,
    /// Every object as it is written, for look-ups.
    pub(crate) all: Vec<Value>,
}

impl Objects {
    /// Adds every object of a file; lists are taken apart.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<(), TestkitError> {
        for (at, document) in yaml::documents(path)?.into_iter().enumerate() {
            let named = |what| Mistake { place: yaml::whole(path), what: format!("document {}: {what}", at + 1) };
            self.add(document).map_err(named)?;
        }
        Ok(())
    }

    /// Adds an object; a list is taken apart.
    pub(crate) fn add(&mut self, object: Value) -> Result<(), String> {
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
            "" => return Err("it has no kind, so it is not a Kubernetes object".to_owned()),
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
