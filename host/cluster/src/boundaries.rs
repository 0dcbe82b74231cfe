//! Checks, by reading the sources, which files may write to a cluster, and which name Kubernetes' types.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../../tests/support/sources.rs"]
mod sources;

use sources::code;

const HERE: &str = "host/cluster/src";

/// The files that may change objects. `resources.rs` holds the requests themselves and is called by these.
const WRITERS: [&str; 8] = [
    "cleanup.rs",
    "default_class.rs",
    "execute.rs",
    "execute/settle.rs",
    "preflight.rs",
    "preflight/removal.rs",
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

#[test]
fn only_the_writers_write() {
    let sources = code(HERE);
    for (file, code) in &sources {
        let writes: Vec<&&str> = WRITES.iter().filter(|write| code.contains(**write)).collect();
        assert_eq!(writes.is_empty(), !WRITERS.contains(&file.as_str()), "{file}: {writes:?}");
    }
    assert!(sources.len() > 30, "the sources were not found");
}

#[test]
fn only_resources_and_watches_hold_an_api() {
    for (file, code) in code(HERE) {
        let may = ["resources.rs", "feed.rs", "caches.rs", "collect.rs"].contains(&file.as_str());
        assert!(may || !code.contains("Api<"), "{file} has requests of its own");
    }
}

#[test]
fn specs_of_kubernetes_objects_are_read_elsewhere() {
    for (file, code) in code(HERE) {
        let may = file.starts_with("manifest");
        for field in [".spec.as_ref()", ".spec.as_mut()", ".status.as_ref()", "PodSpec", "PersistentVolumeClaimSpec"] {
            assert!(may || !code.contains(field), "{file} reads {field}: that is for pvmigrate_objects");
        }
    }
}
