//! One started pod, from its first container to its last.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use futures::future::join_all;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    CopyFailure, Started,
    log::Log,
    mounts::{self, Ready},
    nudge_waiting_pods,
    process::{self, Exit, Job},
    remove_object, status,
};
use crate::{
    cluster::{Busy, Inner},
    object,
    store::{Key, Store, lifecycle},
};

/// Everything a pod's task needs.
struct Pod {
    inner: Arc<Inner>,
    key: Key,
    uid: String,
    object: Arc<Value>,
    mounts: Vec<Ready>,
    logs: BTreeMap<String, Arc<Log>>,
    stop: watch::Receiver<bool>,
    fault: Option<CopyFailure>,
}

/// Starts a pod whose volumes are ready.
pub(super) fn start(inner: &Arc<Inner>, store: &mut Store, key: &Key, object: &Arc<Value>, mounts: Vec<Ready>) {
    let logs: BTreeMap<String, Arc<Log>> = containers(object, "initContainers")
        .chain(containers(object, "containers"))
        .map(|container| (name_of(container), Log::new()))
        .collect();
    let (sender, stop) = watch::channel(false);
    let uid = object::uid(object).to_owned();
    let started = Started {
        key: key.clone(),
        node: object::text(object, "/spec/nodeName").unwrap_or_default().to_owned(),
        claims: mounts.iter().filter_map(|ready| ready.claim.clone()).collect(),
        logs: logs.clone(),
        stop: sender,
        stopping: None,
        ended: false,
    };
    inner.node.started().insert(uid.clone(), started);
    let mut all = containers(object, "initContainers").chain(containers(object, "containers"));
    let has_processes = runs_once(object) && all.any(is_process);
    let fault = if has_processes { inner.node.take_fault(object) } else { None };
    let pod =
        Pod { inner: Arc::clone(inner), key: key.clone(), uid, object: Arc::clone(object), mounts, logs, stop, fault };
    // A pod of processes comes to its end by itself, so the cluster is not settled before; others run until deleted.
    let busy = has_processes.then(|| inner.busy());
    if !has_processes {
        pod.mark_running(store);
    }
    tokio::spawn(pod.run(has_processes, busy));
}

fn containers<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object::items(pod, &format!("/spec/{list}")).iter()
}

fn name_of(container: &Value) -> String {
    object::text(container, "/name").unwrap_or_default().to_owned()
}

/// Tells whether a pod's containers may be run as real processes: only those that are to run once, as copies are. A
/// workload that happens to be an rsync daemon is taken to run like any other.
fn runs_once(pod: &Value) -> bool {
    object::text(pod, "/spec/restartPolicy") == Some("Never")
}

/// Tells whether a container of such a pod is run as a real process.
fn is_process(container: &Value) -> bool {
    object::texts(container, "/command").first() == Some(&"rsync")
}

impl Pod {
    async fn run(self, has_processes: bool, busy: Option<Busy>) {
        let outcome = if has_processes { self.run_processes().await } else { self.run_workload().await };
        let stopping = self.end(outcome);
        drop((busy, stopping));
    }

    /// Runs until the pod is deleted; writes the journals meanwhile.
    async fn run_workload(&self) -> Option<bool> {
        let writes = self.inner.settings.writers && object::text(&self.object, "/spec/restartPolicy") != Some("Never");
        let claims = if writes { mounts::writable(&self.object, &self.mounts) } else { Vec::new() };
        self.journal(&claims, Moment::Start);
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(self.inner.settings.write_every), if !claims.is_empty() => {
                    self.journal(&claims, Moment::Running);
                }
            }
        }
        self.journal(&claims, Moment::Stop);
        None
    }

    fn journal(&self, claims: &[(String, PathBuf)], moment: Moment) {
        let (journals, namespace, pod) = (&self.inner.node.journals, &self.key.namespace, &self.key.name);
        for (claim, directory) in claims {
            let written = match moment {
                Moment::Start => journals.start(namespace, claim, directory, pod),
                Moment::Running => journals.write(namespace, claim, pod),
                Moment::Stop => journals.stop(namespace, claim, pod),
            };
            if let Err(error) = written {
                tracing::warn!(%error, namespace, claim, pod, "the workload could not write to its volume");
            }
        }
    }

    /// Runs the init containers in order, then the containers; the pod's success, or `None` when it was stopped.
    async fn run_processes(&self) -> Option<bool> {
        for container in containers(&self.object, "initContainers") {
            let exit = self.run_container(container).await;
            self.edit(|pod| status::terminated(pod, &name_of(container), &exit, true));
            if self.is_stopped() {
                return None;
            }
            if exit.code != 0 {
                return Some(false);
            }
        }
        self.mark_running(&mut self.inner.store());
        let all = containers(&self.object, "containers").map(async |container| {
            let exit = self.run_container(container).await;
            self.edit(|pod| status::terminated(pod, &name_of(container), &exit, false));
            if let Some(log) = self.logs.get(&name_of(container)) {
                log.close();
            }
            exit.code == 0
        });
        let succeeded = join_all(all).await.into_iter().all(|success| success);
        // A pod that had done its work before it was stopped has succeeded.
        if self.is_stopped() && !succeeded { None } else { Some(succeeded) }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    async fn run_container(&self, container: &Value) -> Exit {
        let log = self.logs.get(&name_of(container)).cloned().unwrap_or_else(Log::new);
        let mut stop = self.stop.clone();
        if !is_process(container) {
            if containers(&self.object, "initContainers").any(|one| one["name"] == container["name"]) {
                return Exit::with_code(0);
            }
            // The sender lives as long as the pod is known; either way there is nothing left to run.
            let _ = stop.wait_for(|stop| *stop).await;
            return Exit::with_code(137);
        }
        let kill_after = match self.fault {
            Some(CopyFailure::Exit(code)) => {
                log.line(&format!("rsync error: a failure made by the rehearsal (code {code})"));
                return Exit::with_code(code);
            }
            Some(CopyFailure::KilledAfter(after)) => Some(after),
            None => None,
        };
        let mut arguments = object::texts(container, "/command");
        arguments.remove(0);
        arguments.extend(object::texts(container, "/args"));
        let job = Job {
            rsync: self.inner.settings.rsync.clone(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            mounts: mounts::of_container(container, &self.mounts),
            directory: self.inner.volumes.scratch_root(),
            bandwidth: self.inner.settings.rsync_bandwidth,
            kill_after,
        };
        process::run(job, log, stop).await
    }

    fn mark_running(&self, store: &mut Store) {
        // The address is made up from the uid, so that it is stable and mostly unlike others.
        let byte = |at: usize| self.uid.as_bytes().get(at).copied().unwrap_or(1);
        let address = format!("10.{}.{}.{}", byte(0), byte(1), byte(2));
        self.edit_in(store, |pod| status::running(pod, &address));
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.edit_in(&mut self.inner.store(), change);
    }

    /// Changes this pod's object, unless another pod has its name by now.
    fn edit_in(&self, store: &mut Store, change: impl FnOnce(&mut Value)) {
        if store.get(&self.key).is_some_and(|present| object::uid(&present) == self.uid) {
            lifecycle::edit(store, &self.key, change);
        }
    }

    /// Says that nothing of the pod runs any more. `None`: it was stopped because it is being deleted.
    ///
    /// Returns what kept the cluster busy since the order to stop; it is let go once the end is written.
    fn end(&self, outcome: Option<bool>) -> Option<Busy> {
        for log in self.logs.values() {
            log.close();
        }
        let mut store = self.inner.store();
        // Before the object is written, so that whoever waits for the volume finds it free.
        let stopping = self.inner.node.started().get_mut(&self.uid).and_then(|started| {
            started.ended = true;
            started.stopping.take()
        });
        self.edit_in(&mut store, |pod| {
            if outcome.is_none() {
                for container in containers(&self.object, "containers") {
                    let ended = object::items(pod, "/status/containerStatuses")
                        .iter()
                        .any(|one| one["name"] == container["name"] && one.pointer("/state/terminated").is_some());
                    if !ended {
                        status::terminated(pod, &name_of(container), &Exit::with_code(137), false);
                    }
                }
            }
            status::finished(pod, outcome == Some(true));
        });
        match store.get(&self.key).filter(|present| object::uid(present) == self.uid) {
            Some(present) if object::is_terminating(&present) => remove_object(&mut store, &self.key, &self.uid),
            Some(_) => {}
            None => {
                self.inner.node.started().remove(&self.uid);
            }
        }
        nudge_waiting_pods(&mut store, &self.key.namespace);
        stopping
    }
}

/// Which line of its journal a workload writes.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Start,
    Running,
    Stop,
}
