//! From the objects of a cluster to a fixture: only the fields that fixtures read, and what policies look up.
//!
//! Nothing is copied that is not named: claims, volumes, classes, pods and owners are read into the types of
//! [`objects`] and written from those. Objects that policies look up must stay whole to keep their meaning, except for
//! the API server's own fields and for what containers are started with. [`anonymous`] renames; nothing here reads a
//! cluster or writes a file.

use std::collections::{BTreeMap, BTreeSet};

use pvmigrate_core::names;
use pvmigrate_core::policy::{Collected, Kind, Need};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::testkit::read::objects::{self, Meta, Objects, Owner, Pod};

mod anonymous;

/// The kinds that every question is made of. Owners are followed from pods upwards.
const CLAIM: (&str, &str) = ("v1", "PersistentVolumeClaim");
const VOLUME: (&str, &str) = ("v1", "PersistentVolume");
const CLASS: (&str, &str) = ("storage.k8s.io/v1", "StorageClass");
const POD: (&str, &str) = ("v1", "Pod");
const OWNERS: [(&str, &str); 3] = [("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("apps/v1", "Deployment")];

/// The annotation of a volume that fixtures read.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// What containers are started with: it often contains passwords, and no policy about volumes needs it.
const STARTED_WITH: [&str; 4] = ["env", "envFrom", "command", "args"];
/// The API server's own fields.
const ITS_OWN: [&str; 4] = ["managedFields", "resourceVersion", "generation", "selfLink"];

/// A fixture that was captured.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    objects: Objects,
    /// The kinds that policies look up beside those of every question.
    further: BTreeMap<Kind, Vec<Value>>,
    /// Those of them that could not be listed, and why.
    missing: BTreeMap<Kind, String>,
}

impl Capture {
    /// Returns everything to collect: the kinds of every question, and those that policies look up.
    pub fn needs(policies: &[Need]) -> Vec<Need> {
        let usual = [CLAIM, VOLUME, CLASS, POD].into_iter().chain(OWNERS);
        let usual = usual.map(|(api_version, kind)| Need {
            kind: Kind::new(api_version, kind),
            purpose: "every question is made of it".to_owned(),
            optional: false,
        });
        let usual: Vec<Need> = usual.collect();
        let known = |need: &&Need| !usual.iter().any(|other| other.kind == need.kind) && !need.kind.is_withheld();
        let further: Vec<Need> = policies.iter().filter(known).cloned().collect();
        usual.into_iter().chain(further).collect()
    }

    /// Returns whether objects of a kind are cut down to what fixtures read, so that look-ups find less in them.
    pub fn cuts_down(kind: &Kind) -> bool {
        Self::needs(&[]).iter().any(|need| need.kind == *kind)
    }

    /// Takes what a fixture needs out of what was collected for [`Self::needs`].
    ///
    /// Only volumes of the claims are taken, only pods that use them, and only owners of those pods: if a single
    /// namespace was collected, nothing of another one is taken.
    ///
    /// # Errors
    /// When an object cannot be understood; the error names it.
    pub fn of(collected: &Collected, needs: &[Need]) -> Result<Self, String> {
        let mut taken = Objects::default();
        for (api_version, kind) in [CLAIM, VOLUME, CLASS, POD].into_iter().chain(OWNERS) {
            all(collected, &Kind::new(api_version, kind))?.into_iter().try_for_each(|object| taken.add(object))?;
        }
        taken.all.clear();
        reduce(&mut taken);
        let (mut further, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for (kind, found) in collected.kinds() {
            if let Err(why) = found {
                missing.insert(kind.clone(), why.to_owned());
            }
        }
        for need in needs.iter().filter(|need| !Self::cuts_down(&need.kind) && !need.kind.is_withheld()) {
            let mut found = all(collected, &need.kind)?;
            found.iter_mut().for_each(scrub);
            further.insert(need.kind.clone(), found);
        }
        Ok(Self { objects: taken, further, missing })
    }

    /// Replaces everything that a person named with another name, the same one everywhere.
    ///
    /// Renamed are namespaces, names, uids and nodes, and the values of labels and annotations. Kept are classes, keys, plain
    /// words such as `true`, and the values under `kurl.sh/` and `pvmigrate.dev/`, which decide. In kinds that policies look
    /// up, further text is kept where it holds no renamed name.
    pub fn anonymize(&mut self) {
        anonymous::rename(self);
    }

    /// Returns the kinds that policies can do without and that could not be listed, with the reason.
    ///
    /// A fixture cannot express that: where the policy was told that it cannot know, it finds no objects there.
    pub fn missing(&self) -> impl Iterator<Item = (&Kind, &str)> {
        self.missing.iter().map(|(kind, why)| (kind, why.as_str()))
    }

    /// Counts the claims.
    pub fn claims(&self) -> usize {
        self.objects.claims.len()
    }

    /// Returns the files of the fixture, name and objects; no file is empty.
    ///
    /// # Errors
    /// Only when an object is not JSON, which cannot happen.
    pub fn files(&self) -> Result<Vec<(String, Vec<Value>)>, serde_json::Error> {
        let Objects { claims, volumes, classes, pods, others, .. } = &self.objects;
        let others = others.iter().map(|other| {
            let api_version = OWNERS.iter().find(|(_, kind)| *kind == other.kind).map_or("v1", |(version, _)| version);
            written((api_version, &other.kind), &OwnerObject { metadata: &other.metadata })
        });
        let mut files = vec![
            ("claims".to_owned(), written_all(CLAIM, claims)?),
            ("volumes".to_owned(), written_all(VOLUME, volumes)?),
            ("classes".to_owned(), written_all(CLASS, classes)?),
            ("pods".to_owned(), written_all(POD, pods)?),
            ("owners".to_owned(), others.collect::<Result<_, _>>()?),
        ];
        // Two groups may have a kind of the same name.
        for (kind, objects) in &self.further {
            let group = kind.api_version.split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
            files.push((format!("{}{group}", kind.kind.to_lowercase()), objects.clone()));
        }
        files.retain(|(_, objects)| !objects.is_empty());
        Ok(files)
    }
}

#[derive(Serialize)]
struct OwnerObject<'a> {
    metadata: &'a Meta,
}

fn written_all<T: Serialize>(kind: (&str, &str), objects: &[T]) -> Result<Vec<Value>, serde_json::Error> {
    objects.iter().map(|object| written(kind, object)).collect()
}

/// Makes an object of what is kept of one, without empty fields.
fn written(kind: (&str, &str), object: &impl Serialize) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(object)?;
    prune(&mut value);
    let mut whole =
        Map::from_iter([("apiVersion".to_owned(), Value::from(kind.0)), ("kind".to_owned(), Value::from(kind.1))]);
    if let Value::Object(fields) = value {
        whole.extend(fields);
    }
    Ok(Value::Object(whole))
}

/// Removes null, false and what is empty, which fixtures read as absent, except the key that marks a volume as
/// ephemeral.
fn prune(value: &mut Value) {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|key, value| key == "ephemeral" && value.is_object() || !says_nothing(value));
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all(collected: &Collected, kind: &Kind) -> Result<Vec<Value>, String> {
    // A kind that could not be listed was optional; `Capture::missing` names it.
    let found = collected.find(kind, None, "", &[]).unwrap_or_default();
    found.iter().map(|text| serde_json::from_str(text).map_err(|error| format!("{kind}: {error}"))).collect()
}

/// Removes what no question needs.
fn reduce(objects: &mut Objects) {
    let Objects { claims, volumes, classes, pods, others, .. } = objects;
    claims.retain(|claim| !is_helper(&claim.metadata));
    let kept: BTreeSet<(String, String)> = claims.iter().map(|claim| key(&claim.metadata)).collect();
    volumes.retain(|volume| {
        let holder = volume.spec.claim_ref.as_ref();
        holder.is_some_and(|holder| kept.contains(&(holder.namespace.clone(), holder.name.clone())))
    });
    for volume in volumes {
        let annotations = volume.metadata.annotations.take().unwrap_or_default();
        let provisioned_by = annotations.into_iter().filter(|(key, _)| key == PROVISIONED_BY);
        volume.metadata = Meta { annotations: Some(provisioned_by.collect()), ..named(&volume.metadata) };
    }
    for class in classes {
        class.metadata = Meta { annotations: class.metadata.annotations.take(), ..named(&class.metadata) };
    }
    pods.retain(|pod| !is_helper(&pod.metadata));
    for pod in pods.iter_mut() {
        pod.metadata = owned(&pod.metadata);
        keep_claims(pod, &kept);
    }
    pods.retain(|pod| !pod.spec.volumes.is_empty());
    for other in others.iter_mut() {
        other.metadata = owned(&other.metadata);
    }
    let mut reached: BTreeSet<(String, String, String)> = pods.iter().flat_map(|pod| owners(&pod.metadata)).collect();
    loop {
        let known = reached.len();
        let is_reached = |other: &&objects::Other| {
            let (namespace, name) = key(&other.metadata);
            reached.contains(&(other.kind.clone(), namespace, name))
        };
        let above: Vec<_> = others.iter().filter(is_reached).flat_map(|other| owners(&other.metadata)).collect();
        reached.extend(above);
        if reached.len() == known {
            break;
        }
    }
    others.retain(|other| {
        let (namespace, name) = key(&other.metadata);
        reached.contains(&(other.kind.clone(), namespace, name))
    });
}

/// Leaves a pod only its claims, and its mounts of those.
fn keep_claims(pod: &mut Pod, kept: &BTreeSet<(String, String)>) {
    let (namespace, name) = key(&pod.metadata);
    pod.spec.volumes.retain_mut(|volume| {
        let claim = match (&volume.persistent_volume_claim, &mut volume.ephemeral) {
            (Some(claim), _) => claim.claim_name.clone(),
            (None, Some(template)) => {
                *template = Value::Object(Map::new());
                format!("{name}-{}", volume.name)
            }
            (None, None) => return false,
        };
        kept.contains(&(namespace.clone(), claim))
    });
    let volumes: BTreeSet<&str> = pod.spec.volumes.iter().map(|volume| volume.name.as_str()).collect();
    for container in pod.spec.containers.iter_mut().chain(&mut pod.spec.init_containers) {
        container.volume_mounts.retain(|mount| volumes.contains(mount.name.as_str()));
        container.volume_devices.retain(|mount| volumes.contains(mount.name.as_str()));
    }
}

fn key(meta: &Meta) -> (String, String) {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone())
}

fn named(meta: &Meta) -> Meta {
    Meta { name: meta.name.clone(), namespace: meta.namespace.clone(), ..Meta::default() }
}

fn owned(meta: &Meta) -> Meta {
    let controllers = meta.owner_references.iter().filter(|owner| owner.controller).cloned();
    Meta { owner_references: controllers.collect(), ..named(meta) }
}

fn owners(meta: &Meta) -> impl Iterator<Item = (String, String, String)> + '_ {
    let name = |owner: &Owner| (owner.kind.clone(), meta.namespace.clone().unwrap_or_default(), owner.name.clone());
    meta.owner_references.iter().map(name)
}

/// Returns whether a claim or pod is one of our own or of the reference tool: no question is about those.
fn is_helper(meta: &Meta) -> bool {
    let has =
        |pairs: &Option<BTreeMap<String, String>>, key: &str| pairs.as_ref().and_then(|pairs| pairs.get(key).cloned());
    let (managed, by) = names::MANAGED_BY;
    has(&meta.annotations, names::KIND).is_some() || has(&meta.labels, managed).is_some_and(|found| found == by)
}

/// Removes the API server's own fields, and what containers are started with.
fn scrub(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.retain(|key, _| !ITS_OWN.contains(&key.as_str()));
    }
    without_starts(object);
}

fn without_starts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let containers = ["containers", "initContainers", "ephemeralContainers"].contains(&key.as_str());
                for container in value.as_array_mut().filter(|_| containers).into_iter().flatten() {
                    if let Value::Object(container) = container {
                        container.retain(|key, _| !STARTED_WITH.contains(&key.as_str()));
                    }
                }
                without_starts(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_starts),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
