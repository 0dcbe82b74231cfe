//! Tries out whether a class really provisions what is going to be asked of it: a claim of 1 MiB and a pod that mounts it,
//! for each distinct combination, all side by side, all removed again.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::observation::RETAIN;
use pvmigrate_core::ports::Fault;
use pvmigrate_core::record::Uid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Reads;
use crate::error::Error;
use crate::feed::Pauses;
use crate::from_resource::event::SeenEvent;
use crate::from_resource::pod::{is_finished, phase};
use crate::from_resource::pod_progress::trouble_of_any;
use crate::from_resource::volume::{PROVISIONED_BY, holder, reclaim};
use crate::from_resource::{Key, annotation, claim as of_claim, uid, version};
use crate::manifest::{patch, preflight as manifest};
use crate::resources::{Changed, Created, Deleted, Only, Resources};

/// How long the objects of a trial may take to go: a provisioner's delete, and a node's unmount.
const REMOVAL: Duration = Duration::from_secs(120);

/// A combination to try out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// Where the claim will be.
    pub namespace: String,
    /// Its access modes.
    pub modes: Vec<AccessMode>,
    /// Its volume mode.
    pub volume_mode: VolumeMode,
}

/// Tells how a trial went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialResult {
    /// The trial.
    pub trial: Trial,
    /// Why it failed, in the provisioner's or the cluster's own words.
    pub failure: Option<String>,
}

/// Makes all trials side by side; the results are in the order of the trials.
///
/// What a trial made is removed however it went, and what a killed run left of the same trial is removed before. A
/// refusal by the API server is that trial's failure.
///
/// # Errors
/// When the API server cannot be reached, or the class does not exist.
pub async fn try_out(
    client: &Client,
    trials: &[Trial],
    class: &str,
    image: &str,
    ready_timeout: Duration,
) -> Result<Vec<TrialResult>, Error> {
    let classes = Resources::<StorageClass>::whole(client);
    let Some(found) = classes.get(class).await? else {
        let message = format!("there is no StorageClass {class}");
        return Err(Error::NotFound { action: classes.action("get").on(class), message });
    };
    let retains = found.reclaim_policy.as_deref() == Some(RETAIN);
    let benches = trials.iter().map(|trial| Bench { client, trial, class, image, retains, ready_timeout });
    join_all(benches.map(Bench::result)).await.into_iter().collect()
}

/// One trial at work.
struct Bench<'a> {
    client: &'a Client,
    trial: &'a Trial,
    class: &'a str,
    image: &'a str,
    /// The class keeps volumes, so that a trial's would stay behind.
    retains: bool,
    ready_timeout: Duration,
}

impl Bench<'_> {
    async fn result(self) -> Result<TrialResult, Error> {
        let outcome = self.run().await;
        // However it went, also when the answer to a create was lost.
        let removed = self.remove().await;
        let failure = match outcome.and_then(|failure| removed.map(|()| failure)) {
            Ok(failure) => failure,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        Ok(TrialResult { trial: self.trial.clone(), failure })
    }

    fn claims(&self) -> Resources<PersistentVolumeClaim> {
        Resources::of(self.client, &self.trial.namespace)
    }

    fn pods(&self) -> Resources<Pod> {
        Resources::of(self.client, &self.trial.namespace)
    }

    /// Makes claim and pod and waits; returns why it failed, if it did.
    async fn run(&self) -> Result<Option<String>, Error> {
        let claim = self.make(&self.claims(), &manifest::claim(self.trial, self.class)).await?;
        let pod = self.make(&self.pods(), &manifest::pod(self.trial, self.class, self.image)).await?;
        let name = manifest::pod_name(self.trial, self.class);
        let verdict = wait(&self.pods(), &name, self.ready_timeout, |pod: Option<&Pod>| match pod {
            // Its rsync has to end well, which is more than Ready: so the image has one.
            Some(pod) if phase(pod) == "Succeeded" => Some(None),
            Some(pod) if is_finished(pod) => {
                Some(Some(trouble_of_any(pod).unwrap_or_else(|| "the pod failed".to_owned())))
            }
            Some(_) => None,
            None => Some(Some("somebody deleted the pod".to_owned())),
        })
        .await?;
        match verdict {
            Some(verdict) => Ok(verdict),
            None => self.why(&uid(&claim.metadata), &uid(&pod.metadata)).await.map(Some),
        }
    }

    /// Creates an object; one that a killed run left is removed first.
    async fn make<K>(&self, resources: &Resources<K>, object: &K) -> Result<K, Error>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    {
        if let Created::Made(made) = resources.create(object).await? {
            return Ok(made);
        }
        self.remove().await?;
        let name = object.meta().name.clone().unwrap_or_default();
        match resources.create(object).await? {
            Created::Made(made) => Ok(made),
            Created::Exists => {
                let message = "another process makes the same trial at the same time".to_owned();
                Err(Error::Invalid { action: resources.action("create").on(&name), code: 409, message })
            }
        }
    }

    /// Says why the pod is not ready, after the time is up.
    async fn why(&self, claim: &Uid, pod: &Uid) -> Result<String, Error> {
        let namespace = &self.trial.namespace;
        let claim_key = Key::new(namespace, &manifest::claim_name(self.trial, self.class));
        let pod_key = Key::new(namespace, &manifest::pod_name(self.trial, self.class));
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
        Ok(format!("not ready after {} s: {}", self.ready_timeout.as_secs(), parts.join("; ")))
    }

    async fn newest_event(&self, kind: &str, key: &Key, uid: &Uid) -> Result<Option<String>, Error> {
        let about = ListParams::default().fields(&format!("type=Warning,involvedObject.name={}", key.name));
        let listed = Resources::<Event>::of(self.client, &key.namespace).list(&about).await?;
        let events = listed.items.iter().filter_map(SeenEvent::read).filter(|event| event.is_about(kind, key, uid));
        Ok(events.max_by_key(|event| event.at).map(|event| event.words))
    }

    /// Removes claim and pod, and waits until both are gone.
    async fn remove(&self) -> Result<(), Error> {
        let claim = manifest::claim_name(self.trial, self.class);
        if self.retains {
            self.let_volume_go(&claim).await?;
        }
        let pod = manifest::pod_name(self.trial, self.class);
        let pod_was_there = remove(&self.pods(), &pod).await?;
        let claim_was_there = remove(&self.claims(), &claim).await?;
        if pod_was_there {
            gone(&self.pods(), &pod).await?;
        }
        if claim_was_there {
            gone(&self.claims(), &claim).await?;
        }
        Ok(())
    }

    /// Has the provisioner free the trial's volume, although the class keeps volumes.
    async fn let_volume_go(&self, claim: &str) -> Result<(), Error> {
        let Some(found) = self.claims().get(claim).await?.filter(is_trial) else { return Ok(()) };
        let Some(name) = of_claim::volume_name(&found) else { return Ok(()) };
        let volumes = Resources::<PersistentVolume>::whole(self.client);
        let Some(volume) = volumes.get(&name).await? else { return Ok(()) };
        // A volume that an administrator made by hand is not ours to give away.
        let is_provisioned = annotation(&volume.metadata, PROVISIONED_BY).is_some();
        let is_held = holder(&volume).and_then(|holder| holder.uid) == Some(uid(&found.metadata));
        if is_provisioned && is_held && reclaim(&volume) == RETAIN {
            let patch = patch::reclaim(&version(&volume.metadata), "Delete");
            if let Changed::Conflict = volumes.patch(&name, &patch).await? {
                let message = "it changed meanwhile, so the volume of a trial stays behind".to_owned();
                return Err(Error::Conflict { action: volumes.action("patch").on(&name), message });
            }
        }
        Ok(())
    }
}

fn is_trial<K: Resource>(object: &K) -> bool {
    annotation(object.meta(), manifest::TRIAL).is_some()
}

/// Deletes an object of a trial; tells whether there was one. Somebody else's of the name is left alone, with an error.
async fn remove<K>(resources: &Resources<K>, name: &str) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let Some(found) = resources.get(name).await? else { return Ok(false) };
    if !is_trial(&found) {
        let message = "an object of this name is there, and it is not of a trial".to_owned();
        return Err(Error::Invalid { action: resources.action("delete").on(name), code: 409, message });
    }
    let only = Only { grace_seconds: Some(0), ..Only::uid(&uid(found.meta())) };
    match resources.delete(name, &only).await? {
        Deleted::Ending(_) | Deleted::Gone | Deleted::Missing | Deleted::Conflict => Ok(true),
    }
}

async fn gone<K>(resources: &Resources<K>, name: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    if wait(resources, name, REMOVAL, |object: Option<&K>| object.is_none().then_some(())).await?.is_some() {
        return Ok(());
    }
    let message = format!("it is still there after {} s; see what holds it with kubectl describe", REMOVAL.as_secs());
    Err(Error::Invalid { action: resources.action("delete").on(name), code: 409, message })
}

/// Watches one object until `enough` has an answer; `None` when the time is up.
async fn wait<K, R>(
    resources: &Resources<K>,
    name: &str,
    limit: Duration,
    enough: impl Fn(Option<&K>) -> Option<R>,
) -> Result<Option<R>, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let watch = watcher::watch_object(resources.api().clone(), name).backoff(Pauses::default());
    let mut watch = std::pin::pin!(watch);
    let found = async {
        while let Some(event) = watch.next().await {
            match event {
                Ok(object) => {
                    if let Some(answer) = enough(object.as_ref()) {
                        return Ok(Some(answer));
                    }
                }
                Err(error) => {
                    let error = Error::of_watch(&resources.action("watch").on(name), &error);
                    if !error.is_transient() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    };
    tokio::time::timeout(limit, found).await.unwrap_or(Ok(None))
}
