//! Reading YAML and JSON with places.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::error::{Place, TestkitError};

/// A mapping in the order of the file, each key with its place.
#[derive(Debug)]
pub(super) struct Named<V>(pub(super) Vec<(Spanned<String>, V)>);

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for NamedVisitor<V> {
    type Value = Named<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        named(map)
    }
}

/// Collects a mapping with the places of its keys.
pub(super) fn named<'de, V: Deserialize<'de>, A: MapAccess<'de>>(mut map: A) -> Result<Named<V>, A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = map.next_entry()? {
        entries.push(entry);
    }
    Ok(Named(entries))
}

pub(super) fn read_text(path: &Path) -> Result<String, TestkitError> {
    std::fs::read_to_string(path).map_err(|source| TestkitError::Unreadable { path: path.to_owned(), source })
}

/// Reads one document.
pub(super) fn document<T: DeserializeOwned>(path: &Path) -> Result<T, TestkitError> {
    let text = read_text(path)?;
    // Words such as `y` and `off` are names here, not booleans.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| wrong(path, &error))
}

/// Reads all documents of a file. The place within them is lost.
pub(super) fn documents(path: &Path) -> Result<Vec<Value>, TestkitError> {
    let text = read_text(path)?;
    // A dump of a whole cluster is larger than what a reader of untrusted text accepts.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &serde_saphyr::Error) -> TestkitError {
    let message = error.to_string();
    match error.location() {
        Some(location) => {
            // The place comes first in our messages; once is enough.
            let suffix = format!(" at line {}, column {}", location.line(), location.column());
            let what = message.strip_suffix(&suffix).unwrap_or(&message).to_owned();
            TestkitError::Wrong { place: Place::of(path, location), what }
        }
        None => TestkitError::Wrong { place: whole(path), what: message },
    }
}

/// Points at a file as a whole.
pub(super) fn whole(path: &Path) -> Place {
    Place { file: path.to_owned(), line: 0, column: 0 }
}
