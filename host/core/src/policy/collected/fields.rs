//! Field masks: only the parts of an object that a policy asks for.

use serde_json::{Map, Value};

/// The maximum number of paths in one look-up: every object is compared with all of them.
const MOST: usize = 1_000;

/// Paths to keep; none keeps everything.
pub(super) struct Fields(Vec<Vec<String>>);

impl Fields {
    /// Reads dotted paths; `\.` is a dot within a key, `\\` a backslash.
    pub(super) fn parse(fields: &[String]) -> Result<Self, String> {
        if fields.len() > MOST {
            return Err(format!("{} fields are too many; at most {MOST} can be asked for", fields.len()));
        }
        fields.iter().map(|field| path(field)).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the object with nothing but these fields. A path goes through lists: `spec.containers.name` keeps the
    /// name of each container.
    pub(super) fn of(&self, object: &Value) -> Value {
        if self.0.is_empty() {
            return object.clone();
        }
        let paths: Vec<&[String]> = self.0.iter().map(Vec::as_slice).collect();
        keep(object, &paths).unwrap_or_else(|| Value::Object(Map::new()))
    }
}

fn path(field: &str) -> Result<Vec<String>, String> {
    let wrong = |why: &str| Err(format!("the field {field:?} {why}"));
    let mut parts = vec![String::new()];
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '.' => {
                parts.push(String::new());
                continue;
            }
            '\\' => match letters.next() {
                Some(escaped @ ('.' | '\\')) => escaped,
                _ => return wrong("has a backslash before something else than a dot or a backslash"),
            },
            other => other,
        };
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    match parts.iter().any(String::is_empty) {
        true => wrong("has an empty part; write a dotted path such as spec.hard"),
        false => Ok(parts),
    }
}

/// Keeps what the paths reach; `None` when they reach nothing here.
fn keep(value: &Value, paths: &[&[String]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(|item| keep(item, paths)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(entries) => {
            let kept = entries.iter().filter_map(|(key, value)| {
                let below = paths.iter().filter_map(|path| path.split_first());
                let below: Vec<_> = below.filter(|(first, _)| *first == key).map(|(_, rest)| rest).collect();
                let kept = if below.is_empty() { None } else { keep(value, &below) };
                kept.map(|kept| (key.clone(), kept))
            });
            let kept: Map<_, _> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn masks_keep_what_they_name() {
        let object = json!({"metadata": {"name": "a", "annotations": {"x.y/z": "1", "x": "2"}},
            "spec": {"containers": [{"name": "c", "image": "i"}, {"image": "j"}]}, "status": {}});
        for (fields, kept) in [
            (&[][..], object.clone()),
            (&["metadata.name"][..], json!({"metadata": {"name": "a"}})),
            (&["metadata.annotations.x\\.y/z"], json!({"metadata": {"annotations": {"x.y/z": "1"}}})),
            (&["spec.containers.name"], json!({"spec": {"containers": [{"name": "c"}]}})),
            (&["status", "metadata.name.deeper", "nothing"], json!({"status": {}})),
            (&["metadata.name", "metadata"], json!({"metadata": object["metadata"]})),
            (&["nothing"], json!({})),
        ] {
            let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
            assert_eq!(Fields::parse(&fields).unwrap().of(&object), kept, "{fields:?}");
        }
        assert!(Fields::parse(&vec!["a".to_owned(); MOST + 1]).is_err());
        for wrong in ["", "a..b", ".a", "a.", "a\\b", "a\\"] {
            assert!(Fields::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
