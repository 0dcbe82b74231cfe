//! How much work it is to validate settings against a schema, counted before a validator does it.
//!
//! A schema of a few lines can ask for more looks at the settings than there is time for, or refer to itself without
//! end. No fuel limits a validator, so its work is counted first, and overestimated rather than underestimated.

use serde_json::Value;

/// Maximum number of looks that a validator may take. Real settings need hundreds.
const MOST_LOOKS: usize = 100_000;
/// Maximum depth of nested parts of a schema, followed through references.
const DEEPEST: usize = 100;
/// Maximum number of patterns: each is compiled, and may become as large as a pattern may be.
const MOST_PATTERNS: usize = 50;

/// Keywords whose schema, or list of schemas, looks at the same value again.
const SAME_VALUE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];
/// Keywords whose schema, or schemas by name, may look at every value within.
const EVERY_VALUE_WITHIN: [&str; 8] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
];
/// Keywords that go through the others again for every value within.
const AFTER_THE_OTHERS: [&str; 2] = ["unevaluatedItems", "unevaluatedProperties"];
/// Keywords whose references can only be resolved by running the validator.
const UNFOLLOWED: [&str; 3] = ["$dynamicRef", "$recursiveRef", "$anchor"];

/// Counts the work, and returns an error when it is too much.
pub(super) fn measure(schema: &Value, settings: &Value) -> Result<(), String> {
    if patterns(schema) > MOST_PATTERNS {
        return Err(format!("it has more than {MOST_PATTERNS} patterns"));
    }
    Work { document: schema, left: MOST_LOOKS }.look(schema, settings, 0)
}

/// Counts the patterns anywhere in a document of bounded depth.
fn patterns(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(each)) => each.len() + patterns(value),
                _ => patterns(value),
            })
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

struct Work<'a> {
    document: &'a Value,
    left: usize,
}

impl<'a> Work<'a> {
    fn look(&mut self, schema: &'a Value, value: &Value, depth: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or("it makes far too much work of its settings")?;
        if depth > DEEPEST {
            return Err(format!("it refers to itself without end, or is nested more than {DEEPEST} deep"));
        }
        let Some(keywords) = schema.as_object() else { return Ok(()) };
        if depth > 0 && keywords.contains_key("$id") {
            return Err("it has an $id within".to_owned());
        }
        if let Some(keyword) = UNFOLLOWED.iter().find(|keyword| keywords.contains_key(**keyword)) {
            return Err(format!("it uses {keyword}; write references as #/$defs/name"));
        }
        let again = AFTER_THE_OTHERS.iter().any(|keyword| keywords.contains_key(*keyword));
        let rounds = if again { 1 + within(value).count() } else { 1 };
        for _ in 0..rounds {
            self.same_value(schema, value, depth)?;
        }
        for child in within(value) {
            for keyword in EVERY_VALUE_WITHIN {
                self.each(schema.get(keyword), child, depth)?;
            }
        }
        self.names(schema, value, depth)
    }

    fn same_value(&mut self, schema: &'a Value, value: &Value, depth: usize) -> Result<(), String> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.look(self.target(reference)?, value, depth + 1)?;
        }
        for keyword in SAME_VALUE {
            match schema.get(keyword) {
                Some(Value::Array(schemas)) => schemas.iter().try_for_each(|one| self.look(one, value, depth + 1))?,
                Some(one) => self.look(one, value, depth + 1)?,
                None => {}
            }
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            let schemas = schema.get(keyword).and_then(Value::as_object);
            schemas.into_iter().flatten().try_for_each(|(_, one)| self.look(one, value, depth + 1))?;
        }
        Ok(())
    }

    /// Looks with a schema, with each of a list, or with each by name; counting one look too many does no harm.
    fn each(&mut self, schemas: Option<&'a Value>, value: &Value, depth: usize) -> Result<(), String> {
        match schemas {
            None => Ok(()),
            Some(Value::Array(schemas)) => schemas.iter().try_for_each(|one| self.look(one, value, depth + 1)),
            Some(one) => self.look(one, value, depth + 1),
        }
    }

    fn names(&mut self, schema: &'a Value, value: &Value, depth: usize) -> Result<(), String> {
        let Some(entries) = value.as_object() else { return Ok(()) };
        for (name, value) in entries {
            if let Some(one) = schema.pointer("/properties").and_then(|properties| properties.get(name)) {
                self.look(one, value, depth + 1)?;
            }
            let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
            by_pattern.into_iter().flatten().try_for_each(|(_, one)| self.look(one, value, depth + 1))?;
            if let Some(one) = schema.get("propertyNames") {
                self.look(one, &Value::Null, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Follows a reference within the document.
    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        pointer
            .and_then(|pointer| self.document.pointer(pointer))
            .ok_or_else(|| format!("its reference {reference:?} leads nowhere; write references as #/$defs/name"))
    }
}

/// Returns the values directly within a value.
fn within(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(entries) => Box::new(entries.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    /// Makes a schema of this many levels, each of which looks twice with the next, through these keywords.
    fn doubling(levels: usize, twice: impl Fn(Value) -> Value) -> Value {
        let mut defs = serde_json::Map::new();
        for at in 0..levels {
            defs.insert(format!("d{at}"), twice(json!({"$ref": format!("#/$defs/d{}", at + 1)})));
        }
        defs.insert(format!("d{levels}"), json!({"minProperties": 1}));
        json!({"$defs": defs, "$ref": "#/$defs/d0"})
    }

    #[test]
    fn what_would_never_end_is_refused() {
        let refused = |schema: &Value, settings: &Value| measure(schema, settings).unwrap_err();
        let settings = json!({"a": [{}, {}], "b": {"a": 1}});
        for twice in [
            |next: Value| json!({"allOf": [next, next]}),
            |next: Value| json!({"anyOf": [next], "not": next}),
            |next: Value| json!({"if": next, "else": next}),
            |next: Value| json!({"dependentSchemas": {"a": next, "b": next}}),
            |next: Value| json!({"allOf": [next], "unevaluatedProperties": true}),
        ] {
            let schema = doubling(40, twice);
            assert!(schema.to_string().len() < 4_000);
            assert!(refused(&schema, &settings).contains("too much work"), "{schema}");
            assert_eq!(measure(&doubling(3, twice), &settings), Ok(()));
        }
        for endless in [
            json!({"$ref": "#"}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
        ] {
            assert!(refused(&endless, &json!({})).contains("without end"), "{endless}");
        }
        let patterns = json!({"properties": (0..51).map(|at| (at.to_string(), json!({"pattern": "x"})))
            .collect::<serde_json::Map<_, _>>()});
        assert_eq!(refused(&patterns, &json!({})), "it has more than 50 patterns");
        for lost in ["https://example.com/x.json", "#/$defs/none", "#/%24defs/a", "#name"] {
            let schema = json!({"$ref": lost, "$defs": {"a": {}}});
            assert!(refused(&schema, &json!({})).contains("leads nowhere"), "{lost}");
        }
        assert!(refused(&json!({"$dynamicRef": "#"}), &json!({})).contains("$dynamicRef"));
        assert!(refused(&json!({"not": {"$id": "x"}}), &json!({})).contains("$id"));
    }

    #[test]
    fn what_real_schemas_do_is_counted_and_let_through() {
        let tree = json!({"$defs": {"node": {"type": "object", "additionalProperties": {"$ref": "#/$defs/node"}}},
            "$ref": "#/$defs/node", "propertyNames": {"pattern": "^[a-z]$"}});
        assert_eq!(measure(&tree, &json!({"a": {"b": {"c": {}}}, "d": {}})), Ok(()));
        let list = json!({"properties": {"$ref": {"type": "string"}, "rules": {"items": {"oneOf": [{}, {}, {}]}}}});
        let rules: Vec<_> = (0..1_000).map(|_| json!({"from": "a"})).collect();
        assert_eq!(measure(&list, &json!({"rules": rules, "$ref": "x"})), Ok(()));
    }
}
