//! What the host promises about policies: the table of `wit/README.md`, each promise in a file of its own with its tests.
//!
//! Most ask the hostile policy (`policies/hostile`), which misbehaves on request. `tests/embedded` shows with the whole
//! program that what a policy says about a claim never gets into an object of the cluster.

use std::path::PathBuf;

mod hostile;
mod p1;
mod p2;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
mod p8;
mod p9;

/// Returns the promises of `wit/README.md`: the name of each, and its text.
fn promised() -> Vec<(String, String)> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/README.md");
    let readme = std::fs::read_to_string(readme).expect("the interface's README");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| P")?.strip_suffix(" |")?.split_once(" | "));
    rows.map(|(number, promise)| (format!("p{number}"), promise.to_owned())).collect()
}

#[test]
fn each_promise_has_tests() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy/promises"));
    let promised = promised();
    assert_eq!(promised.len(), 9, "{promised:?}");
    for (name, promise) in &promised {
        let text =
            std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap_or_else(|_| panic!("no {name}.rs"));
        let (head, tests) = text.split_once("\n\n").expect("a head");
        assert_eq!(head.replace("\n//! ", " "), format!("//! {}: {promise}", name.to_uppercase()));
        assert!(tests.contains("\n#[test]\nfn "), "{name} has no test");
        assert!(!tests.contains("#[ignore"), "{name} has a test that is not run");
    }
    for entry in folder.read_dir().expect("the folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let module = name.trim_end_matches(".rs");
        let compiled = include_str!("promises.rs").lines().any(|line| line == format!("mod {module};"));
        assert!(compiled, "{name} is not named by a mod");
        assert!(module == "hostile" || promised.iter().any(|(known, _)| known == module), "{name} is no promise");
    }
}
