//! Test files of what was made up: few lines, in the words that the testkit reads.

use std::fmt::Write as _;

use serde_json::Value;

use super::draw::Draw;

/// The parts of a test file around the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// Comments, a line each.
    pub(super) about: Vec<String>,
    /// What the file calls the policy.
    pub(super) policy: Option<String>,
    pub(super) name: String,
    /// What is expected, in the words of test files.
    pub(super) expect: Option<String>,
}

/// Writes a test file with one case. Volumes are patched by the case, so that it is about all of them, whatever it
/// expects.
pub(super) fn test(draw: &Draw, head: &Head) -> String {
    let mut out = String::new();
    for line in &head.about {
        // A comment ends with its line.
        let _ = writeln!(out, "# {}", pvmigrate_policy::text::escape_line(line, 500));
    }
    out.push_str("apiVersion: pvmigrate.dev/policy-test/v1\n");
    if let Some(policy) = &head.policy {
        let _ = writeln!(out, "policy: {}", text(policy));
    }
    let _ = writeln!(out, "source: {}\ntarget: {}", text(draw.source()), text(draw.target()));
    for (key, value) in draw.file() {
        let _ = writeln!(out, "{key}: {}", flow(&value));
    }
    mapping(&mut out, "", "classes", &draw.classes());
    let volumes = draw.volumes();
    let names: Vec<_> = volumes.iter().map(|(name, _)| (name.clone(), Value::Object(serde_json::Map::new()))).collect();
    mapping(&mut out, "", "volumes", &names);
    mapping(&mut out, "", "objects", &draw.objects());
    let name = if head.name.is_empty() { "made up" } else { &head.name };
    let _ = writeln!(out, "cases:\n- name: {}", text(name));
    let given: Vec<_> = volumes.into_iter().chain(draw.patches()).collect();
    mapping(&mut out, "  ", "given", &given);
    let _ = writeln!(out, "  expect: {}", head.expect.as_deref().unwrap_or("{select: any, findings: any}"));
    out
}

fn mapping(out: &mut String, indent: &str, key: &str, rows: &[(String, Value)]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "{indent}{key}:");
    for (name, row) in rows {
        let _ = writeln!(out, "{indent}  {}: {}", text(name), flow(row));
    }
}

/// Writes a value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", text(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// Words that YAML reads as something other than text.
const TAKEN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Writes a text: plainly where it is harmless, else in quotes, with escapes for all that is not plain ASCII.
pub(super) fn text(text: &str) -> String {
    let harmless = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str());
    if harmless {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match u32::from(c) {
            _ if c == '"' || c == '\\' => quoted.extend(['\\', c]),
            0x20..=0x7e => quoted.push(c),
            code @ 0..=0xff => {
                let _ = write!(quoted, "\\x{code:02x}");
            }
            code @ 0..=0xffff => {
                let _ = write!(quoted, "\\u{code:04x}");
            }
            code => {
                let _ = write!(quoted, "\\U{code:08x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_written_reads_as_it_was() {
        for value in [
            json!({"a b": ["x", "true", "Null", "1", "1.5", "", "-", "~", "a: b", "a #b", "[x]", "{", "&a", "*a", "!t"]}),
            json!({"": {"\u{1b}[2J": "\u{7f}\u{85}\u{a0}\u{2028}\u{202e}\u{feff}\u{1f600}", "t\tn\nr\r": "\\\"'"}}),
            json!([null, true, 0, -5, 1.5, u64::MAX, "é", "0x1f", "1e3", ".inf", "2026-01-01"]),
        ] {
            let read: Value =
                pvmigrate_yaml::read(&format!("v: {}\n", flow(&value)), std::path::Path::new("x")).unwrap();
            assert_eq!(read["v"], value);
        }
        assert!(text("\u{202e}\u{1b}").is_ascii());
    }
}
