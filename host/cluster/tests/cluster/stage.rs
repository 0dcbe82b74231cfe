//! The base of every test: an embedded cluster with two classes, a StatefulSet and a Deployment.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pvmigrate_cluster::{Connection, wrap};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::names;
use pvmigrate_core::record::{
    ClaimRecord, Disposal, FORMAT, Goal, Limits, MigrationOptions, OnFailure, Record, SourceVolume, Uid, WorkloadKind,
    WorkloadRecord, WorkloadRef,
};
use pvmigrate_core::survey::{ClaimId, Survey};
use pvmigrate_rehearsal::{Cluster, Faults, Handle, Settings, find_rsync};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The namespace of everything.
pub(crate) const SHOP: &str = "shop";

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) folder: TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(objects()).await
    }

    pub(crate) async fn with(objects: Vec<Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(folder.path().join("volumes"), find_rsync().expect("rsync is installed"));
        let cluster = Cluster::start(objects, settings).await.unwrap();
        cluster.fill_all(7).unwrap();
        Self { cluster, folder }
    }

    pub(crate) fn connection(&self) -> Connection {
        wrap(self.cluster.client())
    }

    pub(crate) fn faulty(&self, faults: Faults) -> (Connection, Handle) {
        let (client, handle) = self.cluster.client_with(faults);
        (wrap(client), handle)
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> Option<Value> {
        let api_version = match kind {
            "StatefulSet" | "Deployment" => "apps/v1",
            "StorageClass" => "storage.k8s.io/v1",
            _ => "v1",
        };
        self.cluster.get(api_version, kind, Some(SHOP), name)
    }

    pub(crate) fn claim(&self, name: &str) -> Value {
        self.object("PersistentVolumeClaim", name).unwrap()
    }

    pub(crate) fn directory(&self, claim: &str) -> PathBuf {
        self.cluster.claim_directory(SHOP, claim).unwrap()
    }
}

/// Returns two classes, a third that waits for a pod, a StatefulSet `web` of one pod, and a Deployment `api` of two.
pub(crate) fn objects() -> Vec<Value> {
    let class = |name: &str, mode: &str| {
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "disks.example.com", "reclaimPolicy": "Delete", "volumeBindingMode": mode})
    };
    let pod = |claim: &str| {
        json!({
            "metadata": {"labels": {"app": claim}},
            "spec": {
                "containers": [{"name": "app", "image": "app", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
            },
        })
    };
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}}),
        class("slow", "Immediate"),
        class("fast", "Immediate"),
        class("late", "WaitForFirstConsumer"),
        claim("data", json!({"team": "checkout"})),
        claim("cache", json!({})),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": SHOP},
            "spec": {"replicas": 1, "serviceName": "web", "selector": {"matchLabels": {"app": "data"}},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
                "template": pod("data")}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": SHOP},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cache"}}, "template": pod("cache")}}),
    ]
}

pub(crate) fn claim(name: &str, annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": SHOP, "labels": {"app": name}, "annotations": annotations},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "slow",
            "resources": {"requests": {"storage": "64Mi"}}}})
}

/// Starts a record for one claim of a survey and the workload that uses it.
pub(crate) fn record(survey: &Survey, claim: &str, kind: WorkloadKind, workload: &str, dest_class: &str) -> Record {
    let id = ClaimId { namespace: SHOP.to_owned(), name: claim.to_owned() };
    let facts = &survey.claims[&id];
    let volume = facts.volume.as_ref().unwrap();
    let node = survey.users(&id).find_map(|pod| pod.node.clone());
    let workload = WorkloadRef { kind, name: workload.to_owned() };
    let seen = survey.workloads.iter().find(|facts| facts.workload == workload).unwrap();
    let claim_record = ClaimRecord {
        uid: Some(Uid(facts.uid.0.clone())),
        manifest: facts.manifest.clone(),
        source: SourceVolume {
            name: volume.name.clone(),
            reclaim: volume.reclaim.clone(),
            handle: volume.handle.clone(),
            node,
        },
        tolerations: BTreeSet::new(),
        modes: vec![AccessMode::ReadWriteOnce],
        volume_mode: VolumeMode::Filesystem,
        bytes: 64 << 20,
        verdict: None,
        destination: None,
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    };
    Record {
        format: FORMAT,
        run: format!("run-{claim}"),
        namespace: SHOP.to_owned(),
        name: names::record([claim]),
        begun: jiff::Timestamp::now(),
        asked: MigrationOptions {
            source_class: "slow".to_owned(),
            dest_class: dest_class.to_owned(),
            binds_late: dest_class == "late",
            disposal: Disposal::Delete,
            on_failure: OnFailure::RollBack,
            warm_passes: 0,
            warm_rate: None,
            rsync_image: "eeacms/rsync:2.3".to_owned(),
            rsync_flags: Vec::new(),
            limits: Limits { retry_seconds: 0, start_seconds: 30, ..Limits::default() },
        },
        goal: Goal::Forward,
        claims: [(claim.to_owned(), claim_record)].into(),
        workloads: vec![WorkloadRecord {
            workload,
            replicas: seen.scale(),
            ready: None,
            when_scaled: seen.when_scaled.clone(),
        }],
        stopped: None,
        started: None,
        ready: None,
        ended: None,
    }
}

/// Surveys the whole cluster.
pub(crate) async fn survey(connection: &Connection, dest_class: &str) -> Survey {
    let scope = pvmigrate_core::survey::Scope {
        namespace: None,
        source_class: "slow".to_owned(),
        dest_class: dest_class.to_owned(),
        skip_source_validation: false,
    };
    pvmigrate_cluster::survey(&connection.client, &scope).await.unwrap()
}
