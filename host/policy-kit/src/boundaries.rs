//! Checks, by reading the sources, which parts of the sandbox and the workbench may know of which.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/support/sources.rs"]
mod sources;

/// Lists the files below a folder that name one of these, by their paths in the repository.
fn naming(folder: &str, words: &[&str]) -> Vec<String> {
    let names = |code: &str| words.iter().any(|word| code.contains(word));
    let files = sources::code(folder).into_iter().filter(|(_, code)| names(code));
    files.map(|(file, _)| format!("{folder}/{file}")).collect()
}

const NOBODY: [String; 0] = [];

#[test]
fn the_vocabulary_knows_neither_reading_nor_running() {
    assert_eq!(naming("host/policy-kit/src/testkit/vocabulary", &["testkit::read", "testkit::run"]), NOBODY);
}

#[test]
fn reading_knows_nothing_of_running() {
    assert_eq!(naming("host/policy-kit/src/testkit/read", &["testkit::run"]), NOBODY);
}

#[test]
fn the_sandbox_knows_nothing_of_the_workbench() {
    let manifest = std::fs::read_to_string(sources::repository().join("host/policy/Cargo.toml")).unwrap();
    for name in ["pvmigrate-policy-kit", "serde-saphyr", "strsim", "wit-component"] {
        assert!(!manifest.contains(name), "the sandbox depends on {name}");
    }
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!dependencies.contains("proptest"), "the fuzzer's library is for tests of the sandbox only");
}

#[test]
fn generated_types_stay_with_the_interface_and_the_questions() {
    let known = ["interface/", "question/"];
    let elsewhere: Vec<_> = naming("host/policy/src", &["v0_1::", "v0_2::", "bindgen!"])
        .into_iter()
        .filter(|path| !known.iter().any(|known| path.contains(known)))
        .filter(|path| !path.ends_with("/interface.rs"))
        .collect();
    assert_eq!(elsewhere, NOBODY);
}

#[test]
fn versions_of_the_interface_do_not_know_each_other() {
    let naming = |version: &str| {
        let leaf = |file: &&String| file.contains(if version == "v0_1" { "/v0_2" } else { "/v0_1" });
        naming("host/policy/src/interface", &[version]).iter().filter(leaf).cloned().collect::<Vec<_>>()
    };
    assert_eq!(naming("v0_1"), NOBODY);
    assert_eq!(naming("v0_2"), NOBODY);
}
