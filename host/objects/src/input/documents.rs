//! The documents of a text: a stream of JSON values, or of YAML documents.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::InputError;

/// Reads every document; empty ones are null.
pub(super) fn read(file: &Path, text: &str) -> Result<Vec<Value>, InputError> {
    if !text.trim_start().starts_with('{') {
        return yaml(file, text);
    }
    match json(text) {
        Ok(values) => Ok(values),
        // YAML may begin with a brace as well.
        Err(error) if !is_json(file) => yaml(file, text).map_err(|other| clearer(file, text, &error, other)),
        Err(error) => Err(wrong(file, &error)),
    }
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "json")
}

fn json(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Strict>();
    values.map(|value| value.map(|strict| strict.0)).collect()
}

fn yaml(file: &Path, text: &str) -> Result<Vec<Value>, InputError> {
    pvmigrate_yaml::read_all(text, file).map_err(|mistake| InputError::Syntax {
        path: file.to_owned(),
        line: mistake.place.line,
        column: mistake.place.column,
        what: mistake.what,
    })
}

/// Returns the error of the form that the text is in: JSON when it gets further as JSON.
fn clearer(file: &Path, text: &str, json: &serde_json::Error, yaml: InputError) -> InputError {
    let InputError::Syntax { line, column, .. } = &yaml else { return yaml };
    let is_json = text.contains("\":") && (json.line() as u64, json.column() as u64) >= (*line, *column);
    if is_json { wrong(file, json) } else { yaml }
}

fn wrong(file: &Path, error: &serde_json::Error) -> InputError {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    InputError::Syntax { path: file.to_owned(), line: error.line() as u64, column: error.column() as u64, what }
}

/// A JSON value in which no key stands twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if entries.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(pvmigrate_yaml::twice(&key)));
            }
        }
        Ok(Value::Object(entries))
    }
}
