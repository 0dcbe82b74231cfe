//! The control loops: each looks at one object at a time and brings the rest nearer to what it asks for.
//!
//! Nothing polls. Every change in the store names the objects that must be looked at again (`triggers`); one task works
//! them off. Each look is one lock of the store, so other clients' writes fall between looks, never into one.

mod binder;
mod deployment;
mod garbage;
mod pods;
mod protection;
pub(crate) mod provisioner;
mod replica_set;
pub(crate) mod scheduler;
mod stateful_set;
mod triggers;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use serde_json::Value;
use tokio::sync::watch;

use crate::{
    api::{admit, quota, validate},
    cluster::Inner,
    kinds::{self, Kind},
    node, object,
    store::{Key, Store},
};

/// Objects to look at, each at most once, in the order they were named.
#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Key>,
    waiting: BTreeSet<Key>,
}

impl Queue {
    fn push(&mut self, key: Key) {
        if self.waiting.insert(key.clone()) {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<Key> {
        let key = self.order.pop_front()?;
        self.waiting.remove(&key);
        Some(key)
    }
}

/// Runs all controllers until the cluster stops.
pub(crate) async fn run(inner: Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut revision = inner.revision();
    revision.mark_changed();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            changed = revision.changed() => if changed.is_err() { return },
        }
        let _busy = inner.busy();
        let mut queue = Queue::default();
        for looks in 0.. {
            let worked = {
                let mut store = inner.store();
                take_changes(&inner, &mut store, &mut queue);
                let next = queue.pop();
                if let Some(key) = &next {
                    reconcile(&inner, &mut store, key);
                }
                next.is_some()
            };
            if !worked || *stop.borrow() {
                break;
            }
            match inner.settings.controller_delay {
                delay if !delay.is_zero() => tokio::time::sleep(delay).await,
                // Clients get their turn after each look, or, where very much is to be done, after a few.
                _ if looks % (1 + queue.order.len() / 64) == 0 => tokio::task::yield_now().await,
                _ => {}
            }
        }
    }
}

fn take_changes(inner: &Inner, store: &mut Store, queue: &mut Queue) {
    let (changes, nudged) = store.take_unseen();
    for change in changes {
        if change.deleted {
            if *change.key.kind == kinds::PODS {
                inner.node.object_gone(inner, object::uid(&change.after));
            }
            garbage::collect(store, object::uid(&change.after));
        }
        for key in triggers::of(store, &change) {
            queue.push(key);
        }
    }
    for key in nudged {
        queue.push(key);
    }
}

/// Looks at one object.
fn reconcile(inner: &Arc<Inner>, store: &mut Store, key: &Key) {
    let Some(object) = store.get(key) else { return };
    match (key.kind.group, key.kind.plural) {
        ("", "persistentvolumeclaims") => claim(inner, store, key, &object),
        ("", "persistentvolumes") => volume(inner, store, key, &object),
        ("", "pods") => pod(inner, store, key, &object),
        ("", "resourcequotas") => quota::recount(store, key, &object),
        ("apps", "deployments") => deployment::reconcile(store, key, &object),
        ("apps", "replicasets") => replica_set::reconcile(store, key, &object),
        ("apps", "statefulsets") => stateful_set::reconcile(store, key, &object),
        _ => {}
    }
}

fn claim(inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
    if object::is_terminating(claim) {
        protection::release_claim(store, key, claim);
        return;
    }
    binder::sync_claim(inner, store, key, claim);
}

fn volume(inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
    binder::sync_volume(inner, store, key, volume);
    if let Some(volume) = store.get(key) {
        protection::release_volume(store, key, &volume);
    }
}

fn pod(inner: &Arc<Inner>, store: &mut Store, key: &Key, pod: &Arc<Value>) {
    pods::make_ephemeral_claims(store, pod);
    let unscheduled = object::text(pod, "/spec/nodeName").is_none();
    if unscheduled && !object::is_terminating(pod) && !object::is_finished_pod(pod) {
        scheduler::schedule(inner, store, key, pod);
    } else {
        node::reconcile(inner, store, key, pod);
    }
}

/// Creates an object as a controller does; what the API would refuse becomes an Event at its owner.
fn create(store: &mut Store, kind: &'static Kind, mut new: Value, owner: &Value) -> Option<Arc<Value>> {
    let refused = admit::creation(store, kind, &mut new)
        .and_then(|()| validate::form(kind, &new))
        .and_then(|()| validate::object(kind, &new))
        .err();
    if let Some(failure) = refused {
        let message = format!("Error creating: {}", failure.message);
        store.record_event(owner, "Warning", "FailedCreate", &message, "controller-manager");
        return None;
    }
    let key = Key::of(kind, &new);
    if store.contains(&key) {
        return None;
    }
    Some(store.write(&key, new))
}
