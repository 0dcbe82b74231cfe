//! The defaults of a schema: filled in here, once, so that policies in all languages find the same settings.

use serde_json::{Map, Value};

/// Maximum number of defaults that are filled in. A schema that refers to itself can ask for more without end.
const MOST: usize = 1_000;
/// Maximum depth of references followed in one place.
const DEEPEST: usize = 32;

/// Adds what is left out of the settings and has a default, at every depth that `properties`, `items` and
/// `additionalProperties` lead to. Alternatives (`anyOf` and the like) are not looked into: which one is meant is unknown.
///
/// # Errors
/// When the defaults have no end.
pub(super) fn fill(document: &Value, settings: &Value) -> Result<Value, String> {
    let mut filled = settings.clone();
    Filler { document, left: MOST }.fill(document, &mut filled)?;
    Ok(filled)
}

struct Filler<'a> {
    document: &'a Value,
    left: usize,
}

impl<'a> Filler<'a> {
    fn fill(&mut self, schema: &'a Value, value: &mut Value) -> Result<(), String> {
        let schema = self.followed(schema);
        match value {
            Value::Object(fields) => self.object(schema, fields),
            Value::Array(items) => match schema.get("items") {
                Some(each) => items.iter_mut().try_for_each(|item| self.fill(each, item)),
                None => Ok(()),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn object(&mut self, schema: &'a Value, fields: &mut Map<String, Value>) -> Result<(), String> {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, inner) in properties.into_iter().flatten() {
            let default = inner.get("default").or_else(|| self.followed(inner).get("default"));
            if let (Some(default), false) = (default, fields.contains_key(key)) {
                self.left = self.left.checked_sub(1).ok_or("its defaults have no end")?;
                fields.insert(key.clone(), default.clone());
            }
            if let Some(value) = fields.get_mut(key) {
                self.fill(inner, value)?;
            }
        }
        let Some(others) = schema.get("additionalProperties") else { return Ok(()) };
        let is_other = |key: &String| properties.is_none_or(|known| !known.contains_key(key));
        fields.iter_mut().filter(|(key, _)| is_other(key)).try_for_each(|(_, value)| self.fill(others, value))
    }

    /// Follows references within the document, as far as they lead somewhere.
    fn followed(&self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..DEEPEST {
            let target = at.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            match target.and_then(|pointer| self.document.pointer(pointer)) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_its_default_at_every_depth() {
        let schema = json!({
            "properties": {
                "label": {"type": "string", "default": "keep"},
                "size": {"$ref": "#/$defs/size"},
                "bare": {"type": "string"},
                "deep": {"default": {}, "properties": {"on": {"default": false}}},
                "list": {"items": {"properties": {"a": {"default": 1}}}},
                "map": {"additionalProperties": {"$ref": "#/$defs/entry"}}
            },
            "$defs": {"size": {"default": "1Gi"}, "entry": {"properties": {"b": {"default": [2]}}}}
        });
        for (given, expected) in [
            (json!({}), json!({"label": "keep", "size": "1Gi", "deep": {"on": false}})),
            (
                json!({"label": "", "deep": {"on": true}, "list": [{}, {"a": 3}, 4], "map": {"x": {}, "y": "z"}}),
                json!({
                    "label": "", "size": "1Gi", "deep": {"on": true}, "list": [{"a": 1}, {"a": 3}, 4],
                    "map": {"x": {"b": [2]}, "y": "z"}
                }),
            ),
        ] {
            assert_eq!(fill(&schema, &given), Ok(expected));
        }
    }

    #[test]
    fn defaults_without_end_are_refused() {
        let schema = json!({"properties": {"a": {"default": {}, "$ref": "#"}, "b": {"default": {}, "$ref": "#"}}});
        assert!(fill(&schema, &json!({})).is_err());
        let ring = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        assert_eq!(fill(&ring, &json!({"x": 1})), Ok(json!({"x": 1})));
    }
}
