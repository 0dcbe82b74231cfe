//! The end of a finished copy's log: rsync's totals, or its last words. Read once a pod.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::LogParams;
use pvmigrate_core::copy_report::{self, CopyReport};
use pvmigrate_core::names::CONTAINER;
use pvmigrate_core::ports::Fault;
use pvmigrate_core::record::Uid;

use crate::error::Error;
use crate::from_resource::pod::SeenPod;
use crate::from_resource::pod_progress::last_words;
use crate::resources::Resources;

/// rsync's totals are its last 17 lines; more, in case warnings of its own come after them.
const TAIL: i64 = 64;

/// How often a log is asked for before the copy counts as unproven: its node may be gone for good.
const TRIES: u32 = 4;

/// What a finished copy's log told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// rsync's totals, or why they prove nothing.
    pub(crate) report: Result<CopyReport, String>,
    /// Its last words, for people.
    pub(crate) words: String,
}

impl Told {
    fn of(log: &str) -> Self {
        Self { report: copy_report::read(log).map_err(|error| error.to_string()), words: last_words(log) }
    }

    fn nothing(error: &Error) -> Self {
        Self { report: Err(format!("its log cannot be read: {error}")), words: String::new() }
    }
}

/// Keeps what finished copies told, so that no log is read twice.
#[derive(Debug, Default)]
pub(crate) struct CopyLogs {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    told: HashMap<Uid, Told>,
    failures: HashMap<Uid, u32>,
}

impl CopyLogs {
    /// Returns what the pods told, reading the logs of those not read before.
    ///
    /// # Errors
    /// When a log cannot be had now, but perhaps later, and when the permission is missing.
    pub(crate) async fn of(&self, client: &Client, pods: &[&SeenPod]) -> Result<HashMap<Uid, Told>, Error> {
        let mut all = HashMap::new();
        for pod in pods {
            let known = self.locked(|kept| kept.told.get(&pod.uid).cloned());
            let told = match known {
                Some(told) => told,
                None => self.read(client, pod).await?,
            };
            all.insert(pod.uid.clone(), told);
        }
        Ok(all)
    }

    async fn read(&self, client: &Client, pod: &SeenPod) -> Result<Told, Error> {
        let pods = Resources::<Pod>::of(client, &pod.key.namespace);
        let params =
            LogParams { container: Some(CONTAINER.to_owned()), tail_lines: Some(TAIL), ..LogParams::default() };
        let told = match pods.log(&pod.key.name, &params).await {
            Ok(log) => Told::of(&log),
            Err(error) if error.is_forbidden() => return Err(error),
            Err(error) if error.is_transient() && !self.is_given_up(&pod.uid) => return Err(error),
            Err(error) => Told::nothing(&error),
        };
        self.locked(|kept| kept.told.insert(pod.uid.clone(), told.clone()));
        Ok(told)
    }

    fn is_given_up(&self, uid: &Uid) -> bool {
        self.locked(|kept| {
            let failures = kept.failures.entry(uid.clone()).or_default();
            *failures += 1;
            *failures >= TRIES
        })
    }

    fn locked<R>(&self, with: impl FnOnce(&mut Kept) -> R) -> R {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
