//! Looks at a group: a pure reading of the caches, and of what finished pods have logged.

use std::collections::HashMap;
use std::sync::Arc;

use pvmigrate_core::copy_report::{self, CopyReport};
use pvmigrate_core::names;
use pvmigrate_core::observation::{
    ClaimSeen, Observation, Pod, Progress, User, WorkloadSeen, destination_volume_name, other_volume_name,
};
use pvmigrate_core::record::{ClaimRecord, Purpose, Record, Uid, WorkloadRef};

use crate::caches::Caches;
use crate::copy_log::{LogTail, LogTails, pass};
use pvmigrate_objects::from_resource::Kept;
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::claim::SeenClaim;
use pvmigrate_objects::from_resource::pod::{CopyPod, SeenPod};
use pvmigrate_objects::from_resource::pod_progress::Reached;
use pvmigrate_objects::from_resource::workload::SeenWorkload;

/// Said when the cause cannot be known.
const NO_EVENTS: &str = "the cause is unknown, because the credentials may not list events";

/// The objects of one group, as the caches show them at one moment. Claims are read before pods: see [`ClaimSeen::users`].
pub(crate) struct GroupObjects<'a> {
    record: &'a Record,
    caches: &'a Caches,
    claims: HashMap<&'a str, Found>,
    pods: Vec<Arc<SeenPod>>,
}

/// The claims that belong to one recorded claim.
#[derive(Default)]
struct Found {
    named: Option<Arc<SeenClaim>>,
    destination: Option<Arc<SeenClaim>>,
    source: Option<Arc<SeenClaim>>,
}

impl<'a> GroupObjects<'a> {
    pub(crate) fn of(record: &'a Record, caches: &'a Caches) -> Self {
        let get = |name: &str| caches.claims.get(&Key::new(&record.namespace, name));
        let claims = record.claims.keys().map(|name| {
            let found = Found {
                named: get(name),
                destination: get(&names::destination_claim(name)),
                source: get(&names::source_claim(name)),
            };
            (name.as_str(), found)
        });
        let claims = claims.collect();
        Self { record, caches, claims, pods: caches.pods.in_namespace(&record.namespace) }
    }

    /// Names the claims whose original is gone.
    pub(crate) fn absent(&self) -> impl Iterator<Item = &'a str> {
        self.claims.iter().filter(|(name, found)| self.is_gone(name, found)).map(|(name, _)| *name)
    }

    fn is_gone(&self, name: &str, found: &Found) -> bool {
        let original = self.record.claims.get(name).and_then(|record| record.uid.as_ref());
        found.named.as_ref().is_none_or(|named| Some(&named.uid) != original)
    }

    /// Tells whether a copy of the claim may be about to start: only then must its users be known for certain.
    pub(crate) fn is_before_copy(&self, name: &str) -> bool {
        let Some(found) = self.claims.get(name) else { return false };
        let is_held = found.source.as_ref().is_some_and(|temp| temp.is_bound() && temp.is_run(&self.record.run));
        self.is_gone(name, found) && is_held && !self.ours(name).any(|(_, copy)| copy.purpose == Purpose::Copy)
    }

    /// Returns the finished passes of which the log has to be read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&SeenPod, &CopyPod)> {
        let ours = self.record.claims.keys().flat_map(|name| self.ours(name));
        ours.filter(|(_, copy)| matches!(copy.purpose, Purpose::Copy | Purpose::Warm)).filter(|(_, copy)| {
            match &copy.reached {
                Reached::Succeeded | Reached::Failed { explained: false, .. } => true,
                reached => has_run_to_its_end(copy.purpose, reached),
            }
        })
    }

    /// Returns the pods that serve the claim for this run, or for an interrupted one of the reference tool.
    fn ours(&self, claim: &str) -> impl Iterator<Item = (&SeenPod, &CopyPod)> {
        let copies = self.pods.iter().filter_map(move |pod| Some((pod.as_ref(), pod.copy_of(claim)?)));
        copies.filter(|(_, copy)| self.is_ours(copy))
    }

    fn is_ours(&self, copy: &CopyPod) -> bool {
        copy.run.as_ref().is_none_or(|run| *run == self.record.run)
    }

    pub(crate) fn observation(&self, logs: &LogTails) -> Observation {
        let claims = self.record.claims.iter();
        let claims = claims.map(|(name, record)| (name.clone(), self.claim(name, record, logs))).collect();
        let workloads = self.record.workloads.iter().map(|recorded| &recorded.workload);
        let workloads = workloads.filter_map(|workload| Some((workload.clone(), self.workload(workload)?))).collect();
        Observation { claims, workloads }
    }

    fn claim(&self, name: &str, record: &ClaimRecord, logs: &LogTails) -> ClaimSeen {
        let nothing = Found::default();
        let found = self.claims.get(name).unwrap_or(&nothing);
        let pods: Vec<Pod> = self.ours(name).map(|(pod, copy)| self.pod(pod, copy, logs)).collect();
        let shown =
            |claim: &Arc<SeenClaim>| claim.shown(record, false, self.is_made_by_set(claim), self.trouble_of(claim));
        let destination = found.destination.as_ref().map(|temp| {
            let fits = temp.fits(name, record, &self.record.asked.dest_class);
            // With a class that binds late, what hinders the pod hinders the claim.
            temp.shown(record, fits, false, self.trouble_of(temp).or_else(|| trouble_of_pods(&pods)))
        });
        let volume = |name: &str| self.caches.volumes.get(&Key::new("", name)).map(|seen| seen.volume.clone());
        let named = found.named.as_ref().map(shown);
        ClaimSeen {
            other_volume: named.as_ref().and_then(|named| other_volume_name(record, named)).and_then(volume),
            named,
            source: found.source.as_ref().map(shown),
            source_volume: volume(&record.source.name),
            destination_volume: destination_volume_name(record, destination.as_ref()).and_then(volume),
            destination,
            users: self.users(name),
            pods,
        }
    }

    /// Tells whether a StatefulSet of the group makes such claims.
    fn is_made_by_set(&self, claim: &SeenClaim) -> bool {
        let sets = self.record.workloads.iter().filter_map(|recorded| self.seen(&recorded.workload));
        sets.into_iter().any(|set| set.templates.iter().any(|template| template.makes(claim)))
    }

    fn seen(&self, workload: &WorkloadRef) -> Option<Arc<SeenWorkload>> {
        self.caches.workloads(workload.kind).get(&Key::new(&self.record.namespace, &workload.name))
    }

    fn users(&self, claim: &str) -> Vec<User> {
        let names = [claim.to_owned(), names::destination_claim(claim), names::source_claim(claim)];
        let is_other = |pod: &&Arc<SeenPod>| !pod.copies.iter().any(|copy| self.is_ours(copy));
        let uses = |pod: &&Arc<SeenPod>| {
            (!pod.finished || pod.node.is_some()) && names.iter().any(|name| pod.claims.contains(name))
        };
        let users = self.pods.iter().filter(is_other).filter(uses);
        let owners: Vec<Arc<SeenWorkload>> =
            self.record.workloads.iter().filter_map(|recorded| self.seen(&recorded.workload)).collect();
        let shown = |pod: &Arc<SeenPod>| User {
            pod: pod.key.name.clone(),
            placed: pod.node.is_some(),
            owned: owners.iter().any(|owner| self.is_owned(pod, owner)),
            since: pod.leaving_since.unwrap_or(pod.created),
        };
        users.map(shown).collect()
    }

    fn pod(&self, pod: &SeenPod, copy: &CopyPod, logs: &LogTails) -> Pod {
        let log = logs.get(&pass(pod, copy));
        let others = pod.copies.iter().map(|other| &other.claim).filter(|other| **other != copy.claim);
        let progress = match &copy.reached {
            Reached::Starting(trouble) => Progress::Starting(trouble.clone().or_else(|| self.trouble_of_pod(pod))),
            Reached::Running => Progress::Running,
            Reached::Succeeded => Progress::Succeeded(report(copy.purpose, log)),
            reached if has_run_to_its_end(copy.purpose, reached) => Progress::Succeeded(report(copy.purpose, log)),
            Reached::Failed { why, code, .. } => {
                let why = match log {
                    Some(log) if !log.last_words.is_empty() => format!("{why}: {}", log.last_words),
                    Some(_) | None => why.clone(),
                };
                Progress::Failed { retry: copy_report::retry(*code, &why), why }
            }
        };
        Pod {
            name: pod.key.name.clone(),
            uid: pod.uid.clone(),
            purpose: copy.purpose,
            attempt: copy.attempt,
            others: others.cloned().collect(),
            progress,
            leaving: pod.terminating && !pod.tombstone,
            created: pod.created,
        }
    }

    fn trouble_of(&self, claim: &SeenClaim) -> Option<String> {
        if claim.is_bound() {
            return None;
        }
        self.newest_event("PersistentVolumeClaim", &claim.key, &claim.uid)
    }

    fn trouble_of_pod(&self, pod: &SeenPod) -> Option<String> {
        self.newest_event("Pod", &pod.key, &pod.uid)
    }

    fn newest_event(&self, kind: &str, key: &Key, uid: &Uid) -> Option<String> {
        if !self.caches.events_permitted {
            return Some(NO_EVENTS.to_owned());
        }
        let events = self.caches.events.in_namespace(&key.namespace);
        let about = events.iter().filter(|event| event.is_about(kind, key, uid));
        about.max_by_key(|event| event.at).map(|event| event.words.clone())
    }

    fn workload(&self, workload: &WorkloadRef) -> Option<WorkloadSeen> {
        let seen = self.seen(workload)?;
        let pods = self.pods.iter().filter(|pod| !pod.finished && self.is_owned(pod, &seen));
        let (ready, late): (Vec<_>, Vec<_>) = pods.partition(|pod| pod.ready && !pod.terminating);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let trouble = |pod: &&Arc<SeenPod>| Some(format!("pod {}: {}", pod.key.name, self.trouble_of_pod(pod)?));
        Some(WorkloadSeen {
            uid: seen.uid().clone(),
            version: seen.version().clone(),
            replicas: seen.replicas,
            mark: seen.mark,
            pods: count(ready.len() + late.len()),
            ready: count(ready.len()),
            // Only needed once the pods are awaited.
            trouble: late.iter().filter(|_| self.record.started.is_some()).find_map(trouble),
        })
    }

    /// Tells whether the workload owns the pod, itself or through a ReplicaSet.
    fn is_owned(&self, pod: &SeenPod, workload: &SeenWorkload) -> bool {
        let Some(controller) = &pod.controller else { return false };
        if controller.uid == *workload.uid() {
            return true;
        }
        // A ReplicaSet that is not seen yet, or no longer, hides its pods here; those that use a claim are users too.
        let set = self.caches.replica_sets.get(&Key::new(&pod.key.namespace, &controller.name));
        set.filter(|set| *set.uid() == controller.uid)
            .and_then(|set| set.controller.as_ref().map(|above| above.uid == *workload.uid()))
            .unwrap_or(false)
    }
}

fn trouble_of_pods(pods: &[Pod]) -> Option<String> {
    pods.iter().find_map(|pod| match &pod.progress {
        Progress::Starting(Some(trouble)) | Progress::Failed { why: trouble, .. } => {
            Some(format!("pod {}: {trouble}", pod.name))
        }
        Progress::Starting(None) | Progress::Running | Progress::Succeeded(_) => None,
    })
}

/// Tells whether a warm pass has met nothing but files that the workload removed while it ran: what it is to show is shown.
fn has_run_to_its_end(purpose: Purpose, reached: &Reached) -> bool {
    const VANISHED: i32 = 24;
    purpose == Purpose::Warm && matches!(reached, Reached::Failed { code: Some(VANISHED), .. })
}

fn report(purpose: Purpose, log: Option<&LogTail>) -> Result<CopyReport, String> {
    match (purpose, log) {
        (Purpose::Prime, _) => Ok(CopyReport::default()),
        (Purpose::Leftover, _) => Err("an earlier run made it, so it proves nothing to this one".to_owned()),
        (Purpose::Copy | Purpose::Warm, Some(log)) => log.report.clone(),
        (Purpose::Copy | Purpose::Warm, None) => Err("its log was not read".to_owned()),
    }
}

#[cfg(test)]
mod tests;
