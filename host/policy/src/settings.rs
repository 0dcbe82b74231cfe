//! Settings: checked against the policy's own JSON Schema before the policy gets to see them.

mod defaults;
mod work;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use pvmigrate_yaml::did_you_mean;
use serde_json::{Map, Value};

use crate::failure::PolicyFailure;
use crate::limits::Limits;
use crate::text;

/// Maximum length of a schema, in bytes.
const LONGEST_SCHEMA: usize = 64 << 10;
/// Maximum size of a compiled regular expression, in bytes; and of its cache.
const LARGEST_PATTERN: usize = 1 << 20;
/// Maximum number of problems that are reported: more than anybody reads at once.
const MOST_PROBLEMS: usize = 100;

/// A problem with one value of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// JSON Pointer (RFC 6901) to the value, or to the key that should not be there; empty for the settings as a whole.
    pub pointer: String,
    /// What is wrong with it, and often what was meant.
    pub message: String,
}

impl std::fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{}: {}", text::escape(pointer), self.message),
        }
    }
}

/// The reason why settings are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They are wrong, each in a place of its own.
    #[error("wrong settings for policy {policy}: {}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong {
        /// The policy's name.
        policy: String,
        /// What is wrong; never empty.
        problems: Vec<SettingsProblem>,
    },
    /// The policy failed while it looked at them.
    #[error(transparent)]
    Policy(#[from] PolicyFailure),
}

/// A policy's schema, compiled.
pub(crate) struct Schema {
    pub(crate) document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema. Nothing is fetched for it: a reference to anywhere else is an error.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_SCHEMA {
            return Err(format!("it has {} bytes, and at most {LONGEST_SCHEMA} are accepted", text.len()));
        }
        let document: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        if !document.is_object() {
            return Err("it is not a JSON object".to_owned());
        }
        work::measure(&document, &Value::Object(Map::new()))?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            // In time linear to the text, whatever the pattern.
            .with_pattern_options(PatternOptions::regex().size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN))
            .build(&document)
            .map_err(|error| text::escape(&error.to_string()))?;
        Ok(Self { document, validator })
    }

    /// Fills in the defaults of settings that are left out; an error is about the schema.
    pub(crate) fn filled(&self, settings: &Value) -> Result<Value, String> {
        defaults::fill(&self.document, settings)
    }

    /// Returns everything in the settings that the schema does not allow; an error is about the schema.
    pub(crate) fn problems(&self, settings: &Value, limits: &Limits) -> Result<Vec<SettingsProblem>, String> {
        work::measure(&self.document, settings)?;
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(settings).take(MOST_PROBLEMS) {
            let at = error.instance_path().as_str();
            if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
                let parent = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
                let known = self.document.pointer(&format!("{parent}/properties")).and_then(Value::as_object);
                let known: Vec<&str> = known.into_iter().flat_map(|known| known.keys()).map(String::as_str).collect();
                problems.extend(unexpected.iter().map(|key| SettingsProblem {
                    pointer: format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    message: text::escape_line(&unknown(key, &known), limits.string_bytes),
                }));
            } else {
                let message = text::escape_line(&error.to_string(), limits.string_bytes);
                problems.push(SettingsProblem { pointer: at.to_owned(), message });
            }
        }
        Ok(problems)
    }
}

/// Returns a message that there is no such setting, with the one that was meant or all there are.
fn unknown(key: &str, known: &[&str]) -> String {
    let hint = match (did_you_mean(key, known.iter().copied()), known) {
        (near, _) if !near.is_empty() => near,
        (_, []) => "; none is known here".to_owned(),
        (_, known) => format!("; known: {}", known.join(", ")),
    };
    format!("unknown setting {key}{hint}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r##"{"type": "object", "additionalProperties": false, "properties": {
        "keepLabel": {"type": "string", "pattern": "^[a-z./-]+$"}, "max": {"type": "integer", "minimum": 1},
        "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/mode"}}},
        "$defs": {"mode": {"enum": ["RWO", "RWX"]}}}"##;

    #[test]
    fn problems_have_a_pointer_and_the_nearest_name() {
        let schema = Schema::compile(SCHEMA).unwrap();
        let problems = |settings| {
            let problems = schema.problems(&settings, &Limits::default()).unwrap();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(problems(json!({"keepLabel": "a/b", "max": 3, "map": {"x": "RWO"}})), Vec::<String>::new());
        assert_eq!(
            problems(json!({"keeplabel": "x"})),
            ["/keeplabel: unknown setting keeplabel, did you mean keepLabel?"]
        );
        assert_eq!(problems(json!({"class": "x"})), ["/class: unknown setting class; known: keepLabel, map, max"]);
        assert_eq!(problems(json!({"max": 0})), ["/max: 0 is less than the minimum of 1"]);
        assert_eq!(problems(json!({"map": {"a/b": "RW"}})), [r#"/map/a~1b: "RW" is not one of "RWO" or "RWX""#]);
        assert_eq!(problems(json!([])), [r#"[] is not of type "object""#]);
        assert!(!problems(json!({"a\u{1b}[2J": 1}))[0].contains('\u{1b}'));
    }

    #[test]
    fn schemas_cannot_reach_out_or_hang() {
        assert!(Schema::compile("{").is_err() && Schema::compile("true").is_err());
        assert!(Schema::compile(r#"{"type": "strin"}"#).is_err());
        assert!(Schema::compile(&format!(r#"{{"title": "{}"}}"#, "x".repeat(LONGEST_SCHEMA))).is_err());
        for remote in ["https://example.com/schema.json", "file:///etc/passwd", "other.json"] {
            assert!(Schema::compile(&format!(r#"{{"$ref": "{remote}"}}"#)).is_err(), "{remote}");
        }
        let slow = Schema::compile(
            r##"{"properties": {"a": {"pattern": "^(a+)+$"}}, "$ref": "#/$defs/x",
            "$defs": {"x": {"properties": {"b": {"$ref": "#"}}}}}"##,
        )
        .unwrap();
        let settings = json!({"a": format!("{}b", "a".repeat(10_000)), "b": {"b": {"b": {}}}});
        assert_eq!(slow.problems(&settings, &Limits::default()).unwrap().len(), 1);
        assert!(Schema::compile(r#"{"pattern": "((a{1,1000}){1,1000}){1,1000}"}"#).is_err());
    }
}
