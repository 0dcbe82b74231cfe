//! Settings: one struct says what they are, how they are read, and their JSON Schema.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use serde::de::DeserializeOwned;

use crate::AccessMode;

/// Settings of a policy; `#[derive(Settings)]` makes them.
pub trait Settings: Sized {
    /// Whether there are any.
    const SOME: bool;

    /// Returns their JSON Schema.
    fn schema() -> Option<String>;

    /// Reads them.
    ///
    /// # Errors
    /// In words, when the JSON does not fit.
    fn read(json: &str) -> Result<Self, String>;
}

/// A value that settings may hold, and its JSON Schema.
pub trait Setting: DeserializeOwned {
    /// Writes the keywords that describe it.
    fn describe(schema: &mut Schema);
}

/// A JSON Schema while it is written.
#[derive(Debug)]
pub struct Schema {
    text: String,
    /// Keywords that a field gives itself, as JSON: its type's own ones of the same names give way.
    given: String,
}

impl Schema {
    /// Writes the schema of whole settings.
    pub fn of<T: Setting>(description: &str) -> String {
        let text = String::from("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
        let mut schema = Self { text, given: String::new() };
        if !description.is_empty() {
            schema.keyword("description", &quoted(description));
        }
        T::describe(&mut schema);
        schema.text.push('}');
        schema.text
    }

    /// Adds a keyword with its value as JSON.
    pub fn keyword(&mut self, name: &str, json: &str) {
        // Inside of a text there is a backslash before the second quote.
        if self.given.contains(&format!(",\"{name}\":")) {
            return;
        }
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
        self.text.push_str(json);
    }

    /// Adds a keyword whose value is the schema of a type.
    pub fn nested<T: Setting>(&mut self, name: &str) {
        self.keyword(name, "{");
        self.describe::<T>("");
        self.text.push('}');
    }

    fn describe<T: Setting>(&mut self, given: &str) {
        let outer = core::mem::replace(&mut self.given, given.to_string());
        T::describe(self);
        self.given = outer;
    }

    /// Says that it is one of these words.
    pub fn one_of(&mut self, words: &[&str]) {
        let list: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        self.keyword("enum", &format!("[{}]", list.join(",")));
    }

    #[doc(hidden)]
    pub fn begin_object(&mut self) {
        self.keyword("type", "\"object\"");
        self.keyword("additionalProperties", "false");
        self.keyword("properties", "{");
    }

    #[doc(hidden)]
    pub fn property<T: Setting>(&mut self, name: &str, keywords: &str) {
        let outer = core::mem::take(&mut self.given);
        self.keyword(name, "{");
        self.describe::<T>(keywords);
        self.text.push_str(keywords);
        self.text.push('}');
        self.given = outer;
    }

    #[doc(hidden)]
    pub fn property_or<T: Setting>(&mut self, name: &str, keywords: &str, default: &str) {
        // A default that does not read is found here, when the policy is loaded, and not by the first who relies on it.
        let _reads: T = default_of(name, default);
        self.property::<T>(name, &format!("{keywords},\"default\":{default}"));
    }

    #[doc(hidden)]
    pub fn end_object(&mut self, required: &[&str]) {
        self.text.push('}');
        if !required.is_empty() {
            let list: Vec<_> = required.iter().map(|name| quoted(name)).collect();
            self.keyword("required", &format!("[{}]", list.join(",")));
        }
    }
}

/// Quotes a text as JSON does.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Writing to a String cannot fail.
            control if control < ' ' => drop(write!(out, "\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[doc(hidden)]
pub fn read_json<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[doc(hidden)]
pub fn default_of<T: DeserializeOwned>(name: &str, json: &str) -> T {
    match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => panic!("the default of the setting {name} does not read: {error}"),
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {
        $(impl Setting for $number {
            fn describe(schema: &mut Schema) {
                schema.keyword("type", "\"integer\"");
                // The bounds of 64 bits are past what JSON readers keep exactly; reading says when they are passed.
                if <$number>::BITS < 64 || <$number>::MIN == 0 {
                    schema.keyword("minimum", &<$number>::MIN.to_string());
                }
                if <$number>::BITS < 64 {
                    schema.keyword("maximum", &<$number>::MAX.to_string());
                }
            }
        })*
    };
}

whole_numbers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Setting for String {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"string\"");
    }
}

impl Setting for bool {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"boolean\"");
    }
}

impl Setting for f64 {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"number\"");
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"array\"");
        schema.nested::<T>("items");
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"object\"");
        schema.nested::<T>("additionalProperties");
    }
}

impl<T: Setting> Setting for Option<T> {
    fn describe(schema: &mut Schema) {
        T::describe(schema);
    }
}

/// A size as Kubernetes writes whole ones: `7`, `500Gi`, `2T`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Reads a whole number with a unit, or without.
    pub fn parse(text: &str) -> Option<Self> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let factor: u64 = match unit {
            "" => 1,
            "k" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "T" => 1_000_000_000_000,
            "P" => 1_000_000_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            "Pi" => 1 << 50,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

/// Writes it in the largest unit that leaves a whole number.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
        let mut number = self.0;
        let mut unit = 0;
        while number != 0 && number.is_multiple_of(1024) && unit + 1 < UNITS.len() {
            number /= 1024;
            unit += 1;
        }
        write!(f, "{number}{}", UNITS[unit])
    }
}

impl Setting for Bytes {
    fn describe(schema: &mut Schema) {
        schema.keyword("type", "\"string\"");
        schema.keyword("pattern", "\"^[0-9]+([kMGTP]|[KMGTP]i)?$\"");
    }
}

impl<'de> serde::Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || serde::de::Error::custom(format!("{text:?} is not a size such as 500Gi"));
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// In Kubernetes' words, such as `ReadWriteMany`.
impl Setting for AccessMode {
    fn describe(schema: &mut Schema) {
        schema.one_of(&AccessMode::ALL.map(AccessMode::word));
    }
}

impl<'de> serde::Deserialize<'de> for AccessMode {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || serde::de::Error::custom(format!("{text:?} is not an access mode"));
        Self::from_word(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        for (text, bytes) in [("0", 0), ("7", 7), ("1k", 1_000), ("500Gi", 500 << 30), ("2T", 2_000_000_000_000)] {
            assert_eq!(Bytes::parse(text), Some(Bytes(bytes)), "{text}");
        }
        for text in ["", "Gi", "1.5Gi", "-1Gi", "1gi", "1 Gi", "99999999999999999999", "99999999999Pi"] {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_print_in_the_largest_whole_unit() {
        for (bytes, text) in
            [(0, "0"), (1, "1"), (1024, "1Ki"), (1536, "1536"), (100 << 30, "100Gi"), (1 << 60, "1024Pi")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    /// What to do.
    #[derive(crate::Settings, Debug, PartialEq)]
    enum Deed {
        Warn,
        BlockRun,
    }

    /// Everything
    /// that may be said.
    #[derive(crate::Settings, Debug, PartialEq)]
    struct All {
        /// The "most".
        max_size: Bytes,
        #[setting(default = "block-run")]
        deed: Deed,
        #[setting(minimum = 1, maximum = 9, default = 3)]
        times: u64,
        #[setting(default = ["a", "b"], min_items = 1)]
        names: Vec<String>,
        nested: Option<BTreeMap<String, Inner>>,
    }

    #[derive(crate::Settings, Debug, PartialEq)]
    struct Inner {
        #[setting(pattern = "^\\d$")]
        text: String,
        small: i8,
    }

    #[test]
    fn a_struct_gives_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(&All::schema().unwrap()).unwrap();
        let expected = serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "description": "Everything that may be said.",
            "type": "object",
            "additionalProperties": false,
            "required": ["maxSize"],
            "properties": {
                "maxSize": {
                    "type": "string", "pattern": "^[0-9]+([kMGTP]|[KMGTP]i)?$", "description": "The \"most\".",
                },
                "deed": {"enum": ["warn", "block-run"], "default": "block-run"},
                "times": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
                "names": {"type": "array", "items": {"type": "string"}, "minItems": 1, "default": ["a", "b"]},
                "nested": {"type": "object", "additionalProperties": {
                    "type": "object", "additionalProperties": false, "required": ["text", "small"],
                    "properties": {
                        "text": {"type": "string", "pattern": "^\\d$"},
                        "small": {"type": "integer", "minimum": -128, "maximum": 127},
                    },
                }},
            },
        });
        assert_eq!(schema, expected);
        // A reader that takes the first of two would not see the field's own.
        assert_eq!(All::schema().unwrap().matches("\"minimum\":").count(), 2);
    }

    #[test]
    fn a_struct_reads_what_its_schema_allows() {
        let read = All::read(r#"{"maxSize": "1Gi"}"#).unwrap();
        let expected = All {
            max_size: Bytes(1 << 30),
            deed: Deed::BlockRun,
            times: 3,
            names: Vec::from(["a".to_string(), "b".to_string()]),
            nested: None,
        };
        assert_eq!(read, expected);
        assert!(All::read("{}").unwrap_err().contains("maxSize"));
        assert!(All::read(r#"{"maxSize": "1Gi", "max": 1}"#).unwrap_err().contains("unknown field `max`"));
        assert!(All::read(r#"{"maxSize": "much"}"#).unwrap_err().contains("\"much\" is not a size such as 500Gi"));
    }
}
