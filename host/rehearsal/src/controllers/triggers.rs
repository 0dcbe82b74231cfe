//! Which objects must be looked at again after a change.
//!
//! The binder's turns with volumes are not among them: `binder` names those itself.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    kinds,
    object::{self, text},
    store::{Change, Key, Reference, Store},
};

/// Names the objects that a change concerns.
pub(super) fn of(store: &Store, change: &Change) -> Vec<Key> {
    let mut keys = vec![change.key.clone()];
    match (change.key.kind.group, change.key.kind.plural) {
        ("", "persistentvolumeclaims") => of_claim(store, change, &mut keys),
        ("", "pods") => of_pod(store, change, &mut keys),
        // What a quota refused is tried again when it has room, and what a namespace refused when it changes.
        ("", "resourcequotas") => keys.extend(makers_of_pods(store, &change.key.namespace)),
        ("", "namespaces") => keys.extend(makers_of_pods(store, &change.key.name)),
        ("", "nodes") => {
            keys.extend(waiting_pods(store, ""));
            let node = Reference::Node(change.key.name.clone());
            keys.extend(store.referring(&kinds::PODS, &node).map(|(key, _)| key.clone()));
            keys.extend(store.list(&kinds::DAEMON_SETS, "").map(|(key, _)| key.clone()));
        }
        ("apps", "replicasets") => keys.extend(owners_of(change, "apps/v1", "Deployment")),
        ("storage.k8s.io", "storageclasses") => {
            let class = Some(change.key.name.as_str());
            // A claim without a class may get this one, when it is the default.
            let concerned = |claim: &Value| {
                let own = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
                is_unbound(claim) && (own == class || own.is_none())
            };
            keys.extend(claims(store, concerned));
        }
        _ => {}
    }
    if change.key.kind.namespaced && *change.key.kind != kinds::QUOTAS {
        keys.extend(store.list(&kinds::QUOTAS, &change.key.namespace).map(|(key, _)| key.clone()));
    }
    keys
}

/// Goes through both forms of the changed object.
fn forms(change: &Change) -> impl Iterator<Item = &Arc<Value>> {
    change.before.iter().chain(std::iter::once(&change.after))
}

fn of_claim(store: &Store, change: &Change, keys: &mut Vec<Key>) {
    let namespace = change.key.namespace.as_str();
    let users = store
        .referring(&kinds::PODS, &Reference::claim(namespace, &change.key.name))
        .filter(|(_, pod)| !object::is_finished_pod(pod));
    keys.extend(users.map(|(key, _)| key.clone()));
    if change.deleted {
        // A StatefulSet waits for the end of a claim before it makes the next one of that name.
        keys.extend(store.list(&kinds::STATEFUL_SETS, namespace).map(|(key, _)| key.clone()));
    }
}

fn of_pod(store: &Store, change: &Change, keys: &mut Vec<Key>) {
    for form in forms(change) {
        let claims = object::claims_of_pod(form).into_iter();
        let claims = claims.map(|claim| Key::new(&kinds::CLAIMS, &change.key.namespace, &claim));
        // Only the protection of a claim that is being deleted asks for its pods; the binder does not.
        keys.extend(claims.filter(|claim| store.get(claim).is_some_and(|claim| object::is_terminating(&claim))));
    }
    for kind in ["ReplicaSet", "StatefulSet", "DaemonSet"] {
        keys.extend(owners_of(change, "apps/v1", kind));
    }
    keys.extend(owners_of(change, "batch/v1", "Job"));
    if object::controller_of(&change.after).is_none()
        && let Some((set, _)) = change.key.name.rsplit_once('-')
    {
        // The set of that name may want to adopt it.
        keys.push(Key::new(&kinds::STATEFUL_SETS, &change.key.namespace, set));
    }
    if change.deleted || object::is_finished_pod(&change.after) {
        keys.extend(waiting_pods(store, &change.key.namespace));
    }
}

/// Returns the workloads of a namespace whose controllers make pods and claims.
fn makers_of_pods(store: &Store, namespace: &str) -> Vec<Key> {
    let makers = [&kinds::STATEFUL_SETS, &kinds::REPLICA_SETS, &kinds::DAEMON_SETS, &kinds::JOBS];
    makers.into_iter().flat_map(|kind| store.list(kind, namespace)).map(|(key, _)| key.clone()).collect()
}

/// Returns the controllers that the changed object had and has, where they are of this kind.
fn owners_of(change: &Change, api_version: &str, kind: &str) -> Vec<Key> {
    let owner = |form: &Arc<Value>| {
        let owner = object::controller_of(form)?;
        let kind = kinds::by_object(api_version, kind).filter(|_| text(owner, "/kind") == Some(kind))?;
        Some(Key::new(kind, &change.key.namespace, text(owner, "/name")?))
    };
    forms(change).filter_map(owner).collect()
}

fn is_unbound(claim: &Value) -> bool {
    object::annotation(claim, super::binder::BIND_COMPLETED).is_none()
}

fn claims(store: &Store, wanted: impl Fn(&Value) -> bool) -> Vec<Key> {
    store.list(&kinds::CLAIMS, "").filter(|(_, claim)| wanted(claim)).map(|(key, _)| key.clone()).collect()
}

fn waiting_pods(store: &Store, namespace: &str) -> Vec<Key> {
    store
        .list(&kinds::PODS, namespace)
        .filter(|(_, pod)| text(pod, "/status/phase") == Some("Pending"))
        .map(|(key, _)| key.clone())
        .collect()
}
