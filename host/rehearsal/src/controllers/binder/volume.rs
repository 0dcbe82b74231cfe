//! A volume's phases, and what becomes of it once its claim is gone.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{BOUND_BY_CONTROLLER, COMPONENT};
use crate::{
    cluster::Inner,
    controllers::provisioner::PROVISIONED_BY,
    kinds,
    object::{self, set, text},
    store::{
        Key, Store,
        lifecycle::{self, DeleteRequest},
    },
};

/// Sets a volume's phase by what its claimRef means now.
pub(crate) fn sync_volume(inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
    let reference = volume.pointer("/spec/claimRef").filter(|reference| !reference.is_null());
    let Some(reference) = reference else {
        set_phase(store, key, "Available", None);
        return;
    };
    let Some(uid) = text(reference, "/uid") else {
        // Reserved: only the named claim can have it.
        set_phase(store, key, "Available", None);
        return;
    };
    let namespace = text(reference, "/namespace").unwrap_or_default();
    let claim = store
        .find(&kinds::CLAIMS, namespace, text(reference, "/name").unwrap_or_default())
        .filter(|claim| object::uid(claim) == uid);
    match claim {
        None => release(inner, store, key, volume),
        Some(claim) => match text(&claim, "/spec/volumeName") {
            // The claim's own turn binds it.
            None => {}
            Some(name) if name == key.name => set_phase(store, key, "Bound", None),
            Some(_) => unbind(inner, store, key, volume),
        },
    }
}

/// Handles a volume whose claim is gone.
fn release(inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
    if !matches!(text(volume, "/status/phase"), Some("Released" | "Failed")) {
        set_phase(store, key, "Released", None);
    }
    if text(volume, "/spec/persistentVolumeReclaimPolicy") == Some("Delete") && !object::is_terminating(volume) {
        reclaim(inner, store, key, volume);
    }
}

/// Frees a volume whose claim has taken another one.
fn unbind(inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
    let dynamic = object::annotation(volume, PROVISIONED_BY).is_some();
    if dynamic && text(volume, "/spec/persistentVolumeReclaimPolicy") == Some("Delete") {
        release(inner, store, key, volume);
        return;
    }
    lifecycle::edit(store, key, |volume| {
        if object::annotation(volume, BOUND_BY_CONTROLLER).is_some() {
            object::remove(volume, &["spec", "claimRef"]);
            object::remove(volume, &["metadata", "annotations", BOUND_BY_CONTROLLER]);
        } else {
            object::remove(volume, &["spec", "claimRef", "uid"]);
        }
        put_phase(volume, "Available", None);
    });
}

/// Removes a released volume's data and object, as its provisioner does.
fn reclaim(inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
    if object::annotation(volume, PROVISIONED_BY).is_none() {
        let message = "error getting deleter volume plugin for volume: no volume plugin matched";
        if text(volume, "/status/phase") != Some("Failed") {
            store.record_event(volume, "Warning", "VolumeFailedDelete", message, COMPONENT);
        }
        set_phase(store, key, "Failed", Some(message));
        return;
    }
    match inner.machine.volumes.discard(volume) {
        Ok(Some(directory)) => inner.remove_later(directory),
        Ok(None) => {}
        Err(error) => {
            let message = format!("rpc error: code = Internal desc = {error}");
            store.record_event(volume, "Warning", "VolumeFailedDelete", &message, COMPONENT);
            set_phase(store, key, "Failed", Some(&message));
            return;
        }
    }
    let request = DeleteRequest { uid: Some(object::uid(volume).to_owned()), ..DeleteRequest::default() };
    if let Err(failure) = lifecycle::delete(store, key, &request) {
        tracing::debug!(volume = key.name, "the volume's object went first: {}", failure.message);
    }
}

fn set_phase(store: &mut Store, key: &Key, phase: &str, message: Option<&str>) {
    lifecycle::edit(store, key, |volume| put_phase(volume, phase, message));
}

/// Writes a phase and, when it is another than before, the time.
pub(super) fn put_phase(volume: &mut Value, phase: &str, message: Option<&str>) {
    if text(volume, "/status/phase") != Some(phase) {
        set(volume, &["status", "phase"], json!(phase));
        set(volume, &["status", "lastPhaseTransitionTime"], json!(object::now()));
    }
    match message {
        Some(message) => set(volume, &["status", "message"], json!(message)),
        None => object::remove(volume, &["status", "message"]),
    }
}
