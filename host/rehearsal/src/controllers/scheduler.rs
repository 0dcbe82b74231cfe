//! The scheduler: finds a node for a pod whose claims allow it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    binder,
    provisioner::{self, SELECTED_NODE, is_delayed},
    taints, topology,
};
use crate::{
    api::selector::expression_matches,
    cluster::Inner,
    kinds,
    node::{mounts::unschedulable_claim, status::set_condition},
    object::{self, annotation, text},
    store::{Key, Reference, Store, lifecycle},
};

/// Why a pod gets no node yet.
enum Refusal {
    /// Something of the pod itself, whatever the nodes are.
    Pod(String),
    /// What each node has against it.
    Nodes(Vec<&'static str>),
}

/// Gives a pod a node, or notes why it cannot have one yet.
pub(super) fn schedule(inner: &Arc<Inner>, store: &mut Store, key: &Key, pod: &Value) {
    let claims = object::claims_of_pod(pod);
    match find_node(inner, store, pod, &claims) {
        Ok(node) => assign(store, key, pod, &claims, &node),
        Err(why) => refuse(store, key, pod, &why),
    }
}

fn refuse(store: &mut Store, key: &Key, pod: &Value, why: &Refusal) {
    let nodes = store.list(&kinds::NODES, "").count();
    let message = summary(nodes, why);
    lifecycle::edit(store, key, |pod| {
        set_condition(pod, "PodScheduled", "False", Some(("Unschedulable", &message)));
    });
    store.record_event(pod, "Warning", "FailedScheduling", &message, "default-scheduler");
}

fn find_node(inner: &Inner, store: &Store, pod: &Value, claims: &[String]) -> Result<String, Refusal> {
    if !object::items(pod, "/spec/schedulingGates").is_empty() {
        return Err(Refusal::Pod("the pod has scheduling gates".to_owned()));
    }
    let needs = Needs::of(inner, store, pod, claims).map_err(Refusal::Pod)?;
    let mut refused: Vec<&'static str> = Vec::new();
    let mut fitting: Vec<(usize, usize, String)> = Vec::new();
    for (key, node) in store.list(&kinds::NODES, "") {
        if let Some(why) = refuses_pod(node, pod).or_else(|| needs.missing_on(store, node)) {
            refused.push(why);
            continue;
        }
        let has_volume = has_user_of(store, pod, claims, &key.name);
        let wanted = needs.waiting.iter().any(|claim| annotation(claim, SELECTED_NODE) == Some(&key.name));
        fitting.push((
            usize::from(!has_volume && !wanted),
            store.count_referring(&Reference::Node(key.name.clone())),
            key.name.clone(),
        ));
    }
    // A node that has the volume already comes first, then the emptiest.
    fitting.into_iter().min().map(|(_, _, node)| node).ok_or(Refusal::Nodes(refused))
}

/// Tells whether a pod that has this node already uses one of the claims.
fn has_user_of(store: &Store, pod: &Value, claims: &[String], node: &str) -> bool {
    claims.iter().any(|claim| {
        let claim = Reference::claim(object::namespace(pod), claim);
        store
            .referring(&kinds::PODS, &claim)
            .any(|(_, other)| text(other, "/spec/nodeName") == Some(node) && !object::is_finished_pod(other))
    })
}

/// Writes what stands against a pod as kube-scheduler does, with what its preemption adds.
fn summary(nodes: usize, why: &Refusal) -> String {
    let refused = match why {
        Refusal::Pod(why) => return format!("0/{nodes} nodes are available: {why}."),
        Refusal::Nodes(_) if nodes == 0 => return "no nodes available to schedule pods".to_owned(),
        Refusal::Nodes(refused) => refused,
    };
    let counts = refused.iter().fold(BTreeMap::<&str, usize>::new(), |mut counts, reason| {
        *counts.entry(reason).or_default() += 1;
        counts
    });
    let mut counted: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    counted.sort_unstable();
    format!(
        "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: \
         {nodes} Preemption is not helpful for scheduling.",
        counted.join(", ")
    )
}

/// What a pod needs of a node for its claims.
struct Needs {
    /// The volumes of the bound claims; `None` for one that does not exist.
    volumes: Vec<Option<Arc<Value>>>,
    /// The claims that get a volume once a node is chosen.
    waiting: Vec<Arc<Value>>,
    /// Another pod has a claim that only one may have.
    taken: bool,
}

impl Needs {
    /// Looks at a pod's claims.
    ///
    /// # Errors
    ///
    /// Says what keeps the pod from any node.
    fn of(inner: &Inner, store: &Store, pod: &Value, claims: &[String]) -> Result<Self, String> {
        let namespace = object::namespace(pod);
        let mut needs = Self { volumes: Vec::new(), waiting: Vec::new(), taken: false };
        for name in claims {
            if let Some(why) = unschedulable_claim(store, namespace, name) {
                return Err(why);
            }
            let Some(claim) = store.find(&kinds::CLAIMS, namespace, name) else { continue };
            if is_unbound(&claim) {
                if text(&claim, "/spec/volumeName").is_some() || !waits_for_consumer(store, &claim) {
                    return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
                }
                needs.waiting.push(claim);
                continue;
            }
            let volume = text(&claim, "/spec/volumeName").and_then(|volume| store.find(&kinds::VOLUMES, "", volume));
            needs.taken |= volume.as_ref().is_some_and(|volume| {
                object::texts(volume, "/spec/accessModes") == ["ReadWriteOncePod"]
                    && inner.node.users_of(namespace, name).iter().any(|(key, _)| key.name != object::name(pod))
            });
            needs.volumes.push(volume);
        }
        Ok(needs)
    }

    /// Returns what a node lacks.
    fn missing_on(&self, store: &Store, node: &Value) -> Option<&'static str> {
        if self.taken {
            return Some(
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by \
                 another pod",
            );
        }
        if self.volumes.iter().any(Option::is_none) {
            return Some("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
        }
        if self.volumes.iter().flatten().any(|volume| !node_fits_volume(node, volume)) {
            return Some("node(s) didn't match PersistentVolume's node affinity");
        }
        let bindable = |claim: &Arc<Value>| has_free_volume(store, claim, node) || can_provision(store, claim, node);
        (!self.waiting.iter().all(bindable)).then_some("node(s) didn't find available persistent volumes to bind")
    }
}

/// Tells whether there is a volume that a claim can have on a node.
fn has_free_volume(store: &Store, claim: &Value, node: &Value) -> bool {
    let free = store.referring(&kinds::VOLUMES, &Reference::NoClaim);
    let reserved = Reference::claim(object::namespace(claim), object::name(claim));
    free.chain(store.referring(&kinds::VOLUMES, &reserved))
        .any(|(_, volume)| binder::fits(volume, claim) && node_fits_volume(node, volume))
}

/// Tells whether a claim's class makes volumes for a node.
fn can_provision(store: &Store, claim: &Value, node: &Value) -> bool {
    provisioner::class_of(store, claim)
        .is_some_and(|class| provisioner::is_dynamic(&class) && topology::allows(&class, node))
}

fn is_unbound(claim: &Value) -> bool {
    text(claim, "/status/phase") != Some("Bound")
}

fn waits_for_consumer(store: &Store, claim: &Value) -> bool {
    is_delayed(store, claim) || annotation(claim, SELECTED_NODE).is_some()
}

/// Gives the node to the pod, or first to its claims that wait for one.
fn assign(store: &mut Store, key: &Key, pod: &Value, claims: &[String], node: &str) {
    let mut waiting = false;
    for name in claims {
        let claim_key = Key::new(&kinds::CLAIMS, &key.namespace, name);
        let Some(claim) = store.get(&claim_key).filter(|claim| is_unbound(claim)) else { continue };
        waiting = true;
        if annotation(&claim, SELECTED_NODE).is_none() {
            lifecycle::edit(store, &claim_key, |claim| object::set_annotation(claim, SELECTED_NODE, node));
        }
    }
    if waiting {
        return;
    }
    lifecycle::edit(store, key, |pod| {
        object::set(pod, &["spec", "nodeName"], json!(node));
        set_condition(pod, "PodScheduled", "True", None);
    });
    let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
    store.record_event(pod, "Normal", "Scheduled", &message, "default-scheduler");
}

/// Returns why a node does not take a pod, whatever its volumes.
fn refuses_pod(node: &Value, pod: &Value) -> Option<&'static str> {
    let tolerations = object::items(pod, "/spec/tolerations");
    if taints::is_cordoned_for(node, tolerations) {
        return Some("node(s) were unschedulable");
    }
    if !taints::admit(node, tolerations) {
        return Some("node(s) had untolerated taint(s)");
    }
    (!selects(node, pod)).then_some("node(s) didn't match Pod's node affinity/selector")
}

/// Tells whether a pod's node selector and required node affinity mean a node.
pub(super) fn selects(node: &Value, pod: &Value) -> bool {
    let labels = object::pairs(node, "/metadata/labels");
    let required = pod.pointer("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    object::pairs(pod, "/spec/nodeSelector").iter().all(|(key, value)| labels.get(key) == Some(value))
        && required.is_none_or(|required| required.is_null() || matches_terms(node, required))
}

/// Tells whether a node satisfies one of the terms of a node selector.
fn matches_terms(node: &Value, selector: &Value) -> bool {
    let labels = object::pairs(node, "/metadata/labels");
    object::items(selector, "/nodeSelectorTerms").iter().any(|term| {
        let by_label = object::items(term, "/matchExpressions").iter().all(|expression| {
            let key = text(expression, "/key").unwrap_or_default();
            expression_matches(expression, labels.get(key).map(String::as_str))
        });
        let by_field = object::items(term, "/matchFields").iter().all(|expression| {
            text(expression, "/key") == Some("metadata.name")
                && expression_matches(expression, Some(object::name(node)))
        });
        by_label && by_field
    })
}

/// Tells whether a volume can be mounted on a node.
pub(crate) fn node_fits_volume(node: &Value, volume: &Value) -> bool {
    volume.pointer("/spec/nodeAffinity/required").is_none_or(|required| matches_terms(node, required))
}
