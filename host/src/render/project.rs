//! What `policy new`, `policy build` and `policy wit` show.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use pvmigrate_policy_kit::project::{Built, Created};
use serde::Serialize;

use super::json::SCHEMA_VERSION;
use super::units::{bytes, duration};

/// Returns what was made, for people.
pub fn created_text(created: &Created) -> String {
    let mut text = format!("created {}\n", created.dir.display());
    for file in &created.files {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "  {}", file.display());
    }
    text
}

/// The created folder, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedJson {
    schema_version: u32,
    dir: PathBuf,
    files: Vec<PathBuf>,
}

/// Returns what was made, for scripts.
pub fn created_json(created: &Created) -> CreatedJson {
    CreatedJson { schema_version: SCHEMA_VERSION, dir: created.dir.clone(), files: created.files.clone() }
}

/// Returns what was built, for people.
pub fn built_text(built: &Built) -> String {
    let how = match built.took.and_then(|took| jiff::SignedDuration::try_from(took).ok()) {
        Some(took) => format!("built in {}", duration(took)),
        None => "up to date".to_owned(),
    };
    format!("{}  {}, {how}\n", built.file.display(), bytes(built.bytes))
}

/// The built component, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuiltJson {
    schema_version: u32,
    file: PathBuf,
    bytes: u64,
    built: bool,
}

/// Returns what was built, for scripts.
pub fn built_json(built: &Built) -> BuiltJson {
    BuiltJson {
        schema_version: SCHEMA_VERSION,
        file: built.file.clone(),
        bytes: built.bytes,
        built: built.took.is_some(),
    }
}

/// Returns the interface as one text. Of several files of one package, only the first may name it.
pub fn interface_text(files: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (_, wit) in files {
        let rest = if text.is_empty() { wit } else { wit.split_once(";\n").map_or(*wit, |(_, rest)| rest) };
        text.push_str(rest);
    }
    text
}

/// The interface, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceJson {
    schema_version: u32,
    files: BTreeMap<String, String>,
}

/// Returns the interface, for scripts.
pub fn interface_json(files: &[(&str, &str)]) -> InterfaceJson {
    let files = files.iter().map(|(name, wit)| ((*name).to_owned(), (*wit).to_owned())).collect();
    InterfaceJson { schema_version: SCHEMA_VERSION, files }
}
