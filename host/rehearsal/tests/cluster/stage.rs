//! A stage in an embedded cluster.

use std::{path::PathBuf, sync::Arc};

pub use pvmigrate_conformance::stage::*;
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct Embedded {
    pub stage: Stage,
    pub cluster: Cluster,
    pub folder: TempDir,
}

impl Embedded {
    pub async fn new() -> Self {
        Self::with(Vec::new(), |_| {}).await
    }

    pub async fn with(objects: Vec<Value>, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(folder.path().join("volumes"), find_rsync().unwrap());
        change(&mut settings);
        let class = |name: &str, mode: &str| {
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                "provisioner": "disks.example.com", "reclaimPolicy": "Delete", "volumeBindingMode": mode})
        };
        let mut all = vec![
            class("now", "Immediate"),
            class("later", "WaitForFirstConsumer"),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}),
        ];
        all.extend(objects);
        let cluster = Cluster::start(all, settings).await.unwrap();
        let stage = Stage {
            client: cluster.client(),
            namespace: "test".to_owned(),
            immediate: "now".to_owned(),
            waiting: "later".to_owned(),
            nodes: ["node-1", "node-2"].map(str::to_owned),
            turns: Arc::new(|| Box::pin(async { Box::new(()) as Box<dyn std::any::Any + Send> })),
            turn: std::sync::Mutex::default(),
            compact: Arc::new({
                let cluster = cluster.clone();
                move || {
                    cluster.compact();
                    Box::pin(std::future::ready(()))
                }
            }),
        };
        Self { stage, cluster, folder }
    }

    pub fn directory(&self, claim: &str) -> PathBuf {
        self.cluster.claim_directory(&self.stage.namespace, claim).unwrap()
    }
}
