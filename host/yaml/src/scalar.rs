//! Writing one value, so that reading it gives the same.

use serde_json::Value;

/// Writes a text as one YAML scalar, plain where that is safe both in a block and in brackets.
pub fn scalar(text: &str) -> String {
    let special = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c) || c.is_whitespace();
    let ambiguous = text.is_empty()
        || text.starts_with(special)
        || text.ends_with([' ', ':'])
        || text.contains([',', '[', ']', '{', '}'])
        || text.contains(": ")
        || text.contains(" #")
        || !matches!(serde_saphyr::from_str::<Value>(text), Ok(Value::String(read)) if read == text);
    if text.chars().any(char::is_control) {
        // JSON's escapes are valid in YAML, too.
        return Value::from(text).to_string();
    }
    if ambiguous { format!("'{}'", text.replace('\'', "''")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_scalar_is_read_as_it_was_written() {
        for text in [
            "skip keep-label",
            "blocker a on b ~ needs: \"much\"",
            "it's, well",
            "- x",
            "true",
            "1Gi",
            "12",
            "",
            "a #b",
            "two\nlines\u{1b}",
            "null",
            "~",
            "a:",
        ] {
            for document in [format!("a: {}\n", scalar(text)), format!("a: [{}]\n", scalar(text))] {
                let read: Value = serde_saphyr::from_str(&document).unwrap();
                let got = read["a"].as_str().or(read["a"][0].as_str());
                assert_eq!(got, Some(text), "{document}");
            }
        }
        assert_eq!(scalar("skip keep-label"), "skip keep-label");
    }
}
