//! What the commands about policies show.

use pvmigrate_policy::{PolicyInfo, Scope};
use pvmigrate_policy_kit::Provenance;
use serde::Serialize;
use serde_json::Value;

use super::json::{ExitJson, SCHEMA_VERSION};
use super::lines::hanging;
use super::table::Table;
use super::units::{bytes, duration};
use super::{Screen, clean};
use crate::exit::Exit;

pub mod assessment;
pub mod bench;
pub mod changes;
pub mod explain;
pub mod fuzz;
mod log;
pub mod test;

/// Prints a text without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns all there is to know about a policy, for people.
pub fn info_text(info: &PolicyInfo, provenance: &Provenance, screen: &Screen) -> String {
    let scope = match info.scope {
        Scope::PerVolume => "sees volumes one by one",
        Scope::WholeBatch => "sees all volumes at once",
    };
    let purity = if info.imports.is_empty() {
        "proven: it imports nothing, so it can reach nothing".to_owned()
    } else {
        format!("proven: it can only call {}", info.imports.join(", "))
    };
    let file = info.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string());
    let mut text = format!("{}\n", screen.paint.title(&clean(&format!("{} {}", info.name, info.version))));
    let limits = &info.limits;
    let wall = duration(jiff::SignedDuration::try_from(limits.wall).unwrap_or_default());
    let budget = format!(
        "{} fuel + {} per volume, {} memory, {wall} per call, {} log, {} findings",
        limits.fuel_base,
        limits.fuel_per_volume,
        bytes(limits.memory_bytes as u64),
        bytes(limits.log_bytes as u64),
        limits.findings,
    );
    for (label, words) in [
        ("summary", &info.summary),
        ("scope", &scope.to_owned()),
        ("file", &file),
        ("size", &bytes(info.bytes as u64)),
        ("digest", &info.digest),
        ("interface", &info.interface),
        ("exports", &info.exports.join(", ")),
        ("purity", &purity),
        ("limits", &budget),
    ] {
        text.push_str(&hanging(&format!("  {label:<11}"), &clean(words), screen.width));
    }
    for (label, words) in [
        ("source", &provenance.source),
        ("revision", &provenance.revision),
        ("homepage", &provenance.homepage),
        ("licenses", &provenance.licenses),
        ("authors", &provenance.authors),
    ] {
        if let Some(words) = words {
            text.push_str(&hanging(&format!("  {label:<11}"), &clean(words), screen.width));
        }
    }
    if !info.needs.is_empty() {
        let mut table = Table::new(&["LOOKS UP", "FOR", "WITHOUT IT"], &[]);
        for need in &info.needs {
            let without = if need.optional { "continues" } else { "no plan" };
            table.row(&[need.kind.to_string(), need.purpose.clone(), without.to_owned()]);
        }
        text.push('\n');
        text.push_str(&table.text(screen.width));
        text.push_str("For an account that may list these: pvmigrate rbac --policy FILE\n");
    }
    text.push_str(&hanging(
        "  used-bytes ",
        "known on a cluster only where the account may get nodes/proxy: pvmigrate rbac --used-bytes",
        screen.width,
    ));
    let settings = info.settings_schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    if let Some(settings) = settings {
        let words = |value: &Value, key: &str| value.get(key).map_or_else(String::new, plain);
        let mut table = Table::new(&["SETTING", "TYPE", "DEFAULT", "MEANING"], &[]);
        for (name, schema) in settings {
            let of = |key| words(schema, key);
            table.row(&[name.clone(), of("type"), of("default"), of("description")]);
        }
        text.push('\n');
        text.push_str(&table.text(screen.width));
    }
    if !info.codes.is_empty() {
        let mut table = Table::new(&["CODE", "MEANING"], &[]);
        for code in &info.codes {
            table.row(&[code.code.clone(), code.summary.clone()]);
        }
        text.push('\n');
        text.push_str(&table.text(screen.width));
    }
    text
}

/// All there is to know about a policy, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InfoJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    policy: &'a PolicyInfo,
    provenance: &'a Provenance,
}

/// Returns all there is to know about a policy, for scripts.
pub fn info_json<'a>(policy: &'a PolicyInfo, provenance: &'a Provenance) -> InfoJson<'a> {
    InfoJson { schema_version: SCHEMA_VERSION, exit: ExitJson::from(Exit::Done), policy, provenance }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;
    use crate::render::samples;

    pub(super) fn info() -> PolicyInfo {
        PolicyInfo {
            settings_schema: None,
            needs: Vec::new(),
            file: Some("keep.wasm".into()),
            name: "keep".to_owned(),
            version: "1.2.3".to_owned(),
            summary: "keeps claims\u{1b}[2J".to_owned(),
            scope: Scope::PerVolume,
            digest: "sha256:0123".to_owned(),
            bytes: 26_000,
            interface: "pvmigrate:policy@0.1.0".to_owned(),
            exports: vec!["pvmigrate:policy/selection@0.1.0".to_owned()],
            imports: Vec::new(),
            codes: vec![pvmigrate_policy::CodeDoc {
                code: "keep-label".to_owned(),
                summary: "the claim is labelled so".to_owned(),
                docs_url: None,
            }],
            limits: pvmigrate_policy::Limits::default(),
        }
    }

    fn provenance() -> Provenance {
        Provenance {
            source: Some("https://git.example.com/keep".to_owned()),
            licenses: Some("MIT".to_owned()),
            ..Provenance::default()
        }
    }

    #[test]
    fn a_policy() {
        insta::assert_snapshot!(info_text(&info(), &provenance(), &samples::screen(None)));
    }

    #[test]
    fn a_policy_for_scripts() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&info_json(&info(), &provenance())).unwrap());
    }
}
