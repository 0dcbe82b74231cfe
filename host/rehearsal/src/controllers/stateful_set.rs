//! StatefulSets: numbered pods, each with its own claims.

mod claims;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{create, pods};
use crate::{
    api::selector::label_selector_matches,
    kinds,
    object::{self, number, text},
    store::{Key, Store, lifecycle},
};

/// A pod of the set with its ordinal.
type Member = (i64, Key, Arc<Value>);

/// How far a look at a set got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All that is to be done now is done.
    Done,
    /// It waits for a pod, and is looked at again when that changes.
    Waits,
    /// A claim that is being deleted is in the way; nothing reports when it is gone, so this is tried again.
    Failed,
}

/// What a set asks for, read once.
struct Plan<'a> {
    set: &'a Value,
    ordinals: std::ops::Range<i64>,
    parallel: bool,
}

/// Makes the next missing pod, or deletes the highest surplus one, and counts.
pub(super) fn reconcile(store: &mut Store, key: &Key, set: &Value) -> Progress {
    let first = number(set, "/spec/ordinals/start").unwrap_or(0);
    let ordinals = first..first + number(set, "/spec/replicas").unwrap_or(1);
    let plan = Plan { set, ordinals, parallel: text(set, "/spec/podManagementPolicy") == Some("Parallel") };
    let mut progress = Progress::Done;
    if !object::is_terminating(set) {
        adopt_and_release(store, key, set);
        let (present, condemned): (Vec<Member>, Vec<Member>) =
            members(store, key, set).into_iter().partition(|(at, ..)| plan.ordinals.contains(at));
        progress = make_missing(store, &plan, &present);
        // Surplus pods have to wait for those that are wanted.
        if progress == Progress::Done || plan.parallel && progress == Progress::Waits {
            for (at, _, pod) in &condemned {
                claims::own(store, set, pod, *at, true);
            }
            delete_condemned(store, &condemned, plan.parallel);
        }
    }
    write_counts(store, key, set);
    progress
}

/// Returns the set's pods in the order of their ordinals.
fn members(store: &Store, key: &Key, set: &Value) -> Vec<Member> {
    let controlled = pods::controlled(store, set).into_iter();
    let mut found: Vec<Member> =
        controlled.filter_map(|(pod_key, pod)| Some((ordinal(&key.name, &pod_key.name)?, pod_key, pod))).collect();
    found.sort_by_key(|(ordinal, ..)| *ordinal);
    found
}

/// Takes the pods that nothing controls and that fit the set, and lets those go that do not fit it any more.
fn adopt_and_release(store: &mut Store, key: &Key, set: &Value) {
    let selector = set.pointer("/spec/selector").unwrap_or(&Value::Null);
    let fits = |pod_key: &Key, pod: &Value| {
        ordinal(&key.name, &pod_key.name).is_some() && label_selector_matches(selector, pod)
    };
    for (pod_key, pod) in pods::controlled(store, set) {
        if !fits(&pod_key, &pod) {
            lifecycle::edit(store, &pod_key, |pod| lifecycle::drop_owner(pod, object::uid(set)));
        }
    }
    let orphans: Vec<Key> = store
        .named_like(&kinds::PODS, &key.namespace, &format!("{}-", key.name))
        .filter(|(pod_key, pod)| object::controller_of(pod).is_none() && fits(pod_key, pod))
        .filter(|(_, pod)| !object::is_terminating(pod))
        .map(|(pod_key, _)| pod_key.clone())
        .collect();
    for orphan in orphans {
        lifecycle::edit(store, &orphan, |pod| {
            let mut owners = object::items(pod, "/metadata/ownerReferences").to_vec();
            owners.push(object::controller_reference(set));
            object::set(pod, &["metadata", "ownerReferences"], Value::Array(owners));
        });
    }
}

fn ordinal(set: &str, pod: &str) -> Option<i64> {
    let digits = pod.strip_prefix(set)?.strip_prefix('-')?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Makes the wanted pods: each once the one before is ready or, in parallel, all at once.
fn make_missing(store: &mut Store, plan: &Plan<'_>, present: &[Member]) -> Progress {
    let mut all = Progress::Done;
    for at in plan.ordinals.clone() {
        let progress = match present.iter().find(|(ordinal, ..)| *ordinal == at) {
            Some((_, key, pod)) => look_after(store, plan, at, key, pod),
            None => make(store, plan.set, at),
        };
        if progress != Progress::Done {
            all = if all == Progress::Failed { all } else { progress };
            if !plan.parallel {
                break;
            }
        }
    }
    all
}

/// Handles an existing pod: one that has ended makes room, one that cannot start may lack a claim.
fn look_after(store: &mut Store, plan: &Plan<'_>, at: i64, key: &Key, pod: &Value) -> Progress {
    if object::is_finished_pod(pod) {
        if !object::is_terminating(pod) {
            pods::delete(store, key, pod);
        }
        return Progress::Waits;
    }
    let pending = text(pod, "/status/phase") == Some("Pending");
    if pending && claims::make(store, plan.set, at).is_err() {
        return Progress::Failed;
    }
    let ready = pods::is_ready(pod);
    if ready || pending || plan.parallel {
        claims::own(store, plan.set, pod, at, false);
    }
    if ready { Progress::Done } else { Progress::Waits }
}

/// Makes a pod, after its claims.
fn make(store: &mut Store, set: &Value, at: i64) -> Progress {
    let pod = new_pod(set, at);
    if claims::are_stale(store, set, &pod, at) {
        return Progress::Waits;
    }
    match claims::make(store, set, at) {
        Ok(true) => {}
        // What a quota refuses is tried again when it has room.
        Ok(false) => return Progress::Waits,
        Err(claim) => {
            let (set_name, pod) = (object::name(set), object::name(&pod));
            let why = format!("pvc {claim} is being deleted");
            let message = format!("Create Pod {pod} in StatefulSet {set_name} failed error: {why}");
            store.record_event(set, "Warning", "FailedCreate", &message, "statefulset-controller");
            return Progress::Failed;
        }
    }
    if let Ok(made) = create(store, &kinds::PODS, pod, set) {
        claims::own(store, set, &made, at, false);
    }
    Progress::Waits
}

fn new_pod(set: &Value, at: i64) -> Value {
    let mut pod = pods::from_template(set);
    let name = format!("{}-{at}", object::name(set));
    object::set(&mut pod, &["metadata", "labels", "statefulset.kubernetes.io/pod-name"], json!(name));
    object::set(&mut pod, &["metadata", "labels", "apps.kubernetes.io/pod-index"], json!(at.to_string()));
    object::set(&mut pod, &["spec", "hostname"], json!(name));
    object::set(&mut pod, &["spec", "subdomain"], set["spec"]["serviceName"].clone());
    let templates = object::items(set, "/spec/volumeClaimTemplates");
    let mut volumes: Vec<Value> = templates
        .iter()
        .map(|template| {
            let claim = claims::name(set, template, at);
            json!({"name": object::name(template), "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    // A template takes the place of the pod's own volume of that name.
    let own = object::items(&pod, "/spec/volumes").iter();
    volumes.extend(own.filter(|one| !templates.iter().any(|t| one["name"] == t["metadata"]["name"])).cloned());
    object::set(&mut pod, &["spec", "volumes"], Value::Array(volumes));
    object::set(&mut pod, &["metadata", "name"], json!(name));
    pod
}

/// Deletes the surplus pods: the highest first, each after the one above it is gone.
///
/// In order, a pod that is not ready is in the way of all above it, unless it is the lowest such pod: Kubernetes does not
/// take a second one down while another is unwell.
fn delete_condemned(store: &mut Store, condemned: &[Member], parallel: bool) {
    let lowest_unready = condemned.iter().find(|(_, _, pod)| !pods::is_ready(pod)).map(|(at, ..)| *at);
    for (at, key, pod) in condemned.iter().rev() {
        if object::is_terminating(pod) {
            if parallel {
                continue;
            }
            return;
        }
        if !parallel && !pods::is_ready(pod) && lowest_unready != Some(*at) {
            return;
        }
        pods::delete(store, key, pod);
        if !parallel {
            return;
        }
    }
}

fn write_counts(store: &mut Store, key: &Key, set: &Value) {
    let all = pods::controlled(store, set);
    let ready = all.iter().filter(|(_, pod)| pods::is_ready(pod)).count();
    lifecycle::edit(store, key, |set| {
        let generation = set["metadata"]["generation"].clone();
        let status = &mut set["status"];
        for (field, count) in [
            ("replicas", all.len()),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
            ("currentReplicas", all.len()),
            ("updatedReplicas", all.len()),
        ] {
            object::set(status, &[field], json!(count));
        }
        object::set(status, &["observedGeneration"], generation);
    });
}
