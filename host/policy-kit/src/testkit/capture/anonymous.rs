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
/// The files of a capture, in the order in which names are learnt.
const ORDER: [&str; 6] = ["pods", "owners", "claims", "volumes", "namespaces", "classes"];
/// The label of a node that is its name.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Names within hyphens that are shorter than this are not looked for.
const SHORTEST_PART: usize = 3;

/// New names by old ones.
#[derive(Default)]
struct Names {
    /// All old names: no new one may be one of these.
    taken: BTreeSet<String>,
    given: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
    /// Old names as they may stand within other text; values of labels do not count.
    known: BTreeSet<String>,
    /// Those of them that have a dot.
    dotted: BTreeSet<String>,
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

    fn value(&mut self, key: &str, value: &mut String) {
        let decides = DECIDES.iter().any(|prefix| key.starts_with(prefix)) || DECIDES_TOO.contains(&key);
        // What decides is kept, unless it is the name of something.
        let is_kept = decides || PLAIN.contains(&value.as_str());
        if self.known.contains(value) || !is_kept {
            *value = self.of("value", value);
        } else if decides {
            *value = self.within(value);
        }
    }

    /// Replaces known names within other text: whole words first, then parts between hyphens, such as of `vol-payroll-ledger`.
    fn within(&self, text: &str) -> String {
        // A name may have dots, and text may have names between dots.
        if let Some(new) = self.given.get(text).filter(|_| self.known.contains(text)) {
            return new.clone();
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut renamed = String::with_capacity(text.len());
        let text = self.without_dotted(text);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            renamed.push_str(&self.word(word));
            let next = after.chars().next().map_or(0, char::len_utf8);
            renamed.push_str(&after[..next]);
            rest = &after[next..];
        }
        renamed
    }
}

impl Names {
    /// Replaces names that have dots themselves, wherever they stand between other characters than those of names.
    fn without_dotted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in &self.dotted {
            let Some(new) = self.given.get(name).filter(|_| text.contains(name.as_str())) else { continue };
            let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
            let (mut renamed, mut from) = (String::with_capacity(text.len()), 0);
            while let Some(at) = text[from..].find(name.as_str()).map(|at| at + from) {
                let end = at + name.len();
                let is_whole = is_edge(text[..at].chars().next_back()) && is_edge(text[end..].chars().next());
                renamed.push_str(&text[from..at]);
                renamed.push_str(if is_whole { new } else { name });
                from = end;
            }
            renamed.push_str(&text[from..]);
            text = renamed;
        }
        text
    }

    /// Replaces a word, or the longest parts of it between hyphens that are names.
    fn word(&self, word: &str) -> String {
        let name = |part: &str| self.given.get(part).filter(|_| self.known.contains(part));
        if let Some(new) = name(word) {
            return new.clone();
        }
        let parts: Vec<&str> = word.split('-').collect();
        let (mut renamed, mut from) = (Vec::new(), 0);
        while from < parts.len() {
            let longest = (from + 1..=parts.len()).rev().find_map(|to| {
                let part = parts[from..to].join("-");
                // Shorter ones are as good as any word.
                name(&part).filter(|_| part.len() >= SHORTEST_PART).map(|new| (to, new.clone()))
            });
            let (to, new) = longest.unwrap_or_else(|| (from + 1, parts[from].to_owned()));
            renamed.push(new);
            from = to;
        }
        renamed.join("-")
    }

    /// Learns the name, the namespace and the uid of an object, and all others that it names.
    fn learn(&mut self, object: &Value) {
        let kind = text(&object["kind"]);
        let what = match kind.as_str() {
            "PersistentVolumeClaim" => "claim".to_owned(),
            "PersistentVolume" => "pv".to_owned(),
            // Classes keep their names: the flags of a run name them.
            "StorageClass" => String::new(),
            other => other.to_lowercase(),
        };
        for (what, pointer) in [
            ("namespace", "/metadata/namespace"),
            (what.as_str(), "/metadata/name"),
            ("uid", "/metadata/uid"),
            ("node", "/spec/nodeName"),
            ("pv", "/spec/volumeName"),
            ("namespace", "/spec/claimRef/namespace"),
            ("claim", "/spec/claimRef/name"),
            ("uid", "/spec/claimRef/uid"),
        ] {
            let old = object.pointer(pointer).and_then(Value::as_str).filter(|_| !what.is_empty());
            old.into_iter().for_each(|old| self.know(what, old));
        }
        for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            self.know("owner", &text(&owner["name"]));
            self.know("uid", &text(&owner["uid"]));
        }
        self.learn_below(object);
    }

    /// Learns claims and nodes that are named anywhere in an object.
    fn learn_below(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                fields.get("claimName").and_then(Value::as_str).into_iter().for_each(|name| self.know("claim", name));
                if fields.get("key").is_some_and(|key| key == HOSTNAME) {
                    let values = fields.get("values").and_then(Value::as_array).into_iter().flatten();
                    values.filter_map(Value::as_str).for_each(|node| self.know("node", node));
                }
                fields.get(HOSTNAME).and_then(Value::as_str).into_iter().for_each(|node| self.know("node", node));
                fields.values().for_each(|value| self.learn_below(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_below(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn know(&mut self, what: &str, name: &str) {
        if name.is_empty() {
            return;
        }
        if name.contains('.') {
            self.dotted.insert(name.to_owned());
        }
        self.known.insert(name.to_owned());
        self.of(what, name);
    }

    /// Gives claims that are named after their pod the pod's new name: those of ephemeral volumes, and those of a
    /// StatefulSet's templates.
    fn learn_claims_of(&mut self, pod: &Value) {
        let old = text(&pod["metadata"]["name"]);
        self.know("pod", &old);
        let new = self.of("pod", &old);
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let mount = text(&volume["name"]);
            let claim = format!("{mount}-{old}");
            let (claim, is_of_set) = match volume["persistentVolumeClaim"]["claimName"].as_str() {
                Some(name) if name == claim => (claim, true),
                Some(_) => continue,
                None => (format!("{old}-{mount}"), false),
            };
            let mount = self.of("volume", &mount);
            self.known.insert(claim.clone());
            self.given.insert(claim, if is_of_set { format!("{mount}-{new}") } else { format!("{new}-{mount}") });
        }
    }
}

/// Renames everything in a capture.
pub(super) fn rename(capture: &mut Capture) {
    let mut names = Names { taken: taken(capture), ..Names::default() };
    // First all names, wherever they stand: whoever names an object may come before it. Pods before all others: a claim may
    // have its name from its pod.
    capture.objects.get("pods").into_iter().flatten().for_each(|pod| names.learn_claims_of(pod));
    let all = || ORDER.iter().filter_map(|file| capture.objects.get(file)).chain(capture.further.values()).flatten();
    all().for_each(|object| names.learn(object));
    for object in capture.objects.values_mut().chain(capture.further.values_mut()).flatten() {
        match object["kind"].as_str() {
            Some("Pod") => rename_mounts(&mut names, object, "/spec"),
            Some("StatefulSet") => rename_templates(&mut names, object),
            Some("StorageClass") => rename_secrets(&mut names, object),
            _ => {}
        }
    }
    // Values last: one that is also a name gets that name.
    for file in ORDER {
        capture.objects.get_mut(file).into_iter().flatten().for_each(|object| anything(&mut names, "", object));
    }
    capture.further.values_mut().flatten().for_each(|object| anything(&mut names, "", object));
}

/// Renames what parameters of a class say of Secrets.
fn rename_secrets(names: &mut Names, class: &mut Value) {
    let parameters = class.get_mut("parameters").and_then(Value::as_object_mut).into_iter().flatten();
    for (key, value) in parameters.filter(|(key, _)| key.contains("secret")) {
        if let Value::String(value) = value {
            names.value(key, value);
        }
    }
}

/// Renames the volumes of a pod, where claims have part of their name from, and its mounts.
fn rename_mounts(names: &mut Names, object: &mut Value, spec: &str) {
    let Some(spec) = object.pointer_mut(spec) else { return };
    let mut mounts = BTreeMap::new();
    for volume in items(spec, "volumes") {
        let mount = text(&volume["name"]);
        let renamed = names.of("volume", &mount);
        volume["name"] = Value::from(renamed.as_str());
        mounts.insert(mount, renamed);
    }
    for containers in ["containers", "initContainers"] {
        for container in items(spec, containers) {
            for field in ["volumeMounts", "volumeDevices"] {
                for mount in items(container, field) {
                    let old = text(&mount["name"]);
                    mount["name"] = Value::from(mounts.get(&old).cloned().unwrap_or_else(|| names.of("volume", &old)));
                }
            }
        }
    }
}

fn rename_templates(names: &mut Names, set: &mut Value) {
    for template in items(&mut set["spec"], "volumeClaimTemplates") {
        let renamed = names.of("volume", &text(&template["metadata"]["name"]));
        template["metadata"]["name"] = Value::from(renamed);
    }
    rename_mounts(names, set, "/spec/template/spec");
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
