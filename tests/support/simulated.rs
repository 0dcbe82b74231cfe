//! Simulated nodes: two small kubelets and a provisioner of our own, for a real API server that has neither.
//!
//! The scheduler, the controllers and the API are real; the pods are the embedded cluster's, run by its own pieces: an
//! `rsync` that runs once is the real local rsync on the volumes' directories, other containers are taken to run and
//! write their journals. Each scene has its own machine, known by its namespaces; pods elsewhere wait for ever.

mod logs;
mod mirror;
mod nodes;
mod pods;
mod provisioner;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, PostParams};
use kube::core::ApiResource;
use pvmigrate_rehearsal::parts::Machine;
use serde_json::{Value, json};

use self::mirror::Mirror;
use self::pods::Pods;

/// The names of the simulated nodes.
pub const NODES: [&str; 2] = ["simulated-1", "simulated-2"];

/// How long the cluster's controllers may take to prepare a namespace.
const PATIENCE: Duration = Duration::from_secs(20);

/// The simulated nodes of one cluster; they work as long as the runtime they were started on.
#[derive(Clone)]
pub struct SimulatedNodes {
    /// A client of the cluster's administrator.
    pub client: Client,
    mirror: Arc<Mirror>,
    machines: Machines,
}

impl SimulatedNodes {
    /// Adds the nodes to the cluster and starts what they and the provisioner do.
    ///
    /// # Errors
    /// When the cluster cannot be read or written, or the log server cannot listen.
    pub async fn start(client: Client) -> Result<Self> {
        let machines = Machines::default();
        let mirror = Mirror::start(&client).await.context("watching the cluster")?;
        let pods = Arc::new(Pods::new(client.clone(), Arc::clone(&mirror), machines.clone()));
        let port = logs::serve(Arc::clone(&pods)).await.context("the log server of the simulated nodes")?;
        nodes::add(&client, port).await.context("adding the simulated nodes")?;
        tokio::spawn(nodes::keep_alive(client.clone()));
        tokio::spawn(pods.run());
        tokio::spawn(provisioner::run(client.clone(), Arc::clone(&mirror), machines.clone()));
        Ok(Self { client, mirror, machines })
    }

    /// Lets the pods and claims of these namespaces run and lie on a machine.
    pub fn add(&self, namespaces: &[String], machine: &Arc<Machine>) {
        self.machines.all().extend(namespaces.iter().map(|name| (name.clone(), Arc::clone(machine))));
        self.mirror.nudge();
    }

    /// Creates a namespace and waits until pods may be made in it.
    ///
    /// # Errors
    /// When the cluster refuses, or its controllers do not do their part.
    pub async fn make_namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let all: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource("v1", "Namespace", "namespaces"));
        all.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        let accounts = resource("v1", "ServiceAccount", "serviceaccounts");
        let accounts: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), name, &accounts);
        let began = Instant::now();
        while accounts.get_opt("default").await?.is_none() {
            ensure!(began.elapsed() < PATIENCE, "it has no service account after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Removes namespaces and their volumes from the cluster, and does not wait for it.
    pub async fn take_down(&self, namespaces: &[String]) {
        let all: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource("v1", "Namespace", "namespaces"));
        for name in namespaces {
            // What cannot be removed is left until the cluster ends.
            let _ = all.delete(name, &DeleteParams::default()).await;
            self.machines.all().remove(name);
        }
        let volumes: Api<DynamicObject> =
            Api::all_with(self.client.clone(), &resource("v1", "PersistentVolume", "persistentvolumes"));
        for volume in self.mirror.all("PersistentVolume") {
            let of = volume["spec"]["claimRef"]["namespace"].as_str().unwrap_or_default();
            if let Some(name) = volume["metadata"]["name"].as_str().filter(|_| namespaces.iter().any(|one| one == of)) {
                let _ = volumes.delete(name, &DeleteParams::default()).await;
            }
        }
    }
}

impl SimulatedNodes {
    /// Returns what is known of all pods, claims, volumes, classes and workloads.
    pub(crate) fn objects(&self) -> Vec<Arc<Value>> {
        self.mirror.everything()
    }

    /// Returns a receiver that wakes when any of them changes.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<()> {
        self.mirror.changes()
    }
}

/// Which machine serves which namespace.
#[derive(Clone, Default)]
struct Machines(Arc<Mutex<BTreeMap<String, Arc<Machine>>>>);

impl Machines {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Machine>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, namespace: &str) -> Option<Arc<Machine>> {
        self.all().get(namespace).cloned()
    }
}

/// Returns how a kind is requested.
pub fn resource(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Writes an Event about an object; one that cannot be written is dropped, as by any recorder.
async fn record(client: &Client, about: &Value, severity: &str, reason: &str, message: &str, from: &str) {
    let text = |pointer: &str| about.pointer(pointer).cloned().unwrap_or_default();
    let namespace = about["metadata"]["namespace"].as_str().unwrap_or("default");
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"generateName": format!("{}.", about["metadata"]["name"].as_str().unwrap_or("x")), "namespace": namespace},
        "involvedObject": {
            "apiVersion": text("/apiVersion"), "kind": text("/kind"), "name": text("/metadata/name"),
            "namespace": namespace, "uid": text("/metadata/uid"), "resourceVersion": text("/metadata/resourceVersion"),
        },
        "type": severity, "reason": reason, "message": message, "count": 1,
        "firstTimestamp": now, "lastTimestamp": now, "source": {"component": from},
    });
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource("v1", "Event", "events"));
    let Ok(event) = serde_json::from_value(event) else { return };
    let _ = api.create(&PostParams::default(), &event).await;
}
