//! What containers run on: the local rsync, the volumes' directories, the journals, and the faults of a test.

use std::{
    io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use serde_json::Value;

use super::journal::Journals;
use crate::{Settings, object, volumes::Volumes};

/// A fault that makes copies fail.
#[derive(Debug, Clone)]
pub struct CopyFault {
    /// A part of the pod's name, or of the name of a claim that the rsync's container mounts.
    pub pod: String,
    /// How many containers with an rsync meet this fault before it is used up.
    pub attempts: u32,
    /// What happens to them.
    pub how: CopyFailure,
}

/// How a copy fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFailure {
    /// rsync is not run at all; the container ends with this code.
    Exit(i32),
    /// rsync is run and killed after this long: part of the files may have arrived.
    KilledAfter(Duration),
}

/// What all pods of one embedded cluster, or of one scene on another cluster, run on.
#[derive(Debug)]
pub struct Machine {
    pub(crate) settings: Settings,
    /// The volumes' directories.
    pub volumes: Volumes,
    /// What workload pods wrote.
    pub journals: Journals,
    faults: Mutex<Vec<CopyFault>>,
    /// Kubelets answer for what volumes hold.
    pub(crate) has_summaries: AtomicBool,
}

impl Machine {
    /// Makes the folders that the settings name.
    ///
    /// # Errors
    ///
    /// Fails when the file system refuses.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let volumes = Volumes::new(&settings.directory)?;
        Ok(Self {
            settings,
            volumes,
            journals: Journals::default(),
            faults: Mutex::default(),
            has_summaries: AtomicBool::new(false),
        })
    }

    fn faults(&self) -> MutexGuard<'_, Vec<CopyFault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next matching copies fail.
    pub fn fail_copies(&self, fault: CopyFault) {
        self.faults().push(fault);
    }

    /// Takes one attempt off the first fault that means this container of a pod.
    pub(super) fn take_fault(&self, pod: &Value, container: &Value) -> Option<CopyFailure> {
        let mounted = object::items(container, "/volumeMounts");
        let is_mounted = |volume: &&Value| mounted.iter().any(|mount| mount["name"] == volume["name"]);
        let volumes = object::items(pod, "/spec/volumes").iter().filter(is_mounted);
        let claims: Vec<String> = volumes.filter_map(|volume| object::claim_of_pod_volume(pod, volume)).collect();
        let mut faults = self.faults();
        let fault = faults.iter_mut().find(|fault| {
            fault.attempts > 0
                && (object::name(pod).contains(&fault.pod) || claims.iter().any(|claim| claim.contains(&fault.pod)))
        })?;
        fault.attempts -= 1;
        Some(fault.how)
    }

    /// Checks that a volume holds every journal line ever written for a claim, and returns how many.
    ///
    /// # Errors
    ///
    /// Says what is missing, torn, or was once missing when a pod started.
    pub fn check_journal(&self, namespace: &str, claim: &str, volume: &str) -> Result<u64, String> {
        let directory = self.volumes.directory_of(volume);
        let directory: PathBuf =
            directory.ok_or_else(|| format!("{namespace}/{claim} is not bound to a volume with a directory"))?;
        self.journals.check(namespace, claim, &directory)
    }
}
