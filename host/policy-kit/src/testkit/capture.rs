//! From the objects of a cluster to a fixture: only the fields that questions are made of, and what policies look up.
//!
//! Nothing is copied that is not named: [`KEPT`] says which fields of claims, volumes, classes, pods and owners are taken.
//! Objects that policies look up, those kinds among them, must stay whole to keep their meaning, except for the API server's
//! own fields and for what containers are started with. [`anonymous`] renames; nothing here reads a cluster or writes a file.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_core::names;
use pvmigrate_core::policy::{Collected, Kind, Need};
use serde_json::{Value, json};

mod anonymous;
mod fields;

use fields::{KEPT, pick};

/// The annotations of a volume that questions are made of.
const OF_VOLUMES: [&str; 2] = ["pv.kubernetes.io/provisioned-by", "volume.beta.kubernetes.io/storage-class"];
/// What containers are started with: it often contains passwords, and no policy about volumes needs it.
const STARTED_WITH: [&str; 4] = ["env", "envFrom", "command", "args"];
/// The API server's own fields.
const ITS_OWN: [&str; 4] = ["managedFields", "resourceVersion", "generation", "selfLink"];
/// The whole manifest once more, with all that is removed here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A fixture that was captured.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// The objects of every question, cut down, by file.
    objects: BTreeMap<&'static str, Vec<Value>>,
    /// The kinds that policies look up beside those of every question.
    further: BTreeMap<Kind, Vec<Value>>,
    /// Those of them that could not be listed, and why.
    missing: BTreeMap<Kind, String>,
}

impl Capture {
    /// Returns everything to collect: the kinds of every question, and those that policies look up.
    pub fn needs(policies: &[Need]) -> Vec<Need> {
        let usual = KEPT.iter().map(|kept| Need {
            kind: Kind::new(kept.kind.0, kept.kind.1),
            purpose: "every question is made of it".to_owned(),
            optional: kept.optional,
        });
        let usual: Vec<Need> = usual.collect();
        let known = |need: &&Need| !usual.iter().any(|other| other.kind == need.kind) && !need.kind.is_withheld();
        let further: Vec<Need> = policies.iter().filter(known).cloned().collect();
        usual.into_iter().chain(further).collect()
    }

    /// Takes what a fixture needs out of what was collected for [`Self::needs`], of one namespace or of all.
    ///
    /// Only volumes of the claims are taken, only pods that use them, only owners of those pods, and only namespaces that
    /// are being deleted, unless a policy looks up the kind: then all its objects are taken, whole. If a single namespace was
    /// collected, nothing of another one is taken.
    ///
    /// # Errors
    /// When an object cannot be understood; the error names it.
    pub fn of(collected: &Collected, needs: &[Need], namespace: Option<&str>) -> Result<Self, String> {
        let mut objects: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        let mut whole: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for kept in &KEPT {
            let kind = Kind::new(kept.kind.0, kept.kind.1);
            let is_looked_up = needs.iter().any(|need| need.kind == kind);
            for mut object in all(collected, &kind)?.into_iter().filter(|object| !is_helper(object)) {
                (object["apiVersion"], object["kind"]) = (json!(kept.kind.0), json!(kept.kind.1));
                scrub(&mut object);
                if is_looked_up && is_within(&object, namespace) {
                    whole.entry(kept.file).or_default().push(object.clone());
                }
                let mut picked = pick(&object, kept.fields);
                (picked["apiVersion"], picked["kind"]) = (json!(kept.kind.0), json!(kept.kind.1));
                objects.entry(kept.file).or_default().push(picked);
            }
        }
        reduce(&mut objects);
        objects.values_mut().flatten().for_each(prune);
        for (file, found) in whole {
            let of_file = objects.entry(file).or_default();
            of_file.retain(|cut| !found.iter().any(|whole| identity(whole) == identity(cut)));
            of_file.extend(found);
        }
        let (mut further, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for (kind, found) in collected.kinds() {
            if let Err(why) = found {
                missing.insert(kind.clone(), why.to_owned());
            }
        }
        let usual = Self::needs(&[]);
        let is_further = |need: &&Need| usual.iter().all(|other| other.kind != need.kind) && !need.kind.is_withheld();
        for need in needs.iter().filter(is_further) {
            let mut found = all(collected, &need.kind)?;
            found.iter_mut().for_each(scrub);
            further.insert(need.kind.clone(), found);
        }
        Ok(Self { objects, further, missing })
    }

    /// Replaces everything that a person named with another name, the same one everywhere.
    ///
    /// Renamed are namespaces, names, uids and nodes wherever they stand, also as parts of other text, and the values of labels
    /// and annotations. Kept are classes, keys, plain words such as `true`, and the values under `kurl.sh/` and
    /// `pvmigrate.dev/`, which decide; all further text is kept where it holds no renamed name of three letters or more.
    pub fn anonymize(&mut self) {
        anonymous::rename(self);
    }

    /// Returns the kinds that could not be listed and that policies can do without, with the reason.
    ///
    /// A fixture cannot express that: where the policy was told that it cannot know, it finds no objects there.
    pub fn missing(&self) -> impl Iterator<Item = (&Kind, &str)> {
        self.missing.iter().map(|(kind, why)| (kind, why.as_str()))
    }

    /// Counts the claims.
    pub fn claims(&self) -> usize {
        self.objects.get("claims").map_or(0, Vec::len)
    }

    /// Returns the files of the fixture, name and objects; no file is empty.
    pub fn files(&self) -> Vec<(String, Vec<Value>)> {
        let mut files: Vec<(String, Vec<Value>)> = Vec::new();
        for kept in &KEPT {
            if files.iter().all(|(name, _)| name != kept.file) {
                files.push((kept.file.to_owned(), self.objects.get(kept.file).cloned().unwrap_or_default()));
            }
        }
        // Two groups may have a kind of the same name.
        for (kind, objects) in &self.further {
            let group = kind.api_version.split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
            files.push((format!("{}{group}", kind.kind.to_lowercase()), objects.clone()));
        }
        files.retain(|(_, objects)| !objects.is_empty());
        files
    }
}

/// Removes null, false and what is empty, which fixtures read as absent, except the key that marks a volume as
/// ephemeral, and a class that is named to be none.
fn prune(value: &mut Value) {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|key, value| key == "ephemeral" && value.is_object() || !says_nothing(value));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all(collected: &Collected, kind: &Kind) -> Result<Vec<Value>, String> {
    // A kind that could not be listed was optional; `Capture::missing` names it.
    let found = collected.find(kind, None, "", &[]).unwrap_or_default();
    found.iter().map(|text| serde_json::from_str(text).map_err(|error| format!("{kind}: {error}"))).collect()
}

/// Removes what no question needs.
fn reduce(objects: &mut BTreeMap<&'static str, Vec<Value>>) {
    let kept: BTreeSet<(String, String)> = objects.get("claims").into_iter().flatten().map(key).collect();
    let claims = objects.get("claims").into_iter().flatten();
    let named: BTreeSet<String> = claims.map(|claim| text(&claim["spec"]["volumeName"])).collect();
    let edit = |objects: &mut BTreeMap<&'static str, Vec<Value>>, file, keep: &mut dyn FnMut(&mut Value) -> bool| {
        if let Some(found) = objects.get_mut(file) {
            found.retain_mut(keep);
        }
    };
    edit(objects, "volumes", &mut |volume| {
        if let Some(annotations) = volume["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| OF_VOLUMES.contains(&key.as_str()));
        }
        let holder = &volume["spec"]["claimRef"];
        // One that a claim names and another holds says why that claim stays.
        kept.contains(&(text(&holder["namespace"]), text(&holder["name"]))) || named.contains(&key(volume).1)
    });
    edit(objects, "pods", &mut |pod| {
        keep_controllers(pod);
        keep_claims(pod, &kept)
    });
    edit(objects, "owners", &mut |owner| {
        keep_controllers(owner);
        true
    });
    edit(objects, "namespaces", &mut |namespace| {
        let is_deleted = namespace["metadata"].get("deletionTimestamp").is_some();
        is_deleted || namespace["status"]["phase"] == "Terminating"
    });
    let mut reached: BTreeSet<(String, String, String)> =
        objects.get("pods").into_iter().flatten().flat_map(owners).collect();
    let all: Vec<Value> = objects.get("owners").cloned().unwrap_or_default();
    loop {
        let known = reached.len();
        let above: Vec<_> = all.iter().filter(|owner| reached.contains(&identity(owner))).flat_map(owners).collect();
        reached.extend(above);
        if reached.len() == known {
            break;
        }
    }
    edit(objects, "owners", &mut |owner| reached.contains(&identity(owner)));
}

fn keep_controllers(object: &mut Value) {
    retain(&mut object["metadata"], "ownerReferences", |owner| owner["controller"] == true);
}

/// Leaves a pod only its claims, and its mounts of those; false when it has none.
fn keep_claims(pod: &mut Value, kept: &BTreeSet<(String, String)>) -> bool {
    let (namespace, name) = key(pod);
    let mut volumes = BTreeSet::new();
    for volume in items(&mut pod["spec"], "volumes") {
        let claim = match (volume.get("persistentVolumeClaim"), volume.get("ephemeral")) {
            (Some(claim), _) => text(&claim["claimName"]),
            (None, Some(_)) => {
                volume["ephemeral"] = json!({});
                format!("{name}-{}", text(&volume["name"]))
            }
            (None, None) => continue,
        };
        if kept.contains(&(namespace.clone(), claim)) {
            volumes.insert(text(&volume["name"]));
        }
    }
    let is_kept = |part: &Value| volumes.contains(&text(&part["name"]));
    retain(&mut pod["spec"], "volumes", is_kept);
    for containers in ["containers", "initContainers"] {
        for container in items(&mut pod["spec"], containers) {
            for mounts in ["volumeMounts", "volumeDevices"] {
                retain(container, mounts, is_kept);
            }
        }
    }
    !volumes.is_empty()
}

/// Goes through the list at a key, if there is one.
fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn retain(value: &mut Value, key: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(items) = value.get_mut(key).and_then(Value::as_array_mut) {
        items.retain(keep);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn key(object: &Value) -> (String, String) {
    (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
}

fn identity(object: &Value) -> (String, String, String) {
    let (namespace, name) = key(object);
    (text(&object["kind"]), namespace, name)
}

fn owners(object: &Value) -> impl Iterator<Item = (String, String, String)> + '_ {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.map(|owner| (text(&owner["kind"]), text(&object["metadata"]["namespace"]), text(&owner["name"])))
}

/// Returns whether a claim or pod is one of our own or of the reference tool: no question is about those.
fn is_helper(object: &Value) -> bool {
    let (managed, by) = names::MANAGED_BY;
    let metadata = &object["metadata"];
    metadata["annotations"].get(names::KIND).is_some() || metadata["labels"][managed] == by
}

/// Tells whether an object belongs to the one namespace that is captured: a volume belongs to the namespace of its claim.
fn is_within(object: &Value, namespace: Option<&str>) -> bool {
    let metadata = &object["metadata"];
    let own = match object["kind"].as_str() {
        Some("Namespace") => &metadata["name"],
        Some("PersistentVolume") => &object["spec"]["claimRef"]["namespace"],
        _ => &metadata["namespace"],
    };
    namespace.is_none_or(|namespace| own.as_str().is_none_or(|own| own == namespace))
}

/// Removes the API server's own fields, what kubectl keeps of the last manifest, and what containers are started with.
fn scrub(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.retain(|key, _| !ITS_OWN.contains(&key.as_str()));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
        }
    }
    without_starts(object);
}

fn without_starts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let containers = ["containers", "initContainers", "ephemeralContainers"].contains(&key.as_str());
                for container in value.as_array_mut().filter(|_| containers).into_iter().flatten() {
                    if let Value::Object(container) = container {
                        container.retain(|key, _| !STARTED_WITH.contains(&key.as_str()));
                    }
                }
                without_starts(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_starts),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
