//! The binding of claims and volumes, by the rules of kube-controller-manager's PersistentVolume controller.
//!
//! It decides on claims at once, but from a cache of the volumes that follows the store with a lag
//! ([`crate::Settings::volume_lag`]). A claim that was decided by an old form of its volume is looked at again when it
//! is written to itself or at the next resync. A change of a volume does not bring a claim's turn, except for a volume
//! that was made for this very claim, by its uid, and for a volume that is gone.

mod cache;
mod volume;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    provisioner::{self, SELECTED_NODE},
    scheduler::node_fits_volume,
};
use crate::{
    api::{admit, selector::label_selector_matches},
    cluster::Inner,
    kinds,
    object::{self, bytes_of_quantity, set, text},
    random::Random,
    store::{Change, Key, Reference, Store, lifecycle},
};
use cache::Cache;

/// Set on a claim when its binding is complete.
pub(super) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Set on the side of a binding that the controller, not a user, chose.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const COMPONENT: &str = "persistentvolume-controller";

/// The random stream of the lags, apart from the seed's other draws: how many there are depends on the clock.
const LAG_STREAM: u64 = 0x4C41_4753;

/// The binder and what it knows.
#[derive(Debug)]
pub(super) struct Binder {
    cache: Cache,
    random: Random,
}

impl Binder {
    pub(super) fn new(seed: u64) -> Self {
        Self { cache: Cache::default(), random: Random::new(seed ^ LAG_STREAM) }
    }

    /// Takes in the volumes of a cluster that starts, without a lag.
    pub(super) fn start(&mut self, store: &Store) {
        self.cache.fill(store);
    }

    /// Returns the volume that a change gives the volume worker to process.
    pub(super) fn volume_of(&self, change: &Change) -> Option<Key> {
        if *change.key.kind == kinds::CLAIMS && change.deleted {
            return text(&change.after, "/spec/volumeName").map(|name| Key::new(&kinds::VOLUMES, "", name));
        }
        // The binder knows what it wrote itself, and has nothing more to do about it.
        let known = || self.cache.get(&change.key).is_some_and(|known| known == change.after);
        (*change.key.kind == kinds::VOLUMES && (change.deleted || !known())).then(|| change.key.clone())
    }

    /// Draws how long the volume worker takes to get to a change.
    pub(super) fn lag(&mut self, inner: &Inner) -> Duration {
        let (least, most) = (*inner.settings.volume_lag.start(), *inner.settings.volume_lag.end());
        let micros = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.random.below(micros.saturating_add(1)))
    }

    /// Brings one claim nearer to its binding.
    pub(super) fn sync_claim(&mut self, inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
        if inner.keeps_waiting(claim) {
            return;
        }
        if object::annotation(claim, BIND_COMPLETED).is_some() {
            self.sync_bound(store, key, claim);
        } else {
            self.sync_unbound(inner, store, key, claim);
        }
    }

    /// Handles a claim that was bound before: its volume may be gone or belong to another.
    fn sync_bound(&mut self, store: &mut Store, key: &Key, claim: &Value) {
        let Some(name) = text(claim, "/spec/volumeName") else {
            lose(store, key, claim, "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
            return;
        };
        let volume_key = Key::new(&kinds::VOLUMES, "", name);
        let Some(volume) = self.cache.get(&volume_key) else {
            lose(store, key, claim, "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
            return;
        };
        if is_free(&volume) || text(&volume, "/spec/claimRef/uid") == Some(object::uid(claim)) {
            self.bind(store, &volume_key, key);
        } else {
            let message = "Two claims are bound to the same volume, this one is bound incorrectly";
            if text(claim, "/status/phase") != Some("Lost") {
                store.record_event(claim, "Warning", "ClaimMisbound", message, COMPONENT);
            }
            set_phase(store, key, "Lost");
        }
    }

    fn sync_unbound(&mut self, inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
        if let Some(name) = text(claim, "/spec/volumeName") {
            self.sync_named(store, key, claim, name);
            return;
        }
        if take_default_class(store, key, claim) {
            return;
        }
        let delayed = provisioner::is_delayed(store, claim);
        // Once a node was chosen, only a volume that can be mounted there will do.
        let node = object::annotation(claim, SELECTED_NODE).and_then(|node| store.find(&kinds::NODES, "", node));
        if let Some(volume) = self.best_match(claim, delayed, node.as_deref()) {
            self.bind(store, &volume, key);
            return;
        }
        set_phase(store, key, "Pending");
        if text(claim, "/spec/storageClassName").is_none() {
            let message = "no persistent volumes available for this claim and no storage class is set";
            store.record_event(claim, "Normal", "FailedBinding", message, COMPONENT);
        } else if delayed {
            let message = "waiting for first consumer to be created before binding";
            store.record_event(claim, "Normal", "WaitForFirstConsumer", message, COMPONENT);
        } else {
            provisioner::provision(inner, store, key, claim);
        }
    }

    /// Binds a claim to the volume it names, when that volume is free for it.
    fn sync_named(&mut self, store: &mut Store, key: &Key, claim: &Value, name: &str) {
        let volume_key = Key::new(&kinds::VOLUMES, "", name);
        let Some(volume) = self.cache.get(&volume_key) else {
            set_phase(store, key, "Pending");
            return;
        };
        if is_free(&volume) {
            if let Err(why) = satisfies(&volume, claim) {
                let message = format!("Cannot bind to requested volume {name:?}: {why}");
                store.record_event(claim, "Warning", "VolumeMismatch", &message, COMPONENT);
                set_phase(store, key, "Pending");
                return;
            }
            self.bind(store, &volume_key, key);
        } else if is_bound_to(&volume, claim) {
            self.bind(store, &volume_key, key);
        } else {
            let message = format!("volume {name:?} already bound to a different claim.");
            store.record_event(claim, "Warning", "FailedBinding", &message, COMPONENT);
            set_phase(store, key, "Pending");
        }
    }

    /// Finds the volume for a claim that names none: one reserved for it, else the smallest free one that fits.
    ///
    /// A reserved volume is taken whatever its class, and also by a claim that would wait for a consumer.
    fn best_match(&self, claim: &Value, delayed: bool, node: Option<&Value>) -> Option<Key> {
        let wanted = size_of_claim(claim);
        let class = text(claim, "/spec/storageClassName");
        let mut smallest: Option<(u128, Key)> = None;
        let reserved = Reference::claim(object::namespace(claim), object::name(claim));
        for (key, volume) in self.cache.referring(&reserved).chain(self.cache.referring(&Reference::NoClaim)) {
            let reserved = !is_free(volume) && is_bound_to(volume, claim);
            let size = size_of_volume(volume);
            let unfit = !is_free(volume) && !reserved
                || size < wanted
                || !same_mode(volume, claim)
                || !offers_modes(volume, claim)
                || object::is_terminating(volume);
            if unfit {
                continue;
            }
            if reserved {
                return Some(key.clone());
            }
            let free = !delayed
                && text(volume, "/status/phase") == Some("Available")
                && text(volume, "/spec/storageClassName") == class
                && selects(claim, volume)
                && node.is_none_or(|node| node_fits_volume(node, volume));
            if free && smallest.as_ref().is_none_or(|(best, _)| size < *best) {
                smallest = Some((size, key.clone()));
            }
        }
        smallest.map(|(_, key)| key)
    }

    /// Binds both sides to each other, the volume first; where that meets a conflict, the claim stays as it is.
    fn bind(&mut self, store: &mut Store, volume_key: &Key, claim_key: &Key) {
        let Some(claim) = store.get(claim_key) else { return };
        let bound = self.cache.edit(store, volume_key, |volume| {
            if is_free(volume) {
                object::set_annotation(volume, BOUND_BY_CONTROLLER, "yes");
            }
            if text(volume, "/spec/claimRef/uid") != Some(object::uid(&claim)) {
                let reference = json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "namespace": claim_key.namespace, "name": claim_key.name, "uid": object::uid(&claim),
                    "resourceVersion": object::resource_version(&claim),
                });
                set(volume, &["spec", "claimRef"], reference);
            }
            volume::put_phase(volume, "Bound", None);
        });
        let Some(volume) = bound else { return };
        lifecycle::edit(store, claim_key, |claim| {
            if text(claim, "/spec/volumeName").is_none() {
                set(claim, &["spec", "volumeName"], json!(volume_key.name));
                object::set_annotation(claim, BOUND_BY_CONTROLLER, "yes");
            }
            object::set_annotation(claim, BIND_COMPLETED, "yes");
            set(claim, &["status", "phase"], json!("Bound"));
            set(claim, &["status", "accessModes"], volume["spec"]["accessModes"].clone());
            set(claim, &["status", "capacity"], volume["spec"]["capacity"].clone());
        });
    }
}

fn lose(store: &mut Store, key: &Key, claim: &Value, message: &str) {
    if text(claim, "/status/phase") != Some("Lost") {
        store.record_event(claim, "Warning", "ClaimLost", message, COMPONENT);
    }
    set_phase(store, key, "Lost");
}

/// Gives a claim that was made before there was a default class the one there is now; true when it did.
fn take_default_class(store: &mut Store, key: &Key, claim: &Value) -> bool {
    let mut with_class = claim.clone();
    admit::default_class(store, &kinds::CLAIMS, &mut with_class);
    if with_class == *claim {
        return false;
    }
    lifecycle::edit(store, key, |claim| {
        set(claim, &["spec", "storageClassName"], with_class["spec"]["storageClassName"].take())
    });
    true
}

/// Tells whether a volume has no claimRef at all.
fn is_free(volume: &Value) -> bool {
    volume.pointer("/spec/claimRef").is_none_or(Value::is_null)
}

/// Tells whether a volume's claimRef means this claim: by name, and by uid when it has one.
fn is_bound_to(volume: &Value, claim: &Value) -> bool {
    let named = text(volume, "/spec/claimRef/name") == Some(object::name(claim))
        && text(volume, "/spec/claimRef/namespace") == Some(object::namespace(claim));
    named && text(volume, "/spec/claimRef/uid").is_none_or(|uid| uid == object::uid(claim))
}

fn satisfies(volume: &Value, claim: &Value) -> Result<(), String> {
    if object::is_terminating(volume) {
        return Err(format!("the volume is marked for deletion {:?}", object::name(volume)));
    }
    if size_of_volume(volume) < size_of_claim(claim) {
        return Err("requested PV is too small".to_owned());
    }
    if text(volume, "/spec/storageClassName") != text(claim, "/spec/storageClassName") {
        return Err("storageClassName does not match".to_owned());
    }
    if !same_mode(volume, claim) {
        return Err("incompatible volumeMode".to_owned());
    }
    if offers_modes(volume, claim) { Ok(()) } else { Err("incompatible accessMode".to_owned()) }
}

/// Tells whether a volume will do for a claim that looks for one.
pub(super) fn fits(volume: &Value, claim: &Value) -> bool {
    if is_free(volume) {
        let is_available = text(volume, "/status/phase") == Some("Available");
        return is_available && satisfies(volume, claim).is_ok() && selects(claim, volume);
    }
    is_bound_to(volume, claim)
}

/// Tells whether a claim's selector, if it has one, means a volume.
fn selects(claim: &Value, volume: &Value) -> bool {
    let selector = claim.pointer("/spec/selector").unwrap_or(&Value::Null);
    selector.is_null() || label_selector_matches(selector, volume)
}

fn size_of_volume(volume: &Value) -> u128 {
    text(volume, "/spec/capacity/storage").and_then(bytes_of_quantity).unwrap_or(0)
}

fn size_of_claim(claim: &Value) -> u128 {
    text(claim, "/spec/resources/requests/storage").and_then(bytes_of_quantity).unwrap_or(0)
}

fn same_mode(volume: &Value, claim: &Value) -> bool {
    let mode = |object| text(object, "/spec/volumeMode").unwrap_or("Filesystem").to_owned();
    mode(volume) == mode(claim)
}

fn offers_modes(volume: &Value, claim: &Value) -> bool {
    let offered = object::texts(volume, "/spec/accessModes");
    object::texts(claim, "/spec/accessModes").iter().all(|mode| offered.contains(mode))
}

fn set_phase(store: &mut Store, key: &Key, phase: &str) {
    lifecycle::edit(store, key, |claim| set(claim, &["status", "phase"], json!(phase)));
}
