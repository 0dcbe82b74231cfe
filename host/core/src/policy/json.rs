//! JSON as policies get it: the same value is always the same text.

use std::fmt::Write as _;

use serde_json::Value;

/// Prints a value with sorted keys and without spaces, whatever order its maps are kept in.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    print(value, &mut text);
    text
}

fn print(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a String cannot fail.
            let _infallible = write!(text, "{value}");
        }
        Value::Array(items) => list(text, ['[', ']'], items, print),
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            list(text, ['{', '}'], sorted, |(key, value), text| {
                let _infallible = write!(text, "{}:", Value::from(key.as_str()));
                print(value, text);
            });
        }
    }
}

fn list<T>(text: &mut String, [open, close]: [char; 2], items: impl IntoIterator<Item = T>, print: fn(T, &mut String)) {
    text.push(open);
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        print(item, text);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_value_is_the_same_text() {
        let value = json!({"b": [1, {"z": null, "y": "\"\n"}], "a": {}, "c": [], "ä": 1.5});
        assert_eq!(canonical(&value), r#"{"a":{},"b":[1,{"y":"\"\n","z":null}],"c":[],"ä":1.5}"#);
        assert_eq!(serde_json::from_str::<Value>(&canonical(&value)).ok(), Some(value));
    }
}
