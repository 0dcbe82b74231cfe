//! The JSON Schema of test files, for editors.
//!
//! It is written by hand, since the reader takes more than one form of most things; a test compares its keys with the
//! reader's.

/// The JSON Schema (2020-12) of `pvmigrate.dev/policy-test/v1`.
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::SCHEMA;
    use crate::testkit::read::{chain, find, rows, suite};
    use crate::testkit::vocabulary::{answer, budget, expected, settings_error};
    use pvmigrate_yaml::Shape;

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).unwrap()
    }

    #[test]
    fn each_key_that_is_read_is_in_the_schema_and_the_reverse() {
        let shapes: [(&str, &Shape); 9] = [
            ("file", &suite::FILE),
            ("case", &suite::CASE),
            ("volume", &rows::VOLUME),
            ("class", &rows::CLASS),
            ("expect", &expected::EXPECT),
            ("atLeast", &answer::AT_LEAST),
            ("budget", &budget::BUDGET),
            ("link", &chain::LINK),
            ("settingsError", &settings_error::SETTINGS_ERROR),
        ];
        let schema = schema();
        for (name, shape) in shapes {
            let described: BTreeSet<&str> =
                schema["$defs"][name]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(described, shape.keys.iter().copied().collect(), "{name}");
            assert_eq!(schema["$defs"][name]["additionalProperties"], false, "{name}");
        }
        // Every mapping with keys of its own is in the table above.
        let with_keys = schema["$defs"].as_object().unwrap().values().filter(|one| one.get("properties").is_some());
        assert_eq!(with_keys.count(), shapes.len());
    }

    #[test]
    fn each_fault_that_can_be_expected_is_in_the_schema() {
        let schema = schema();
        let pattern = schema["$defs"]["expect"]["properties"]["fault"]["pattern"].as_str().unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        for fault in expected::FAULTS {
            let fault = if fault == "undecided" { "undecided some-code" } else { fault };
            assert!(pattern.is_match(fault), "{fault}");
        }
        assert!(!pattern.is_match("fule"));
    }

    #[test]
    fn the_tests_of_our_policies_fit_and_a_misspelt_key_does_not() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
        let tests: Vec<_> =
            find::files(folder.as_ref()).unwrap().into_iter().filter(|file| find::is_test(file)).collect();
        assert!(tests.len() >= 5, "{tests:?}");
        for test in tests {
            let text = std::fs::read_to_string(&test).unwrap();
            let document: Value = serde_saphyr::from_str(&text).unwrap();
            let problems: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(problems, Vec::<String>::new(), "{}", test.display());
            for (right, wrong) in [("cases:", "case:"), ("expect:", "expct:"), ("apiVersion:", "apiversion:")] {
                let document: Value = serde_saphyr::from_str(&text.replace(right, wrong)).unwrap();
                assert!(!validator.is_valid(&document), "{} with {wrong}", test.display());
            }
        }
    }

    #[test]
    fn each_reference_leads_somewhere() {
        fn look(value: &Value, schema: &Value) {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(schema.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            match value {
                Value::Object(entries) => entries.values().for_each(|inner| look(inner, schema)),
                Value::Array(items) => items.iter().for_each(|inner| look(inner, schema)),
                _ => {}
            }
        }
        let schema = schema();
        look(&schema, &schema);
    }
}
