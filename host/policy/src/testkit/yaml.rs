//! Reading YAML and JSON from files.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Place, TestkitError};

pub(super) fn read_text(path: &Path) -> Result<String, TestkitError> {
    std::fs::read_to_string(path).map_err(|source| TestkitError::Unreadable { path: path.to_owned(), source })
}

/// Reads the one document of a text; the path is for messages.
pub(super) fn document<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, TestkitError> {
    // Words such as `y` and `off` are names here, not booleans.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| wrong(path, &error))
}

/// Reads all documents of a file. The place within them is lost.
pub(super) fn documents(path: &Path) -> Result<Vec<Value>, TestkitError> {
    let text = read_text(path)?;
    // A dump of a whole cluster is larger than what a reader of untrusted text accepts.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &serde_saphyr::Error) -> TestkitError {
    let message = error.to_string();
    match error.location() {
        Some(location) => {
            // The place comes first in our messages; once is enough.
            let suffix = format!(" at line {}, column {}", location.line(), location.column());
            let what = message.strip_suffix(&suffix).unwrap_or(&message).to_owned();
            TestkitError::Wrong { place: Place::of(path, location), what }
        }
        None => TestkitError::Wrong { place: whole(path), what: message },
    }
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
