//! The outcome of a trial: awaited for as long as it can still be good, and explained when it is not.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use pvmigrate_core::cause::{Cause, Patience};
use pvmigrate_core::record::Uid;
use pvmigrate_core::text::printable;
use pvmigrate_core::trial::TrialFailure;

use super::Bench;
use crate::error::Error;
use crate::resources::Resources;
use pvmigrate_objects::from_resource::event::SeenEvent;
use pvmigrate_objects::from_resource::pod_progress::{trial_failure, trouble_of_any};
use pvmigrate_objects::from_resource::{Key, Reads, WORDS, claim as of_claim};

/// Which part of the whole time is a moment ([`Patience::Moment`]): 10 s of the 60 s that are usual.
const MOMENT: u32 = 6;

/// Reasons of events with which a cluster that grows by itself tells that a node comes for the pod: the cluster
/// autoscaler's and Karpenter's.
const NODE_COMES: [&str; 2] = ["TriggeredScaleUp", "Nominated"];

/// Events by which the volume controller and an external provisioner tell that they wait or work. They are no warnings, and
/// say something only where nobody warns.
const UNDER_WAY: [&str; 2] = ["Provisioning", "ExternalProvisioning"];

/// What events say about one object.
#[derive(Debug, Default)]
struct Said {
    /// The newest warning.
    warning: Option<String>,
    /// The reasons and words of the others.
    others: Vec<(String, String)>,
}

impl Said {
    /// Returns the words that say the most.
    fn words(&self) -> Option<String> {
        let under_way =
            |reason: &&str| self.others.iter().find(|(said, _)| said == reason).map(|(_, words)| words.clone());
        self.warning.clone().or_else(|| UNDER_WAY.iter().find_map(under_way))
    }
}

impl Bench<'_> {
    /// Waits for the pod to end well, which is more than Ready: it shows that the image has an rsync. Returns why it did
    /// not, as soon as it is known that it will not.
    pub(super) async fn outcome(
        &self,
        ready_timeout: Duration,
        claim: Option<&Uid>,
        pod: &Uid,
    ) -> Result<Option<TrialFailure>, Error> {
        let key = self.pod_key();
        let began = Instant::now();
        let mut wake = self.caches.hub.wake(&key.namespace);
        let mut known: Option<(Cause, Instant)> = None;
        let mut node_comes = false;
        loop {
            if self.caches.pods.get(&key).is_none_or(|seen| seen.finished) {
                let found = self.pods().get(&key.name).await?;
                let failed = trial_failure(found.as_ref());
                return Ok(failed.map(|why| TrialFailure::of(why.clone(), &[why], &self.setting())));
            }
            let words = self.watched_words(claim, pod);
            let cause = Cause::of(words.iter().map(String::as_str));
            let since = known.filter(|(known, _)| *known == cause).map_or_else(Instant::now, |(_, since)| since);
            known = Some((cause, since));
            let patience = if node_comes { Patience::Whole } else { cause.patience(&words.join("; ")) };
            let waits = match patience {
                Patience::AtOnce => Some((Duration::ZERO, began)),
                Patience::Moment => Some((ready_timeout / MOMENT, since)),
                Patience::Whole => None,
            };
            let whole = ready_timeout.saturating_sub(began.elapsed());
            let left = waits.map_or(whole, |(limit, since)| limit.saturating_sub(since.elapsed()).min(whole));
            if left.is_zero() {
                if !whole.is_zero() && patience == Patience::Moment && self.node_comes(pod).await? {
                    node_comes = true;
                    continue;
                }
                self.caches.broken.check()?;
                let waited = waits.map_or(ready_timeout, |(limit, _)| limit.min(ready_timeout));
                return self.why(waited, claim, pod).await.map(Some);
            }
            // Only the time may be up: what has changed is looked at in any case.
            let _ = tokio::time::timeout(left, wake.changed()).await;
        }
    }

    /// Returns what the watches show of claim and pod, the claim's first.
    fn watched_words(&self, claim: Option<&Uid>, pod: &Uid) -> Vec<String> {
        let (claim_key, pod_key) = (self.claim_key(), self.pod_key());
        let events = self.caches.events.in_namespace(&pod_key.namespace);
        let newest = |kind: &str, key: &Key, uid: &Uid| {
            let about = events.iter().filter(|event| event.is_about(kind, key, uid) && says_something(&event.words));
            about.max_by_key(|event| event.at).map(|event| event.words.clone())
        };
        let of_claim = claim.and_then(|uid| newest("PersistentVolumeClaim", &claim_key, uid));
        let of_pod = newest("Pod", &pod_key, pod);
        let own = self.caches.pods.get(&pod_key).and_then(|seen| seen.trouble.clone());
        of_claim.into_iter().chain(of_pod).chain(own).collect()
    }

    /// Tells whether the cluster is getting a node for the pod.
    async fn node_comes(&self, pod: &Uid) -> Result<bool, Error> {
        match self.said("Pod", &self.pod_key(), pod).await {
            Ok(said) => Ok(said.others.iter().any(|(reason, _)| NODE_COMES.contains(&reason.as_str()))),
            Err(error) if error.is_forbidden() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says why the pod has not ended well in the time that was `waited`.
    async fn why(&self, waited: Duration, claim: Option<&Uid>, pod: &Uid) -> Result<TrialFailure, Error> {
        let (claim_key, pod_key) = (self.claim_key(), self.pod_key());
        let mut parts = Vec::new();
        let mut may_list = true;
        for (kind, key, uid) in [("PersistentVolumeClaim", &claim_key, claim), ("Pod", &pod_key, Some(pod))] {
            let Some(uid) = uid else { continue };
            match self.said(kind, key, uid).await {
                Ok(said) => parts.extend(said.words()),
                Err(error) if error.is_forbidden() => may_list = false,
                Err(error) => return Err(error),
            }
        }
        if parts.is_empty() && claim.is_some() {
            let found = self.claims().get(&claim_key.name).await?;
            let phase = found.as_ref().map_or("gone", |claim| of_claim::phase(claim)).to_owned();
            parts.push(format!("the claim is {phase}"));
        }
        let found = self.pods().get(&pod_key.name).await?;
        parts.extend(found.as_ref().and_then(trouble_of_any).filter(|trouble| !is_said(&parts, trouble)));
        let mut message = parts.join("; ");
        if !may_list {
            message.push_str("; the provisioner's own reason is unknown, because the credentials may not list events");
        }
        if !waited.is_zero() {
            message = format!("not ready after {} s: {message}", waited.as_secs());
        }
        Ok(TrialFailure::of(message, &parts, &self.setting()))
    }

    async fn said(&self, kind: &str, key: &Key, uid: &Uid) -> Result<Said, Error> {
        let about = ListParams::default().fields(&format!("involvedObject.name={}", key.name));
        let listed = Resources::<Event>::of(self.client, &key.namespace).list(&about).await?;
        let warnings = listed.items.iter().filter_map(SeenEvent::read);
        let warnings = warnings.filter(|event| event.is_about(kind, key, uid) && says_something(&event.words));
        let is_of_it = |event: &&Event| event.involved_object.uid.as_ref().is_none_or(|about| *about == uid.0);
        let others = listed.items.iter().filter(is_of_it).filter(|event| event.type_.as_deref() != Some("Warning"));
        let others = others.map(|event| {
            let reason = event.reason.clone().unwrap_or_default();
            let words = format!("{reason}: {}", event.message.as_deref().unwrap_or_default());
            (reason, printable(&words, WORDS))
        });
        let warning = warnings.max_by_key(|event| event.at).map(|event| event.words);
        Ok(Said { warning, others: others.collect() })
    }
}

/// Tells whether the words of an event say more than the pod's own status: kubelet warns `Failed: Error: ImagePullBackOff`
/// besides saying why.
fn says_something(words: &str) -> bool {
    !words.starts_with("Failed: Error: ")
}

/// Tells whether the message of `trouble` stands in one of the parts already, with another reason before it.
fn is_said(parts: &[String], trouble: &str) -> bool {
    let message = trouble.split_once(": ").map_or(trouble, |(_, message)| message);
    parts.iter().any(|part| part.contains(message))
}
