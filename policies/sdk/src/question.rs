//! Reading what was asked.

use alloc::format;
use alloc::string::String;

use crate::{Planned, Request, StorageClass, Volume, VolumeId};

/// Finds the value of a key. The host sorts pairs by key, so this takes a handful of comparisons.
pub fn get<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let at = pairs.binary_search_by(|(other, _)| other.as_str().cmp(key));
    at.ok().map(|at| pairs[at].1.as_str())
}

/// Tells whether a fact is there and on.
pub fn is_on(facts: &[(String, String)], key: &str) -> bool {
    get(facts, key) == Some("true")
}

impl Request {
    /// Finds a fact of the run.
    pub fn fact(&self, key: &str) -> Option<&str> {
        get(&self.facts, key)
    }

    /// Tells whether a fact of the run is on.
    pub fn is_on(&self, key: &str) -> bool {
        is_on(&self.facts, key)
    }

    /// Returns the name of the class to migrate from.
    pub fn source_class(&self) -> &str {
        let named = || self.source.as_ref().map(|class| class.name.as_str());
        self.fact("pvmigrate.dev/source-class").or_else(named).unwrap_or_default()
    }

    /// Returns the one namespace that the run is restricted to.
    pub fn namespace(&self) -> Option<&str> {
        self.fact("pvmigrate.dev/namespace")
    }

    /// Finds a claim by its handle.
    pub fn volume(&self, id: VolumeId) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.id == id)
    }

    /// Pairs what is planned with its claims, in the order of the claims.
    pub fn planned<'a>(&'a self, plan: &'a [Planned]) -> impl Iterator<Item = (&'a Volume, &'a Planned)> {
        let mut by_id: alloc::vec::Vec<_> = plan.iter().collect();
        by_id.sort_unstable_by_key(|planned| planned.volume);
        self.volumes.iter().filter_map(move |volume| {
            let at = by_id.binary_search_by_key(&volume.id, |planned| planned.volume).ok()?;
            Some((volume, by_id[at]))
        })
    }
}

impl Volume {
    /// Returns `namespace/name`, for messages.
    pub fn claim(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Finds a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        get(&self.labels, key)
    }

    /// Finds an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        get(&self.annotations, key)
    }

    /// Finds a fact.
    pub fn fact(&self, key: &str) -> Option<&str> {
        get(&self.facts, key)
    }
}

impl StorageClass {
    /// Finds an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        get(&self.annotations, key)
    }

    /// Finds a parameter of the provisioner.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        get(&self.parameters, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs;

    #[test]
    fn get_finds_what_is_there() {
        let pairs = pairs(&[("b", "2"), ("a", "1"), ("c", "true")]);
        assert_eq!(get(&pairs, "a"), Some("1"));
        assert_eq!(get(&pairs, "b"), Some("2"));
        assert_eq!(get(&pairs, "d"), None);
        assert!(is_on(&pairs, "c") && !is_on(&pairs, "a"));
    }
}
