//! The kubelets' work: pods that have one of our nodes are started, run, stopped, and taken out of the API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use pvmigrate_rehearsal::parts::{Containers, Ended, Log, Lookup, Machine, Notes, Ready, creating, resolve};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::mirror::Mirror;
use super::{Machines, NODES, record, resource};

/// A pod that was started, until its object is gone.
struct Started {
    namespace: String,
    name: String,
    node: String,
    claims: Vec<String>,
    logs: BTreeMap<String, Arc<Log>>,
    stop: watch::Sender<bool>,
    ended: bool,
}

/// The pods of both nodes.
pub(super) struct Pods {
    client: Client,
    mirror: Arc<Mirror>,
    machines: Machines,
    /// By the pods' uids.
    started: Mutex<BTreeMap<String, Started>>,
    /// Why a pod waits, by its uid: said once in an Event.
    waiting: Mutex<BTreeMap<String, String>>,
    /// The pods whose end is being reported to the API.
    leaving: Mutex<BTreeMap<String, String>>,
    /// Held while a pod is reported as waiting, by its uid.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Pods {
    pub(super) fn new(client: Client, mirror: Arc<Mirror>, machines: Machines) -> Self {
        let (started, waiting, leaving, turns) = Default::default();
        Self { client, mirror, machines, started, waiting, leaving, turns }
    }

    fn turn(&self, uid: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(uid.to_owned()).or_default())
    }

    /// Returns the log of a container that was started.
    pub(super) fn log(&self, namespace: &str, pod: &str, container: &str) -> Option<Arc<Log>> {
        let uid = text(self.mirror.get("Pod", namespace, pod)?.as_ref(), "/metadata/uid").to_owned();
        lock(&self.started).get(&uid)?.logs.get(container).cloned()
    }

    /// Looks at all pods of the nodes whenever something has changed.
    pub(super) async fn run(self: Arc<Self>) {
        let mut changes = self.mirror.changes();
        loop {
            let pods = self.mirror.all("Pod");
            for pod in pods.iter().filter(|pod| NODES.contains(&text(pod, "/spec/nodeName"))) {
                self.look(pod);
            }
            let present: Vec<&str> = pods.iter().map(|pod| text(pod, "/metadata/uid")).collect();
            lock(&self.started).retain(|uid, pod| {
                let there = present.contains(&uid.as_str());
                if !there {
                    pod.stop.send_replace(true);
                }
                there
            });
            lock(&self.waiting).retain(|uid, _| present.contains(&uid.as_str()));
            lock(&self.leaving).retain(|uid, _| present.contains(&uid.as_str()));
            lock(&self.turns).retain(|uid, _| present.contains(&uid.as_str()));
            // The mirror holds the sender.
            let _ = changes.changed().await;
        }
    }

    fn look(self: &Arc<Self>, pod: &Arc<Value>) {
        let (uid, namespace) = (text(pod, "/metadata/uid"), text(pod, "/metadata/namespace"));
        let started = lock(&self.started).get(uid).map(|started| started.ended);
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            match started {
                Some(false) => {
                    lock(&self.started).get(uid).map(|started| started.stop.send_replace(true));
                }
                Some(true) | None => self.leave(pod),
            }
        } else if started.is_none()
            && let Some(machine) = self.machines.of(namespace)
            && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
        {
            match resolve(&machine.volumes, self.as_ref(), pod) {
                Ok(mounts) => self.start(&machine, pod, mounts),
                Err(why) => self.wait(pod, why.event),
            }
        }
    }

    /// Reports in the API, once for each reason, why a pod's containers cannot be made yet.
    fn wait(self: &Arc<Self>, pod: &Arc<Value>, event: Option<(&'static str, String)>) {
        let why = event.as_ref().map(|(_, message)| message.clone()).unwrap_or_default();
        let before = lock(&self.waiting).insert(text(pod, "/metadata/uid").to_owned(), why.clone());
        if before.as_ref() == Some(&why) {
            return;
        }
        let (this, pod) = (Arc::clone(self), Arc::clone(pod));
        tokio::spawn(async move {
            if let Some((reason, message)) = event {
                record(&this.client, &pod, "Warning", reason, &message, "kubelet").await;
            }
            let turn = this.turn(text(&pod, "/metadata/uid"));
            let _mine = turn.lock().await;
            if !lock(&this.started).contains_key(text(&pod, "/metadata/uid")) {
                Noted { may_be_late: true, ..Noted::new(&this.client, &pod) }.note(creating).await;
            }
        });
    }

    fn start(self: &Arc<Self>, machine: &Arc<Machine>, pod: &Arc<Value>, mounts: Vec<Ready>) {
        let (containers, stop) = Containers::new(Arc::clone(machine), Arc::clone(pod), mounts);
        let uid = text(pod, "/metadata/uid").to_owned();
        let started = Started {
            namespace: text(pod, "/metadata/namespace").to_owned(),
            name: text(pod, "/metadata/name").to_owned(),
            node: text(pod, "/spec/nodeName").to_owned(),
            claims: containers.claims(),
            logs: containers.logs().clone(),
            stop,
            ended: false,
        };
        lock(&self.started).insert(uid.clone(), started);
        let (this, notes, pod) = (Arc::clone(self), Noted::new(&self.client, pod), Arc::clone(pod));
        tokio::spawn(async move {
            // A report that it waits may be under way, and must not overtake what follows; a later one sees that it has started.
            drop(this.turn(&uid).lock_owned().await);
            if !containers.end_by_themselves() {
                notes.note(|pod| containers.mark_running(pod)).await;
            }
            let ended = containers.run(&notes).await;
            notes.note(|pod| containers.mark_ended(pod, ended)).await;
            lock(&this.started).get_mut(&uid).into_iter().for_each(|started| started.ended = true);
            if ended == Ended::Stopped {
                this.leave(&pod);
            }
            // A pod that waits for one of its volumes may have it now.
            this.mirror.nudge();
        });
    }

    /// Reports to the API server that nothing of a terminating pod runs any more; finalizers may keep its object.
    fn leave(self: &Arc<Self>, pod: &Arc<Value>) {
        let uid = text(pod, "/metadata/uid").to_owned();
        let version = text(pod, "/metadata/resourceVersion").to_owned();
        let told = pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64) == Some(0);
        if told || lock(&self.leaving).insert(uid.clone(), version.clone()) == Some(version) {
            return;
        }
        let (client, pod) = (self.client.clone(), Arc::clone(pod));
        tokio::spawn(async move {
            let preconditions = Some(Preconditions { uid: Some(uid), resource_version: None });
            let params = DeleteParams { preconditions, ..DeleteParams::default().grace_period(0) };
            for _ in 0..3 {
                match api(&client, text(&pod, "/metadata/namespace"))
                    .delete(text(&pod, "/metadata/name"), &params)
                    .await
                {
                    Ok(_) | Err(kube::Error::Api(_)) => return,
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        });
    }
}

impl Lookup for Pods {
    fn claim(&self, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.mirror.get("PersistentVolumeClaim", namespace, name)
    }

    fn volume(&self, name: &str) -> Option<Arc<Value>> {
        self.mirror.get("PersistentVolume", "", name)
    }

    fn node(&self, name: &str) -> Option<Arc<Value>> {
        self.mirror.get("Node", "", name)
    }

    fn users_of(&self, namespace: &str, claim: &str) -> Vec<(String, String)> {
        lock(&self.started)
            .values()
            .filter(|pod| !pod.ended && pod.namespace == namespace && pod.claims.iter().any(|one| one == claim))
            .map(|pod| (pod.name.clone(), pod.node.clone()))
            .collect()
    }
}

fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource("v1", "Pod", "pods"))
}

/// A writer of a pod's status, which continues from the form in which the pod was started.
struct Noted {
    client: Client,
    pod: tokio::sync::Mutex<Value>,
    /// The pod may have come further by now, which the API server then says.
    may_be_late: bool,
}

impl Noted {
    fn new(client: &Client, pod: &Value) -> Self {
        Self { client: client.clone(), pod: tokio::sync::Mutex::new(pod.clone()), may_be_late: false }
    }
}

impl Notes for Noted {
    async fn note(&self, change: impl FnOnce(&mut Value) + Send) {
        let mut pod = self.pod.lock().await;
        change(&mut pod);
        // The uid makes it a write to this pod and no later one of its name.
        let patch = Patch::Merge(json!({"metadata": {"uid": pod["metadata"]["uid"]}, "status": pod["status"]}));
        let api = api(&self.client, text(&pod, "/metadata/namespace"));
        for _ in 0..5 {
            match api.patch_status(text(&pod, "/metadata/name"), &PatchParams::default(), &patch).await {
                Err(kube::Error::Api(refused)) if !matches!(refused.code, 404 | 409) => {
                    assert!(
                        refused.code != 422 || self.may_be_late,
                        "the status of a pod is refused: {}",
                        refused.message
                    );
                }
                Ok(_) | Err(kube::Error::Api(_)) => return,
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
