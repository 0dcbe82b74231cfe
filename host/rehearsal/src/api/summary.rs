//! `nodes/proxy` with the kubelet's `stats/summary`: how much of their volumes the pods of a node use.

use std::{path::Path, sync::atomic::Ordering};

use serde_json::{Value, json};

use super::{failure::Failure, route::Route};
use crate::{
    cluster::{Cluster, Inner},
    kinds, object,
};

impl Cluster {
    /// Lets kubelets answer for what volumes hold. In a rehearsal they do not: its files are made up, and policies are to
    /// see there what they see of the same objects in a file.
    pub fn serve_summaries(&self) {
        self.inner.machine.has_summaries.store(true, Ordering::Relaxed);
    }
}

/// Returns a kubelet's summary, as far as it is about claims.
pub(super) fn get(inner: &Inner, route: &Route) -> Result<Value, Failure> {
    let store = inner.store();
    if !inner.machine.has_summaries.load(Ordering::Relaxed) {
        return Err(Failure::no_such_path());
    }
    if store.find(&kinds::NODES, "", &route.name).is_none() {
        return Err(Failure::not_found(&kinds::NODES, &route.name));
    }
    let pods = store.listed(&kinds::PODS, "");
    let here = pods.iter().map(|(_, pod)| pod).filter(|pod| object::text(pod, "/spec/nodeName") == Some(&*route.name));
    let summary = here.map(|pod| {
        let claims = object::items(pod, "/spec/volumes").iter();
        let claims = claims.filter_map(|volume| object::text(volume, "/persistentVolumeClaim/claimName"));
        let namespace = object::namespace(pod);
        let volume: Vec<Value> = claims
            .filter_map(|name| {
                let claim = store.find(&kinds::CLAIMS, namespace, name)?;
                let volume = store.find(&kinds::VOLUMES, "", object::text(&claim, "/spec/volumeName")?)?;
                let directory = inner.machine.volumes.directory_of(object::name(&volume))?;
                let capacity = object::bytes_of_quantity(object::text(&volume, "/spec/capacity/storage")?)?;
                Some(json!({
                    "name": name,
                    "pvcRef": {"name": name, "namespace": namespace},
                    "usedBytes": size(&directory),
                    "capacityBytes": u64::try_from(capacity).ok()?,
                }))
            })
            .collect();
        json!({"podRef": {"name": object::name(pod), "namespace": namespace}, "volume": volume})
    });
    Ok(json!({"node": {"nodeName": route.name}, "pods": summary.collect::<Vec<_>>()}))
}

/// Returns the length of all files below a folder; what goes away meanwhile counts for nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
