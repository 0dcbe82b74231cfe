//! The settings of a case: the file's, changed by the case's own, and checked against the policy's schema.

use serde_json::{Map, Value};

use pvmigrate_policy::SettingsProblem;
use pvmigrate_yaml::{At, Node, Wrong};

/// Settings as written in one or two places; the later one takes precedence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    layers: Vec<Node>,
}

impl Settings {
    /// Lays the settings of a case over those of its file.
    pub(crate) fn of(file: Option<&Node>, case: Option<&Node>) -> Result<Self, Wrong> {
        let layers: Vec<_> = file.into_iter().chain(case).cloned().collect();
        layers.iter().try_for_each(|layer| layer.map("settings").map(|_| ()))?;
        Ok(Self { layers })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Merges the layers as merge patches (RFC 7396): null removes a setting.
    pub(crate) fn value(&self) -> Value {
        let mut merged = Value::Object(Map::new());
        self.layers.iter().for_each(|layer| merge(&mut merged, layer.json()));
        merged
    }

    /// Returns where a problem is: at the value meant, or at the nearest place that is in the file.
    pub(crate) fn at(&self, pointer: &str) -> At {
        let exact = self.layers.iter().rev().find_map(|layer| layer.find(pointer));
        let nearest = || self.layers.last().map(|layer| layer.nearest(pointer));
        exact.or_else(nearest).cloned().unwrap_or_default()
    }

    /// Describes problems that no case expects.
    pub(crate) fn wrong(&self, policy: &str, problems: &[SettingsProblem], otherwise: &At) -> Wrong {
        let Some(first) = problems.first() else {
            return Wrong::new(otherwise, format!("policy {policy} does not take the settings"));
        };
        let more = match problems.len() {
            1 => String::new(),
            more => format!(" (and {} more)", more - 1),
        };
        let at = if self.is_empty() { otherwise.clone() } else { self.at(&first.pointer) };
        Wrong::new(&at, format!("policy {policy} does not take the settings: {first}{more}"))
    }
}

pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            value => merge(target.entry(key).or_insert(Value::Null), value),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use std::path::Path;

    use super::*;

    #[test]
    fn a_case_changes_the_settings_of_its_file() {
        let read = |text: &str| Node::read(text, Path::new("x")).unwrap();
        let (file, case) = (read("a: 1\nb: {c: 2, d: [3]}\n"), read("b: {c: null, d: [4]}\ne: x\n"));
        let settings = Settings::of(Some(&file), Some(&case)).unwrap();
        assert_eq!(settings.value(), json!({"a": 1, "b": {"d": [4]}, "e": "x"}));
        let place = |pointer: &str| (settings.at(pointer).line, settings.at(pointer).column);
        assert_eq!((place("/a"), place("/b/d/0"), place("/none")), ((1, 1), (1, 18), (1, 1)));
        assert!(Settings::of(Some(&read("[1]")), None).is_err());
    }
}
