//! Requests and policies for the tests.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{Consumer, ObjectRef, Pairs, Question, Request, StorageClass, Volume, VolumeId, facts};
use pvmigrate_policy::{Configured, Limits, Policy};

/// Finds a component that `policies/build` made.
pub(crate) fn built(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/dist/{name}.wasm"))
}

/// Loads a component that `policies/build` made, without settings.
pub(crate) fn open(name: &str, limits: &Limits) -> Configured {
    let policy = Policy::open(&built(name), limits).unwrap_or_else(|failure| panic!("{failure}"));
    Configured::bare(Arc::new(policy)).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a component that `policies/build` made, with the usual limits; compiled once for all tests.
pub(crate) fn usual(name: &str) -> &'static Configured {
    static POLICIES: [OnceLock<Configured>; 3] = [const { OnceLock::new() }; 3];
    let at = ["default", "keep-and-cap", "hostile"].iter().position(|known| *known == name);
    POLICIES[at.unwrap_or_else(|| panic!("no policy {name}"))].get_or_init(|| open(name, &Limits::default()))
}

pub(crate) fn pairs(items: &[(&str, &str)]) -> Pairs {
    items.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Makes a class without anything special.
pub(crate) fn class(name: &str) -> StorageClass {
    StorageClass {
        name: name.to_owned(),
        provisioner: format!("{name}.example.com"),
        parameters: Pairs::new(),
        annotations: Pairs::new(),
        reclaim_policy: "Delete".to_owned(),
        binding_mode: "Immediate".to_owned(),
        allow_expansion: false,
        known_modes: Vec::new(),
        facts: Pairs::new(),
    }
}

/// Makes a bound claim `app/<name>` of class `old`, 1Gi, ReadWriteOnce, used by one running pod.
pub(crate) fn volume(id: u32, name: &str) -> Volume {
    Volume {
        id: VolumeId(id),
        namespace: "app".to_owned(),
        name: name.to_owned(),
        uid: format!("uid-{id}"),
        labels: Pairs::new(),
        annotations: Pairs::new(),
        phase: "Bound".to_owned(),
        created: 1_700_000_000,
        storage_class: Some("old".to_owned()),
        driver: None,
        volume_name: Some(format!("pv-{id}")),
        reclaim_policy: Some("Delete".to_owned()),
        volume_mode: VolumeMode::Filesystem,
        requested_modes: vec![AccessMode::ReadWriteOnce],
        effective_modes: vec![AccessMode::ReadWriteOnce],
        requested_bytes: 1 << 30,
        capacity_bytes: 1 << 30,
        used_bytes: None,
        consumers: vec![consumer(name, "node-a")],
        facts: Pairs::new(),
    }
}

/// Makes a running pod that writes.
pub(crate) fn consumer(pod: &str, node: &str) -> Consumer {
    Consumer {
        workload: ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("app".to_owned()),
            name: pod.to_owned(),
        },
        pod: pod.to_owned(),
        node: Some(node.to_owned()),
        read_only: false,
        running: true,
    }
}

/// Makes a request to migrate from `old` to `new`.
pub(crate) fn request(volumes: Vec<Volume>) -> Request {
    Request {
        environment: String::new(),
        now: 1_750_000_000,
        source: Some(class("old")),
        target: class("new"),
        volumes,
        facts: pairs(&[(facts::SOURCE_CLASS, "old")]),
    }
}

/// Makes a question of a request, with nothing to look up.
pub(crate) fn question(request: &Request) -> Question {
    Question { request: request.clone(), collected: Arc::default() }
}

/// Returns all volumes of a question, as if all were selected.
pub(crate) fn all(question: &Question) -> Vec<&Volume> {
    question.request.volumes.iter().collect()
}
