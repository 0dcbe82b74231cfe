//! Which files a path stands for.

use std::path::{Path, PathBuf};

use super::{InputError, STDIN};

/// Folders that builds fill.
const BUILT: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Lists the YAML and JSON files below a folder in order of name, the tests of policies aside; any other path is a file.
///
/// # Errors
/// When the path or a folder below it cannot be read, or no file is there.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    if path == Path::new(STDIN) {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |source| InputError::Unreadable { path: path.to_owned(), source };
    if !path.metadata().map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    below(path, &mut found)?;
    if found.is_empty() { Err(InputError::NoFile { path: path.to_owned() }) } else { Ok(found) }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let unreadable = |source| InputError::Unreadable { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_unstable();
    for entry in entries {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || BUILT.contains(&name) {
            continue;
        }
        if entry.is_dir() {
            below(&entry, found)?;
        } else if holds_objects(name) {
            found.push(entry);
        }
    }
    Ok(())
}

fn holds_objects(name: &str) -> bool {
    let is_test = name.ends_with(".test.yaml") || name.ends_with(".test.yml");
    !is_test && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}
