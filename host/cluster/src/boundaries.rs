//! Checks, by reading the sources, which files may write to a cluster, and which name Kubernetes' types.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

/// The files that may change objects. `resources.rs` holds the requests themselves and is called by these.
const WRITERS: [&str; 7] = [
    "cleanup.rs",
    "default_class.rs",
    "execute.rs",
    "execute/settle.rs",
    "preflight.rs",
    "record_store.rs",
    "resources.rs",
];

/// The methods of [`crate::resources::Resources`] and of [`kube::Api`] that write.
const WRITES: [&str; 9] = [
    ".create(",
    ".delete(",
    ".delete_collection(",
    ".patch(",
    ".patch_items(",
    ".patch_metadata(",
    ".patch_status(",
    ".replace(",
    ".replace_status(",
];

/// Returns the code of every file below `src`, without its tests, by its path.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.clone()];
    let mut all = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if is_code(&path) {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests").next().unwrap().to_owned();
            all.insert(path.strip_prefix(&root).unwrap().display().to_string(), code);
        }
    }
    all
}

fn is_code(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.ends_with(".rs") && !["tests.rs", "testing.rs", "boundaries.rs"].contains(&name.as_ref())
}

#[test]
fn only_the_writers_write() {
    let sources = sources();
    for (file, code) in &sources {
        let writes: Vec<&&str> = WRITES.iter().filter(|write| code.contains(**write)).collect();
        assert_eq!(writes.is_empty(), !WRITERS.contains(&file.as_str()), "{file}: {writes:?}");
    }
    assert!(sources.len() > 30, "the sources were not found");
}

#[test]
fn only_resources_and_watches_hold_an_api() {
    for (file, code) in sources() {
        let may = ["resources.rs", "feed.rs", "caches.rs", "collect.rs"].contains(&file.as_str());
        assert!(may || !code.contains("Api<"), "{file} has requests of its own");
    }
}

#[test]
fn specs_of_kubernetes_objects_are_read_in_from_resource_only() {
    for (file, code) in sources() {
        let may = file.starts_with("from_resource") || file.starts_with("manifest");
        for field in [".spec.as_ref()", ".spec.as_mut()", ".status.as_ref()", "PodSpec", "PersistentVolumeClaimSpec"] {
            // The survey's assembly joins what from_resource reads, and looks at a claim's spec for it.
            let is_join = file == "survey/assemble.rs";
            assert!(may || is_join || !code.contains(field), "{file} reads {field}");
        }
    }
}
