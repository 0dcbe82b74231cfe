//! Tests of the workbench on real components: the built-in policy, the worked example, and the hostile one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod compatibility;
mod features;
mod fuzz;
mod given_settings;
mod growth;
mod mistakes;
mod seeded;
mod support;
mod testkit;

/// A file that no `mod` names is never compiled, so its tests would pass in silence.
#[test]
fn every_file_here_is_compiled() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kit");
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let module = name.trim_end_matches(".rs");
        let named = include_str!("main.rs").lines().any(|line| line == format!("mod {module};"));
        assert!(named || name == "main.rs", "{name} is not named by a mod");
    }
}
