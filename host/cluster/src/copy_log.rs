//! The end of a finished copy's log: rsync's totals, or its last words. Read once a pass.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::LogParams;
use pvmigrate_core::copy_report::{self, CopyReport};
use pvmigrate_core::ports::PortError;
use pvmigrate_core::record::Uid;

use crate::error::Error;
use crate::resources::Resources;
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::pod::{CopyPod, SeenPod};
use pvmigrate_objects::from_resource::pod_progress::last_words;

/// rsync's totals are its last 17 lines; more, in case warnings of its own come after them.
const TAIL: i64 = 64;

/// How often a log is asked for before the copy counts as unproven: its node may be gone for good.
const TRIES: u32 = 4;

/// The end of a finished copy's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogTail {
    /// rsync's totals, or why they prove nothing.
    pub(crate) report: Result<CopyReport, String>,
    /// Its last words, for people.
    pub(crate) last_words: String,
}

impl LogTail {
    fn of(log: &str) -> Self {
        Self { report: copy_report::read(log).map_err(|error| error.to_string()), last_words: last_words(log) }
    }

    fn unreadable(error: &Error) -> Self {
        Self { report: Err(format!("its log cannot be read: {error}")), last_words: String::new() }
    }
}

/// One pass: its pod's uid, and its container there.
pub(crate) type Pass = (Uid, String);

/// Names the pass of a pod for one claim.
pub(crate) fn pass(pod: &SeenPod, copy: &CopyPod) -> Pass {
    (pod.uid.clone(), copy.container.clone())
}

/// The ends of the logs of finished passes.
pub(crate) type LogTails = HashMap<Pass, LogTail>;

/// The ends of the logs of finished copies, kept so that none is read twice.
#[derive(Debug, Default)]
pub(crate) struct CopyLogs {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tails: LogTails,
    failures: HashMap<Pass, u32>,
}

impl CopyLogs {
    /// Returns the ends of the passes' logs, reading the logs of those not read before.
    ///
    /// # Errors
    /// When a log cannot be read now, but perhaps later, and when the permission is missing.
    pub(crate) async fn of(&self, client: &Client, copies: &[(&SeenPod, &CopyPod)]) -> Result<LogTails, Error> {
        let mut all = HashMap::new();
        for (pod, copy) in copies {
            let pass = pass(pod, copy);
            let known = self.locked(|kept| kept.tails.get(&pass).cloned());
            let tail = match known {
                Some(tail) => tail,
                None => self.read(client, &pod.key, &pass).await?,
            };
            all.insert(pass, tail);
        }
        Ok(all)
    }

    async fn read(&self, client: &Client, pod: &Key, pass: &Pass) -> Result<LogTail, Error> {
        let (_, container) = pass;
        let pods = Resources::<Pod>::of(client, &pod.namespace);
        let params = LogParams { container: Some(container.clone()), tail_lines: Some(TAIL), ..LogParams::default() };
        let tail = match pods.log(&pod.name, &params).await {
            Ok(log) => LogTail::of(&log),
            Err(error) if error.is_forbidden() => return Err(error),
            Err(error) if error.is_transient() && !self.is_given_up(pass) => return Err(error),
            Err(error) => LogTail::unreadable(&error),
        };
        self.locked(|kept| kept.tails.insert(pass.clone(), tail.clone()));
        Ok(tail)
    }

    fn is_given_up(&self, pass: &Pass) -> bool {
        self.locked(|kept| {
            let failures = kept.failures.entry(pass.clone()).or_default();
            *failures += 1;
            *failures >= TRIES
        })
    }

    fn locked<R>(&self, with: impl FnOnce(&mut Kept) -> R) -> R {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
