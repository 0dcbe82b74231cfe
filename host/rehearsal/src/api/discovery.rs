//! The API's own documents: version, health, and which kinds are served.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::failure::Failure;
use crate::{
    kinds::{self, Kind},
    store::Store,
};

/// Answers a GET of a document by its path.
pub(crate) fn document(store: &Store, segments: &[String]) -> Result<Value, Failure> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["version"] => Ok(json!({
            "major": "1", "minor": "33", "gitVersion": "v1.33.0+rehearsal", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "rehearsal",
        })),
        ["healthz" | "readyz" | "livez"] => Ok(json!("ok")),
        ["api"] => Ok(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => Ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(store)})),
        ["api", version] => resources(store, "", version),
        ["apis", group] => groups(store)
            .into_iter()
            .find(|found| found["name"] == **group)
            .map(|mut found| {
                found["kind"] = json!("APIGroup");
                found["apiVersion"] = json!("v1");
                found
            })
            .ok_or_else(Failure::no_such_path),
        ["apis", group, version] => resources(store, group, version),
        _ => Err(Failure::no_such_path()),
    }
}

fn groups(store: &Store) -> Vec<Value> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in store.kinds().filter(|kind| !kind.group.is_empty()) {
        versions.entry(kind.group).or_default().insert(kind.version);
    }
    versions
        .into_iter()
        .map(|(group, versions)| {
            let version = |version| json!({"groupVersion": format!("{group}/{version}"), "version": version});
            // The newest, as text sorts them, is not always the preferred one on a cluster; nobody here asks which is.
            let versions: Vec<Value> = versions.into_iter().rev().map(version).collect();
            json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
        })
        .collect()
}

fn resources(store: &Store, group: &str, version: &str) -> Result<Value, Failure> {
    let mut found = Vec::new();
    for kind in store.kinds().filter(|kind| kind.group == group && kind.version == version) {
        found.extend(entries(kind));
    }
    if found.is_empty() {
        return Err(Failure::no_such_path());
    }
    let version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}))
}

fn entries(kind: &Kind) -> Vec<Value> {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let mut entries = vec![json!({
        "name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": verbs,
    })];
    let mut add = |subresource: &str, kind_name: &str, verbs: &[&str]| {
        entries.push(json!({
            "name": format!("{}/{subresource}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
            "kind": kind_name, "verbs": verbs,
        }));
    };
    if kind.status {
        add("status", kind.kind, &["get", "patch", "update"]);
    }
    if kind.scale {
        add("scale", "Scale", &["get", "patch", "update"]);
    }
    if *kind == kinds::PODS {
        add("log", kind.kind, &["get"]);
    }
    entries
}
