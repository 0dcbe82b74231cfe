//! Whole runs on the embedded cluster: clean ones, and ones that die, err and compete at every point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod bad_input;
mod chaos;
mod kill;
mod left_by_reference;
mod missing_permissions;
mod outcome;
mod permissions;
mod policies;
mod scenarios;
mod two;

/// A file beside this one that no `mod` names would be a test that never runs.
#[test]
fn every_file_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("embedded");
    let main = std::fs::read_to_string(here.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "{name} is not named by a mod in main.rs");
        }
    }
}
