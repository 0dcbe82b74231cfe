//! From Kubernetes objects to the classes and volumes of a request.
//!
//! The derivations are those that `pvmigrate_core::policy::question` documents field by field. What a hand-written
//! fixture leaves out is filled in so that little YAML is enough for the usual case:
//!
//! * no namespace: `default`; no uid: one made of the name;
//! * a claim without a phase is `Bound`; a `Bound` claim without a volume gets one that fits it: its class, its
//!   requested size and modes, reclaim policy `Delete`;
//! * a pod without a phase is `Running`; a running pod without a node is on `node-1`.

use std::collections::HashMap;

use pvmigrate_core::policy::question::{effective_modes, normal_modes};
use pvmigrate_core::policy::{Consumer, ObjectRef, Pairs, StorageClass, Volume, VolumeId, facts, known_modes};

use super::objects::{Claim, Class, Meta, Objects, Owner, PersistentVolume, Pod, PodVolume};

const DEFAULT_NAMESPACE: &str = "default";
const DEFAULT_NODE: &str = "node-1";
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const PROVISIONER_ANNOTATION: &str = "pv.kubernetes.io/provisioned-by";
const BOUND: &str = "Bound";

/// The part of a request that fixtures describe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) classes: Vec<StorageClass>,
    /// In order of namespace and name, numbered from 1.
    pub(crate) volumes: Vec<Volume>,
}

impl Snapshot {
    /// Derives everything; an error names the object.
    pub(crate) fn of(objects: &Objects) -> Result<Self, String> {
        let classes = objects.classes.iter().map(storage_class).collect::<Result<_, _>>()?;
        let mut consumers = consumers(objects);
        let mut volumes = Vec::new();
        for claim in &objects.claims {
            let used_by = consumers.remove(&key(&claim.metadata)).unwrap_or_default();
            let named = |error: String| format!("PersistentVolumeClaim {}: {error}", claim.metadata.name);
            volumes.push(volume(claim, bound_volume(claim, objects), used_by).map_err(named)?);
        }
        let mut snapshot = Self { classes, volumes };
        snapshot.number();
        Ok(snapshot)
    }

    /// Sorts and numbers the volumes.
    pub(crate) fn number(&mut self) {
        self.volumes.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        for (volume, id) in self.volumes.iter_mut().zip(1..) {
            volume.id = VolumeId(id);
        }
    }
}

fn namespace(meta: &Meta) -> String {
    meta.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned())
}

fn key(meta: &Meta) -> (String, String) {
    (namespace(meta), meta.name.clone())
}

fn not_empty(name: Option<&String>) -> Option<String> {
    name.filter(|name| !name.is_empty()).cloned()
}

fn storage_class(class: &Class) -> Result<StorageClass, String> {
    let annotations = class.metadata.annotations.clone().unwrap_or_default();
    let known_modes = known_modes::of_class(&class.provisioner, &annotations)
        .map_err(|error| format!("StorageClass {}: {error}", class.metadata.name))?;
    Ok(StorageClass {
        name: class.metadata.name.clone(),
        provisioner: class.provisioner.clone(),
        parameters: class.parameters.clone().unwrap_or_default(),
        annotations,
        reclaim_policy: class.reclaim_policy.clone().unwrap_or_else(|| "Delete".to_owned()),
        binding_mode: class.volume_binding_mode.clone().unwrap_or_else(|| "Immediate".to_owned()),
        allow_expansion: class.allow_volume_expansion.unwrap_or_default(),
        known_modes,
        facts: Pairs::new(),
    })
}

fn bound_volume<'a>(claim: &Claim, objects: &'a Objects) -> Option<&'a PersistentVolume> {
    let wanted = not_empty(claim.spec.volume_name.as_ref());
    let (namespace, name) = key(&claim.metadata);
    objects.volumes.iter().find(|volume| {
        let holder = volume.spec.claim_ref.as_ref();
        let is_holder = holder.map(|holder| holder.namespace == namespace && holder.name == name);
        match &wanted {
            // A volume that another claim holds is not this claim's, whatever the claim says.
            Some(wanted) => volume.metadata.name == *wanted && is_holder.unwrap_or(true),
            None => is_holder.unwrap_or(false),
        }
    })
}

fn volume(claim: &Claim, bound: Option<&PersistentVolume>, consumers: Vec<Consumer>) -> Result<Volume, String> {
    let (namespace, name) = key(&claim.metadata);
    let (spec, actual) = (&claim.spec, &claim.status);
    let annotations = claim.metadata.annotations.clone().unwrap_or_default();
    let requested_bytes = spec.resources.requests.bytes()?.unwrap_or_default();
    let requested_modes = normal_modes(spec.access_modes.iter().copied());
    let phase = actual.phase.clone().unwrap_or_else(|| BOUND.to_owned());
    let own_class = not_empty(annotations.get(CLASS_ANNOTATION).or(spec.storage_class_name.as_ref()));
    let filled_in = bound.is_none() && phase == BOUND;
    let capacity = match bound {
        Some(bound) => bound.spec.capacity.bytes()?,
        None => actual.capacity.bytes()?,
    };
    let name_of_volume = match bound {
        Some(bound) => Some(bound.metadata.name.clone()),
        None => not_empty(spec.volume_name.as_ref()).or_else(|| filled_in.then(|| format!("pv-{namespace}-{name}"))),
    };
    Ok(Volume {
        id: VolumeId(0),
        uid: claim.metadata.uid.clone().unwrap_or_else(|| format!("uid-{namespace}-{name}")),
        labels: claim.metadata.labels.clone().unwrap_or_default(),
        created: claim.metadata.creation_timestamp.map_or(0, seconds),
        storage_class: match bound {
            Some(bound) => not_empty(bound.spec.storage_class_name.as_ref()),
            None => own_class,
        },
        driver: bound.and_then(driver),
        volume_name: name_of_volume,
        reclaim_policy: match bound {
            Some(bound) => bound.spec.persistent_volume_reclaim_policy.clone(),
            None => filled_in.then(|| "Delete".to_owned()),
        },
        volume_mode: spec.volume_mode.unwrap_or_default(),
        effective_modes: effective_modes(
            &actual.access_modes,
            bound.map(|bound| bound.spec.access_modes.as_slice()).unwrap_or_default(),
            &requested_modes,
        ),
        requested_modes,
        requested_bytes,
        capacity_bytes: capacity.unwrap_or(if filled_in { requested_bytes } else { 0 }),
        used_bytes: None,
        consumers,
        facts: claim_facts(&claim.metadata),
        namespace,
        name,
        annotations,
        phase,
    })
}

fn seconds(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}

fn driver(bound: &PersistentVolume) -> Option<String> {
    let provisioned_by = bound.metadata.annotations.as_ref().and_then(|all| all.get(PROVISIONER_ANNOTATION));
    bound.spec.csi.as_ref().map(|csi| csi.driver.clone()).or_else(|| provisioned_by.cloned())
}

fn claim_facts(meta: &Meta) -> Pairs {
    let deleting = meta.deletion_timestamp.as_ref().map(|_| (facts::DELETING.to_owned(), facts::TRUE.to_owned()));
    let owner = controller(meta).map(|owner| (facts::OWNER.to_owned(), format!("{}/{}", owner.kind, owner.name)));
    deleting.into_iter().chain(owner).collect()
}

fn controller(meta: &Meta) -> Option<&Owner> {
    meta.owner_references.iter().find(|owner| owner.controller)
}

/// Collects, for each claim, the pods that mount it.
fn consumers(objects: &Objects) -> HashMap<(String, String), Vec<Consumer>> {
    let mut found: HashMap<_, Vec<Consumer>> = HashMap::new();
    let mut pods: Vec<_> = objects.pods.iter().collect();
    pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    for pod in pods {
        let phase = pod.status.phase.as_deref().unwrap_or("Running");
        if matches!(phase, "Succeeded" | "Failed") {
            continue;
        }
        let running = phase == "Running";
        for mount in &pod.spec.volumes {
            let Some((claim, read_only)) = mounted_claim(pod, mount) else { continue };
            let consumer = Consumer {
                workload: workload(pod, objects),
                pod: pod.metadata.name.clone(),
                node: pod.spec.node_name.clone().or_else(|| running.then(|| DEFAULT_NODE.to_owned())),
                read_only,
                running,
            };
            let users = found.entry((namespace(&pod.metadata), claim)).or_default();
            // A pod may name a claim in two of its volumes.
            match users.last_mut().filter(|last| last.pod == consumer.pod) {
                Some(same) => same.read_only &= consumer.read_only,
                None => users.push(consumer),
            }
        }
    }
    found
}

/// Returns which claim a pod's volume is, and whether the pod can only read it.
fn mounted_claim(pod: &Pod, volume: &PodVolume) -> Option<(String, bool)> {
    let mounts = || {
        let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
        let mounts = containers.flat_map(|container| container.volume_mounts.iter().chain(&container.volume_devices));
        mounts.filter(|mount| mount.name == volume.name)
    };
    let only_read = mounts().next().is_some() && mounts().all(|mount| mount.read_only);
    match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some((claim.claim_name.clone(), claim.read_only || only_read)),
        (None, Some(_)) => Some((format!("{}-{}", pod.metadata.name, volume.name), only_read)),
        (None, None) => None,
    }
}

/// Follows controllers as far as the fixture has them.
fn workload(pod: &Pod, objects: &Objects) -> ObjectRef {
    let namespace = namespace(&pod.metadata);
    let mut top = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: Some(namespace.clone()),
        name: pod.metadata.name.clone(),
    };
    let mut owner = controller(&pod.metadata);
    // A chain of owners cannot be longer than there are objects, so that a cycle ends too.
    for _ in 0..=objects.others.len() {
        let Some(next) = owner else { break };
        top = ObjectRef {
            api_version: next.api_version.clone(),
            kind: next.kind.clone(),
            namespace: Some(namespace.clone()),
            name: next.name.clone(),
        };
        let same = |other: &&super::objects::Other| {
            other.kind == next.kind && other.metadata.name == next.name && self::namespace(&other.metadata) == namespace
        };
        owner = objects.others.iter().find(same).and_then(|other| controller(&other.metadata));
    }
    top
}
