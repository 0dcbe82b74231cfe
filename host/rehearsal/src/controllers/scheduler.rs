//! The scheduler: finds a node for a pod whose claims allow it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::provisioner::{SELECTED_NODE, is_delayed};
use crate::{
    api::selector::expression_matches,
    cluster::Inner,
    kinds,
    node::{mounts::unschedulable_claim, status::set_condition},
    object::{self, annotation, text},
    store::{Key, Reference, Store, lifecycle},
};

/// Gives a pod a node, or notes why it cannot have one yet.
pub(super) fn schedule(inner: &Arc<Inner>, store: &mut Store, key: &Key, pod: &Value) {
    let claims = object::claims_of_pod(pod);
    match find_node(inner, store, pod, &claims) {
        Ok(node) => assign(store, key, pod, &claims, &node),
        Err(why) => refuse(store, key, pod, &why),
    }
}

fn refuse(store: &mut Store, key: &Key, pod: &Value, why: &str) {
    let nodes = store.list(&kinds::NODES, "").count();
    let message = format!("0/{nodes} nodes are available: {why}.");
    lifecycle::edit(store, key, |pod| {
        set_condition(pod, "PodScheduled", "False", Some(("Unschedulable", &message)));
    });
    store.record_event(pod, "Warning", "FailedScheduling", &message, "default-scheduler");
}

fn find_node(inner: &Inner, store: &Store, pod: &Value, claims: &[String]) -> Result<String, String> {
    if !object::items(pod, "/spec/schedulingGates").is_empty() {
        return Err("the pod has scheduling gates".to_owned());
    }
    let volumes = check_claims(inner, store, pod, claims)?;
    let mut refused: Vec<&str> = Vec::new();
    let mut fitting: Vec<(usize, usize, String)> = Vec::new();
    for (key, node) in store.list(&kinds::NODES, "") {
        if let Some(why) = refuses_pod(node, pod) {
            refused.push(why);
        } else if volumes.iter().any(|volume| !node_fits_volume(node, volume)) {
            refused.push("node(s) didn't match PersistentVolume's node affinity");
        } else {
            let has_volume = has_user_of(store, pod, claims, &key.name);
            let wanted = claims.iter().any(|claim| {
                let claim = store.find(&kinds::CLAIMS, object::namespace(pod), claim);
                claim.is_some_and(|claim| annotation(&claim, SELECTED_NODE) == Some(&key.name) && is_unbound(&claim))
            });
            fitting.push((
                usize::from(!has_volume && !wanted),
                store.count_referring(&Reference::Node(key.name.clone())),
                key.name.clone(),
            ));
        }
    }
    // A node that has the volume already comes first, then the emptiest.
    fitting.into_iter().min().map(|(_, _, node)| node).ok_or_else(|| summary(&refused))
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

fn summary(refused: &[&str]) -> String {
    let mut reasons: Vec<&str> = refused.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    let counted: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{} {reason}", refused.iter().filter(|one| one == &reason).count()))
        .collect();
    if counted.is_empty() { "no nodes available to schedule pods".to_owned() } else { counted.join(", ") }
}

/// Checks a pod's claims and returns the volumes of the bound ones.
fn check_claims(inner: &Inner, store: &Store, pod: &Value, claims: &[String]) -> Result<Vec<Arc<Value>>, String> {
    let namespace = object::namespace(pod);
    let mut volumes = Vec::new();
    for name in claims {
        if let Some(why) = unschedulable_claim(store, namespace, name) {
            return Err(why);
        }
        let Some(claim) = store.find(&kinds::CLAIMS, namespace, name) else { continue };
        if is_unbound(&claim) {
            if text(&claim, "/spec/volumeName").is_some() || !waits_for_consumer(store, &claim) {
                return Err("pod has unbound immediate PersistentVolumeClaims".to_owned());
            }
            continue;
        }
        let volume = text(&claim, "/spec/volumeName").and_then(|volume| store.find(&kinds::VOLUMES, "", volume));
        let Some(volume) = volume else {
            return Err(format!("persistentvolumeclaim {name:?} bound to non-existent persistentvolume"));
        };
        let in_use = object::texts(&volume, "/spec/accessModes") == ["ReadWriteOncePod"]
            && inner.node.users_of(namespace, name).iter().any(|(key, _)| key.name != object::name(pod));
        if in_use {
            return Err("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
                .to_owned());
        }
        volumes.push(volume);
    }
    Ok(volumes)
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
    let labels = object::pairs(node, "/metadata/labels");
    if object::pairs(pod, "/spec/nodeSelector").iter().any(|(key, value)| labels.get(key) != Some(value)) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    if let Some(required) = pod.pointer(required)
        && !matches_terms(node, required)
    {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    if object::flag(node, "/spec/unschedulable") {
        return Some("node(s) were unschedulable");
    }
    let tolerations = object::items(pod, "/spec/tolerations");
    let untolerated = object::items(node, "/spec/taints").iter().any(|taint| {
        matches!(text(taint, "/effect"), Some("NoSchedule" | "NoExecute"))
            && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    });
    untolerated.then_some("node(s) had untolerated taint(s)")
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let same = |field: &str| text(toleration, field) == text(taint, field);
    let key_fits = match text(toleration, "/key") {
        None => text(toleration, "/operator") == Some("Exists"),
        Some(_) => same("/key"),
    };
    let value_fits = text(toleration, "/operator") == Some("Exists") || same("/value");
    key_fits && value_fits && (text(toleration, "/effect").is_none() || same("/effect"))
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
