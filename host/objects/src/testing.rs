//! What the unit tests of this crate share.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::record::{
    ClaimRecord, DestinationVolume, Disposal, FORMAT, Goal, Limits, MigrationOptions, OnFailure, Record, SourceVolume,
    Uid, WorkloadKind, WorkloadRecord, WorkloadRef,
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Reads an object from YAML.
pub(crate) fn yaml<T: DeserializeOwned>(text: &str) -> T {
    let value: serde_json::Value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Makes the record of a claim of 1 GiB.
pub(crate) fn claim_record(name: &str) -> ClaimRecord {
    ClaimRecord {
        uid: Some(Uid("original".to_owned())),
        manifest: json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": name,
                "namespace": "shop",
                "labels": {"app": "web"},
                "annotations": {"team": "checkout", "volume.beta.kubernetes.io/storage-class": "gp2"},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s1"},
                    {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "p1"},
                ],
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "900Mi"}},
                "storageClassName": "gp2",
                "volumeAttributesClassName": "gold",
                "dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "seed"},
                "volumeMode": "Filesystem",
            },
        }),
        source: SourceVolume {
            name: "pvc-old".to_owned(),
            reclaim: "Delete".to_owned(),
            handle: Some("ebs.csi.aws.com vol-1".to_owned()),
            node: Some("node-a".to_owned()),
        },
        tolerations: BTreeSet::new(),
        modes: vec![AccessMode::ReadWriteOnce],
        volume_mode: VolumeMode::Filesystem,
        bytes: 1 << 30,
        verdict: None,
        destination: Some(DestinationVolume { name: "pvc-new".to_owned(), reclaim: "Delete".to_owned() }),
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    }
}

/// Makes the record of a StatefulSet `web` with one claim, in namespace `shop`.
pub(crate) fn record() -> Record {
    Record {
        format: FORMAT,
        run: "run-1".to_owned(),
        namespace: "shop".to_owned(),
        name: "pvmigrate-data-web-0-1a2b".to_owned(),
        begun: "2026-01-02T03:04:05Z".parse().unwrap(),
        asked: MigrationOptions {
            source_class: "gp2".to_owned(),
            dest_class: "fast".to_owned(),
            binds_late: false,
            disposal: Disposal::Delete,
            on_failure: OnFailure::RollBack,
            warm_passes: 0,
            warm_rate: None,
            rsync_image: "eeacms/rsync:2.3".to_owned(),
            rsync_flags: vec!["--bwlimit=10m".to_owned()],
            limits: Limits::default(),
        },
        goal: Goal::Forward,
        claims: [("data-web-0".to_owned(), claim_record("data-web-0"))].into(),
        workloads: vec![WorkloadRecord {
            workload: WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() },
            replicas: 2,
            ready: None,
            when_scaled: None,
        }],
        stopped: None,
        started: None,
        ready: None,
        ended: None,
    }
}
