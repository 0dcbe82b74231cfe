//! Records as they lie in a ConfigMap, and back. Nothing here talks to a cluster.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::api::core::v1::ConfigMap;
use pvmigrate_core::record::{FORMAT, Record, Uid, Version};
use serde_json::Value;

use crate::error::Error;
use crate::manifest::config_map::{Stored, stored};
use pvmigrate_objects::from_resource::{Kept, Reads};
use pvmigrate_objects::from_resource::{Key, uid, version};

/// Up to this size a record is stored readable.
const PLAIN: usize = 256 * 1024;

/// A ConfigMap holds 1 MiB; what is left lets facts be added to a record that was started at the limit.
pub(crate) const LIMIT: usize = 900 * 1024;

/// No record unpacks to more; a ConfigMap that does was not written by us.
const UNPACKED: u64 = 64 * 1024 * 1024;

/// A ConfigMap that should hold a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRecord {
    key: Key,
    uid: Uid,
    pub(crate) version: Version,
    /// `None` when it holds none at all.
    pub(crate) record: Option<Result<Record, Error>>,
}

impl Kept for SeenRecord {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.uid
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

impl Reads<ConfigMap> for SeenRecord {
    fn read(config_map: &ConfigMap) -> Option<Self> {
        Some(Self {
            key: Key::of(&config_map.metadata),
            uid: uid(&config_map.metadata),
            version: version(&config_map.metadata),
            record: decode(config_map).transpose(),
        })
    }
}

/// Turns a record into what is stored.
pub(crate) fn encode(record: &Record) -> Result<Stored, Error> {
    let unreadable = |message: String| Error::Unreadable { about: about(&record.namespace, &record.name), message };
    let text = serde_json::to_string(record).map_err(|error| unreadable(error.to_string()))?;
    if text.len() <= PLAIN {
        return Ok(Stored::Plain(text));
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| unreadable(error.to_string()))?;
    if packed.len() > LIMIT {
        return Err(Error::RecordTooLarge {
            namespace: record.namespace.clone(),
            name: record.name.clone(),
            bytes: packed.len(),
            limit: LIMIT,
        });
    }
    Ok(Stored::Compressed(packed))
}

/// Reads the record in a ConfigMap; `None` when it holds none.
pub(crate) fn decode(config_map: &ConfigMap) -> Result<Option<Record>, Error> {
    let Some(stored) = stored(config_map) else { return Ok(None) };
    let Key { namespace, name } = Key::of(&config_map.metadata);
    let unreadable = |message: String| Error::Unreadable { about: about(&namespace, &name), message };
    let text = match stored {
        Stored::Plain(text) => text,
        Stored::Compressed(bytes) => unpack(&bytes).map_err(|error| unreadable(error.to_string()))?,
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    // Before its other fields: a newer format may have others.
    let format = value["format"].as_u64().ok_or_else(|| unreadable("it has no format".to_owned()))?;
    if format > u64::from(FORMAT) {
        return Err(Error::RecordTooNew { namespace, name, format });
    }
    serde_json::from_value(value).map(Some).map_err(|error| unreadable(error.to_string()))
}

fn unpack(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).take(UNPACKED).read_to_string(&mut text)?;
    Ok(text)
}

fn about(namespace: &str, name: &str) -> String {
    format!("the record in ConfigMap {namespace}/{name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::manifest::config_map::of_record;
    use crate::testing::record;

    /// Makes a record of about so many bytes that compress badly.
    fn large(bytes: usize) -> Record {
        let mut record = record();
        let noise: String =
            (0..bytes / 10).map(|number| pvmigrate_core::names::short_hash(&[&number.to_string()])).collect();
        record.claims.get_mut("data-web-0").unwrap().manifest["metadata"]["annotations"]["noise"] = noise.into();
        record
    }

    fn there_and_back(record: &Record) -> (Stored, Record) {
        let stored = encode(record).unwrap();
        let config_map = of_record(record, stored.clone(), None);
        let text = serde_json::to_string(&config_map).unwrap();
        (stored, decode(&serde_json::from_str(&text).unwrap()).unwrap().unwrap())
    }

    #[test]
    fn a_small_record_is_readable_and_comes_back() {
        let (stored, back) = there_and_back(&record());
        assert_eq!(back, record());
        insta::assert_json_snapshot!("record", of_record(&record(), stored, Some(&Version("7".to_owned()))));
    }

    #[test]
    fn a_large_record_is_compressed_and_comes_back() {
        let large = large(600 * 1024);
        let (stored, back) = there_and_back(&large);
        assert!(matches!(stored, Stored::Compressed(bytes) if bytes.len() < 400 * 1024));
        assert_eq!(back, large);
    }

    #[test]
    fn a_record_that_does_not_fit_is_refused_by_name() {
        let error = encode(&large(2 * 1024 * 1024)).unwrap_err();
        assert!(matches!(error, Error::RecordTooLarge { limit: LIMIT, bytes, .. } if bytes > LIMIT));
    }

    #[test]
    fn a_newer_format_and_nonsense_name_the_config_map() {
        let of = |text: &str| {
            let mut config_map = of_record(&record(), Stored::Plain(text.to_owned()), None);
            config_map.metadata.name = Some("pvmigrate-x".to_owned());
            decode(&config_map).unwrap_err().to_string()
        };
        assert!(
            of(r#"{"format": 99, "odd": 1}"#).starts_with("the record in ConfigMap shop/pvmigrate-x has format 99")
        );
        for text in ["{", "{}", r#"{"format": 1}"#] {
            assert!(of(text).starts_with("cannot understand the record in ConfigMap shop/pvmigrate-x"), "{text}");
        }
    }

    #[test]
    fn a_config_map_of_something_else_holds_none() {
        assert_eq!(decode(&ConfigMap::default()).unwrap(), None);
    }
}
