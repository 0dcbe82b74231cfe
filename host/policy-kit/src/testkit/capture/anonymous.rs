//! Other names for everything that a person named.
//!
//! One table for all: what has the same name before has the same name after, whatever refers to it. New names count up
//! within a kind, in the order in which they are met.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Capture, items, text};

/// Keys whose values decide what policies and pvmigrate do, and say nothing else.
const DECIDES: [&str; 2] = ["kurl.sh/", "pvmigrate.dev/"];
const DECIDES_TOO: [&str; 5] = [
    "pv.kubernetes.io/provisioned-by",
    "volume.beta.kubernetes.io/storage-class",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
    "storageclass.kubernetes.io/is-default-class",
];
/// Values that reveal nothing.
const PLAIN: [&str; 5] = ["", "true", "false", "yes", "no"];
/// Mappings of objects of any kind whose values are labels, or are compared with such.
const LABELS: [&str; 5] = ["labels", "annotations", "matchLabels", "selector", "nodeSelector"];

/// New names by old ones.
#[derive(Default)]
struct Names {
    /// All old names: no new one may be one of these.
    taken: BTreeSet<String>,
    given: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
    /// Old names as they may stand within other text; values of labels do not count.
    known: BTreeSet<String>,
}

impl Names {
    /// Returns the new name for an old one; `what` begins it, if this is the first time.
    fn of(&mut self, what: &str, old: &str) -> String {
        if old.is_empty() {
            return String::new();
        }
        if let Some(new) = self.given.get(old) {
            return new.clone();
        }
        let count = self.counts.entry(what.to_owned()).or_default();
        let new = loop {
            *count += 1;
            let new = format!("{what}-{count}");
            if !self.taken.contains(&new) {
                break new;
            }
        };
        self.given.insert(old.to_owned(), new.clone());
        new
    }

    /// Renames a text, and remembers it as a name.
    fn rename(&mut self, what: &str, name: &mut Value) {
        if let Value::String(name) = name {
            self.known.insert(name.clone());
            *name = self.of(what, name);
        }
    }

    fn rename_at(&mut self, what: &str, object: &mut Value, pointer: &str) {
        if let Some(name) = object.pointer_mut(pointer) {
            self.rename(what, name);
        }
    }

    fn value(&mut self, key: &str, value: &mut String) {
        let decides = DECIDES.iter().any(|prefix| key.starts_with(prefix)) || DECIDES_TOO.contains(&key);
        // What decides is kept, unless it is the name of something.
        let is_kept = (decides && !self.known.contains(value)) || PLAIN.contains(&value.as_str());
        if !is_kept {
            *value = self.of("value", value);
        }
    }

    fn values(&mut self, object: &mut Value, pointer: &str) {
        let pairs = object.pointer_mut(pointer).and_then(Value::as_object_mut);
        for (key, value) in pairs.into_iter().flatten() {
            if let Value::String(value) = value {
                self.value(key, value);
            }
        }
    }

    /// Replaces known names within other text.
    fn within(&self, text: &str) -> String {
        // A name may have dots, and text may have names between dots.
        if let Some(new) = self.given.get(text).filter(|_| self.known.contains(text)) {
            return new.clone();
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut renamed = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let known = self.given.get(word).filter(|_| self.known.contains(word));
            renamed.push_str(known.map_or(word, String::as_str));
            let next = after.chars().next().map_or(0, char::len_utf8);
            renamed.push_str(&after[..next]);
            rest = &after[next..];
        }
        renamed
    }
}

/// Renames everything in a capture.
pub(super) fn rename(capture: &mut Capture) {
    let mut names = Names { taken: taken(capture), ..Names::default() };
    let mut of = |file| capture.objects.remove(file).unwrap_or_default();
    let (mut pods, mut owners, mut namespaces) = (of("pods"), of("owners"), of("namespaces"));
    let (mut claims, mut volumes, mut classes) = (of("claims"), of("volumes"), of("classes"));
    // Pods first: the claim of an ephemeral volume has its name from the pod.
    pods.iter_mut().for_each(|pod| rename_pod(&mut names, pod));
    owners.iter_mut().for_each(|owner| place(&mut names, "owner", owner));
    for claim in &mut claims {
        place(&mut names, "claim", claim);
        names.rename_at("uid", claim, "/metadata/uid");
        names.rename_at("pv", claim, "/spec/volumeName");
    }
    for volume in &mut volumes {
        place(&mut names, "pv", volume);
        for (what, field) in [("namespace", "namespace"), ("claim", "name"), ("uid", "uid")] {
            names.rename_at(what, volume, &format!("/spec/claimRef/{field}"));
        }
    }
    namespaces.iter_mut().for_each(|namespace| names.rename_at("namespace", namespace, "/metadata/name"));
    for object in capture.further.values_mut().flatten() {
        known_place(&mut names, object);
    }
    // Values last: one that is also a name gets that name.
    for claim in &mut claims {
        for pointer in ["/metadata/labels", "/metadata/annotations", "/spec/selector/matchLabels"] {
            names.values(claim, pointer);
        }
        for expression in
            claim.pointer_mut("/spec/selector/matchExpressions").and_then(Value::as_array_mut).into_iter().flatten()
        {
            expression.get_mut("values").into_iter().for_each(|values| anything(&mut names, "values", values));
        }
    }
    for class in &mut classes {
        let parameters = class.get_mut("parameters").and_then(Value::as_object_mut).into_iter().flatten();
        for (key, value) in parameters.filter(|(key, _)| key.contains("secret")) {
            if let Value::String(value) = value {
                names.value(key, value);
            }
        }
        names.values(class, "/metadata/annotations");
    }
    for object in capture.further.values_mut().flatten() {
        anything(&mut names, "", object);
    }
    capture.objects.extend([
        ("pods", pods),
        ("owners", owners),
        ("namespaces", namespaces),
        ("claims", claims),
        ("volumes", volumes),
        ("classes", classes),
    ]);
}

fn rename_pod(names: &mut Names, pod: &mut Value) {
    let old = text(&pod["metadata"]["name"]);
    place(names, "pod", pod);
    let new = text(&pod["metadata"]["name"]);
    names.rename_at("node", pod, "/spec/nodeName");
    let mut mounts = BTreeMap::new();
    for volume in items(&mut pod["spec"], "volumes") {
        let mount = text(&volume["name"]);
        let renamed = names.of("volume", &mount);
        volume["name"] = Value::from(renamed.as_str());
        if volume.get("persistentVolumeClaim").is_some() {
            names.rename_at("claim", volume, "/persistentVolumeClaim/claimName");
        } else {
            let claim = format!("{old}-{mount}");
            names.known.insert(claim.clone());
            names.given.insert(claim, format!("{new}-{renamed}"));
        }
        mounts.insert(mount, renamed);
    }
    for containers in ["containers", "initContainers"] {
        for container in items(&mut pod["spec"], containers) {
            for field in ["volumeMounts", "volumeDevices"] {
                for mount in items(container, field) {
                    if let Some(new) = mounts.get(&text(&mount["name"])) {
                        mount["name"] = Value::from(new.as_str());
                    }
                }
            }
        }
    }
}

/// Renames an object, its namespace and its owners.
fn place(names: &mut Names, what: &str, object: &mut Value) {
    names.rename_at("namespace", object, "/metadata/namespace");
    names.rename_at(what, object, "/metadata/name");
    items(&mut object["metadata"], "ownerReferences").for_each(|owner| names.rename_at("owner", owner, "/name"));
}

/// Learns the names of an object of any kind.
fn known_place(names: &mut Names, object: &Value) {
    let what = object.get("kind").and_then(Value::as_str).unwrap_or("object").to_lowercase();
    for (key, what) in [("namespace", "namespace"), ("name", what.as_str()), ("uid", "uid")] {
        if let Some(old) = object.pointer(&format!("/metadata/{key}")).and_then(Value::as_str) {
            names.known.insert(old.to_owned());
            names.of(what, old);
        }
    }
}

/// Renames within an object of any kind.
fn anything(names: &mut Names, key: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = names.within(text),
        Value::Array(items) => items.iter_mut().for_each(|item| anything(names, key, item)),
        Value::Object(fields) => {
            for (inner, value) in fields {
                match value {
                    Value::String(text) if LABELS.contains(&key) => names.value(inner, text),
                    // These name kinds, not things.
                    Value::String(_) if ["kind", "apiVersion"].contains(&inner.as_str()) => {}
                    value => anything(names, inner, value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Lists every text of a capture.
fn taken(capture: &Capture) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    let files = capture.files();
    let mut left: Vec<&Value> = files.iter().flat_map(|(_, objects)| objects).collect();
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => {
                taken.insert(text.clone());
            }
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    taken
}
