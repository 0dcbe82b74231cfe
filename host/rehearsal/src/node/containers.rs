//! The containers of one pod, from the first to the last: rsync processes for a copy, journals for a workload.
//!
//! Where the pod's object lies is the caller's business ([`Notes`]): in the embedded store, or on another API server.

use std::{collections::BTreeMap, future::Future, path::PathBuf, sync::Arc};

use futures::future::join_all;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    log::Log,
    machine::{CopyFailure, Machine},
    mounts::{self, Ready},
    process::{self, Exit, Job},
    status,
};
use crate::object;

/// A place to note what becomes of a pod.
pub trait Notes: Sync {
    /// Changes the pod's object, unless it is gone or another has its name by now.
    fn note(&self, change: impl FnOnce(&mut Value) + Send) -> impl Future<Output = ()> + Send;
}

/// A pod whose volumes are ready.
#[derive(Debug)]
pub struct Containers {
    machine: Arc<Machine>,
    pod: Arc<Value>,
    mounts: Vec<Ready>,
    logs: BTreeMap<String, Arc<Log>>,
    stop: watch::Receiver<bool>,
    /// The faults that the processes meet, by container.
    faults: BTreeMap<String, CopyFailure>,
    processes: bool,
}

/// How all containers of a pod came to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All had done their work.
    Succeeded,
    /// At least one failed.
    Failed,
    /// They were stopped because the pod is being deleted.
    Stopped,
}

impl Containers {
    /// Prepares a pod to run; sending `true` stops it.
    pub fn new(machine: Arc<Machine>, pod: Arc<Value>, mounts: Vec<Ready>) -> (Self, watch::Sender<bool>) {
        let all = || list(&pod, "initContainers").chain(list(&pod, "containers"));
        let logs = all().map(|container| (name_of(container), Log::new())).collect();
        let processes = runs_once(&pod) && all().any(is_process);
        let take_fault = |container| Some((name_of(container), machine.take_fault(&pod, container)?));
        let faults = all().filter(|container| processes && is_process(container)).filter_map(take_fault).collect();
        let (sender, stop) = watch::channel(false);
        (Self { machine, pod, mounts, logs, stop, faults, processes }, sender)
    }

    /// Tells whether these containers come to an end by themselves; others run until their pod is deleted.
    pub fn end_by_themselves(&self) -> bool {
        self.processes
    }

    /// Returns the logs of all containers by name.
    pub fn logs(&self) -> &BTreeMap<String, Arc<Log>> {
        &self.logs
    }

    /// Returns the claims that are mounted.
    pub fn claims(&self) -> Vec<String> {
        self.mounts.iter().filter_map(|ready| ready.claim.clone()).collect()
    }

    /// Runs to the end, and notes what happens on the way: not the end itself, and not that containers run which do not
    /// end by themselves; the caller knows both.
    pub async fn run(&self, notes: &impl Notes) -> Ended {
        let ended = if self.processes { self.run_processes(notes).await } else { self.run_workload().await };
        for log in self.logs.values() {
            log.close();
        }
        ended
    }

    /// Notes in the pod's status that its containers run.
    pub fn mark_running(&self, pod: &mut Value) {
        // The address is made up from the uid, so that it is stable and mostly unlike others.
        let byte = |at: usize| object::uid(&self.pod).as_bytes().get(at).copied().unwrap_or(1);
        status::running(pod, &format!("10.{}.{}.{}", byte(0), byte(1), byte(2)));
    }

    /// Notes in the pod's status that nothing of it runs any more.
    pub fn mark_ended(&self, pod: &mut Value, ended: Ended) {
        if ended == Ended::Stopped {
            for container in list(&self.pod, "containers") {
                let over = object::items(pod, "/status/containerStatuses")
                    .iter()
                    .any(|one| one["name"] == container["name"] && one.pointer("/state/terminated").is_some());
                if !over {
                    status::terminated(pod, &name_of(container), &Exit::with_code(137), false);
                }
            }
        }
        status::finished(pod, ended == Ended::Succeeded);
    }

    /// Runs until the pod is deleted; writes the journals meanwhile.
    async fn run_workload(&self) -> Ended {
        let settings = &self.machine.settings;
        let writes = settings.writers && object::text(&self.pod, "/spec/restartPolicy") != Some("Never");
        let claims = if writes { mounts::writable(&self.pod, &self.mounts) } else { Vec::new() };
        self.journal(&claims, Moment::Start);
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(settings.write_every), if !claims.is_empty() => {
                    self.journal(&claims, Moment::Running);
                }
            }
        }
        self.journal(&claims, Moment::Stop);
        Ended::Stopped
    }

    fn journal(&self, claims: &[(String, PathBuf)], moment: Moment) {
        let (namespace, pod) = (object::namespace(&self.pod), object::name(&self.pod));
        let journals = &self.machine.journals;
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

    /// Runs the init containers in order, then the containers.
    async fn run_processes(&self, notes: &impl Notes) -> Ended {
        for container in list(&self.pod, "initContainers") {
            let exit = self.run_container(container).await;
            notes.note(|pod| status::terminated(pod, &name_of(container), &exit, true)).await;
            if self.is_stopped() {
                return Ended::Stopped;
            }
            if exit.code != 0 {
                return Ended::Failed;
            }
        }
        notes.note(|pod| self.mark_running(pod)).await;
        let all = list(&self.pod, "containers").map(async |container| {
            let exit = self.run_container(container).await;
            notes.note(|pod| status::terminated(pod, &name_of(container), &exit, false)).await;
            if let Some(log) = self.logs.get(&name_of(container)) {
                log.close();
            }
            exit.code == 0
        });
        let succeeded = join_all(all).await.into_iter().all(|success| success);
        match (succeeded, self.is_stopped()) {
            // A pod that had done its work before it was stopped has succeeded.
            (true, _) => Ended::Succeeded,
            (false, true) => Ended::Stopped,
            (false, false) => Ended::Failed,
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    async fn run_container(&self, container: &Value) -> Exit {
        let log = self.logs.get(&name_of(container)).cloned().unwrap_or_else(Log::new);
        let mut stop = self.stop.clone();
        if !is_process(container) {
            if list(&self.pod, "initContainers").any(|one| one["name"] == container["name"]) {
                return Exit::with_code(0);
            }
            // The sender lives as long as the pod is known; either way there is nothing left to run.
            let _ = stop.wait_for(|stop| *stop).await;
            return Exit::with_code(137);
        }
        let kill_after = match self.faults.get(&name_of(container)).copied() {
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
            rsync: self.machine.settings.rsync.clone(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            mounts: mounts::of_container(container, &self.mounts),
            directory: self.machine.volumes.scratch_root(),
            bandwidth: self.machine.settings.rsync_bandwidth,
            kill_after,
        };
        let mut exit = process::run(job, Arc::clone(&log), stop).await;
        if exit.code != 0
            && exit.message.is_none()
            && object::text(container, "/terminationMessagePolicy") == Some("FallbackToLogsOnError")
        {
            exit.message = Some(log.last_words()).filter(|words| !words.is_empty());
        }
        exit
    }
}

fn list<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object::items(pod, &format!("/spec/{list}")).iter()
}

fn name_of(container: &Value) -> String {
    object::text(container, "/name").unwrap_or_default().to_owned()
}

/// Tells whether a pod's containers may be run as real processes: only those that are to run once, as copies are. A
/// workload that happens to be an rsync daemon is taken to run like any other.
///
/// A pod that a controller has made is a workload's: a Job's own rsync is not run on this machine.
fn runs_once(pod: &Value) -> bool {
    object::text(pod, "/spec/restartPolicy") == Some("Never") && object::controller_of(pod).is_none()
}

/// Tells whether a container of such a pod is run as a real process.
fn is_process(container: &Value) -> bool {
    object::texts(container, "/command").first() == Some(&"rsync")
}

/// Which line of its journal a workload writes.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Start,
    Running,
    Stop,
}
