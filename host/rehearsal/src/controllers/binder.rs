//! The binding of claims and volumes, by the rules of kube-controller-manager's PersistentVolume controller.

mod volume;

use std::sync::Arc;

use serde_json::{Value, json};

use super::provisioner;
use crate::{
    api::{admit, selector::label_selector_matches},
    cluster::Inner,
    kinds,
    object::{self, bytes_of_quantity, set, text},
    store::{Key, Reference, Store, lifecycle},
};
pub(super) use volume::sync_volume;

/// Set on a claim when its binding is complete.
pub(super) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Set on the side of a binding that the controller, not a user, chose.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const COMPONENT: &str = "persistentvolume-controller";

/// Brings one claim nearer to its binding.
pub(super) fn sync_claim(inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
    if object::annotation(claim, BIND_COMPLETED).is_some() {
        sync_bound(store, key, claim);
    } else {
        sync_unbound(inner, store, key, claim);
    }
}

/// Looks after a claim that was bound once: its volume may be gone or belong to another.
fn sync_bound(store: &mut Store, key: &Key, claim: &Value) {
    let Some(name) = text(claim, "/spec/volumeName") else {
        lose(store, key, claim, "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
        return;
    };
    let volume_key = Key::new(&kinds::VOLUMES, "", name);
    let Some(volume) = store.get(&volume_key) else {
        lose(store, key, claim, "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        return;
    };
    let reference = volume.pointer("/spec/claimRef");
    if reference.is_none_or(Value::is_null) || is_bound_to(&volume, claim) {
        bind(store, &volume_key, key);
    } else {
        let message = "Two claims are bound to the same volume, this one is bound incorrectly";
        if text(claim, "/status/phase") != Some("Lost") {
            store.record_event(claim, "Warning", "ClaimMisbound", message, COMPONENT);
        }
        set_phase(store, key, "Lost");
    }
}

fn lose(store: &mut Store, key: &Key, claim: &Value, message: &str) {
    if text(claim, "/status/phase") != Some("Lost") {
        store.record_event(claim, "Warning", "ClaimLost", message, COMPONENT);
    }
    set_phase(store, key, "Lost");
}

fn sync_unbound(inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
    if let Some(name) = text(claim, "/spec/volumeName") {
        sync_named(store, key, claim, name);
        return;
    }
    if take_default_class(store, key, claim) {
        return;
    }
    let delayed = provisioner::is_delayed(store, claim);
    if let Some(volume) = best_match(store, claim, delayed) {
        bind(store, &volume, key);
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

/// Binds a claim to the volume it names, when that volume is free for it.
fn sync_named(store: &mut Store, key: &Key, claim: &Value, name: &str) {
    let volume_key = Key::new(&kinds::VOLUMES, "", name);
    let Some(volume) = store.get(&volume_key) else {
        set_phase(store, key, "Pending");
        return;
    };
    let free = volume.pointer("/spec/claimRef").is_none_or(Value::is_null);
    if free {
        if let Err(why) = satisfies(&volume, claim) {
            let message = format!("Cannot bind to requested volume {name:?}: {why}");
            store.record_event(claim, "Warning", "VolumeMismatch", &message, COMPONENT);
            set_phase(store, key, "Pending");
            return;
        }
        bind(store, &volume_key, key);
    } else if is_bound_to(&volume, claim) {
        bind(store, &volume_key, key);
    } else {
        let message = format!("volume {name:?} already bound to a different claim.");
        store.record_event(claim, "Warning", "FailedBinding", &message, COMPONENT);
        set_phase(store, key, "Pending");
    }
}

/// Tells whether a volume's claimRef means this claim: by name, and by uid when it has one.
fn is_bound_to(volume: &Value, claim: &Value) -> bool {
    let named = text(volume, "/spec/claimRef/name") == Some(object::name(claim))
        && text(volume, "/spec/claimRef/namespace") == Some(object::namespace(claim));
    named && text(volume, "/spec/claimRef/uid").is_none_or(|uid| uid == object::uid(claim))
}

fn satisfies(volume: &Value, claim: &Value) -> Result<(), &'static str> {
    if size_of_volume(volume) < size_of_claim(claim) {
        return Err("requested PV is too small");
    }
    if text(volume, "/spec/storageClassName") != text(claim, "/spec/storageClassName") {
        return Err("storageClassName does not match");
    }
    if !same_mode(volume, claim) {
        return Err("incompatible volumeMode");
    }
    if offers_modes(volume, claim) { Ok(()) } else { Err("incompatible accessMode") }
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

/// Finds the volume for a claim that names none: one reserved for it, else the smallest free one that fits.
///
/// A reserved volume is taken whatever its class, and also by a claim that would wait for a consumer.
fn best_match(store: &Store, claim: &Value, delayed: bool) -> Option<Key> {
    let wanted = size_of_claim(claim);
    let class = text(claim, "/spec/storageClassName");
    let mut smallest: Option<(u128, Key)> = None;
    let reserved = Reference::claim(object::namespace(claim), object::name(claim));
    let reserved = store.referring(&kinds::VOLUMES, &reserved);
    for (key, volume) in reserved.chain(store.referring(&kinds::VOLUMES, &Reference::NoClaim)) {
        let reference = volume.pointer("/spec/claimRef").filter(|reference| !reference.is_null());
        let reserved = reference.is_some() && is_bound_to(volume, claim);
        let size = size_of_volume(volume);
        let unfit = reference.is_some() && !reserved
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
        let selector = claim.pointer("/spec/selector").unwrap_or(&Value::Null);
        let free = !delayed
            && text(volume, "/status/phase") == Some("Available")
            && text(volume, "/spec/storageClassName") == class
            && (selector.is_null() || label_selector_matches(selector, volume));
        if free && smallest.as_ref().is_none_or(|(best, _)| size < *best) {
            smallest = Some((size, key.clone()));
        }
    }
    smallest.map(|(_, key)| key)
}

/// Binds both sides to each other.
pub(super) fn bind(store: &mut Store, volume_key: &Key, claim_key: &Key) {
    let Some(claim) = store.get(claim_key) else { return };
    let bound = lifecycle::edit(store, volume_key, |volume| {
        let free = volume.pointer("/spec/claimRef").is_none_or(Value::is_null);
        if free {
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

fn set_phase(store: &mut Store, key: &Key, phase: &str) {
    lifecycle::edit(store, key, |claim| set(claim, &["status", "phase"], json!(phase)));
}
