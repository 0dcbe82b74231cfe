//! A volume's phases, and what becomes of it once its claim is gone.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{BOUND_BY_CONTROLLER, Binder, COMPONENT, is_free};
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

impl Binder {
    /// Takes note of what a volume is now and sets its phase by what its claimRef means; returns the claim that has its
    /// turn because of it.
    pub(in crate::controllers) fn sync_volume(
        &mut self,
        inner: &Arc<Inner>,
        store: &mut Store,
        key: &Key,
    ) -> Option<Key> {
        let Some(volume) = store.get(key) else {
            let last = self.cache.remove(key)?;
            let (namespace, name) = (text(&last, "/spec/claimRef/namespace")?, text(&last, "/spec/claimRef/name")?);
            return Some(Key::new(&kinds::CLAIMS, namespace, name));
        };
        self.cache.put(key, &volume);
        let uid = text(&volume, "/spec/claimRef/uid").filter(|_| !is_free(&volume));
        let Some(uid) = uid else {
            // Without a uid it is reserved: only the named claim can have it.
            self.set_phase(store, key, "Available", None);
            return None;
        };
        let namespace = text(&volume, "/spec/claimRef/namespace").unwrap_or_default();
        let claim_key = Key::new(&kinds::CLAIMS, namespace, text(&volume, "/spec/claimRef/name").unwrap_or_default());
        let claim = store.get(&claim_key).filter(|claim| object::uid(claim) == uid);
        match claim.as_deref().map(|claim| text(claim, "/spec/volumeName")) {
            None => self.release(inner, store, key, &volume),
            Some(None) => return Some(claim_key),
            Some(Some(name)) if name == key.name => self.set_phase(store, key, "Bound", None),
            Some(Some(_)) => self.unbind(inner, store, key, &volume),
        }
        None
    }

    /// Handles a volume whose claim is gone.
    fn release(&mut self, inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
        if !matches!(text(volume, "/status/phase"), Some("Released" | "Failed")) {
            self.set_phase(store, key, "Released", None);
        }
        if text(volume, "/spec/persistentVolumeReclaimPolicy") == Some("Delete") && !object::is_terminating(volume) {
            self.reclaim(inner, store, key, volume);
        }
    }

    /// Frees a volume whose claim has taken another one.
    fn unbind(&mut self, inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
        let dynamic = object::annotation(volume, PROVISIONED_BY).is_some();
        if dynamic && text(volume, "/spec/persistentVolumeReclaimPolicy") == Some("Delete") {
            self.release(inner, store, key, volume);
            return;
        }
        self.cache.edit(store, key, |volume| {
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
    fn reclaim(&mut self, inner: &Arc<Inner>, store: &mut Store, key: &Key, volume: &Value) {
        if object::annotation(volume, PROVISIONED_BY).is_none() {
            let message = "error getting deleter volume plugin for volume: no volume plugin matched";
            if text(volume, "/status/phase") != Some("Failed") {
                store.record_event(volume, "Warning", "VolumeFailedDelete", message, COMPONENT);
            }
            self.set_phase(store, key, "Failed", Some(message));
            return;
        }
        match inner.machine.volumes.discard(volume) {
            Ok(Some(directory)) => inner.remove_later(directory),
            Ok(None) => {}
            Err(error) => {
                let message = format!("rpc error: code = Internal desc = {error}");
                store.record_event(volume, "Warning", "VolumeFailedDelete", &message, COMPONENT);
                self.set_phase(store, key, "Failed", Some(&message));
                return;
            }
        }
        let request = DeleteRequest { uid: Some(object::uid(volume).to_owned()), ..DeleteRequest::default() };
        if let Err(failure) = lifecycle::delete(store, key, &request) {
            tracing::debug!(volume = key.name, "the volume's object went first: {}", failure.message);
        }
    }

    fn set_phase(&mut self, store: &mut Store, key: &Key, phase: &str, message: Option<&str>) {
        self.cache.edit(store, key, |volume| put_phase(volume, phase, message));
    }
}

/// Writes a phase and, when it differs from before, the time.
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
