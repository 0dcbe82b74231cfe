//! The API's own documents: version, health, and which kinds are served.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::kinds::{self, Kind};

/// Answers a GET of a document by its path.
pub(crate) fn document(segments: &[String]) -> Result<Value, Failure> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["version"] => Ok(json!({
            "major": "1", "minor": "33", "gitVersion": "v1.33.0+rehearsal", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "rehearsal",
        })),
        ["healthz" | "readyz" | "livez"] => Ok(json!("ok")),
        ["api"] => Ok(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => Ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        ["api", version] => resources("", version),
        ["apis", group] => groups()
            .into_iter()
            .find(|found| found["name"] == **group)
            .map(|mut found| {
                found["kind"] = json!("APIGroup");
                found["apiVersion"] = json!("v1");
                found
            })
            .ok_or_else(Failure::no_such_path),
        ["apis", group, version] => resources(group, version),
        _ => Err(Failure::no_such_path()),
    }
}

fn groups() -> Vec<Value> {
    let versions: BTreeMap<&str, &str> =
        kinds::all().filter(|kind| !kind.group.is_empty()).map(|kind| (kind.group, kind.version)).collect();
    versions
        .into_iter()
        .map(|(group, version)| {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [version], "preferredVersion": version})
        })
        .collect()
}

fn resources(group: &str, version: &str) -> Result<Value, Failure> {
    let mut found = Vec::new();
    for kind in kinds::all().filter(|kind| kind.group == group && kind.version == version) {
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
