//! DaemonSets: one pod on each node that fits.
//!
//! A new template reaches pods only as they are made; rolling updates are not simulated.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{create, pods, scheduler, taints};
use crate::{
    kinds,
    object::{self, flag, items, text},
    store::{Key, Store, lifecycle},
};

/// The taints of a node's state that the pods of every DaemonSet live with.
const TOLERATED: [(&str, &str); 6] = [
    (taints::NOT_READY, "NoExecute"),
    (taints::UNREACHABLE, "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    (taints::UNSCHEDULABLE, "NoSchedule"),
];

/// Makes and deletes pods until each fitting node has one, and counts them.
pub(super) fn reconcile(store: &mut Store, key: &Key, set: &Value) {
    if object::is_terminating(set) {
        return;
    }
    let mut by_node: BTreeMap<String, Vec<(Key, Arc<Value>)>> = BTreeMap::new();
    for (pod_key, pod) in pods::controlled(store, set) {
        if let Some(node) = node_of(&pod) {
            by_node.entry(node.to_owned()).or_default().push((pod_key, pod));
        }
    }
    let mut wanted = 0;
    for (node_key, node) in store.listed(&kinds::NODES, "") {
        let pod = new_pod(set, &node_key.name);
        let tolerations = items(&pod, "/spec/tolerations");
        let selected = scheduler::selects(&node, &pod);
        let is_wanted = selected && taints::admit(&node, tolerations);
        let may_stay = selected && !taints::drive_away(&node, tolerations);
        wanted += usize::from(is_wanted);
        let present = by_node.remove(&node_key.name).unwrap_or_default();
        keep_one(store, &present, may_stay);
        if is_wanted && present.is_empty() && create(store, &kinds::PODS, pod, set).is_err() {
            break;
        }
    }
    write_counts(store, key, set, wanted);
}

/// Deletes pods that have ended, all but the oldest other one, and that one too where none may stay.
fn keep_one(store: &mut Store, present: &[(Key, Arc<Value>)], may_stay: bool) {
    let mut active: Vec<_> = present.iter().filter(|(_, pod)| pods::is_active(pod)).collect();
    active.sort_by_key(|(key, pod)| (text(pod, "/metadata/creationTimestamp").map(str::to_owned), key.name.clone()));
    let ended = present.iter().filter(|(_, pod)| object::is_finished_pod(pod) && !object::is_terminating(pod));
    for (key, pod) in ended.chain(active.into_iter().skip(usize::from(may_stay))) {
        pods::delete(store, key, pod);
    }
}

/// Returns the node that a pod has, or that it was made for.
fn node_of(pod: &Value) -> Option<&str> {
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let made_for = || {
        let fields = items(pod, required).iter().flat_map(|term| items(term, "/matchFields"));
        let mut names = fields.filter(|field| text(field, "/key") == Some("metadata.name"));
        names.find_map(|field| items(field, "/values").first()?.as_str())
    };
    text(pod, "/spec/nodeName").or_else(made_for)
}

/// Builds the pod for a node: the scheduler puts it there and nowhere else.
fn new_pod(set: &Value, node: &str) -> Value {
    let mut pod = pods::from_template(set);
    object::remove(&mut pod, &["metadata", "name"]);
    object::set(&mut pod, &["metadata", "generateName"], json!(format!("{}-", object::name(set))));
    let mut tolerations = items(&pod, "/spec/tolerations").to_vec();
    let network = ("node.kubernetes.io/network-unavailable", "NoSchedule");
    let of_host = flag(&pod, "/spec/hostNetwork").then_some(network);
    for (key, effect) in TOLERATED.into_iter().chain(of_host) {
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": effect}));
    }
    object::set(&mut pod, &["spec", "tolerations"], Value::Array(tolerations));
    let way = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    let mut terms = items(&pod, &format!("/{}/nodeSelectorTerms", way.join("/"))).to_vec();
    if terms.is_empty() {
        terms.push(json!({}));
    }
    for term in &mut terms {
        term["matchFields"] = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    }
    object::set(&mut pod, &way, json!({"nodeSelectorTerms": terms}));
    pod
}

fn write_counts(store: &mut Store, key: &Key, set: &Value, wanted: usize) {
    let active: Vec<_> = pods::controlled(store, set).into_iter().filter(|(_, pod)| pods::is_active(pod)).collect();
    let ready = active.iter().filter(|(_, pod)| pods::is_ready(pod)).count();
    lifecycle::edit(store, key, |set| {
        let generation = set["metadata"]["generation"].clone();
        set["status"] = json!({
            "currentNumberScheduled": active.len(), "desiredNumberScheduled": wanted, "numberMisscheduled": 0,
            "numberReady": ready, "numberAvailable": ready, "numberUnavailable": wanted.saturating_sub(ready),
            "updatedNumberScheduled": active.len(), "observedGeneration": generation,
        });
    });
}
