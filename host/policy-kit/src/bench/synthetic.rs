//! The questions of a measurement: like a cluster's, and the same for everybody.
//!
//! A change here makes all saved measurements useless.

use std::sync::Arc;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{
    Collected, Consumer, Need, ObjectRef, Pairs, Planned, Question, Request, StorageClass, Volume, VolumeId, facts,
};

const SOURCE: &str = "gp2";
const TARGET: &str = "fast-ssd";

/// 2026-01-01T12:00:00Z.
const NOW: u64 = 1_767_268_800;

/// Makes a question about this many claims with 10 labels and 5 annotations each, in 20 namespaces. Most are of the
/// source class, most are used by one pod, a few name the access mode that they want. All kinds can be looked up, and
/// have no objects.
pub(crate) fn question(volumes: usize, needs: &[Need]) -> Question {
    let mut collected = Collected::default();
    for need in needs {
        collected.put(need.kind.clone(), Vec::new());
    }
    let count = u32::try_from(volumes).unwrap_or(u32::MAX);
    let request = Request {
        environment: "bench".to_owned(),
        now: NOW,
        source: Some(class(SOURCE)),
        target: class(TARGET),
        volumes: (0..count).map(volume).collect(),
        facts: pairs([(facts::SOURCE_CLASS, SOURCE)]),
    };
    Question { request, collected: Arc::new(collected) }
}

/// Plans to move a claim as it is.
pub(super) fn planned(volume: &Volume) -> Planned {
    Planned {
        volume: volume.id,
        modes: volume.requested_modes.clone(),
        volume_mode: volume.volume_mode,
        target_bytes: volume.requested_bytes.max(volume.capacity_bytes),
        facts: Pairs::new(),
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn class(name: &str) -> StorageClass {
    StorageClass {
        name: name.to_owned(),
        provisioner: format!("{name}.csi.example.com"),
        parameters: pairs([("csi.storage.k8s.io/fstype", "ext4"), ("type", "ssd")]),
        annotations: pairs([("storageclass.kubernetes.io/is-default-class", "false")]),
        reclaim_policy: "Delete".to_owned(),
        binding_mode: "WaitForFirstConsumer".to_owned(),
        allow_expansion: true,
        known_modes: Vec::new(),
        facts: Pairs::new(),
    }
}

fn volume(id: u32) -> Volume {
    let (namespace, app) = (format!("team-{:02}", id % 20), format!("app-{}", id / 20));
    let name = format!("data-{app}-{}", id % 3);
    let class = if id % 10 == 9 { "archive" } else { SOURCE };
    let gibibytes = u64::from(id % 64 + 1) << 30;
    let mut labels: Pairs = (0..8).map(|at| (format!("example.com/label-{at}"), format!("value-{}", id % 7))).collect();
    labels.extend(pairs([("app.kubernetes.io/name", &app), ("app.kubernetes.io/component", "database")]));
    let mut annotations: Pairs =
        (0..4).map(|at| (format!("example.com/annotation-{at}"), format!("a few words about {name}"))).collect();
    annotations.extend(pairs([("pv.kubernetes.io/bind-completed", "yes")]));
    if id % 50 == 1 {
        annotations.extend(pairs([("kurl.sh/pvcmigrate-destinationaccessmode", "ReadWriteMany")]));
    }
    let consumers = if id % 7 == 6 { Vec::new() } else { vec![consumer(&namespace, &app, id)] };
    Volume {
        id: VolumeId(id),
        uid: format!("00000000-0000-4000-8000-{id:012x}"),
        labels,
        annotations,
        phase: "Bound".to_owned(),
        created: NOW - u64::from(id),
        storage_class: Some(class.to_owned()),
        driver: Some(format!("{class}.csi.example.com")),
        volume_name: Some(format!("pvc-00000000-0000-4000-8000-{id:012x}")),
        reclaim_policy: Some("Delete".to_owned()),
        volume_mode: VolumeMode::Filesystem,
        requested_modes: vec![AccessMode::ReadWriteOnce],
        effective_modes: vec![AccessMode::ReadWriteOnce],
        requested_bytes: gibibytes,
        capacity_bytes: gibibytes,
        used_bytes: Some(gibibytes / 3),
        consumers,
        facts: pairs([(facts::OWNER, "StatefulSet/db")]),
        namespace,
        name,
    }
}

fn consumer(namespace: &str, app: &str, id: u32) -> Consumer {
    Consumer {
        workload: ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: app.to_owned(),
        },
        pod: format!("{app}-{}", id % 3),
        node: Some(format!("node-{}", id % 5)),
        read_only: false,
        running: true,
    }
}
