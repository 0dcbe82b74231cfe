//! Builds every object that is written to a cluster. Nothing here talks to one.

use std::collections::BTreeMap;

use pvmigrate_core::names;

pub(crate) mod claim;
pub(crate) mod config_map;
pub(crate) mod patch;
pub(crate) mod pod;
pub(crate) mod preflight;
pub mod rbac;

/// Returns the labels of everything we make.
pub(crate) fn labels() -> BTreeMap<String, String> {
    let (key, value) = names::MANAGED_BY;
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

pub(crate) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
