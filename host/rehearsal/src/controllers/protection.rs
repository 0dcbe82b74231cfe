//! When the protection finalizers of claims and volumes come off.

use serde_json::Value;

use crate::{
    api::admit::{CLAIM_PROTECTION, VOLUME_PROTECTION},
    kinds, object,
    store::{Key, Reference, Store, lifecycle},
};

/// Lets a terminating claim go once no pod that has a node names it.
///
/// As in kube-controller-manager, a finished pod counts too: its object must go first.
pub(super) fn release_claim(store: &mut Store, key: &Key, claim: &Value) {
    if !object::has_finalizer(claim, CLAIM_PROTECTION) {
        return;
    }
    let users = Reference::claim(&key.namespace, &key.name);
    let used = store.referring(&kinds::PODS, &users).any(|(_, pod)| object::text(pod, "/spec/nodeName").is_some());
    if !used {
        lifecycle::edit(store, key, |claim| object::remove_finalizer(claim, CLAIM_PROTECTION));
    }
}

/// Lets a terminating volume go once it is not bound.
pub(super) fn release_volume(store: &mut Store, key: &Key, volume: &Value) {
    let bound = object::text(volume, "/status/phase") == Some("Bound");
    if object::is_terminating(volume) && !bound && object::has_finalizer(volume, VOLUME_PROTECTION) {
        lifecycle::edit(store, key, |volume| object::remove_finalizer(volume, VOLUME_PROTECTION));
    }
}
