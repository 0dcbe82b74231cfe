//! Terse rows: a claim or a class in one line, and the patches of a case, which are the same.
//!
//! A row is short for objects: a claim with its volume, the pods that mount it and what owns them. They are read as those of
//! a snapshot are. What a row leaves out stays as it is; null removes.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{Pairs, facts};
use pvmigrate_objects::complete;
use serde_json::{Value, json};

use super::cluster::{Cluster, check_name};
use crate::testkit::vocabulary::checker::unknown_volume;
use crate::testkit::vocabulary::parse;
use pvmigrate_yaml::{Fields, Key, Node, Shape, Wrong, Yaml, did_you_mean};

mod claim;
mod class;
mod consumers;

use claim::Claim;
#[cfg(test)]
pub(crate) use class::CLASS;
pub(crate) use class::{add_class, change_class};
pub(crate) use consumers::workloads;

pub(crate) const VOLUME: Shape = Shape {
    name: "a volume",
    keys: &[
        "class",
        "modes",
        "effectiveModes",
        "volumeMode",
        "size",
        "used",
        "phase",
        "volume",
        "driver",
        "created",
        "labels",
        "annotations",
        "facts",
        "by",
    ],
};

/// The facts of a volume that a test may set.
const VOLUME_FACTS: [&str; 2] = [facts::DELETING, facts::OWNER];

/// Adds the objects of a row: a claim that is bound, of 1Gi, ReadWriteOnce and used by no pod, unless the row says otherwise.
pub(crate) fn add_volume(cluster: &mut Cluster, key: &Key, row: &Node) -> Result<(), Wrong> {
    let (namespace, name) = claim_name(key)?;
    if cluster.position("PersistentVolumeClaim", Some(namespace), name).is_some() {
        return Err(Wrong::new(&key.at, format!("volume {} exists already", key.name)));
    }
    let class = match Fields::of(row, &VOLUME)?.get("class") {
        Some(at) => {
            let class = at.text("class")?;
            cluster.check_class(at, class)?;
            class
        }
        None => "",
    };
    if cluster.position("Namespace", None, namespace).is_none() {
        cluster.objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    }
    cluster.objects.push(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem",
            // Without a name the default class would be meant.
            "storageClassName": class,
        },
    }));
    let at = cluster.objects.len() - 1;
    complete::provision(&mut cluster.objects, at);
    change_volume(cluster, key, row)
}

/// Changes the objects of a claim as the row says; null takes the claim away, with its volume and the pods that mount it.
pub(crate) fn change_volume(cluster: &mut Cluster, key: &Key, row: &Node) -> Result<(), Wrong> {
    let known: Vec<String> = cluster.names("PersistentVolumeClaim").collect();
    let taken = key.name.split_once('/').and_then(|(namespace, name)| Claim::take(cluster, namespace, name));
    let Some(mut claim) = taken else {
        return Err(Wrong::new(&key.at, unknown_volume(&key.name, known.iter().map(String::as_str))));
    };
    if row.is == Yaml::Null {
        claim.remove();
        return Ok(());
    }
    let fields = Fields::of(row, &VOLUME)?;
    claim.change_phase(&fields)?;
    claim.change_class(&fields)?;
    claim.change_shape(&fields)?;
    claim.change_metadata(&fields)?;
    if let Some(by) = fields.get("by") {
        claim.change_consumers(by)?;
    }
    claim.put_back();
    complete::uids(&mut cluster.objects);
    Ok(())
}

/// Takes the key of a row apart.
fn claim_name(key: &Key) -> Result<(&str, &str), Wrong> {
    let parts = key.name.split_once('/').filter(|(_, name)| !name.contains('/'));
    let Some((namespace, name)) = parts else {
        return Err(Wrong::new(&key.at, format!("invalid volume {:?}; write namespace/claim", key.name)));
    };
    [namespace, name].into_iter().try_for_each(check_name).map_err(|what| Wrong::new(&key.at, what))?;
    Ok((namespace, name))
}

/// Merges a mapping of texts as a merge patch does: null removes.
pub(crate) fn change_pairs(pairs: &mut Pairs, patch: Option<&Node>, what: &str) -> Result<(), Wrong> {
    for (key, value) in patch.map(|patch| patch.map(what)).transpose()?.unwrap_or_default() {
        match value.is {
            Yaml::Null => pairs.remove(&key.name),
            _ => pairs.insert(key.name.clone(), value.text(&key.name)?.to_owned()),
        };
    }
    Ok(())
}

/// Does the same to a mapping of an object, such as its labels.
fn change_texts(texts: &mut Value, patch: Option<&Node>, what: &str) -> Result<(), Wrong> {
    let Some(patch) = patch else { return Ok(()) };
    let mut pairs = Pairs::new();
    for (key, value) in texts.as_object().into_iter().flatten() {
        pairs.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    change_pairs(&mut pairs, Some(patch), what)?;
    *texts = json!(pairs);
    Ok(())
}

/// Refuses facts that would be ignored.
pub(crate) fn known_facts(facts: &Node, of: &str, known: &[&str]) -> Result<(), Wrong> {
    for (key, _) in facts.map("facts")? {
        if !known.contains(&key.name.as_str()) {
            let near = did_you_mean(&key.name, known.iter().copied());
            return Err(Wrong::new(&key.at, format!("unknown fact {} of {of}{near}", key.name)));
        }
    }
    Ok(())
}

/// Reads access modes in the order and the words of Kubernetes.
fn modes(node: &Node) -> Result<Value, Wrong> {
    let modes = normal_modes(parse::words::<AccessMode>(node)?);
    if modes.is_empty() {
        return Err(Wrong::new(&node.at, "a claim has at least one access mode"));
    }
    Ok(modes.into_iter().map(|mode| mode.to_string()).collect())
}

fn volume_mode(node: &Node) -> Result<VolumeMode, Wrong> {
    parse::word(node, node.text("volumeMode")?)
}

fn bytes(node: &Node) -> Result<(String, u64), Wrong> {
    let bytes = parse::bytes(node, "a quantity")?;
    Ok((node.quantity("a quantity")?, bytes))
}
