//! A scene's share of a real cluster: namespaces, classes and volumes with names of its own, and its own machine.
//!
//! Names get the scene's prefix on their way in, and lose it again in what [`Share::objects`] shows.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use pvmigrate_rehearsal::Settings;
use pvmigrate_rehearsal::parts::Machine;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::simulated::{SimulatedNodes, resource};

/// How long a share may take to come to rest; after that it is looked at as it is.
const REST: Duration = Duration::from_secs(60);
/// How long nothing may have moved before a share counts as at rest.
const QUIET: Duration = Duration::from_millis(150);
/// The same where something is not ready, and may never be: two pods of a claim that only one node can mount.
const STUCK: Duration = Duration::from_secs(10);

/// The default class is one for the whole cluster: scenes that have one, or move it, wait for each other.
static DEFAULT_CLASS: std::sync::OnceLock<Arc<Mutex<()>>> = std::sync::OnceLock::new();

/// Waits for the right to have a default class, and returns it.
pub async fn default_class() -> OwnedMutexGuard<()> {
    Arc::clone(DEFAULT_CLASS.get_or_init(Arc::default)).lock_owned().await
}

/// What one scene has in the cluster; it is removed again when this is dropped.
pub struct Share {
    nodes: SimulatedNodes,
    prefix: String,
    pub(crate) namespaces: Vec<String>,
    pub(crate) machine: Arc<Machine>,
    default_class: Option<OwnedMutexGuard<()>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let (nodes, prefix) = (self.nodes.clone(), std::mem::take(&mut self.prefix));
        let namespaces = std::mem::take(&mut self.namespaces);
        // The next scene with a default class may only come when this one's is gone.
        let turn = self.default_class.take();
        if !namespaces.is_empty() {
            tokio::spawn(async move {
                take_down(&nodes, &prefix, &namespaces).await;
                drop(turn);
            });
        }
    }
}

/// Removes all that a share has in the cluster; finalizers and controllers may need a while more.
async fn take_down(nodes: &SimulatedNodes, prefix: &str, namespaces: &[String]) {
    for object in nodes.objects() {
        let own = text(&object, "/metadata/name").starts_with(prefix);
        if let kind @ ("PersistentVolume" | "StorageClass") = text(&object, "/kind")
            && own
            && let Ok(api) = api(&nodes.client, kind, "")
        {
            // What cannot be removed is left until the cluster ends.
            let _ = api.delete(text(&object, "/metadata/name"), &DeleteParams::default()).await;
        }
    }
    nodes.take_down(namespaces).await;
}

pub(crate) fn api(client: &Client, kind: &str, namespace: &str) -> Result<Api<DynamicObject>> {
    let found = KINDS.iter().find(|(_, one, _)| *one == kind).with_context(|| format!("no scene has a {kind}"))?;
    let resource = resource(found.0, found.1, found.2);
    Ok(match namespace {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    })
}

/// Every kind a scenario is made of: version, kind, plural.
const KINDS: [(&str, &str, &str); 8] = [
    ("storage.k8s.io/v1", "StorageClass", "storageclasses"),
    ("v1", "PersistentVolume", "persistentvolumes"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "ReplicaSet", "replicasets"),
    ("v1", "Pod", "pods"),
    ("v1", "ConfigMap", "configmaps"),
];

fn is_cluster_wide(kind: &str) -> bool {
    matches!(kind, "StorageClass" | "PersistentVolume")
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Share {
    /// Brings a scenario's objects into the cluster, in namespaces of their own.
    ///
    /// # Errors
    /// When the cluster refuses one, or a directory cannot be made.
    pub(crate) async fn start(
        nodes: &SimulatedNodes,
        objects: Vec<Value>,
        settings: Settings,
        moves_default: bool,
    ) -> Result<Self> {
        static SCENES: AtomicU32 = AtomicU32::new(1);
        let is_default = |object: &Value| object["metadata"]["annotations"].get(IS_DEFAULT).is_some();
        let alone = if moves_default || objects.iter().any(is_default) { Some(default_class().await) } else { None };
        let namespaced = objects.iter().filter(|object| !is_cluster_wide(text(object, "/kind")));
        let names: BTreeSet<&str> = namespaced.map(|object| text(object, "/metadata/namespace")).collect();
        let prefix = format!("s{}-", SCENES.fetch_add(1, Ordering::Relaxed));
        let share = Self {
            nodes: nodes.clone(),
            namespaces: names.into_iter().map(|name| format!("{prefix}{name}")).collect(),
            prefix,
            machine: Arc::new(Machine::new(settings)?),
            default_class: alone,
        };
        for namespace in &share.namespaces {
            nodes.make_namespace(namespace).await.with_context(|| format!("namespace {namespace}"))?;
        }
        nodes.add(&share.namespaces, &share.machine);
        let order = |object: &Value| KINDS.iter().position(|(_, kind, _)| *kind == text(object, "/kind"));
        let mut objects = objects;
        objects.sort_by_key(order);
        for object in objects {
            share.put(object).await?;
        }
        Ok(share)
    }

    pub(crate) fn client(&self) -> Client {
        self.nodes.client.clone()
    }

    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn api(&self, kind: &str, namespace: &str) -> Result<Api<DynamicObject>> {
        api(&self.nodes.client, kind, namespace)
    }

    /// Gives an object of the scenario the scene's names.
    fn renamed(&self, mut object: Value) -> Value {
        let mut places = vec!["/spec/storageClassName", "/spec/claimRef/namespace", "/spec/csi/volumeHandle"];
        let cluster_wide = is_cluster_wide(text(&object, "/kind"));
        places.push(if cluster_wide { "/metadata/name" } else { "/metadata/namespace" });
        places.push("/metadata/annotations/kurl.sh~1pvcmigrate-sourcens");
        for place in places {
            self.rename(object.pointer_mut(place));
        }
        let templates = object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut);
        for template in templates.into_iter().flatten() {
            self.rename(template.pointer_mut("/spec/storageClassName"));
        }
        object
    }

    fn rename(&self, place: Option<&mut Value>) {
        if let Some(Value::String(name)) = place
            && !name.is_empty()
            && !name.starts_with(&self.prefix)
        {
            name.insert_str(0, &self.prefix);
        }
    }

    pub(crate) async fn put(&self, object: Value) -> Result<()> {
        let object = self.renamed(object);
        let (kind, name, namespace) =
            (text(&object, "/kind"), text(&object, "/metadata/name"), text(&object, "/metadata/namespace"));
        if kind == "PersistentVolume" {
            self.machine.volumes.open(&object)?;
        }
        let api = self.api(kind, namespace)?;
        let mut typed: DynamicObject = serde_json::from_value(object.clone())?;
        typed.metadata.resource_version = None;
        let place = || format!("{kind} {namespace}/{name}");
        match api.create(&PostParams::default(), &typed).await {
            Err(kube::Error::Api(refused)) if refused.code == 409 => {
                api.replace(name, &PostParams::default(), &typed).await.with_context(place)?;
            }
            made => drop(made.with_context(place)?),
        }
        // The status of a volume is its controller's business.
        if let Some(status) = object.get("status").filter(|_| kind == "Pod") {
            let patch = Patch::Merge(json!({"status": status}));
            api.patch_status(name, &PatchParams::default(), &patch).await.with_context(place)?;
        }
        Ok(())
    }

    /// Lists the scene's objects with the names of the scenario.
    pub(crate) async fn objects(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for (version, kind, _) in KINDS {
            let namespaces = if is_cluster_wide(kind) { vec![String::new()] } else { self.namespaces.clone() };
            for namespace in namespaces {
                let Ok(api) = self.api(kind, &namespace) else { continue };
                // A list that fails shows nothing, which differs from all content.
                let Ok(list) = api.list(&ListParams::default()).await else { continue };
                let objects = list.items.iter().filter_map(|object| serde_json::to_value(object).ok());
                all.extend(objects.map(|mut object| {
                    object["apiVersion"] = json!(version);
                    object["kind"] = json!(kind);
                    object
                }));
            }
        }
        all.retain(|object| self.is_ours(object));
        all.into_iter().map(|object| self.shown(&object)).collect()
    }

    fn is_ours(&self, object: &Value) -> bool {
        let mine = |pointer| text(object, pointer).starts_with(&self.prefix);
        match text(object, "/kind") {
            "StorageClass" => mine("/metadata/name"),
            "PersistentVolume" => mine("/spec/storageClassName"),
            "ConfigMap" => text(object, "/metadata/name") != "kube-root-ca.crt",
            _ => true,
        }
    }

    fn shown(&self, object: &Value) -> Value {
        serde_json::from_str(&object.to_string().replace(&self.prefix, "")).unwrap_or_default()
    }

    pub(crate) async fn get(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        let wide = is_cluster_wide(kind);
        let namespace = namespace.filter(|_| !wide).map(|namespace| self.named(namespace)).unwrap_or_default();
        let api = self.api(kind, &namespace).ok()?;
        let (own, other) = if wide { (self.named(name), name.to_owned()) } else { (name.to_owned(), String::new()) };
        let found = match api.get_opt(&own).await.ok()? {
            // A volume that was provisioned has no prefix.
            None if wide => api.get_opt(&other).await.ok()?,
            found => found,
        };
        found.and_then(|object| serde_json::to_value(object).ok()).map(|object| self.shown(&object))
    }

    pub(crate) fn volume_directory(&self, volume: &str) -> Option<PathBuf> {
        let volumes = &self.machine.volumes;
        volumes.directory_of(volume).or_else(|| volumes.directory_of(&self.named(volume)))
    }

    pub(crate) fn check_journal(&self, namespace: &str, claim: &str, volume: &str) -> Result<u64, String> {
        let own = self.named(volume);
        let volume = if self.machine.volumes.directory_of(&own).is_some() { &own } else { volume };
        self.machine.check_journal(&self.named(namespace), claim, volume)
    }

    /// Waits until no object of the share has anything left to do, and none has changed for a moment.
    pub(crate) async fn settled(&self) {
        let mut changes = self.nodes.changes();
        let (began, mut since, mut before) = (Instant::now(), Instant::now(), Vec::new());
        while began.elapsed() < REST {
            let now: Vec<Arc<Value>> =
                self.nodes.objects().into_iter().filter(|object| self.is_mirrored(object)).collect();
            let versions: Vec<String> =
                now.iter().map(|object| text(object, "/metadata/resourceVersion").to_owned()).collect();
            let is_bound = |object: &Value| text(object, "/status/phase") != "Pending" || self.waits_for_pod(object);
            let exists = |volume: &Value| {
                // Another claim may have the name by now: the volume's own is gone all the same.
                const IDENTITY: [&str; 3] = ["/namespace", "/name", "/uid"];
                let claim = IDENTITY.map(|field| text(volume, &format!("/spec/claimRef{field}")));
                let is_it = |object: &Arc<Value>| {
                    text(object, "/kind") == "PersistentVolumeClaim"
                        && IDENTITY.map(|field| text(object, &format!("/metadata{field}"))) == claim
                };
                now.iter().any(is_it)
            };
            let at_rest = |object: &Arc<Value>| match text(object, "/kind") {
                "PersistentVolumeClaim" => is_at_rest(object) && is_bound(object),
                // The volume controller has yet to see that the claim is gone.
                "PersistentVolume" if text(object, "/status/phase") == "Bound" => is_at_rest(object) && exists(object),
                _ => is_at_rest(object),
            };
            if versions != before {
                (since, before) = (Instant::now(), versions);
            }
            let quiet = if now.iter().all(at_rest) { QUIET } else { STUCK };
            if since.elapsed() >= quiet {
                return;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns whether a claim's class gives it a volume only when a pod needs it.
    fn waits_for_pod(&self, claim: &Value) -> bool {
        let class = text(claim, "/spec/storageClassName");
        let classes = self.nodes.objects().into_iter().filter(|object| text(object, "/kind") == "StorageClass");
        let mut mine = classes.filter(|found| text(found, "/metadata/name") == class);
        mine.any(|class| text(&class, "/volumeBindingMode") == "WaitForFirstConsumer")
    }

    fn is_mirrored(&self, object: &Value) -> bool {
        let mine = |pointer| text(object, pointer).starts_with(&self.prefix);
        mine("/metadata/namespace") || mine("/spec/storageClassName")
    }

    /// Removes all that the share has in the cluster.
    pub(crate) async fn stop(mut self) {
        take_down(&self.nodes, &self.prefix, &std::mem::take(&mut self.namespaces)).await;
    }
}

const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Returns whether the cluster has nothing left to do with an object.
fn is_at_rest(object: &Value) -> bool {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return false;
    }
    match text(object, "/kind") {
        "PersistentVolume" => {
            let freed = text(object, "/status/phase") == "Released"
                && text(object, "/spec/persistentVolumeReclaimPolicy") == "Delete";
            !freed && !matches!(text(object, "/status/phase"), "" | "Pending")
        }
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            number("/status/readyReplicas") == number("/spec/replicas")
                && number("/status/replicas") == number("/spec/replicas")
                && number("/status/observedGeneration") == number("/metadata/generation")
        }
        "Pod" => !matches!(text(object, "/status/phase"), "" | "Pending"),
        _ => true,
    }
}
