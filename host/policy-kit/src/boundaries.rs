//! Checks, by reading the sources, which parts of the sandbox and the workbench may know of which.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

/// Returns the code of every file below a folder or at a path, without its comments and tests.
fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)];
    let mut all = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("boundaries.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests").next().unwrap().lines();
            let code: Vec<_> = code.filter(|line| !line.trim_start().starts_with("//")).collect();
            all.push((path, code.join("\n")));
        }
    }
    assert!(!all.is_empty(), "nothing in {below}");
    all
}

/// Lists the files below a folder that name one of these.
fn naming(below: &str, words: &[&str]) -> Vec<PathBuf> {
    let names = |code: &str| words.iter().any(|word| code.contains(word));
    sources(below).into_iter().filter(|(_, code)| names(code)).map(|(path, _)| path).collect()
}

const NOBODY: [PathBuf; 0] = [];

#[test]
fn the_vocabulary_knows_neither_reading_nor_running() {
    assert_eq!(naming("policy-kit/src/testkit/vocabulary", &["testkit::read", "testkit::run"]), NOBODY);
}

#[test]
fn reading_knows_nothing_of_running() {
    assert_eq!(naming("policy-kit/src/testkit/read", &["testkit::run"]), NOBODY);
}

#[test]
fn the_sandbox_knows_nothing_of_the_workbench() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    for name in ["pvmigrate-policy-kit", "serde-saphyr", "strsim", "wit-component"] {
        assert!(!manifest.contains(name), "the sandbox depends on {name}");
    }
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!dependencies.contains("proptest"), "the fuzzer's library is for tests of the sandbox only");
}

#[test]
fn generated_types_stay_with_the_interface_and_the_questions() {
    let known = ["interface/", "question/"];
    let elsewhere: Vec<_> = naming("policy/src", &["v0_1::", "v0_2::", "bindgen!"])
        .into_iter()
        .filter(|path| !known.iter().any(|known| path.to_string_lossy().contains(known)))
        .filter(|path| !path.ends_with("interface.rs"))
        .collect();
    assert_eq!(elsewhere, NOBODY);
}

#[test]
fn versions_of_the_interface_do_not_know_each_other() {
    assert_eq!(naming("policy/src/interface/v0_1.rs", &["v0_2"]), NOBODY);
    assert_eq!(naming("policy/src/interface/v0_2.rs", &["v0_1"]), NOBODY);
    assert_eq!(naming("policy/src/interface/v0_2", &["v0_1"]), NOBODY);
}
