//! The provisioners of all StorageClasses: they make a directory and the volume object for it.
//!
//! A StorageClass's annotations steer what can be provisioned, so that a rehearsal meets the limits of the real driver:
//! `rehearsal.pvmigrate.dev/access-modes`, `.../node-bound` and `.../provision`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::topology;
use crate::{
    api::admit,
    cluster::Inner,
    kinds,
    object::{self, annotation, text},
    store::{Key, Store, lifecycle},
};

/// On a volume: the driver that made it and will delete it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// The node the scheduler chose for a claim that waits for its first consumer.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// On a StorageClass: the access modes its driver supports, separated by commas; without it all are.
const ACCESS_MODES: &str = "rehearsal.pvmigrate.dev/access-modes";
/// On a StorageClass: `"true"` makes volumes that only one node can mount.
const NODE_BOUND: &str = "rehearsal.pvmigrate.dev/node-bound";
/// On a StorageClass: any value makes provisioning fail with it as the reason.
const PROVISION: &str = "rehearsal.pvmigrate.dev/provision";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

pub(super) fn class_of(store: &Store, claim: &Value) -> Option<Arc<Value>> {
    store.find(&kinds::STORAGE_CLASSES, "", text(claim, "/spec/storageClassName")?)
}

/// Tells whether a class makes volumes at all.
pub(super) fn is_dynamic(class: &Value) -> bool {
    text(class, "/provisioner").is_some_and(|name| name != NO_PROVISIONER)
}

/// Tells whether a claim waits for a pod and no node was chosen for it yet.
pub(super) fn is_delayed(store: &Store, claim: &Value) -> bool {
    let waits =
        class_of(store, claim).is_some_and(|class| text(&class, "/volumeBindingMode") == Some("WaitForFirstConsumer"));
    waits && annotation(claim, SELECTED_NODE).is_none()
}

/// Makes a volume for a claim, or says in an Event why not.
pub(super) fn provision(inner: &Arc<Inner>, store: &mut Store, key: &Key, claim: &Value) {
    let class_name = text(claim, "/spec/storageClassName").unwrap_or_default();
    let Some(class) = class_of(store, claim) else {
        let message = format!("storageclass.storage.k8s.io {class_name:?} not found");
        store.record_event(claim, "Warning", "ProvisioningFailed", &message, "persistentvolume-controller");
        return;
    };
    let provisioner = text(&class, "/provisioner").unwrap_or_default().to_owned();
    if !is_dynamic(&class) {
        let message = "no volume plugin matched name: kubernetes.io/no-provisioner";
        store.record_event(claim, "Warning", "ProvisioningFailed", message, "persistentvolume-controller");
        return;
    }
    let volume_name = format!("pvc-{}", object::uid(claim));
    if store.find(&kinds::VOLUMES, "", &volume_name).is_some() {
        return;
    }
    lifecycle::edit(store, key, |claim| {
        for name in ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"] {
            object::set_annotation(claim, name, &provisioner);
        }
    });
    let message = format!("External provisioner is provisioning volume for claim \"{}/{}\"", key.namespace, key.name);
    store.record_event(claim, "Normal", "Provisioning", &message, &provisioner);
    let made = refusal(&class, claim).map_or_else(|| make(inner, store, &class, claim, &volume_name), Err);
    match made {
        Ok(volume) => {
            store.write(&Key::new(&kinds::VOLUMES, "", &volume_name), volume);
            let message = format!("Successfully provisioned volume {volume_name}");
            store.record_event(claim, "Normal", "ProvisioningSucceeded", &message, &provisioner);
        }
        Err(why) => {
            let message = format!("failed to provision volume with StorageClass {class_name:?}: {why}");
            store.record_event(claim, "Warning", "ProvisioningFailed", &message, &provisioner);
        }
    }
}

/// Returns what the provisioner or its driver says when it cannot make such a volume.
pub fn refusal(class: &Value, claim: &Value) -> Option<String> {
    if claim.pointer("/spec/selector").is_some_and(|selector| !selector.is_null()) {
        return Some("claim Selector is not supported".to_owned());
    }
    if let Some(why) = annotation(class, PROVISION) {
        return Some(why.to_owned());
    }
    let supported: Vec<&str> = annotation(class, ACCESS_MODES)?.split(',').map(str::trim).collect();
    let refused = object::texts(claim, "/spec/accessModes").into_iter().find(|mode| !supported.contains(mode))?;
    Some(format!(
        "rpc error: code = InvalidArgument desc = access mode {refused} is not supported, only {} are",
        supported.join(", ")
    ))
}

/// Makes the directory and the volume's object, and stores it.
fn make(inner: &Inner, store: &mut Store, class: &Value, claim: &Value, volume_name: &str) -> Result<Value, String> {
    let place = topology::place(store, class, claim)?;
    let mut volume = volume_for(class, claim, volume_name, || {
        let first = || store.list(&kinds::NODES, "").next().map(|(key, _)| key.name.clone());
        place.as_ref().map(|place| place.node.clone()).or_else(first).unwrap_or_default()
    });
    if let Some(place) = place
        && volume.pointer("/spec/nodeAffinity").is_none()
    {
        volume["spec"]["nodeAffinity"] = place.affinity();
    }
    admit::identity(store, &kinds::VOLUMES, &mut volume);
    admit::finalizers(&kinds::VOLUMES, &mut volume);
    admit::defaults(&kinds::VOLUMES, &mut volume);
    inner.machine.volumes.open(&volume).map_err(|error| format!("rpc error: code = Internal desc = {error}"))?;
    Ok(volume)
}

/// Builds the object of the volume that a driver makes for a claim; `any_node` is asked for when the class binds volumes
/// to nodes and none was chosen.
pub fn volume_for(class: &Value, claim: &Value, name: &str, any_node: impl FnOnce() -> String) -> Value {
    let provisioner = &class["provisioner"];
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: provisioner}},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": object::namespace(claim),
                "name": object::name(claim), "uid": object::uid(claim),
                "resourceVersion": object::resource_version(claim),
            },
            "csi": {"driver": provisioner, "volumeHandle": name},
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "storageClassName": claim["spec"]["storageClassName"],
            "volumeMode": text(claim, "/spec/volumeMode").unwrap_or("Filesystem"),
        },
    });
    if let Some(options) = class.get("mountOptions").filter(|options| options.is_array()) {
        volume["spec"]["mountOptions"] = options.clone();
    }
    if annotation(class, NODE_BOUND) == Some("true") {
        let node = annotation(claim, SELECTED_NODE).map_or_else(any_node, str::to_owned);
        volume["spec"]["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
        ]}]}});
    }
    volume
}
