//! Who refers to whom, so that a controller finds the objects around one without going through all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Key;
use crate::object::{self, text};

/// What an object can refer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference {
    /// A claim, by a pod that uses it or a volume whose claimRef names it: namespace and name.
    Claim(String, String),
    /// A volume, by a claim that names it.
    Volume(String),
    /// A node, by a pod that has it.
    Node(String),
    /// An owner's uid, by an object that it owns.
    Owner(String),
    /// Nothing: a volume without a claimRef.
    NoClaim,
}

impl Reference {
    pub(crate) fn claim(namespace: &str, name: &str) -> Self {
        Self::Claim(namespace.to_owned(), name.to_owned())
    }
}

/// Objects by what they refer to.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeMap<Reference, BTreeSet<Key>>);

impl Index {
    pub(crate) fn add(&mut self, key: &Key, object: &Value) {
        for reference in references(key, object) {
            self.0.entry(reference).or_default().insert(key.clone());
        }
    }

    pub(crate) fn remove(&mut self, key: &Key, object: &Value) {
        for reference in references(key, object) {
            if let Some(keys) = self.0.get_mut(&reference) {
                keys.remove(key);
                if keys.is_empty() {
                    self.0.remove(&reference);
                }
            }
        }
    }

    pub(crate) fn referring(&self, to: &Reference) -> impl Iterator<Item = &Key> + use<'_> {
        self.0.get(to).into_iter().flatten()
    }

    pub(crate) fn count(&self, to: &Reference) -> usize {
        self.0.get(to).map_or(0, BTreeSet::len)
    }
}

fn references(key: &Key, object: &Value) -> Vec<Reference> {
    let owners = object::items(object, "/metadata/ownerReferences").iter();
    let mut found: Vec<Reference> =
        owners.filter_map(|owner| Some(Reference::Owner(text(owner, "/uid")?.to_owned()))).collect();
    match (key.kind.group, key.kind.plural) {
        ("", "pods") => {
            let claims = object::claims_of_pod(object).into_iter();
            found.extend(claims.map(|claim| Reference::Claim(key.namespace.clone(), claim)));
            found.extend(text(object, "/spec/nodeName").map(|node| Reference::Node(node.to_owned())));
        }
        ("", "persistentvolumes") => {
            let part = |field: &str| text(object, &format!("/spec/claimRef/{field}"));
            found.push(match (part("namespace"), part("name")) {
                (Some(namespace), Some(name)) => Reference::claim(namespace, name),
                _ => Reference::NoClaim,
            });
        }
        ("", "persistentvolumeclaims") => {
            found.extend(text(object, "/spec/volumeName").map(|volume| Reference::Volume(volume.to_owned())));
        }
        _ => {}
    }
    found
}
