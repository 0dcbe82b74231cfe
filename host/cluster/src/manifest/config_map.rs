//! The ConfigMap that holds a record.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::names;
use pvmigrate_core::record::{Record, Version};

use super::{labels, map};

/// A record in the form in which it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// JSON, under `data`, so that people can read it with kubectl.
    Plain(String),
    /// The same compressed with gzip, under `binaryData`.
    Compressed(Vec<u8>),
}

/// The key under `data` or `binaryData`.
pub(crate) const RECORD: &str = "record";

/// Builds the ConfigMap. With `over`, it replaces only that version.
pub(crate) fn of_record(record: &Record, stored: Stored, over: Option<&Version>) -> ConfigMap {
    let (data, binary_data) = match stored {
        Stored::Plain(text) => (Some(BTreeMap::from([(RECORD.to_owned(), text)])), None),
        Stored::Compressed(bytes) => (None, Some(BTreeMap::from([(RECORD.to_owned(), ByteString(bytes))]))),
    };
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(record.name.clone()),
            namespace: Some(record.namespace.clone()),
            labels: Some(labels()),
            annotations: Some(map([(names::RUN, &record.run)])),
            resource_version: over.map(|version| version.0.clone()),
            ..ObjectMeta::default()
        },
        data,
        binary_data,
        immutable: None,
    }
}

/// Takes the stored record out of a ConfigMap; `None` when it holds none.
pub(crate) fn stored(config_map: &ConfigMap) -> Option<Stored> {
    let plain = config_map.data.as_ref().and_then(|data| data.get(RECORD));
    let compressed = config_map.binary_data.as_ref().and_then(|data| data.get(RECORD));
    match (plain, compressed) {
        (Some(text), _) => Some(Stored::Plain(text.clone())),
        (None, Some(bytes)) => Some(Stored::Compressed(bytes.0.clone())),
        (None, None) => None,
    }
}
