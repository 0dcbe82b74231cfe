//! From a pod's volumes to directories, or to the reason why its containers cannot be made yet.

use std::{path::PathBuf, sync::Arc};

use serde_json::Value;

use super::process::Mount;
use crate::{
    cluster::Inner,
    controllers::scheduler::node_fits_volume,
    kinds,
    object::{self, is_terminating},
    store::{Key, Store},
    volumes::Volumes,
};

/// The objects that decide whether a pod's volumes can be mounted.
pub trait Lookup {
    /// Returns a claim.
    fn claim(&self, namespace: &str, name: &str) -> Option<Arc<Value>>;
    /// Returns a volume.
    fn volume(&self, name: &str) -> Option<Arc<Value>>;
    /// Returns a node.
    fn node(&self, name: &str) -> Option<Arc<Value>>;
    /// Returns the pods in which something may still use a claim: their names and nodes.
    fn users_of(&self, namespace: &str, claim: &str) -> Vec<(String, String)>;
}

/// The embedded cluster as its nodes see it.
pub(crate) struct Seen<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) store: &'a Store,
}

impl Lookup for Seen<'_> {
    fn claim(&self, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.store.find(&kinds::CLAIMS, namespace, name)
    }

    fn volume(&self, name: &str) -> Option<Arc<Value>> {
        self.store.find(&kinds::VOLUMES, "", name)
    }

    fn node(&self, name: &str) -> Option<Arc<Value>> {
        self.store.find(&kinds::NODES, "", name)
    }

    fn users_of(&self, namespace: &str, claim: &str) -> Vec<(String, String)> {
        let users = self.inner.node.users_of(namespace, claim).into_iter();
        users.map(|(key, node)| (key.name, node)).collect()
    }
}

/// Why a pod that has a node does not run yet.
#[derive(Debug)]
pub struct Waiting {
    /// Reason and message of the Event that says so.
    pub event: Option<(&'static str, String)>,
}

/// One of a pod's volumes, ready to be mounted.
#[derive(Debug, Clone)]
pub struct Ready {
    name: String,
    directory: PathBuf,
    read_only: bool,
    pub(crate) claim: Option<String>,
}

/// Finds the directory of each of a pod's volumes.
///
/// # Errors
///
/// Says what a claim, a volume or another pod lacks or holds.
pub fn resolve(volumes: &Volumes, objects: &impl Lookup, pod: &Value) -> Result<Vec<Ready>, Waiting> {
    let mut ready = Vec::new();
    for volume in object::items(pod, "/spec/volumes") {
        let name = object::text(volume, "/name").unwrap_or_default().to_owned();
        match object::claim_of_pod_volume(pod, volume) {
            Some(claim) => ready.push(resolve_claim(volumes, objects, pod, volume, name, claim)?),
            None => {
                let directory = volumes.scratch(object::uid(pod), &name).map_err(|error| Waiting {
                    event: Some(("FailedMount", format!("MountVolume.SetUp failed for volume {name:?}: {error}"))),
                })?;
                ready.push(Ready { name, directory, read_only: false, claim: None });
            }
        }
    }
    Ok(ready)
}

fn resolve_claim(
    volumes: &Volumes,
    objects: &impl Lookup,
    pod: &Value,
    volume: &Value,
    name: String,
    claim_name: String,
) -> Result<Ready, Waiting> {
    let namespace = object::namespace(pod);
    let fail = |why: String| Waiting { event: Some(("FailedMount", why)) };
    let Some(claim) = objects.claim(namespace, &claim_name) else {
        return Err(fail(format!(
            "Unable to attach or mount volumes: unmounted volumes=[{name}]: error processing PVC \
             {namespace}/{claim_name}: failed to fetch PVC from API server: persistentvolumeclaims \"{claim_name}\" \
             not found"
        )));
    };
    if object::text(&claim, "/status/phase") != Some("Bound") {
        return Err(fail(format!("error processing PVC {namespace}/{claim_name}: PVC is not bound")));
    }
    let volume_name = object::text(&claim, "/spec/volumeName").unwrap_or_default();
    let Some(backing) = objects.volume(volume_name) else {
        return Err(fail(format!("failed to fetch PV {volume_name:?}: persistentvolumes not found")));
    };
    check_attachment(objects, pod, &claim, &backing)?;
    let directory = volumes
        .open(&backing)
        .map_err(|error| fail(format!("MountVolume.SetUp failed for volume {volume_name:?}: {error}")))?;
    let read_only = object::flag(volume, "/persistentVolumeClaim/readOnly")
        || object::texts(&backing, "/spec/accessModes") == ["ReadOnlyMany"];
    Ok(Ready { name, directory, read_only, claim: Some(claim_name) })
}

/// Checks a volume against its node, and against how many nodes or pods its access modes allow.
fn check_attachment(objects: &impl Lookup, pod: &Value, claim: &Value, backing: &Value) -> Result<(), Waiting> {
    let node_name = object::text(pod, "/spec/nodeName").unwrap_or_default();
    if let Some(node) = objects.node(node_name)
        && !node_fits_volume(&node, backing)
    {
        let why = format!(
            "MountVolume.NodeAffinity check failed for volume {:?} : no matching NodeSelectorTerms",
            object::name(backing)
        );
        return Err(Waiting { event: Some(("FailedMount", why)) });
    }
    let users = objects.users_of(object::namespace(pod), object::name(claim));
    let modes = object::texts(backing, "/spec/accessModes");
    if modes == ["ReadWriteOncePod"] && users.iter().any(|(user, _)| user != object::name(pod)) {
        let why = format!(
            "MapVolume.MapPodDevice failed for volume {:?} : volume uses the ReadWriteOncePod access mode and is \
             already in use by another pod",
            object::name(backing)
        );
        return Err(Waiting { event: Some(("FailedMount", why)) });
    }
    let many = modes.contains(&"ReadWriteMany") || modes.contains(&"ReadOnlyMany");
    let elsewhere = users.iter().find(|(_, node)| node != node_name);
    if let Some((user, _)) = elsewhere.filter(|_| !many) {
        let why = format!(
            "Multi-Attach error for volume {:?} Volume is already used by pod(s) {}",
            object::name(backing),
            user
        );
        return Err(Waiting { event: Some(("FailedAttachVolume", why)) });
    }
    Ok(())
}

/// Returns a container's mounts.
pub(super) fn of_container(container: &Value, ready: &[Ready]) -> Vec<Mount> {
    object::items(container, "/volumeMounts")
        .iter()
        .filter_map(|mount| {
            let volume = ready.iter().find(|one| Some(one.name.as_str()) == object::text(mount, "/name"))?;
            let directory = match object::text(mount, "/subPath") {
                Some(inner) => volume.directory.join(inner.trim_start_matches('/')),
                None => volume.directory.clone(),
            };
            Some(Mount {
                path: object::text(mount, "/mountPath")?.to_owned(),
                directory,
                read_only: volume.read_only || object::flag(mount, "/readOnly"),
            })
        })
        .collect()
}

/// Returns the claims that a pod's containers can write to, with their directories.
pub(super) fn writable(pod: &Value, ready: &[Ready]) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for container in object::items(pod, "/spec/containers") {
        for mount in object::items(container, "/volumeMounts") {
            let volume = ready.iter().find(|one| Some(one.name.as_str()) == object::text(mount, "/name"));
            if let Some(Ready { claim: Some(claim), directory, read_only: false, .. }) = volume
                && !object::flag(mount, "/readOnly")
                && !found.iter().any(|(one, _)| one == claim)
            {
                found.push((claim.clone(), directory.clone()));
            }
        }
    }
    found
}

/// Returns why a claim keeps a pod from being scheduled, in the scheduler's words.
pub(crate) fn unschedulable_claim(store: &Store, namespace: &str, claim_name: &str) -> Option<String> {
    let key = Key::new(&kinds::CLAIMS, namespace, claim_name);
    match store.get(&key) {
        None => Some(format!("persistentvolumeclaim {claim_name:?} not found")),
        Some(claim) if is_terminating(&claim) => Some(format!("persistentvolumeclaim {claim_name:?} is being deleted")),
        Some(_) => None,
    }
}
