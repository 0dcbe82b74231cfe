//! Checks, by reading the sources, that the order of a migration stands in one place, and that nothing here has effects.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

/// The phases of a migration, each a file below `decide`.
const PHASES: [&str; 5] = ["prepare", "copy", "cutover", "settle", "rollback"];

/// The files that the phases share; none of them may know a phase.
const SHARED: [&str; 5] = ["name", "next", "temporary", "view", "workload"];

fn imports(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/decide").join(format!("{file}.rs"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter(|line| line.contains("super::") || line.contains("decide::")).collect()
}

#[test]
fn decide_alone_chains_the_phases() {
    for file in PHASES.iter().chain(&SHARED) {
        let imports = imports(file);
        let mut words = imports.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let other = words.find(|word| PHASES.contains(word));
        assert_eq!(other, None, "decide/{file}.rs names another phase");
    }
}

#[test]
fn nothing_here_has_effects() {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path.ends_with("boundaries.rs") {
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for effect in
                ["std::fs", "std::net", "std::process", "std::env", "Timestamp::now(", "SystemTime", "Instant"]
            {
                assert!(!text.contains(effect), "{} uses {effect}", path.display());
            }
        }
    }
    assert!(files > 40, "the sources were not found");
}
