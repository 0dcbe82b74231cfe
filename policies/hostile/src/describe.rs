//! What this policy says of itself, which can be wrong in many ways.

use core::hint::black_box;

use pvmigrate_policy_sdk::bindings::manifest::{CodeDoc, Info, ObjectNeed};
use pvmigrate_policy_sdk::prelude::*;

use crate::deeds::{self, CODE, ESCAPES};

/// `describe:` and the deed, filled up with dots: tests write another one over it in the component.
#[used]
static DEED: [u8; 32] = *b"describe:honest.................";

fn deed() -> String {
    let letters: String = black_box(&DEED)["describe:".len()..].iter().map(|letter| char::from(*letter)).collect();
    letters.trim_end_matches('.').to_string()
}

/// Takes any settings.
const OPEN: &str = r#"{"type": "object"}"#;
/// Backtracking readers of this pattern need time that is exponential in the length of the text.
const CATASTROPHIC: &str = r#"{"type": "object", "properties": {"deed": {"type": "string", "pattern": "^(a+)+$"}}}"#;
const REMOTE: &str = r#"{"$ref": "https://schemas.example.com/settings.json"}"#;
const FROM_FILE: &str = r#"{"$ref": "file:///etc/passwd"}"#;
const ENDLESS: &str = r##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##;
/// Doubles at every level when it is written out.
const DOUBLING: &str = r##"{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]},
 "b": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##;

pub(crate) fn info() -> Info {
    let deed = deed();
    // An error is none of the answers here; the deeds that give one are for the other calls.
    let _none = deeds::act(&deed);
    let mut info = honest();
    match deed.as_str() {
        "schema-catastrophic" => info.settings_schema = Some(CATASTROPHIC.to_string()),
        "schema-remote" => info.settings_schema = Some(REMOTE.to_string()),
        "schema-file" => info.settings_schema = Some(FROM_FILE.to_string()),
        "schema-endless" => info.settings_schema = Some(ENDLESS.to_string()),
        "schema-doubling" => info.settings_schema = Some(DOUBLING.to_string()),
        "schema-tree" => info.settings_schema = Some(doubling_tree("")),
        "schema-tree-below" => {
            info.settings_schema = Some(doubling_tree(r#""properties": {"deed": {"minLength": 1}}, "#))
        }
        "schema-no-json" => info.settings_schema = Some("{".to_string()),
        "schema-no-schema" => info.settings_schema = Some(r#"{"type": "nonsense"}"#.to_string()),
        "schema-huge" => info.settings_schema = Some(format!("{{\"description\":\"{}\"}}", "x".repeat(4 << 20))),
        "schema-deep" => info.settings_schema = Some(format!("{}{}", "{\"not\":".repeat(5_000), "}".repeat(5_000))),
        "schema-escape" => info.settings_schema = Some(escaping_schema()),
        "name-escape" => info.name = ESCAPES.to_string(),
        "version-escape" => info.version = ESCAPES.to_string(),
        "escape" => {
            info.summary = ESCAPES.to_string();
            info.codes[0].summary = ESCAPES.to_string();
            info.codes[0].docs_url = Some(ESCAPES.to_string());
            info.needs[0].purpose = ESCAPES.to_string();
        }
        "code-escape" => info.codes[0].code = ESCAPES.to_string(),
        "code-twice" => info.codes.push(info.codes[0].clone()),
        "many-codes" => info.codes = (0..20_000).map(|at| code(&format!("c{at}"))).collect(),
        "long-summary" => info.summary = "x".repeat(5_000),
        "need-secret" => info.needs[0].kind = "Secret".to_string(),
        "need-escape" => info.needs[0].kind = ESCAPES.to_string(),
        "need-nameless" => info.needs[0].kind = String::new(),
        "need-twice" => info.needs.push(info.needs[0].clone()),
        "many-needs" => info.needs = (0..20_000).map(|at| need(&format!("Kind{at}"))).collect(),
        "remember" => info.summary = deeds::times_called().to_string(),
        // `need=<apiVersion>=<kind>`
        other if other.starts_with("need=") => {
            let mut parts = other.splitn(3, '=').skip(1);
            info.needs = vec![need_of(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())];
        }
        _ => info.summary = deeds::look_up(&deed).unwrap_or(info.summary),
    }
    info
}

fn honest() -> Info {
    Info {
        name: "hostile".to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        summary: "misbehaves on request".to_string(),
        scope: Scope::WholeBatch,
        settings_schema: Some(OPEN.to_string()),
        needs: vec![need("ConfigMap")],
        codes: vec![code(CODE)],
    }
}

fn code(code: &str) -> CodeDoc {
    CodeDoc { code: code.to_string(), summary: "the only one".to_string(), docs_url: None }
}

fn need(kind: &str) -> ObjectNeed {
    need_of("v1", kind)
}

fn need_of(api_version: &str, kind: &str) -> ObjectNeed {
    ObjectNeed {
        api_version: api_version.to_string(),
        kind: kind.to_string(),
        purpose: "nothing good".to_string(),
        optional: true,
    }
}

/// Has no cycle, but 2^40 paths from top to bottom.
fn doubling_tree(bottom: &str) -> String {
    let level = |at: u32| {
        format!(r##""d{at}": {{"allOf": [{{"$ref": "#/$defs/d{0}"}}, {{"$ref": "#/$defs/d{0}"}}]}}, "##, at + 1)
    };
    let levels: String = (0..40).map(level).collect();
    format!(r##"{{"$defs": {{{levels}"d40": {{{bottom}"minProperties": 1}}}}, "$ref": "#/$defs/d0"}}"##)
}

/// JSON can carry control characters as escapes, and so get them past a look at the raw text.
fn escaping_schema() -> String {
    r#"{"type": "object", "description": "\u001b[2Jgone\r\nforged", "properties": {"\u001b[2J": {"type": "string"}}}"#
        .to_string()
}
