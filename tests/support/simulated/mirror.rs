//! What the simulated nodes and the provisioner know of the cluster: a copy by watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value;
use tokio::sync::watch;

use super::resource;

/// Kind, namespace and name.
type Key = (&'static str, String, String);

/// The cluster's objects as last seen.
pub(super) struct Mirror {
    objects: Mutex<BTreeMap<Key, Arc<Value>>>,
    changed: watch::Sender<()>,
}

fn kinds() -> [(&'static str, ApiResource); 8] {
    [
        ("Pod", resource("v1", "Pod", "pods")),
        ("PersistentVolumeClaim", resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")),
        ("PersistentVolume", resource("v1", "PersistentVolume", "persistentvolumes")),
        ("StorageClass", resource("storage.k8s.io/v1", "StorageClass", "storageclasses")),
        ("Node", resource("v1", "Node", "nodes")),
        ("Deployment", resource("apps/v1", "Deployment", "deployments")),
        ("StatefulSet", resource("apps/v1", "StatefulSet", "statefulsets")),
        ("ReplicaSet", resource("apps/v1", "ReplicaSet", "replicasets")),
    ]
}

impl Mirror {
    /// Starts the watches and waits until each has seen what there is.
    pub(super) async fn start(client: &Client) -> Result<Arc<Self>> {
        let mirror = Arc::new(Self { objects: Mutex::default(), changed: watch::Sender::new(()) });
        let mut begun = Vec::new();
        for (kind, resource) in kinds() {
            let (tell, told) = tokio::sync::oneshot::channel();
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            tokio::spawn(follow(Arc::clone(&mirror), kind, api, tell));
            begun.push(told);
        }
        for told in begun {
            tokio::time::timeout(Duration::from_secs(20), told).await??;
        }
        Ok(mirror)
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Value>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, kind: &'static str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.objects().get(&(kind, namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn all(&self, kind: &'static str) -> Vec<Arc<Value>> {
        let objects = self.objects();
        objects.iter().filter(|((one, ..), _)| *one == kind).map(|(_, object)| Arc::clone(object)).collect()
    }

    pub(super) fn everything(&self) -> Vec<Arc<Value>> {
        self.objects().values().cloned().collect()
    }

    /// Returns a receiver that wakes at every change.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Makes everybody look again.
    pub(super) fn nudge(&self) {
        self.changed.send_replace(());
    }
}

async fn follow(
    mirror: Arc<Mirror>,
    kind: &'static str,
    api: Api<DynamicObject>,
    begun: tokio::sync::oneshot::Sender<()>,
) {
    let mut begun = Some(begun);
    let mut listed: BTreeMap<Key, Arc<Value>> = BTreeMap::new();
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                let (key, value) = entry(kind, &object);
                listed.insert(key, value);
            }
            Ok(Event::InitDone) => {
                let mut objects = mirror.objects();
                objects.retain(|(one, ..), _| *one != kind);
                objects.append(&mut listed);
                drop(objects);
                begun.take().map(|begun| begun.send(()));
            }
            Ok(Event::Apply(object)) => {
                let (key, value) = entry(kind, &object);
                mirror.objects().insert(key, value);
            }
            Ok(Event::Delete(object)) => {
                let (key, _) = entry(kind, &object);
                mirror.objects().remove(&key);
            }
            // A watcher goes on by itself; the pause keeps a server that is going down from being asked all the time.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
        mirror.nudge();
    }
}

fn entry(kind: &'static str, object: &DynamicObject) -> (Key, Arc<Value>) {
    let metadata = &object.metadata;
    let key = (kind, metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
    let mut value = serde_json::to_value(object).unwrap_or_default();
    // The items of a list do not say what they are.
    value["kind"] = kind.into();
    (key, Arc::new(value))
}
