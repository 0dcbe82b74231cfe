//! Checks, by reading the sources, that the order of a migration stands in one place, and that nothing here has effects.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/support/sources.rs"]
mod sources;

/// The phases of a migration, each a file below `decide`.
const PHASES: [&str; 5] = ["prepare", "copy", "cutover", "settle", "rollback"];

/// The files that the phases share; none of them may know a phase.
const SHARED: [&str; 5] = ["name", "next", "temporary", "view", "workload"];

fn imports(file: &str) -> String {
    let decide = sources::code("host/core/src/decide");
    decide[&format!("{file}.rs")].lines().filter(|line| line.contains("super::") || line.contains("decide::")).collect()
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
    let effects = ["std::fs", "std::net", "std::process", "std::env", "Timestamp::now(", "SystemTime", "Instant"];
    let files = sources::files("host/core/src");
    assert!(files.len() > 40, "the sources were not found");
    for (file, text) in files.iter().filter(|(file, _)| *file != "boundaries.rs") {
        for effect in effects {
            assert!(!text.contains(effect), "{file} uses {effect}");
        }
    }
}
