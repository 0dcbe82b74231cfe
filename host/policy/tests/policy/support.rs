//! Requests and policies for the tests.

#[path = "../support/components.rs"]
mod components;

use std::sync::Arc;

pub(crate) use components::{built, open, usual};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{Consumer, ObjectRef, Pairs, Question, Request, StorageClass, Volume, VolumeId, facts};

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
