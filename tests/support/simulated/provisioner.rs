//! The provisioner of the scenes' classes: volumes are directories of the scene's machine.
//!
//! It follows what the controller manager tells external provisioners: the claim's annotations name it, and the node
//! where the class waits for one. The objects and refusals are the embedded cluster's own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, PostParams, Preconditions};
use pvmigrate_rehearsal::parts::{Machine, PROVISIONED_BY, SELECTED_NODE, refusal, volume_for};
use serde_json::Value;

use super::mirror::Mirror;
use super::{Machines, NODES, record, resource};

/// The annotation that names the provisioner that a claim waits for; written by the controller manager when it is time.
const ASKED: &str = "volume.kubernetes.io/storage-provisioner";

/// Looks at all claims and volumes whenever something has changed.
pub(super) async fn run(client: Client, mirror: Arc<Mirror>, machines: Machines) {
    let mut changes = mirror.changes();
    // What was started is not started again: claims by uid, volumes by uid and version.
    let (mut made, mut freed) = (BTreeSet::new(), BTreeSet::new());
    loop {
        for claim in mirror.all("PersistentVolumeClaim") {
            let Some(machine) = machines.of(text(&claim, "/metadata/namespace")) else { continue };
            if let Some(class) = wanted(&mirror, &claim)
                && made.insert(text(&claim, "/metadata/uid").to_owned())
            {
                tokio::spawn(provision(client.clone(), machine, class, claim));
            }
        }
        for volume in mirror.all("PersistentVolume").into_iter().filter(|volume| is_to_go(volume)) {
            let Some(machine) = machines.of(text(&volume, "/spec/claimRef/namespace")) else { continue };
            let version = text(&volume, "/metadata/resourceVersion").to_owned();
            if freed.insert((text(&volume, "/metadata/uid").to_owned(), version)) {
                tokio::spawn(free(client.clone(), machine, volume));
            }
        }
        // The mirror holds the sender.
        let _ = changes.changed().await;
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name].as_str().unwrap_or_default()
}

/// Returns the class of a claim that waits for a volume.
fn wanted(mirror: &Mirror, claim: &Value) -> Option<Arc<Value>> {
    let waits = text(claim, "/spec/volumeName").is_empty() && claim.pointer("/metadata/deletionTimestamp").is_none();
    let class = mirror.get("StorageClass", "", text(claim, "/spec/storageClassName")).filter(|_| waits)?;
    let mine = annotation(claim, ASKED) == text(&class, "/provisioner");
    let late = text(&class, "/volumeBindingMode") == "WaitForFirstConsumer";
    (mine && (!late || !annotation(claim, SELECTED_NODE).is_empty())).then_some(class)
}

async fn provision(client: Client, machine: Arc<Machine>, class: Arc<Value>, claim: Arc<Value>) {
    let from = text(&class, "/provisioner");
    let name = format!("pvc-{}", text(&claim, "/metadata/uid"));
    let made = match refusal(&class, &claim) {
        Some(why) => Err(why),
        None => make(&client, &machine, &class, &claim, &name).await.map_err(|error| error.to_string()),
    };
    let (severity, reason, message) = match made {
        Ok(()) => ("Normal", "ProvisioningSucceeded", format!("Successfully provisioned volume {name}")),
        Err(why) => {
            let class = text(&class, "/metadata/name");
            let message = format!("failed to provision volume with StorageClass {class:?}: {why}");
            ("Warning", "ProvisioningFailed", message)
        }
    };
    record(&client, &claim, severity, reason, &message, from).await;
}

async fn make(client: &Client, machine: &Machine, class: &Value, claim: &Value, name: &str) -> anyhow::Result<()> {
    let volume = volume_for(class, claim, name, || NODES[0].to_owned());
    machine.volumes.open(&volume)?;
    volumes(client).create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
    Ok(())
}

fn volumes(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource("v1", "PersistentVolume", "persistentvolumes"))
}

fn is_to_go(volume: &Value) -> bool {
    text(volume, "/status/phase") == "Released"
        && text(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete"
        && !annotation(volume, PROVISIONED_BY).is_empty()
        && volume.pointer("/metadata/deletionTimestamp").is_none()
}

/// Removes a volume's object, and then its files; not when it was changed meanwhile, as it may have been kept.
async fn free(client: Client, machine: Arc<Machine>, volume: Arc<Value>) {
    let precondition = |pointer| Some(text(&volume, pointer).to_owned());
    let preconditions = Some(Preconditions {
        uid: precondition("/metadata/uid"),
        resource_version: precondition("/metadata/resourceVersion"),
    });
    let params = DeleteParams { preconditions, ..DeleteParams::default() };
    if volumes(&client).delete(text(&volume, "/metadata/name"), &params).await.is_err() {
        return;
    }
    if let Ok(Some(directory)) = machine.volumes.discard(&volume) {
        remove(directory).await;
    }
}

async fn remove(directory: PathBuf) {
    // What is left is removed with the scene's folder.
    let _ = tokio::fs::remove_dir_all(directory).await;
}
