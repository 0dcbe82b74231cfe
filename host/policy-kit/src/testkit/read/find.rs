//! Which files there are: tests, and what lies beside them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::golden;
use super::yaml;
use crate::testkit::vocabulary::error::TestkitError;

/// Folders that builds fill.
const BUILT: [&str; 3] = ["target", "node_modules", "__pycache__"];

pub(crate) fn is_test(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Lists the test files of a folder in order of name, or the one that is named.
pub(crate) fn tests(path: &Path) -> Result<Vec<PathBuf>, TestkitError> {
    if !is_folder(path)? {
        return Ok(vec![path.to_owned()]);
    }
    Ok(files(path)?.into_iter().filter(|file| is_test(file)).collect())
}

/// Lists the YAML and JSON files below a path, in order of name; for a file, only the file itself.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, TestkitError> {
    if !is_folder(path)? {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |source| TestkitError::Unreadable { path: path.to_owned(), source };
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .map_err(unreadable)?;
    entries.sort_unstable();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let wanted = entry.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        if name.starts_with('.') || BUILT.contains(&name) {
            continue;
        }
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if wanted {
            found.push(entry);
        }
    }
    Ok(found)
}

fn is_folder(path: &Path) -> Result<bool, TestkitError> {
    let metadata = std::fs::metadata(path);
    metadata.map(|found| found.is_dir()).map_err(|source| TestkitError::Unreadable { path: path.to_owned(), source })
}

/// The fixtures and goldens beside test files.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Files of Kubernetes objects.
    pub(crate) fixtures: Vec<PathBuf>,
    /// Files in folders of goldens.
    pub(crate) goldens: Vec<PathBuf>,
}

/// Lists the fixtures and goldens in the folders of test files, whether or not a test still uses them.
pub(crate) fn beside(tests: &[PathBuf]) -> Result<Beside, TestkitError> {
    let mut folders: Vec<_> = tests.iter().map(|test| folder_of(test)).collect();
    folders.sort_unstable();
    folders.dedup();
    let mut found = Beside::default();
    let mut last: Option<&Path> = None;
    for folder in folders {
        // A folder within the one before has been looked through already.
        if last.is_some_and(|last| folder.starts_with(last)) {
            continue;
        }
        last = Some(folder);
        for file in files(folder)?.into_iter().filter(|file| !is_test(file)) {
            let within = file.strip_prefix(folder).unwrap_or(&file);
            if within.components().any(|part| part.as_os_str() == golden::FOLDER) {
                found.goldens.push(file);
            } else if holds_objects(&file)? {
                found.fixtures.push(file);
            }
        }
    }
    Ok(found)
}

pub(crate) fn folder_of(test: &Path) -> &Path {
    match test.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Returns whether a file holds Kubernetes objects, rather than other YAML and JSON that a policy's folder may have.
fn holds_objects(file: &Path) -> Result<bool, TestkitError> {
    let text = yaml::read_text(file)?;
    // In JSON the keys of what lies within look like those of the whole.
    if let Ok(document) = serde_json::from_str::<Value>(&text) {
        return Ok(
            document.get("kind").is_some() && ["apiVersion", "items"].iter().any(|key| document.get(key).is_some())
        );
    }
    if is_report(file) {
        return Ok(false);
    }
    let has = |key: &str| {
        text.lines()
            .any(|line| line.starts_with(&format!("{key}:")) || line.trim_start().starts_with(&format!("\"{key}\"")))
            || text.trim_start().starts_with('{') && text.contains(&format!("\"{key}\""))
    };
    Ok(has("kind") && has("apiVersion") || has("kind") && has("items"))
}

/// Returns whether a file is a report of `policy test`: it says nothing of a cluster, wherever somebody has put it.
pub(crate) fn is_report(file: &Path) -> bool {
    let is_json = file.extension().is_some_and(|end| end == "json");
    let text = if is_json { std::fs::read_to_string(file).unwrap_or_default() } else { return false };
    let first = text.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let whole = serde_json::from_str::<Value>(&text).ok();
    let has = |value: &Value, keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    whole.is_some_and(|report| has(&report, &["schemaVersion", "counts", "cases"]))
        || first.is_some_and(|line| has(&line, &["event", "schemaVersion", "policies"]))
}

/// Lists what lies in the folder of a path, as far as it can be read.
pub(crate) fn neighbours(path: &Path) -> Vec<String> {
    let entries = path.parent().map(std::fs::read_dir).and_then(Result::ok).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
}
