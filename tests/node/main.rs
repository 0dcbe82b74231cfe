//! Whole runs on a real Kubernetes with nodes: real containers, real files, the real binary.
//!
//! `tests/run node` brings the cluster up; `cargo test` leaves this binary out. Each test has a namespace of its own and mostly waits, so more of them than there are processors may run beside each other: `--test-threads 4`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access_modes;
mod checks;
mod contended;
mod copies;
mod default_class;
mod exotic;
mod fidelity;
mod in_cluster;
mod journal;
mod kill;
mod leaving;
mod left_by_reference;
mod meanwhile;
mod page;
mod ready;
mod recreated;
mod repeating;
mod scales;
mod stage;
mod used;
mod witness;

/// A file beside this one that no `mod` names would be a test that never runs.
#[test]
fn every_file_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let main = std::fs::read_to_string(here.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "{name} is not named by a mod in main.rs");
        }
    }
}
