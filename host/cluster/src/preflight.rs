//! Tries out whether a class really provisions what is going to be asked of it: a claim of 1 MiB and a pod that mounts it,
//! for each distinct combination, all side by side, all removed again.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Client, Resource};
use pvmigrate_core::observation::RETAIN;
use pvmigrate_core::ports::PortError;
use pvmigrate_core::record::Uid;
use pvmigrate_core::trial::{Trial, TrialResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::caches::Caches;
use crate::error::Error;
use crate::manifest::{patch, preflight as manifest};
use crate::resources::{Changed, Created, Deleted, Only, Resources};
use crate::watched::Watched;
use pvmigrate_objects::from_resource::event::SeenEvent;
use pvmigrate_objects::from_resource::pod::SeenPod;
use pvmigrate_objects::from_resource::pod_progress::{trial_failure, trouble_of_any};
use pvmigrate_objects::from_resource::volume::{PROVISIONED_BY, SeenVolume, holder, reclaim};
use pvmigrate_objects::from_resource::{Kept, Reads};
use pvmigrate_objects::from_resource::{Key, annotation, claim as of_claim, uid, version};

/// How long the objects of a trial may take to go: a provisioner's delete, and a node's unmount.
const REMOVAL: Duration = Duration::from_secs(120);

/// How long the trial of another process is waited for, and how old it may be: an older one was left by a killed run.
const OTHERS: Duration = Duration::from_secs(30);

/// How many conflicting writes of others are tolerated, with a fresh look at the object after each.
const TRIES: usize = 5;

impl Watched {
    /// Prepares trials of a class; nothing is made yet.
    ///
    /// # Errors
    /// When the API server cannot be reached, or the class does not exist.
    pub async fn preflight<'a>(
        &'a self,
        trials: &'a [Trial],
        class: &'a str,
        image: &'a str,
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
            retains,
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
    /// The class keeps volumes, so that a trial's would stay behind.
    retains: bool,
    /// What it has made for certain. What it may have made besides, when an answer was lost, is looked for.
    made: Mutex<Pair>,
    /// What is being deleted.
    leaving: Mutex<Pair>,
}

/// The objects of one trial.
#[derive(Clone, Debug, Default)]
struct Pair {
    claim: Option<Uid>,
    pod: Option<Uid>,
}

fn lock(pair: &Mutex<Pair>) -> MutexGuard<'_, Pair> {
    pair.lock().unwrap_or_else(PoisonError::into_inner)
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

    async fn result(&self, ready_timeout: Duration) -> Result<TrialResult, Error> {
        let failure = match self.run(ready_timeout).await {
            Ok(failure) => failure,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        Ok(TrialResult { trial: self.trial.clone(), failure })
    }

    /// Makes claim and pod and waits; returns why it failed, if it did.
    async fn run(&self, ready_timeout: Duration) -> Result<Option<String>, Error> {
        let claim = self.make(&self.claims(), &self.caches.claims, &manifest::claim(self.trial, self.class)).await?;
        lock(&self.made).claim = Some(uid(&claim.metadata));
        let manifest = manifest::pod(self.trial, self.class, self.image);
        let pod = self.make(&self.pods(), &self.caches.pods, &manifest).await?;
        lock(&self.made).pod = Some(uid(&pod.metadata));
        let key = self.pod_key();
        let is_over = |seen: Option<&SeenPod>| seen.is_none_or(|seen| seen.finished);
        if !self.caches.pods.until(&key, ready_timeout, is_over).await {
            self.caches.broken.check()?;
            return self.why(ready_timeout, &uid(&claim.metadata), &uid(&pod.metadata)).await.map(Some);
        }
        // Its rsync has to end well, which is more than Ready: it shows that the image has one.
        Ok(trial_failure(self.pods().get(&key.name).await?.as_ref()))
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
            if let Some(left) = self.gone().await.into_iter().next() {
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

    /// Says why the pod is not ready, after the time is up.
    async fn why(&self, waited: Duration, claim: &Uid, pod: &Uid) -> Result<String, Error> {
        let (claim_key, pod_key) = (self.claim_key(), self.pod_key());
        let mut parts = Vec::new();
        let mut may_list = true;
        for (kind, key, uid) in [("PersistentVolumeClaim", &claim_key, claim), ("Pod", &pod_key, pod)] {
            match self.newest_event(kind, key, uid).await {
                Ok(words) => parts.extend(words),
                Err(error) if error.is_forbidden() => may_list = false,
                Err(error) => return Err(error),
            }
        }
        if parts.is_empty() {
            let found = self.claims().get(&claim_key.name).await?;
            let phase = found.as_ref().map_or("gone", |claim| of_claim::phase(claim)).to_owned();
            parts.push(format!("the claim is {phase}"));
            let pod = self.pods().get(&pod_key.name).await?;
            parts.extend(pod.as_ref().and_then(trouble_of_any));
        }
        if !may_list {
            parts.push(
                "the provisioner's own reason is unknown, because the credentials may not list events".to_owned(),
            );
        }
        Ok(format!("not ready after {} s: {}", waited.as_secs(), parts.join("; ")))
    }

    async fn newest_event(&self, kind: &str, key: &Key, uid: &Uid) -> Result<Option<String>, Error> {
        let about = ListParams::default().fields(&format!("type=Warning,involvedObject.name={}", key.name));
        let listed = Resources::<Event>::of(self.client, &key.namespace).list(&about).await?;
        let events = listed.items.iter().filter_map(SeenEvent::read).filter(|event| event.is_about(kind, key, uid));
        Ok(events.max_by_key(|event| event.at).map(|event| event.words))
    }

    /// Has claim and pod removed.
    async fn remove(&self) -> Result<(), Error> {
        let made = lock(&self.made).clone();
        let claim = self.claim_key().name;
        if self.retains {
            self.let_volume_go(&claim).await?;
        }
        let pod = remove(&self.pods(), &self.pod_key().name, made.pod).await?;
        lock(&self.leaving).pod = pod;
        let claim = remove(&self.claims(), &claim, made.claim).await?;
        lock(&self.leaving).claim = claim;
        *lock(&self.made) = Pair::default();
        Ok(())
    }

    /// Waits until claim and pod are gone; names what stays.
    async fn gone(&self) -> Option<String> {
        let leaving = lock(&self.leaving).clone();
        let pod = stays(&self.caches.pods, &self.pod_key(), leaving.pod, "pod").await;
        let stays = pod.or(stays(&self.caches.claims, &self.claim_key(), leaving.claim.clone(), "pvc").await);
        match leaving.claim {
            Some(claim) if self.retains && stays.is_none() => self.free_late(&claim).await,
            Some(_) | None => stays,
        }
    }

    /// Has the provisioner free the trial's volume, although the class keeps volumes.
    ///
    /// A volume is provisioned with the claim's uid, and the claim names it a moment later: until then all are looked through.
    async fn let_volume_go(&self, claim: &str) -> Result<(), Error> {
        let Some(found) = self.claims().get(claim).await?.filter(is_trial) else { return Ok(()) };
        let claim = uid(&found.metadata);
        if let Some(name) = of_claim::volume_name(&found) {
            return self.free(&name, &claim).await;
        }
        let volumes = Resources::<PersistentVolume>::whole(self.client).list(&ListParams::default()).await?;
        let is_its = |volume: &&PersistentVolume| holder(volume).and_then(|holder| holder.uid).as_ref() == Some(&claim);
        match volumes.items.iter().find(is_its) {
            Some(volume) => self.free(&Key::of(&volume.metadata).name, &claim).await,
            None => Ok(()),
        }
    }

    /// Frees a volume that came when the trial was being removed already; names it when it stays.
    async fn free_late(&self, claim: &Uid) -> Option<String> {
        let volumes = self.caches.volumes.in_namespace("");
        let holds = |seen: &SeenVolume| seen.volume.holder.as_ref().and_then(|it| it.uid.as_ref()) == Some(claim);
        let name = volumes.iter().find(|seen| holds(seen) && seen.volume.is_retained())?.volume.name.clone();
        let freed = self.free(&name, claim).await;
        freed.err().map(|error| format!("the trial's volume {name} still exists: {error}"))
    }

    /// Has the provisioner free a volume that it made for this claim.
    async fn free(&self, name: &str, claim: &Uid) -> Result<(), Error> {
        let volumes = Resources::<PersistentVolume>::whole(self.client);
        for _ in 0..TRIES {
            let Some(volume) = volumes.get(name).await? else { return Ok(()) };
            // A volume that an administrator made by hand is not ours to give away.
            let is_provisioned = annotation(&volume.metadata, PROVISIONED_BY).is_some();
            let is_held = holder(&volume).and_then(|holder| holder.uid).as_ref() == Some(claim);
            if !is_provisioned || !is_held || reclaim(&volume) != RETAIN {
                return Ok(());
            }
            match volumes.patch(name, &patch::reclaim(&version(&volume.metadata), "Delete")).await? {
                Changed::To(_) | Changed::Missing => return Ok(()),
                Changed::Conflict => {}
            }
        }
        let message = "it keeps changing, so the volume of a trial stays behind".to_owned();
        Err(Error::Conflict { action: volumes.action("patch").on(name), message })
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

/// Deletes an object of a trial, if there is one, and returns which is going. Somebody else's object of that name is
/// left alone, with an error where it is not known which one was made.
async fn remove<K>(resources: &Resources<K>, name: &str, made: Option<Uid>) -> Result<Option<Uid>, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut guess = made.clone();
    for _ in 0..TRIES {
        let uid = match guess.take() {
            Some(uid) => uid,
            None => {
                let Some(found) = resources.get(name).await? else { return Ok(None) };
                let uid = uid(found.meta());
                if made.as_ref().is_some_and(|made| *made != uid) {
                    return Ok(None);
                }
                if !is_trial(&found) {
                    let message = "an object of this name exists and was not made by a trial".to_owned();
                    return Err(Error::Invalid { action: resources.action("delete").on(name), code: 409, message });
                }
                uid
            }
        };
        let only = Only { grace_seconds: Some(0), ..Only::uid(&uid) };
        match resources.delete(name, &only).await? {
            Deleted::Ending(_) | Deleted::Gone => return Ok(Some(uid)),
            Deleted::Missing => return Ok(None),
            // The name belongs to another object by now, or somebody wrote first: a look shows which.
            Deleted::Conflict => {}
        }
    }
    Err(Error::Conflict { action: resources.action("delete").on(name), message: "it keeps changing".to_owned() })
}

/// Waits until an object is gone; says so when it stays.
async fn stays<T: Kept>(cache: &Cache<T>, key: &Key, leaving: Option<Uid>, word: &str) -> Option<String> {
    let leaving = leaving?;
    let is_gone = cache.until(key, REMOVAL, |seen| seen.is_none_or(|seen| *seen.uid() != leaving)).await;
    let Key { namespace, name } = key;
    let seconds = REMOVAL.as_secs();
    (!is_gone).then(|| {
        format!(
            "the trial's {word} {name} in namespace {namespace} is still there after {seconds} s; see what holds it with \
             kubectl describe -n {namespace} {word} {name}"
        )
    })
}
