//! The control loops: each looks at one object at a time and brings the rest nearer to what it asks for.
//!
//! Nothing polls. Every change in the store names the objects that must be looked at again (`triggers`); one task works
//! them off. Each look is one lock of the store, so other clients' writes fall between looks, never into one. What
//! Kubernetes does with a delay is named with a time (`later`).

mod binder;
mod daemon_set;
mod deployment;
mod garbage;
mod job;
mod later;
mod pods;
mod protection;
pub(crate) mod provisioner;
mod replica_set;
pub(crate) mod scheduler;
mod stateful_set;
pub(crate) mod taints;
pub(crate) mod topology;
mod triggers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use self::{binder::Binder, later::Later, taints::Evictions};

use crate::{
    api::{admit, quota, validate},
    cluster::Inner,
    kinds::{self, Kind},
    node, object,
    store::{Key, Store},
};

/// The shortest and the longest pause before a failed look is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(1000);

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
    let mut controllers = Controllers::start(&inner);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            changed = revision.changed() => if changed.is_err() { return },
            () = until(controllers.next()) => {}
        }
        let _busy = inner.busy();
        for looks in 0.. {
            let worked = controllers.work(&mut inner.store());
            if !worked || *stop.borrow() {
                break;
            }
            match inner.settings.controller_delay {
                delay if !delay.is_zero() => tokio::time::sleep(delay).await,
                // Clients get their turn after each look, or, where very much is to be done, after a few.
                _ if looks % (1 + controllers.queue.order.len() / 64) == 0 => tokio::task::yield_now().await,
                _ => {}
            }
        }
    }
}

/// Waits until the given time, or for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The controllers, and what they know beside the store.
struct Controllers {
    inner: Arc<Inner>,
    queue: Queue,
    later: Later,
    binder: Binder,
    evictions: Evictions,
    /// How often looks failed one after the other.
    failures: BTreeMap<Key, u32>,
    /// The last revision of what the cluster began with.
    loaded: u64,
    /// When the binder looks at everything again; never when that is beyond what a clock can show.
    resync: Option<Instant>,
}

impl Controllers {
    /// Returns controllers that know the volumes there are. What was loaded is their first change to look at.
    fn start(inner: &Arc<Inner>) -> Self {
        let store = inner.store();
        let mut controllers = Self {
            inner: Arc::clone(inner),
            queue: Queue::default(),
            later: Later::default(),
            binder: Binder::new(inner.settings.seed),
            evictions: Evictions::default(),
            failures: BTreeMap::new(),
            loaded: store.revision(),
            resync: None,
        };
        controllers.binder.start(&store);
        controllers.resync(&store);
        drop(store);
        controllers
    }

    /// Returns when something is to be done even without a change.
    fn next(&self) -> Option<Instant> {
        self.later.next().into_iter().chain(self.resync).min()
    }

    /// Looks at one object; returns false if it does not exist.
    fn work(&mut self, store: &mut Store) -> bool {
        self.take_changes(store);
        let now = Instant::now();
        if self.resync.is_some_and(|at| at <= now) {
            self.resync(store);
        }
        if let Some(key) = self.later.pop(now) {
            self.look_late(store, &key);
            return true;
        }
        let Some(key) = self.queue.pop() else { return false };
        self.reconcile(store, &key);
        true
    }

    fn take_changes(&mut self, store: &mut Store) {
        let (changes, nudged) = store.take_unseen();
        for change in changes {
            if change.deleted && *change.key.kind == kinds::PODS {
                self.inner.node.object_gone(&self.inner, object::uid(&change.after));
            }
            // What was loaded is kept as given: a dump need not contain the owners of its objects.
            if change.revision > self.loaded {
                garbage::collect(store, &change);
            }
            if let Some(volume) = self.binder.volume_of(&change) {
                let lag = self.binder.lag(&self.inner);
                self.later.push(volume, Instant::now() + lag, Some(self.inner.busy()));
            }
            for key in triggers::of(store, &change) {
                // A StatefulSet that backs off is not notified that the claim in its way is gone.
                let backs_off =
                    change.deleted && *change.key.kind == kinds::CLAIMS && *key.kind == kinds::STATEFUL_SETS;
                if !(backs_off && self.later.hold(&key, || self.inner.busy())) {
                    self.queue.push(key);
                }
            }
        }
        for key in nudged {
            self.queue.push(key);
        }
    }

    /// Lets the binder look at all volumes and at all claims that are not bound, and again after the period.
    fn resync(&mut self, store: &Store) {
        let now = Instant::now();
        for (key, _) in store.list(&kinds::VOLUMES, "") {
            self.later.push(key.clone(), now, Some(self.inner.busy()));
        }
        let unbound = |claim: &Value| object::text(claim, "/status/phase") != Some("Bound");
        for (key, _) in store.list(&kinds::CLAIMS, "").filter(|(_, claim)| unbound(claim)) {
            self.queue.push(key.clone());
        }
        // A period of zero would leave no turns for anything else.
        self.resync = now.checked_add(self.inner.settings.resync_every.max(Duration::from_millis(1)));
    }

    /// Takes a turn that had to wait for its time.
    fn look_late(&mut self, store: &mut Store, key: &Key) {
        if *key.kind != kinds::VOLUMES {
            self.queue.push(key.clone());
        } else if let Some(claim) = self.binder.sync_volume(&self.inner, store, key) {
            self.queue.push(claim);
        }
    }

    /// Looks at one object.
    fn reconcile(&mut self, store: &mut Store, key: &Key) {
        let inner = &self.inner;
        let Some(object) = store.get(key) else {
            self.failures.remove(key);
            return;
        };
        match (key.kind.group, key.kind.plural) {
            ("", "persistentvolumeclaims") if object::is_terminating(&object) => {
                protection::release_claim(store, key, &object);
            }
            ("", "persistentvolumeclaims") => self.binder.sync_claim(inner, store, key, &object),
            ("", "persistentvolumes") => protection::release_volume(store, key, &object),
            ("", "pods") => {
                pod(inner, store, key, &object);
                if object::text(&object, "/spec/nodeName").is_some() && pods::is_active(&object) {
                    let again = self.evictions.look(store, key, &object);
                    again.into_iter().for_each(|at| self.later.push(key.clone(), at, None));
                }
            }
            ("", "resourcequotas") => quota::recount(store, key, &object),
            ("apps", "deployments") => deployment::reconcile(store, key, &object),
            ("apps", "replicasets") => replica_set::reconcile(store, key, &object),
            ("apps", "daemonsets") => daemon_set::reconcile(store, key, &object),
            ("batch", "jobs") => job::reconcile(store, key, &object),
            ("apps", "statefulsets") => {
                let progress = stateful_set::reconcile(store, key, &object);
                self.back_off(key, progress == stateful_set::Progress::Failed);
            }
            _ => {}
        }
    }

    /// Names a failed object for another look, each time after twice as long, as client-go's rate limiter does.
    fn back_off(&mut self, key: &Key, failed: bool) {
        if !failed {
            self.failures.remove(key);
            return;
        }
        let failures = self.failures.entry(key.clone()).or_default();
        let wait = FIRST_RETRY.saturating_mul(1 << (*failures).min(20)).min(LAST_RETRY);
        *failures += 1;
        self.later.push(key.clone(), Instant::now() + wait, None);
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

/// The reason why a controller did not make an object.
enum NotMade {
    /// There is one of that name.
    Exists,
    /// The API refused it, in these words.
    Refused(String),
}

/// Creates an object as a controller does; what the API would refuse becomes an Event about its owner.
fn create(store: &mut Store, kind: &'static Kind, mut new: Value, owner: &Value) -> Result<Arc<Value>, NotMade> {
    let refused = admit::creation(store, kind, &mut new)
        .and_then(|()| validate::form(kind, &new))
        .and_then(|()| validate::object(kind, &new))
        .err();
    if let Some(failure) = refused {
        let message = format!("Error creating: {}", failure.message);
        store.record_event(owner, "Warning", "FailedCreate", &message, "controller-manager");
        return Err(NotMade::Refused(failure.message));
    }
    let key = Key::of(kind, &new);
    if store.contains(&key) {
        return Err(NotMade::Exists);
    }
    Ok(store.write(&key, new))
}
