//! The basis of every behaviour: a client, a namespace, and ways to wait without polling.

use std::{
    any::Any,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod},
        storage::v1::StorageClass,
    },
};
use kube::{
    Api, Client, Error, Resource,
    api::{DeleteParams, PostParams},
    core::Status,
    runtime::wait::{Condition, await_condition},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long anything may take before a test calls it stuck. A scheduler lets a pod that could not be placed wait for up to
/// ten seconds, and a StatefulSet has one pod after the other.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function that makes a cluster forget its past; see [`Stage::compact`].
pub type Compact = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A function that waits until no other stage changes what the whole cluster has only once; see [`Stage::take_turn`].
pub type Turns = Arc<dyn Fn() -> BoxFuture<'static, Box<dyn Any + Send>> + Send + Sync>;

/// The place where a behaviour is looked at: a namespace of its own in a cluster that provisions volumes and runs pods.
pub struct Stage {
    pub client: Client,
    pub namespace: String,
    /// The StorageClass that provisions at once.
    pub immediate: String,
    /// The StorageClass that provisions when a pod needs it.
    pub waiting: String,
    /// Two nodes; their names are their host names too.
    pub nodes: [String; 2],
    /// Makes all past resourceVersions too old, as etcd's compaction does.
    pub compact: Compact,
    /// Who may change what the whole cluster has only once.
    pub turns: Turns,
    /// Held until the stage is taken down.
    pub turn: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Stage {
    /// Waits until this stage alone may have a default class, or make the cluster forget; it may until it is taken down.
    pub async fn take_turn(&self) {
        let turn = (self.turns)().await;
        *self.turn.lock().unwrap() = Some(turn);
    }

    /// Returns a name for a cluster-wide object that no other stage has.
    pub fn own(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }

    /// Creates a StorageClass of this stage's own, with the annotations that steer its driver, and returns its name.
    pub async fn class(&self, name: &str, mode: &str, annotations: Value) -> String {
        let name = self.own(name);
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": name, "annotations": annotations}, "provisioner": "disks.example.com",
            "volumeBindingMode": mode});
        create(&self.classes(), class).await;
        name
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn claims(&self) -> Api<PersistentVolumeClaim> {
        self.api()
    }

    pub fn pods(&self) -> Api<Pod> {
        self.api()
    }

    pub fn configs(&self) -> Api<ConfigMap> {
        self.api()
    }

    pub fn deployments(&self) -> Api<Deployment> {
        self.api()
    }

    pub fn sets(&self) -> Api<StatefulSet> {
        self.api()
    }

    pub fn volumes(&self) -> Api<PersistentVolume> {
        Api::all(self.client.clone())
    }

    pub fn classes(&self) -> Api<StorageClass> {
        Api::all(self.client.clone())
    }

    /// Creates a claim of a class.
    pub async fn claim(&self, name: &str, class: &str) -> PersistentVolumeClaim {
        create(&self.claims(), claim(name, class)).await
    }

    /// Creates a claim and waits until it is bound; returns the volume's name.
    pub async fn bound_claim(&self, name: &str) -> String {
        self.claim(name, &self.immediate).await;
        self.wait_bound(name).await
    }

    pub async fn wait_bound(&self, name: &str) -> String {
        let bound = wait(&self.claims(), name, claim_phase("Bound")).await.unwrap();
        bound.spec.unwrap().volume_name.unwrap()
    }

    /// Makes a bound claim's volume `Retain`, deletes the claim, and waits until the volume is Released.
    pub async fn released_volume(&self, claim: &str) -> String {
        let volume = self.bound_claim(claim).await;
        merge(&self.volumes(), &volume, json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}})).await.unwrap();
        self.claims().delete(claim, &DeleteParams::default()).await.unwrap();
        wait(&self.volumes(), &volume, volume_phase("Released")).await;
        volume
    }
}

pub fn claim(name: &str, class: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"storageClassName": class, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}})
}

/// Returns a pod that mounts a claim and runs until it is deleted.
pub fn pod(name: &str, claim: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "main", "image": "example.com/app",
                "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}})
}

/// Returns a pod that copies one claim into another.
pub fn copy_pod(name: &str, source: &str, dest: &str, flags: &[&str]) -> Value {
    let arguments: Vec<&str> = flags.iter().copied().chain(["/source/", "/dest"]).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"restartPolicy": "Never",
            "containers": [{"name": "pvmigrate", "image": "eeacms/rsync:2.3", "command": ["rsync"], "args": arguments,
                "volumeMounts": [{"name": "source", "mountPath": "/source", "readOnly": true},
                    {"name": "dest", "mountPath": "/dest"}]}],
            "volumes": [
                {"name": "source", "persistentVolumeClaim": {"claimName": source, "readOnly": true}},
                {"name": "dest", "persistentVolumeClaim": {"claimName": dest}}]}})
}

pub fn workload(kind: &str, name: &str, replicas: u32, pod_spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec}}})
}

/// Returns a StatefulSet whose pods have one claim each.
pub fn stateful_set(name: &str, replicas: u32, class: &str) -> Value {
    let containers = json!([{"name": "main", "image": "example.com/app",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
    let mut set = workload("StatefulSet", name, replicas, json!({"containers": containers}));
    set["spec"]["volumeClaimTemplates"] = json!([claim("data", class)]);
    set
}

pub async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: DeserializeOwned + serde::Serialize + Clone + Debug,
{
    let typed = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &typed).await.unwrap()
}

pub async fn merge<K>(api: &Api<K>, name: &str, patch: Value) -> Result<K, Error>
where
    K: DeserializeOwned + Clone + Debug,
{
    api.patch(name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(patch)).await
}

/// Waits by a watch until an object is as wanted, and returns it.
pub async fn wait<K>(api: &Api<K>, name: &str, condition: impl Condition<K>) -> Option<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
    K::DynamicType: Default,
{
    let waiting = await_condition(api.clone(), name, condition);
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{name} is stuck")).unwrap()
}

pub fn claim_phase(phase: &'static str) -> impl Condition<PersistentVolumeClaim> {
    move |claim: Option<&PersistentVolumeClaim>| {
        claim.and_then(|claim| claim.status.as_ref()?.phase.as_deref()) == Some(phase)
    }
}

pub fn volume_phase(phase: &'static str) -> impl Condition<PersistentVolume> {
    move |volume: Option<&PersistentVolume>| {
        volume.and_then(|volume| volume.status.as_ref()?.phase.as_deref()) == Some(phase)
    }
}

pub fn pod_phase(phase: &'static str) -> impl Condition<Pod> {
    move |pod: Option<&Pod>| pod.and_then(|pod| pod.status.as_ref()?.phase.as_deref()) == Some(phase)
}

pub fn gone<K>() -> impl Condition<K> {
    |object: Option<&K>| object.is_none()
}

pub fn terminating<K: Resource>() -> impl Condition<K> {
    |object: Option<&K>| object.is_some_and(|object| object.meta().deletion_timestamp.is_some())
}

/// Returns the Status of a refusal.
pub fn refusal<T: Debug>(result: Result<T, Error>) -> Status {
    match result {
        Err(Error::Api(status)) => *status,
        other => panic!("not refused: {other:?}"),
    }
}
