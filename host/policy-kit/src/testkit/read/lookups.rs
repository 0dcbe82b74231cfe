//! Objects for the look-ups of policies: from fixture files, and from rows.
//!
//! A row is written `Kind namespace/name: {spec: ...}`, and without a namespace for objects of the whole cluster; the rest of
//! the object is filled in. `Kind: reason` says that the kind could not be listed.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_core::policy::{Collected, Kind, Need};
use serde_json::{Value, json};

use super::settings::merge;
use pvmigrate_yaml::{Key, Node, Wrong, Yaml, did_you_mean};

/// The further objects of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Further {
    /// As they are in fixture files.
    fixtures: Vec<Value>,
    rows: BTreeMap<Name, Value>,
    /// Kinds that could not be listed, and why.
    missing: BTreeMap<String, String>,
}

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    kind: String,
    namespace: Option<String>,
    name: String,
}

impl Name {
    fn of(key: &Key) -> Option<Self> {
        let (kind, name) = key.name.split_once(' ')?;
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        (!kind.is_empty() && !name.is_empty()).then(|| Self { kind: kind.to_owned(), namespace, name: name.to_owned() })
    }
}

impl Further {
    pub(crate) fn of(fixtures: Vec<Value>) -> Self {
        Self { fixtures, ..Self::default() }
    }

    /// Adds the rows of a file.
    pub(crate) fn add(&mut self, rows: &Node) -> Result<(), Wrong> {
        for (key, row) in rows.map("objects")? {
            match (Name::of(key), &row.is) {
                (Some(name), _) => {
                    row.map(&key.name)?;
                    self.rows.insert(name, row.json());
                }
                (None, Yaml::Text(reason)) => {
                    self.missing.insert(kind_of(key).to_owned(), reason.clone());
                }
                (None, _) => {
                    let what = format!("invalid object {0:?}; write `{0} namespace/name: {{...}}`", key.name);
                    return Err(Wrong::new(&key.at, what));
                }
            }
        }
        Ok(())
    }

    /// Changes a row, or removes it.
    pub(crate) fn patch(&mut self, key: &Key, patch: &Node) -> Result<(), Wrong> {
        let known: Vec<String> = self.rows.keys().map(ToString::to_string).collect();
        let name = Name::of(key).filter(|name| self.rows.contains_key(name));
        let Some(name) = name else {
            let near = did_you_mean(&key.name, known.iter().map(String::as_str));
            return Err(Wrong::new(&key.at, format!("unknown object {}{near}", key.name)));
        };
        match &patch.is {
            Yaml::Null => {
                self.rows.remove(&name);
            }
            _ => {
                patch.map(&key.name)?;
                if let Some(row) = self.rows.get_mut(&name) {
                    merge(row, patch.json());
                }
            }
        }
        Ok(())
    }

    /// Collects what the policies of a case may look up.
    pub(crate) fn collect(&self, needs: &[Need]) -> Collected {
        let mut collected = Collected::default();
        let kinds: BTreeSet<&Kind> = needs.iter().map(|need| &need.kind).collect();
        for kind in kinds {
            if let Some(reason) = self.missing.get(&kind.kind) {
                collected.put_missing(kind.clone(), reason.clone());
                continue;
            }
            let is_it = |object: &&Value| object["apiVersion"] == *kind.api_version && object["kind"] == *kind.kind;
            let fixtures = self.fixtures.iter().filter(is_it).cloned();
            let rows =
                self.rows.iter().filter(|(name, _)| name.kind == kind.kind).map(|(name, row)| name.object(kind, row));
            collected.put(kind.clone(), fixtures.chain(rows).collect());
        }
        collected
    }
}

impl Name {
    /// Makes a whole object of a row.
    fn object(&self, kind: &Kind, row: &Value) -> Value {
        let mut object = json!({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": self.name}});
        if let Some(namespace) = &self.namespace {
            object["metadata"]["namespace"] = Value::from(namespace.as_str());
        }
        merge(&mut object, row.clone());
        object
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

fn kind_of(key: &Key) -> &str {
    key.name.split(' ').next().unwrap_or_default()
}

/// Refuses rows that no policy of any case would look up.
pub(crate) fn held_to(rows: &Node, needs: &[Need]) -> Result<(), Wrong> {
    for (key, row) in rows.map("objects")? {
        let kind = kind_of(key);
        let mut of_kind = needs.iter().filter(|need| need.kind.kind == kind).peekable();
        if of_kind.peek().is_none() {
            let near = did_you_mean(kind, needs.iter().map(|need| need.kind.kind.as_str()));
            let what = match needs.is_empty() {
                true => "no policy that is tested here looks anything up, so nothing would use it".to_owned(),
                false => format!("no policy that is tested here looks up objects of kind {kind}{near}"),
            };
            return Err(Wrong::new(&key.at, what));
        }
        if matches!(row.is, Yaml::Text(_)) && of_kind.any(|need| !need.optional) {
            let what = format!("{kind} is not an optional need: without it the policy would not be asked at all");
            return Err(Wrong::new(&key.at, what));
        }
    }
    Ok(())
}
