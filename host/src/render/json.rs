//! What all JSON documents have in common. Each document's own shape stands beside its text, in the module named after it.
//!
//! The promise: within one [`SCHEMA_VERSION`] a field keeps its name and meaning; new fields may appear.

use std::fmt::Write as _;

use serde::Serialize;

use crate::exit::Exit;

/// The version of the shape of every JSON document.
pub const SCHEMA_VERSION: u32 = 1;

/// Escapes what JSON lets through and a terminal does not: control characters above ASCII, and marks that are invisible
/// or change the text direction. They can only stand inside strings, where the escape means the same.
pub(crate) fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        let is_mark = matches!(
            c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        );
        if is_mark || (c.is_control() && c != '\n') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The exit code within a document, for those who keep the document and not the code.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExitJson {
    code: u8,
    word: &'static str,
}

impl From<Exit> for ExitJson {
    fn from(exit: Exit) -> Self {
        Self { code: exit.code(), word: exit.as_str() }
    }
}

/// A workload and its scale.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadJson {
    kind: &'static str,
    name: String,
    replicas: u32,
}

impl From<&pvmigrate_core::record::WorkloadRecord> for WorkloadJson {
    fn from(record: &pvmigrate_core::record::WorkloadRecord) -> Self {
        Self { kind: record.workload.kind.as_str(), name: record.workload.name.clone(), replicas: record.replicas }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_document_moves_a_cursor_and_none_is_lost() -> Result<(), serde_json::Error> {
        let value = serde_json::json!({"name": "a\u{1b}[2J\u{9b}31m\u{202e}b\u{7f}\nc\u{61c}\u{e0041} größer"});
        let text = escaped(&serde_json::to_string_pretty(&value)?);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        assert!(!text.contains(['\u{202e}', '\u{61c}', '\u{e0041}']) && text.contains("größer"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text)?, value);
        Ok(())
    }
}
