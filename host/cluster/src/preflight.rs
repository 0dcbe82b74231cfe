//! Tries out whether a class really provisions what is going to be asked of it: a claim of 1 MiB and a pod that mounts it,
//! for each distinct combination, all side by side, all removed again.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::{Client, Resource};
use pvmigrate_core::cause::Setting;
use pvmigrate_core::observation::RETAIN;
use pvmigrate_core::ports::PortError;
use pvmigrate_core::record::Uid;
use pvmigrate_core::trial::{Trial, TrialClaim, TrialFailure, TrialResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::caches::Caches;
use crate::error::Error;
use crate::manifest::preflight as manifest;
use crate::resources::{Created, Resources};
use crate::watched::Watched;
use pvmigrate_objects::from_resource::{Kept, Reads};
use pvmigrate_objects::from_resource::{Key, annotation, uid};

mod outcome;
mod removal;

use removal::Leaving;

/// How long the trial of another process is waited for, and how old it may be: an older one was left by a killed run.
const OTHERS: Duration = Duration::from_secs(30);

impl Watched {
    /// Prepares trials of a class; nothing is made yet. `removal` is how long what they make may take to go at the end.
    ///
    /// # Errors
    /// When the API server cannot be reached, or the class does not exist.
    pub async fn preflight<'a>(
        &'a self,
        trials: &'a [Trial],
        class: &'a str,
        image: &'a str,
        flags: &'a [String],
        removal: Duration,
    ) -> Result<Preflight<'a>, Error> {
        let (client, caches) = self.parts();
        let classes = Resources::<StorageClass>::whole(client);
        let Some(found) = classes.get(class).await? else {
            let message = format!("StorageClass {class} not found");
            return Err(Error::NotFound { action: classes.action("get").on(class), message });
        };
        let retains = found.reclaim_policy.as_deref() == Some(RETAIN);
        let benches = trials.iter().map(|trial| Bench {
            client,
            caches,
            trial,
            class,
            image,
            flags,
            retains,
            removal,
            made: Mutex::default(),
            leaving: Mutex::default(),
        });
        Ok(Preflight { benches: benches.collect() })
    }
}

/// The trials of a run.
pub struct Preflight<'a> {
    benches: Vec<Bench<'a>>,
}

impl Debug for Preflight<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.benches.iter().map(|bench| bench.trial)).finish()
    }
}

impl Preflight<'_> {
    /// Makes all trials side by side and waits for their outcomes, in the order of the trials. May be dropped, or called
    /// again; [`Self::remove`] must follow in any case.
    ///
    /// What a killed run left of the same trial is removed first. A refusal by the API server is that trial's failure.
    ///
    /// # Errors
    /// When the API server cannot be reached.
    pub async fn results(&self, ready_timeout: Duration) -> Result<Vec<TrialResult>, Error> {
        join_all(self.benches.iter().map(|bench| bench.result(ready_timeout))).await.into_iter().collect()
    }

    /// Removes everything that the trials have made, and returns what could not be removed, in words.
    ///
    /// # Errors
    /// When the API server cannot be reached.
    pub async fn remove(&self) -> Result<Vec<String>, Error> {
        let mut left = Vec::new();
        for removed in join_all(self.benches.iter().map(Bench::remove)).await {
            match removed {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => left.push(error.to_string()),
            }
        }
        Ok(left)
    }

    /// Waits until all of it is gone, and returns what stays, in words.
    pub async fn gone(&self) -> Vec<String> {
        join_all(self.benches.iter().map(Bench::gone)).await.into_iter().flatten().collect()
    }
}

/// One trial at work.
struct Bench<'a> {
    client: &'a Client,
    caches: &'a Caches,
    trial: &'a Trial,
    class: &'a str,
    image: &'a str,
    /// The user's flags for rsync.
    flags: &'a [String],
    /// The class keeps volumes, so that a trial's would stay behind.
    retains: bool,
    /// How long what it made may take to go.
    removal: Duration,
    /// What it has made for certain. What it may have made besides, when an answer was lost, is looked for.
    made: Mutex<Pair>,
    /// What is being deleted.
    leaving: Mutex<Leaving>,
}

/// The objects of one trial.
#[derive(Clone, Debug, Default)]
struct Pair {
    claim: Option<Uid>,
    pod: Option<Uid>,
}

fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bench<'_> {
    fn claims(&self) -> Resources<PersistentVolumeClaim> {
        Resources::of(self.client, &self.trial.namespace)
    }

    fn pods(&self) -> Resources<Pod> {
        Resources::of(self.client, &self.trial.namespace)
    }

    fn claim_key(&self) -> Key {
        Key::new(&self.trial.namespace, &manifest::claim_name(self.trial, self.class))
    }

    fn pod_key(&self) -> Key {
        Key::new(&self.trial.namespace, &manifest::pod_name(self.trial, self.class))
    }

    fn setting(&self) -> Setting<'_> {
        Setting { namespace: &self.trial.namespace, class: self.class, image: self.image }
    }

    async fn result(&self, ready_timeout: Duration) -> Result<TrialResult, Error> {
        let failure = match self.run(ready_timeout).await {
            Ok(failure) => failure,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => Some(TrialFailure::of(error.to_string(), &[error.to_string()], &self.setting())),
        };
        Ok(TrialResult { trial: self.trial.clone(), failure })
    }

    /// Makes claim and pod and waits; returns why it failed, if it did.
    async fn run(&self, ready_timeout: Duration) -> Result<Option<TrialFailure>, Error> {
        let manifest = manifest::claim(self.trial, self.class);
        let claim = if self.trial.claim == TrialClaim::Made {
            let claim = self.make(&self.claims(), &self.caches.claims, &manifest).await?;
            let claim = uid(&claim.metadata);
            lock(&self.made).claim = Some(claim.clone());
            Some(claim)
        } else {
            self.claims().rehearse_create(&manifest).await?;
            None
        };
        let manifest = manifest::pod(self.trial, self.class, self.image, self.flags);
        let pod = self.make(&self.pods(), &self.caches.pods, &manifest).await?;
        let pod = uid(&pod.metadata);
        lock(&self.made).pod = Some(pod.clone());
        self.outcome(ready_timeout, claim.as_ref(), &pod).await
    }

    /// Creates an object; another process's is waited for, and one that a killed run left is removed first.
    async fn make<K, T>(&self, resources: &Resources<K>, cache: &Cache<T>, object: &K) -> Result<K, Error>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
        T: Reads<K>,
    {
        let mut created = resources.create(object).await?;
        if matches!(created, Created::Exists) && await_others(resources, cache, object).await? {
            created = resources.create(object).await?;
        }
        if matches!(created, Created::Exists) {
            self.remove().await?;
            if let Some(left) = self.objects_stay().await {
                let name = object.meta().name.clone().unwrap_or_default();
                return Err(Error::Invalid { action: resources.action("create").on(&name), code: 409, message: left });
            }
            created = resources.create(object).await?;
        }
        match created {
            Created::Made(made) => {
                if let Some(seen) = T::read(&made) {
                    cache.saw(seen);
                }
                Ok(made)
            }
            Created::Exists => {
                let name = object.meta().name.clone().unwrap_or_default();
                let message = "another process is running the same trial".to_owned();
                Err(Error::Invalid { action: resources.action("create").on(&name), code: 409, message })
            }
        }
    }
}

/// Waits for an object of the same name to go, if another process may have made it just now for a trial of its own; tells
/// whether it went.
async fn await_others<K, T: Kept>(resources: &Resources<K>, cache: &Cache<T>, object: &K) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let key = Key::of(object.meta());
    let Some(found) = resources.get(&key.name).await? else { return Ok(true) };
    let made = found.meta().creation_timestamp.as_ref().map(|made| made.0);
    // The two clocks may differ by a little; then it is waited for in vain, or not at all.
    let is_new = made.is_some_and(|made| Timestamp::now().duration_since(made).unsigned_abs() < OTHERS);
    if !is_trial(&found) || !is_new {
        return Ok(false);
    }
    let uid = uid(found.meta());
    Ok(cache.until(&key, OTHERS, |seen| seen.is_none_or(|seen| *seen.uid() != uid)).await)
}

fn is_trial<K: Resource>(object: &K) -> bool {
    annotation(object.meta(), manifest::TRIAL).is_some()
}
