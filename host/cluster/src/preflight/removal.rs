//! The end of a trial: everything that it made is removed, its volume included, and what stays is named.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Resource;
use kube::api::ListParams;
use pvmigrate_core::observation::RETAIN;
use pvmigrate_core::record::Uid;
use serde::de::DeserializeOwned;

use super::{Bench, Pair, is_trial, lock};
use crate::cache::Cache;
use crate::error::Error;
use crate::manifest::patch;
use crate::resources::{Changed, Deleted, Only, Resources};
use pvmigrate_objects::from_resource::volume::{
    BOUND_BY_CONTROLLER, PROVISIONED_BY, SeenVolume, facts, holder, reclaim,
};
use pvmigrate_objects::from_resource::{Kept, Key, annotation, claim as of_claim, uid, version};

/// How many conflicting writes of others are tolerated, with a fresh look at the object after each.
const TRIES: usize = 5;

/// What is being deleted, and since when.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    pod: Option<Uid>,
    claim: Option<Uid>,
    since: Option<Instant>,
}

impl Leaving {
    /// Returns how much of a limit is left.
    fn left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

impl Bench<'_> {
    /// Has claim and pod removed.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        let made = lock(&self.made).clone();
        let claim = self.claim_key().name;
        if self.retains {
            self.let_volume_go(&claim).await?;
        }
        let pod = remove(&self.pods(), &self.pod_key().name, made.pod).await?;
        let claim = remove(&self.claims(), &claim, made.claim).await?;
        *lock(&self.leaving) = Leaving { pod, claim, since: Some(Instant::now()) };
        *lock(&self.made) = Pair::default();
        Ok(())
    }

    /// Waits until claim, pod and volume are gone; names what stays.
    pub(super) async fn gone(&self) -> Option<String> {
        if let Some(stays) = self.objects_stay().await {
            return Some(stays);
        }
        let claim = lock(&self.leaving).claim.clone()?;
        if self.retains
            && let Some(stays) = self.free_late(&claim).await
        {
            return Some(stays);
        }
        self.volume_stays(&claim).await
    }

    /// Waits until claim and pod are gone; names what stays.
    pub(super) async fn objects_stay(&self) -> Option<String> {
        let leaving = lock(&self.leaving).clone();
        let left = leaving.left(self.removal);
        let pod = stays(&self.caches.pods, &self.pod_key(), leaving.pod, ("pod", left, self.removal)).await;
        match pod {
            Some(pod) => Some(pod),
            None => stays(&self.caches.claims, &self.claim_key(), leaving.claim, ("pvc", left, self.removal)).await,
        }
    }

    /// Waits until the volume of the trial's claim is gone; names it, and its disk, when it stays.
    async fn volume_stays(&self, claim: &Uid) -> Option<String> {
        let name = self.volume_of(claim)?.volume.name.clone();
        let left = lock(&self.leaving).left(self.removal);
        let key = Key::new("", &name);
        let is_gone = |seen: Option<&SeenVolume>| seen.is_none_or(|seen| !holds(seen, claim));
        if self.caches.volumes.until(&key, left, is_gone).await {
            return None;
        }
        let found = Resources::<PersistentVolume>::whole(self.client).get(&name).await;
        let disk = match &found {
            Ok(Some(volume)) => facts(volume).handle.map_or_else(String::new, |handle| format!(" (disk {handle})")),
            Ok(None) => return None,
            Err(error) => format!(" (its disk is unknown: {error})"),
        };
        Some(format!(
            "the trial's volume {name}{disk} is still there {} s after its claim was deleted; see what holds it with \
             kubectl describe pv {name}, and delete volume and disk once nothing does; --delete-pv-timeout waits longer",
            self.removal.as_secs()
        ))
    }

    /// Returns the volume that is reserved for a claim.
    fn volume_of(&self, claim: &Uid) -> Option<Arc<SeenVolume>> {
        self.caches.volumes.in_namespace("").into_iter().find(|seen| holds(seen, claim))
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
        let name = self.volume_of(claim).filter(|seen| seen.volume.is_retained())?.volume.name.clone();
        let freed = self.free(&name, claim).await;
        freed.err().map(|error| format!("the trial's volume {name} still exists: {error}"))
    }

    /// Has the provisioner free a volume that it made for this claim.
    async fn free(&self, name: &str, claim: &Uid) -> Result<(), Error> {
        let volumes = Resources::<PersistentVolume>::whole(self.client);
        for _ in 0..TRIES {
            let Some(volume) = volumes.get(name).await? else { return Ok(()) };
            // A volume that an administrator made by hand, or that was free before, is not ours to give away.
            let is_provisioned = annotation(&volume.metadata, PROVISIONED_BY).is_some()
                && annotation(&volume.metadata, BOUND_BY_CONTROLLER).is_none();
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

/// Tells whether a volume is reserved for a claim.
fn holds(seen: &SeenVolume, claim: &Uid) -> bool {
    seen.volume.holder.as_ref().and_then(|holder| holder.uid.as_ref()) == Some(claim)
}

/// Waits for the time that is `left` until an object is gone; says so when it stays.
async fn stays<T: Kept>(
    cache: &Cache<T>,
    key: &Key,
    leaving: Option<Uid>,
    (word, left, limit): (&str, Duration, Duration),
) -> Option<String> {
    let leaving = leaving?;
    let is_gone = cache.until(key, left, |seen| seen.is_none_or(|seen| *seen.uid() != leaving)).await;
    let Key { namespace, name } = key;
    let seconds = limit.as_secs();
    (!is_gone).then(|| {
        format!(
            "the trial's {word} {name} in namespace {namespace} is still there after {seconds} s; see what holds it with \
             kubectl describe -n {namespace} {word} {name}"
        )
    })
}
