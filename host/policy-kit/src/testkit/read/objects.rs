//! Objects of any kind in a test file: rows for look-ups, and what a case changes, adds or takes away.
//!
//! A row is written `Kind namespace/name: {spec: ...}`, and without a namespace for objects of the whole cluster; the rest of
//! the object is filled in. `Kind: reason` says that the kind could not be listed.

use pvmigrate_core::policy::{Kind, Need};
use pvmigrate_objects::{input, kinds};
use serde_json::{Value, json};

use super::cluster::{Cluster, check_name, full_name};
use super::rows;
use super::settings::merge;
use pvmigrate_yaml::{Key, Node, Wrong, Yaml, did_you_mean};

/// The kinds that questions are made of, whatever policies look up.
pub(crate) fn of_questions() -> impl Iterator<Item = &'static str> {
    ["PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Namespace"].into_iter().chain(rows::workloads())
}

/// The key of a row.
#[derive(Clone, Debug)]
struct Name<'a> {
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl<'a> Name<'a> {
    fn of(key: &'a Key) -> Result<Self, String> {
        let (kind, full) = key.name.split_once(' ').unwrap_or((&key.name, ""));
        let (namespace, name) = match full.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, full),
        };
        if kind.is_empty() || name.is_empty() || name.contains('/') {
            return Err(format!("invalid object {:?}; write `{kind} namespace/name: {{...}}`", key.name));
        }
        // Some kinds, such as ClusterRole, have names with a colon.
        let names = namespace.into_iter().chain(Some(name).filter(|name| !name.contains(':')));
        names.into_iter().try_for_each(check_name)?;
        Ok(Self { kind, namespace, name })
    }
}

/// Adds the rows of a file. They are not complete yet.
pub(crate) fn add(cluster: &mut Cluster, rows: &Node, needs: &[Need]) -> Result<(), Wrong> {
    for (key, row) in rows.map("objects")? {
        if let (false, Yaml::Text(reason)) = (key.name.contains(' '), &row.is) {
            cluster.missing.insert(key.name.clone(), reason.clone());
            continue;
        }
        let name = Name::of(key).map_err(|what| Wrong::new(&key.at, what))?;
        if cluster.position(name.kind, name.namespace, name.name).is_some() {
            let what = format!("{} exists already; `given` changes it", key.name);
            return Err(Wrong::new(&key.at, what));
        }
        let object = made(cluster, key, &name, row, needs)?;
        cluster.objects.push(object);
    }
    Ok(())
}

/// Makes a whole object of a row.
fn made(cluster: &Cluster, key: &Key, name: &Name<'_>, row: &Node, needs: &[Need]) -> Result<Value, Wrong> {
    let wrong = |what: String| Wrong::new(&key.at, what);
    row.map(&key.name)?;
    let own = row.entry("apiVersion").map(|(_, version)| version.text("apiVersion")).transpose()?;
    let needed = || needs.iter().find(|need| need.kind.kind == name.kind).map(|need| need.kind.api_version.as_str());
    let Some(api_version) = own.or_else(|| kinds::api_version(name.kind)).or_else(needed) else {
        let needed = needs.iter().map(|need| need.kind.kind.clone());
        let known: Vec<String> = needed.chain(kinds::names().map(str::to_owned)).collect();
        let near = did_you_mean(name.kind, known.iter().map(String::as_str));
        return Err(wrong(format!("unknown kind {}{near}", name.kind)));
    };
    if Kind::new(api_version, name.kind).is_withheld() {
        return Err(wrong("no policy sees a Secret".to_owned()));
    }
    check_scope(cluster, api_version, name).map_err(wrong)?;
    let mut object = json!({"apiVersion": api_version, "kind": name.kind, "metadata": {"name": name.name}});
    if let Some(namespace) = name.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    patch(object, row)
}

/// Refuses an object of a namespace without one, and one of the whole cluster with one.
fn check_scope(cluster: &Cluster, api_version: &str, name: &Name<'_>) -> Result<(), String> {
    let Name { kind, namespace, name } = name;
    match (kinds::is_namespaced(api_version, kind), namespace) {
        (Some(true), None) => {
            let mut of_name =
                cluster.names(kind).filter(|full| full.split_once('/').is_some_and(|(_, one)| one == *name));
            let namespaces = cluster.namespaces();
            let only = || namespaces.iter().next().filter(|_| namespaces.len() == 1).map(|one| format!("{one}/{name}"));
            let hint = match of_name.next().or_else(only) {
                Some(full) => format!(", did you mean {kind} {full}?"),
                None => format!("; write {kind} NAMESPACE/{name}"),
            };
            Err(format!("{kind} {name} has no namespace{hint}"))
        }
        (Some(false), Some(_)) => Err(format!("a {kind} is in no namespace, did you mean {kind} {name}?")),
        _ => Ok(()),
    }
}

/// Merges a patch into an object, and holds the result to what an API server would take.
fn patch(object: Value, patch: &Node) -> Result<Value, Wrong> {
    let identity = |object: &Value| (object["kind"].clone(), full_name(object));
    let before = identity(&object);
    let mut after = object;
    merge(&mut after, patch.json());
    let wrong = |what: String| Wrong::new(&patch.at, what);
    if identity(&after) != before {
        return Err(wrong("the object's kind, name or namespace differs from that of its row".to_owned()));
    }
    input::one(&mut after).map_err(wrong)?;
    Ok(after)
}

/// Tells whether a row of `given` is about an object that is there.
pub(crate) fn is_there(cluster: &Cluster, key: &Key) -> bool {
    Name::of(key).is_ok_and(|name| cluster.position(name.kind, name.namespace, name.name).is_some())
}

/// Changes an object, adds one, or takes one away.
pub(crate) fn change(cluster: &mut Cluster, key: &Key, row: &Node, needs: &[Need]) -> Result<(), Wrong> {
    let wrong = |what: String| Wrong::new(&key.at, what);
    let name = Name::of(key).map_err(wrong)?;
    check_use(name.kind, needs, true).map_err(wrong)?;
    let Some(at) = cluster.position(name.kind, name.namespace, name.name) else {
        if !is_whole(cluster, &name, row) {
            let known: Vec<String> = cluster.objects.iter().map(row_name).collect();
            let near = did_you_mean(&key.name, known.iter().map(String::as_str));
            let end = if near.is_empty() { "; a" } else { " A" };
            let hint =
                if row.is == Yaml::Null { String::new() } else { format!("{end} new object says its apiVersion") };
            check_scope(cluster, kinds::api_version(name.kind).unwrap_or_default(), &name).map_err(wrong)?;
            return Err(wrong(format!("unknown object {}{near}{hint}", key.name)));
        }
        let object = made(cluster, key, &name, row, needs)?;
        cluster.objects.push(object);
        return Ok(());
    };
    match row.is {
        Yaml::Null => drop(cluster.objects.remove(at)),
        _ => {
            row.map(&key.name)?;
            cluster.objects[at] = patch(cluster.objects[at].clone(), row)?;
        }
    }
    Ok(())
}

/// Tells whether a row that names nothing is an object of its own, rather than the patch of one whose name is misspelt.
fn is_whole(cluster: &Cluster, name: &Name<'_>, row: &Node) -> bool {
    let Yaml::Map(fields) = &row.is else { return false };
    let says = |wanted: &dyn Fn(&str) -> bool| fields.iter().any(|(key, _)| wanted(&key.name));
    let has_content = says(&|key| !["apiVersion", "kind", "metadata"].contains(&key));
    let is_misspelt = || {
        cluster.objects.iter().filter(|object| object["kind"] == name.kind).any(|object| {
            let metadata = &object["metadata"];
            is_slip(name.name, metadata["name"].as_str().unwrap_or_default())
                && is_slip(name.namespace.unwrap_or_default(), metadata["namespace"].as_str().unwrap_or_default())
        })
    };
    says(&|key| key == "apiVersion") || has_content && !is_misspelt()
}

/// Tells whether one name may be a slip of the pen for the other. Names that only count up are not.
fn is_slip(one: &str, other: &str) -> bool {
    let without_digits = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    one == other
        || one.len() >= 4 && without_digits(one) != without_digits(other) && !did_you_mean(one, [other]).is_empty()
}

/// Writes the key of an object's row.
fn row_name(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap_or_default(), full_name(object))
}

/// Refuses rows that no policy of any case would look up, and that no question is made of.
pub(crate) fn held_to(rows: &Node, needs: &[Need]) -> Result<(), Wrong> {
    for (key, row) in rows.map("objects")? {
        let kind = kind_of(key);
        let is_reason = matches!(row.is, Yaml::Text(_));
        check_use(kind, needs, !is_reason).map_err(|what| Wrong::new(&key.at, what))?;
        if is_reason && needs.iter().any(|need| need.kind.kind == kind && !need.optional) {
            let what = format!("{kind} is not an optional need: without it the policy would not be asked at all");
            return Err(Wrong::new(&key.at, what));
        }
    }
    Ok(())
}

fn kind_of(key: &Key) -> &str {
    key.name.split(' ').next().unwrap_or_default()
}

/// Refuses a kind that makes no difference to any answer.
fn check_use(kind: &str, needs: &[Need], in_questions: bool) -> Result<(), String> {
    if needs.iter().any(|need| need.kind.kind == kind) || in_questions && of_questions().any(|known| known == kind) {
        return Ok(());
    }
    let known: Vec<String> =
        needs.iter().map(|need| need.kind.kind.clone()).chain(of_questions().map(str::to_owned)).collect();
    // A kind that exists was not mistyped.
    let is_slip = kinds::api_version(kind).is_none();
    let near = if is_slip { did_you_mean(kind, known.iter().map(String::as_str)) } else { String::new() };
    Err(match needs.is_empty() && near.is_empty() {
        true => "no policy that is tested here looks anything up, so nothing would use it".to_owned(),
        false => format!("no policy that is tested here looks up objects of kind {kind}{near}"),
    })
}

/// Removes null, as the API does.
pub(crate) fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
