//! Reading YAML and JSON from files.

use std::path::Path;

use serde_json::Value;

use super::error::TestkitError;
use crate::yaml_tree::{Mistake, Place};

pub(super) fn read_text(path: &Path) -> Result<String, TestkitError> {
    std::fs::read_to_string(path).map_err(|source| TestkitError::Unreadable { path: path.to_owned(), source })
}

/// Reads all documents of a file. The place within them is lost.
pub(super) fn documents(path: &Path) -> Result<Vec<Value>, TestkitError> {
    let text = read_text(path)?;
    // A dump of a whole cluster is larger than what a reader of untrusted text accepts.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| Mistake::of_reader(path, &error).into())
}

/// Points at a file as a whole.
pub(super) fn whole(path: &Path) -> Place {
    Place { file: path.to_owned(), line: 0, column: 0 }
}

/// Writes a text as one YAML scalar, plain where that is safe both in a block and in brackets.
pub(super) fn scalar(text: &str) -> String {
    let special = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c) || c.is_whitespace();
    let ambiguous = text.is_empty()
        || text.starts_with(special)
        || text.ends_with([' ', ':'])
        || text.contains([',', '[', ']', '{', '}'])
        || text.contains(": ")
        || text.contains(" #")
        || !matches!(serde_saphyr::from_str::<Value>(text), Ok(Value::String(read)) if read == text);
    if text.chars().any(char::is_control) {
        // JSON's escapes are YAML's, too.
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
