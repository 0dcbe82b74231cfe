//! The layout of a component in a registry, as the CNCF specified it for WebAssembly: one config, one layer, one
//! manifest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of the component itself.
const TITLE: &str = "org.opencontainers.image.title";
pub(crate) const LAYER_TYPE: &str = "application/wasm";

/// The annotation of the interface version.
const INTERFACE: &str = "dev.pvmigrate.policy.interface";

/// A component and its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The component's bytes.
    pub component: Vec<u8>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// The interface version that it was built for.
    pub interface: String,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// What else is known of it, by the keys of annotations.
    pub annotations: BTreeMap<String, String>,
}

/// An artifact's table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    #[serde(default = "nothing")]
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// Metadata of the component.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A reference to bytes, by their type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// Returns an empty descriptor: an index of several artifacts has no config.
fn nothing() -> Descriptor {
    Descriptor { media_type: String::new(), digest: String::new(), size: 0, annotations: BTreeMap::new() }
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = Digest::of(bytes).to_string();
        Self { media_type: media_type.to_owned(), digest, size: bytes.len() as u64, annotations: BTreeMap::new() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    /// The same for all: the digest of an artifact says what is in it, not when it was pushed.
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: ConfigComponent<'a>,
}

#[derive(Serialize)]
struct ConfigComponent<'a> {
    exports: &'a [String],
    imports: &'a [String],
}

impl Artifact {
    /// Returns the config's bytes and the manifest's. The same artifact gives the same bytes.
    pub(crate) fn laid_out(&self) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
        let config = serde_json::to_vec(&Config {
            created: "1970-01-01T00:00:00Z",
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [Digest::of(&self.component).to_string()],
            component: ConfigComponent { exports: &self.exports, imports: &self.imports },
        })?;
        let mut layer = Descriptor::of(LAYER_TYPE, &self.component);
        // Other tools write a layer that has a title to a file of that name, and leave out all others.
        layer.annotations.insert(TITLE.to_owned(), format!("{}.wasm", self.name));
        let annotations = [
            (TITLE, &self.name),
            ("org.opencontainers.image.version", &self.version),
            ("org.opencontainers.image.description", &self.summary),
            (INTERFACE, &self.interface),
        ];
        let mut all = self.annotations.clone();
        all.extend(annotations.map(|(key, value)| (key.to_owned(), value.clone())));
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST_TYPE.to_owned(),
            config: Descriptor::of(CONFIG_TYPE, &config),
            layers: vec![layer],
            annotations: all,
        };
        Ok((config, serde_json::to_vec(&manifest)?))
    }
}

impl Manifest {
    /// Reads a manifest and finds the component in it.
    pub(crate) fn read(bytes: &[u8], of: &str, most: usize) -> Result<(Self, Digest, usize), Error> {
        let not_wasm = |why: String| Error::NotWasm { reference: of.to_owned(), why };
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|_| not_wasm("its manifest is invalid".to_owned()))?;
        if manifest.config.media_type != CONFIG_TYPE {
            let is = match manifest.config.media_type.as_str() {
                "" => "an index of several artifacts".to_owned(),
                other => format!("an artifact of type {other:?}"),
            };
            return Err(not_wasm(format!("it is {is}; expected {CONFIG_TYPE}")));
        }
        let mut layers = manifest.layers.iter().filter(|layer| layer.media_type == LAYER_TYPE);
        let (layer, others) = (layers.next(), layers.count());
        let layer = layer.ok_or_else(|| not_wasm(format!("it has no layer of type {LAYER_TYPE}")))?;
        if others > 0 {
            return Err(not_wasm(format!("it has {} layers of type {LAYER_TYPE}", others + 1)));
        }
        let digest = layer.digest.parse().map_err(|error| not_wasm(format!("its layer's digest: {error}")))?;
        match usize::try_from(layer.size).ok().filter(|size| *size <= most) {
            Some(size) => Ok((manifest, digest, size)),
            None => Err(not_wasm(format!("its size of {} bytes exceeds the limit of {most}", layer.size))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_component_is_a_file_for_other_tools() {
        let artifact = Artifact {
            component: b"bytes".to_vec(),
            name: "keep".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "keeps".to_owned(),
            interface: "pvmigrate:policy@0.2.0".to_owned(),
            exports: Vec::new(),
            imports: Vec::new(),
            annotations: BTreeMap::from([("org.opencontainers.image.licenses".to_owned(), "MIT".to_owned())]),
        };
        let (config, manifest) = artifact.laid_out().unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["layers"][0]["annotations"], json!({"org.opencontainers.image.title": "keep.wasm"}));
        let expected = json!({
            "org.opencontainers.image.title": "keep",
            "org.opencontainers.image.version": "1.0.0",
            "org.opencontainers.image.description": "keeps",
            "org.opencontainers.image.licenses": "MIT",
            "dev.pvmigrate.policy.interface": "pvmigrate:policy@0.2.0",
        });
        assert_eq!(manifest["annotations"], expected);
        assert!(manifest["config"].get("annotations").is_none(), "the config is not written to a file: {manifest}");
        assert_eq!(manifest["config"]["size"], config.len());
    }
}
