//! Other names for everything that a person named.
//!
//! One table for all: what has the same name before has the same name after, whatever refers to it. New names count up
//! within a kind, in the order in which they are met.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_core::policy::Pairs;
use serde_json::Value;

use super::Capture;
use crate::testkit::read::objects::{Meta, Objects};

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

    fn rename(&mut self, what: &str, name: &mut String) {
        self.known.insert(name.clone());
        *name = self.of(what, name);
    }

    fn rename_some(&mut self, what: &str, name: &mut Option<String>) {
        if let Some(name) = name {
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

    fn values(&mut self, pairs: &mut Option<Pairs>) {
        pairs.iter_mut().flatten().for_each(|(key, value)| self.value(key, value));
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
    let Objects { claims, volumes, classes, pods, others, .. } = &mut capture.objects;
    // Pods first: the claim of an ephemeral volume has its name from the pod.
    for pod in pods {
        let old = pod.metadata.name.clone();
        place(&mut names, "pod", &mut pod.metadata);
        names.rename_some("node", &mut pod.spec.node_name);
        let mut mounts = BTreeMap::new();
        for volume in &mut pod.spec.volumes {
            let mount = volume.name.clone();
            volume.name = names.of("volume", &mount);
            if volume.ephemeral.is_some() && volume.persistent_volume_claim.is_none() {
                let claim = format!("{old}-{mount}");
                names.known.insert(claim.clone());
                names.given.insert(claim, format!("{}-{}", pod.metadata.name, volume.name));
            }
            if let Some(claim) = &mut volume.persistent_volume_claim {
                names.rename("claim", &mut claim.claim_name);
            }
            mounts.insert(mount, volume.name.clone());
        }
        for container in pod.spec.containers.iter_mut().chain(&mut pod.spec.init_containers) {
            for mount in container.volume_mounts.iter_mut().chain(&mut container.volume_devices) {
                if let Some(new) = mounts.get(&mount.name) {
                    mount.name.clone_from(new);
                }
            }
        }
    }
    for other in others {
        place(&mut names, "owner", &mut other.metadata);
    }
    for claim in &mut *claims {
        place(&mut names, "claim", &mut claim.metadata);
        names.rename_some("uid", &mut claim.metadata.uid);
        names.rename_some("pv", &mut claim.spec.volume_name);
    }
    for volume in volumes {
        place(&mut names, "pv", &mut volume.metadata);
        if let Some(holder) = &mut volume.spec.claim_ref {
            names.rename("namespace", &mut holder.namespace);
            names.rename("claim", &mut holder.name);
        }
    }
    for object in capture.further.values_mut().flatten() {
        known_place(&mut names, object);
    }
    // Values last: one that is also a name gets that name.
    for claim in claims {
        names.values(&mut claim.metadata.labels);
        names.values(&mut claim.metadata.annotations);
    }
    for class in classes {
        let parameters = class.parameters.iter_mut().flatten();
        for (key, value) in parameters.filter(|(key, _)| key.contains("secret")) {
            names.value(key, value);
        }
        names.values(&mut class.metadata.annotations);
    }
    for object in capture.further.values_mut().flatten() {
        anything(&mut names, "", object);
    }
}

/// Renames an object, its namespace and its owners.
fn place(names: &mut Names, what: &str, meta: &mut Meta) {
    names.rename_some("namespace", &mut meta.namespace);
    names.rename(what, &mut meta.name);
    for owner in &mut meta.owner_references {
        names.rename("owner", &mut owner.name);
    }
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
    let files = capture.files().unwrap_or_default();
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
