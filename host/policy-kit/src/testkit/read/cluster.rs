//! The cluster of a case: objects as a snapshot has them, whether they come from files, from rows or from the case itself,
//! and the little that no object says.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_core::policy::{Collected, Kind, Need};
use pvmigrate_yaml::{Node, Wrong, did_you_mean};
use serde_json::Value;

use super::snapshot::Snapshot;

/// Objects that are complete, and what is known beside them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) objects: Vec<Value>,
    /// Bytes in use, by claim: on a cluster they are measured.
    pub(crate) used: BTreeMap<String, u64>,
    /// Kinds that could not be listed, and why.
    pub(crate) missing: BTreeMap<String, String>,
    /// Classes that are named and deliberately not there.
    gone: BTreeSet<String>,
    /// Namespaces of rows.
    named: BTreeSet<String>,
}

impl Cluster {
    pub(crate) fn of(mut objects: Vec<Value>) -> Self {
        // Policies never see Secrets.
        objects.retain(|object| object["kind"] != "Secret");
        // A dump may have claims of a class that was deleted since.
        let claims = objects.iter().filter(|object| is_storage(object));
        let gone = claims.filter_map(|claim| claim["spec"]["storageClassName"].as_str()).map(str::to_owned).collect();
        Self { objects, gone, ..Self::default() }
    }

    /// Derives what a question tells of the claims and classes.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, String> {
        let mut snapshot = Snapshot::of(&self.objects)?;
        for volume in &mut snapshot.volumes {
            volume.used_bytes = self.used.get(&volume.claim()).copied();
        }
        Ok(snapshot)
    }

    /// Collects what policies with these needs may look up. A kind without objects is empty, not missing.
    pub(crate) fn collect(&self, needs: &[Need]) -> Collected {
        let mut collected = Collected::default();
        let kinds: BTreeSet<&Kind> = needs.iter().map(|need| &need.kind).collect();
        for kind in kinds {
            if let Some(reason) = self.missing.get(&kind.kind) {
                collected.put_missing(kind.clone(), reason.clone());
                continue;
            }
            let is_it = |object: &&Value| object["apiVersion"] == *kind.api_version && object["kind"] == *kind.kind;
            collected.put(kind.clone(), self.objects.iter().filter(is_it).cloned().collect());
        }
        collected
    }

    /// Finds an object by its kind's name: kinds of one name in two groups are told apart by nobody here.
    pub(crate) fn position(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<usize> {
        let is_it = |object: &Value| {
            object["kind"] == kind
                && object["metadata"]["name"] == name
                && object["metadata"]["namespace"].as_str() == namespace
        };
        self.objects.iter().position(is_it)
    }

    pub(crate) fn find(&mut self, kind: &str, namespace: Option<&str>, name: &str) -> Option<&mut Value> {
        self.position(kind, namespace, name).map(|at| &mut self.objects[at])
    }

    pub(crate) fn remove(&mut self, kind: &str, namespace: Option<&str>, name: &str) {
        if let Some(at) = self.position(kind, namespace, name) {
            self.objects.remove(at);
        }
    }

    /// Lists the objects of a kind by name: `name`, or `namespace/name`.
    pub(crate) fn names<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = String> + 'a {
        self.objects.iter().filter(move |object| object["kind"] == kind).map(full_name)
    }

    /// Lists the namespaces that something lies in.
    pub(crate) fn namespaces(&self) -> BTreeSet<&str> {
        let of_objects = self.objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
        of_objects.chain(self.named.iter().map(String::as_str)).collect()
    }

    /// Notes the namespaces of rows that come later.
    pub(crate) fn name_namespaces<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.named.extend(names.map(str::to_owned));
    }

    /// Notes that a class is named and not there.
    pub(crate) fn without_class(&mut self, name: &str) {
        self.remove("StorageClass", None, name);
        self.gone.insert(name.to_owned());
    }

    /// Accepts the name of a class that is there, or that is missing on purpose.
    pub(crate) fn check_class(&self, at: &Node, name: &str) -> Result<(), Wrong> {
        if self.gone.contains(name) || self.position("StorageClass", None, name).is_some() {
            return Ok(());
        }
        let known: Vec<String> = self.names("StorageClass").chain(self.gone.iter().cloned()).collect();
        let near = did_you_mean(name, known.iter().map(String::as_str));
        let hint = match near.is_empty() {
            true => format!("; one that is missing on purpose is written `classes: {{{name}: null}}`"),
            false => near,
        };
        Err(Wrong::new(&at.at, format!("unknown class {name}{hint}")))
    }
}

fn is_storage(object: &Value) -> bool {
    object["kind"] == "PersistentVolumeClaim" || object["kind"] == "PersistentVolume"
}

/// Returns `name`, or `namespace/name`.
pub(crate) fn full_name(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = object["metadata"]["namespace"].as_str();
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// Accepts a name that an API server would take: lower-case letters, digits, `-` and `.`.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = name.len() <= 253 && name.chars().all(plain) && ends(name.chars().next()) && ends(name.chars().last());
    match fits {
        true => Ok(()),
        false => {
            Err(format!("{name:?} cannot be a name in Kubernetes: lower-case letters, digits, - and . are allowed"))
        }
    }
}
