//! The pod that is judged, and the words of a refusal.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use crate::object::{flag, items, text};

/// A pod and the version of the standards that it is judged by.
pub(super) struct Subject<'a> {
    pub(super) pod: &'a Value,
    /// The `24` of `v1.24`; the highest number means the latest.
    pub(super) minor: u32,
}

/// A broken rule.
#[derive(Debug)]
pub(super) struct Violation {
    reason: &'static str,
    detail: String,
}

impl Violation {
    pub(super) fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.detail)
    }
}

impl<'a> Subject<'a> {
    /// Goes through all containers of all three lists.
    pub(super) fn containers(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let pod = self.pod;
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|list| pod.get("spec").and_then(|spec| spec.get(list)).and_then(Value::as_array))
            .flatten()
    }

    /// Returns the names of the containers that are as asked.
    pub(super) fn named(&self, is_meant: impl Fn(&'a Value) -> bool) -> Vec<&'a str> {
        self.containers().filter(|one| is_meant(one)).map(|one| text(one, "/name").unwrap_or_default()).collect()
    }

    pub(super) fn volumes(&self) -> &'a [Value] {
        items(self.pod, "/spec/volumes")
    }

    pub(super) fn is_windows(&self) -> bool {
        text(self.pod, "/spec/os/name") == Some("windows")
    }

    /// Tells whether root in the pod is nobody on the node.
    pub(super) fn has_own_users(&self) -> bool {
        self.pod.pointer("/spec/hostUsers").is_some_and(|value| value == &Value::Bool(false))
    }

    /// Judges a field that the pod and each container can set: returns who sets it badly, and the bad values.
    pub(super) fn setters(&self, field: &str, is_bad: impl Fn(&Value) -> bool) -> (Vec<String>, BTreeSet<String>) {
        let pointer = format!("/securityContext/{field}");
        let bad = |of: &'a Value| of.pointer(&pointer).filter(|value| !value.is_null()).filter(|value| is_bad(value));
        let mut values: BTreeSet<String> = self.containers().filter_map(bad).map(shown).collect();
        let of_pod = self.pod.get("spec").and_then(bad);
        values.extend(of_pod.map(shown));
        (
            who(of_pod.is_some(), &self.named(|one| one.pointer(&pointer).is_some_and(|v| !v.is_null() && is_bad(v)))),
            values,
        )
    }
}

fn shown(value: &Value) -> String {
    let typed = if value.is_object() { text(value, "/type") } else { value.as_str() };
    typed.unwrap_or_default().to_owned()
}

/// Names the pod and containers as what sets a field.
pub(super) fn who(pod: bool, containers: &[&str]) -> Vec<String> {
    let containers = (!containers.is_empty()).then(|| counted("container", containers));
    pod.then(|| "pod".to_owned()).into_iter().chain(containers).collect()
}

/// Writes `container "a"` or `containers "a", "b"`.
pub(super) fn counted(what: &str, names: &[&str]) -> String {
    format!("{} {}", plural(what, names.len()), quoted(names.iter().copied()))
}

pub(super) fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

pub(super) fn uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

pub(super) fn quoted<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(", ")
}

pub(super) fn quoted_set(all: &BTreeSet<String>) -> String {
    quoted(all.iter().map(String::as_str))
}

/// Returns the strings of a container's list.
pub(super) fn listed<'a>(container: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    items(container, pointer).iter().filter_map(Value::as_str)
}

pub(super) fn is_true(object: &Value, pointer: &str) -> bool {
    flag(object, pointer)
}
