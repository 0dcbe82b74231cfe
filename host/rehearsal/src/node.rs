//! The nodes' kubelets: pods start when their volumes are there, run, and come to their end.
//!
//! A container whose command is `rsync`, in a pod with `restartPolicy: Never`, is a real process (`process`); any other
//! container is taken to run until its pod is deleted. Containers are never restarted.

pub(crate) mod containers;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod mounts;
pub(crate) mod process;
mod run;
pub(crate) mod status;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

use self::{log::Log, mounts::Seen};
use crate::{
    cluster::{Busy, Inner},
    controllers::taints,
    kinds, object,
    store::{
        Key, Store,
        lifecycle::{self, DeleteRequest},
    },
};

/// The pods that have been started, and what they leave behind.
#[derive(Debug, Default)]
pub(crate) struct Node {
    started: Mutex<BTreeMap<String, Started>>,
}

/// A pod that a node has started.
#[derive(Debug)]
struct Started {
    key: Key,
    node: String,
    claims: Vec<String>,
    logs: BTreeMap<String, Arc<Log>>,
    stop: watch::Sender<bool>,
    /// Held from the order to stop until all has stopped: the cluster is not settled in between.
    stopping: Option<Busy>,
    /// Nothing of the pod runs any more.
    ended: bool,
}

impl Started {
    fn order_stop(&mut self, inner: &Inner) {
        self.stopping.get_or_insert_with(|| inner.busy());
        self.stop.send_replace(true);
    }
}

impl Node {
    fn started(&self) -> MutexGuard<'_, BTreeMap<String, Started>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the log of a container that has been started.
    pub(crate) fn log(&self, uid: &str, container: &str) -> Option<Arc<Log>> {
        self.started().get(uid)?.logs.get(container).cloned()
    }

    /// Returns the pods in which something may still use a claim: their keys and nodes.
    pub(crate) fn users_of(&self, namespace: &str, claim: &str) -> Vec<(Key, String)> {
        self.started()
            .values()
            .filter(|pod| !pod.ended && pod.key.namespace == namespace && pod.claims.iter().any(|one| one == claim))
            .map(|pod| (pod.key.clone(), pod.node.clone()))
            .collect()
    }

    /// Tells a pod's containers to stop; false when nothing of it runs.
    fn stop(&self, inner: &Inner, uid: &str) -> bool {
        match self.started().get_mut(uid) {
            Some(pod) if !pod.ended => {
                pod.order_stop(inner);
                true
            }
            _ => false,
        }
    }

    /// Stops all pods, for the cluster's end.
    pub(crate) fn stop_all(&self, inner: &Inner) {
        for pod in self.started().values_mut().filter(|pod| !pod.ended) {
            pod.order_stop(inner);
        }
    }

    /// Stops what an object that is gone had running; its logs go with it.
    pub(crate) fn object_gone(&self, inner: &Inner, uid: &str) {
        if !self.stop(inner, uid) {
            self.started().remove(uid);
        }
    }

    fn has_started(&self, uid: &str) -> bool {
        self.started().contains_key(uid)
    }
}

/// Looks at one pod that has a node: starts it, stops it, or takes its object away.
pub(crate) fn reconcile(inner: &Arc<Inner>, store: &mut Store, key: &Key, pod: &Arc<Value>) {
    let uid = object::uid(pod);
    let node = object::text(pod, "/spec/nodeName").and_then(|name| store.find(&kinds::NODES, "", name));
    let readiness = node.as_deref().map_or("True", taints::readiness);
    // Of a node that is not heard of nothing comes, and one that is not ready starts nothing.
    if readiness != "True" && (readiness != "False" || !object::is_terminating(pod)) {
        return;
    }
    if object::is_terminating(pod) {
        let stopping = inner.node.stop(inner, uid);
        if !stopping {
            remove_object(store, key, uid);
        }
        return;
    }
    if object::is_finished_pod(pod) || inner.node.has_started(uid) {
        return;
    }
    match mounts::resolve(&inner.machine.volumes, &Seen { inner, store }, pod) {
        Ok(mounts) => run::start(inner, store, key, pod, mounts),
        Err(waiting) => {
            if let Some((reason, message)) = waiting.event {
                store.record_event(pod, "Warning", reason, &message, "kubelet");
            }
            if object::text(pod, "/status/phase") == Some("Pending") {
                lifecycle::edit(store, key, status::creating);
            }
        }
    }
}

/// Tells the API server that a terminating pod's containers are gone.
fn remove_object(store: &mut Store, key: &Key, uid: &str) {
    let request = DeleteRequest { uid: Some(uid.to_owned()), grace: Some(0), ..DeleteRequest::default() };
    if let Err(failure) = lifecycle::delete(store, key, &request) {
        tracing::debug!(pod = key.name, "the pod's object went first: {}", failure.message);
    }
}

/// Makes the controllers look at the pods of a namespace that have not started yet.
fn nudge_waiting_pods(store: &mut Store, namespace: &str) {
    let waiting: Vec<Key> = store
        .list(&kinds::PODS, namespace)
        .filter(|(_, pod)| object::text(pod, "/status/phase") == Some("Pending"))
        .map(|(key, _)| key.clone())
        .collect();
    for key in waiting {
        store.nudge(key);
    }
}
