//! The repository's own sources, for tests that check them by reading. Such a test includes this file by its path.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the folder of the repository.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_owned()
}

/// Returns every Rust file below a folder of the repository, by its path within that folder.
pub(crate) fn files(folder: &str) -> BTreeMap<String, String> {
    let root = repository().join(folder);
    let mut open = vec![root.clone()];
    let mut all = BTreeMap::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            all.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    assert!(!all.is_empty(), "no sources below {folder}");
    all
}

/// Returns the same without tests and without lines that are comments.
pub(crate) fn code(folder: &str) -> BTreeMap<String, String> {
    let mut all = files(folder);
    all.retain(|file, _| !is_test(file));
    for text in all.values_mut() {
        text.truncate(text.find("\nmod tests").unwrap_or(text.len()));
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        *text = lines.collect::<Vec<_>>().join("\n");
    }
    all
}

/// Tells whether a file is part of tests, by its path.
fn is_test(file: &str) -> bool {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    ["boundaries.rs", "samples.rs", "testing.rs", "tests.rs"].contains(&name)
        || folders.split('/').any(|folder| ["benches", "tests"].contains(&folder))
}
