//! Terse rows: a volume or a class in one line, and the patches of a case, which are the same.

use std::collections::BTreeMap;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::quantity::parse_bytes;
use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{Consumer, ObjectRef, Pairs, StorageClass, Volume, VolumeId, known_modes};
use serde::{Deserialize, Deserializer};

/// Absent: as it is. Null: removed. Else the new value.
type Change<T> = Option<Option<T>>;

fn change<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Change<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What a row says about a volume; everything may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct VolumeRow {
    #[serde(deserialize_with = "change")]
    class: Change<String>,
    modes: Option<Vec<String>>,
    volume_mode: Option<VolumeMode>,
    size: Option<String>,
    #[serde(deserialize_with = "change")]
    used: Change<String>,
    phase: Option<String>,
    #[serde(deserialize_with = "change")]
    volume: Change<String>,
    labels: BTreeMap<String, Option<String>>,
    annotations: BTreeMap<String, Option<String>>,
    facts: BTreeMap<String, Option<String>>,
    by: Option<Vec<String>>,
}

impl VolumeRow {
    /// Makes a volume of the row: bound, 1Gi, ReadWriteOnce, used by nobody, unless it says otherwise.
    pub(super) fn volume(&self, namespace: &str, name: &str) -> Result<Volume, String> {
        let mut volume = Volume {
            id: VolumeId(0),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: format!("uid-{namespace}-{name}"),
            labels: Pairs::new(),
            annotations: Pairs::new(),
            phase: "Bound".to_owned(),
            created: 0,
            storage_class: None,
            driver: None,
            volume_name: Some(format!("pv-{namespace}-{name}")),
            reclaim_policy: Some("Delete".to_owned()),
            volume_mode: VolumeMode::Filesystem,
            requested_modes: vec![AccessMode::ReadWriteOnce],
            effective_modes: vec![AccessMode::ReadWriteOnce],
            requested_bytes: 1 << 30,
            capacity_bytes: 1 << 30,
            used_bytes: None,
            consumers: Vec::new(),
            facts: Pairs::new(),
        };
        self.apply(&mut volume)?;
        Ok(volume)
    }

    /// Changes a volume as the row says.
    pub(super) fn apply(&self, volume: &mut Volume) -> Result<(), String> {
        if let Some(class) = &self.class {
            volume.storage_class.clone_from(class);
        }
        if let Some(modes) = &self.modes {
            let modes = modes.iter().map(|mode| mode.parse().map_err(|error| format!("{error}")));
            volume.requested_modes = normal_modes(modes.collect::<Result<Vec<AccessMode>, String>>()?);
            volume.effective_modes.clone_from(&volume.requested_modes);
        }
        if let Some(mode) = self.volume_mode {
            volume.volume_mode = mode;
        }
        if let Some(size) = &self.size {
            volume.requested_bytes = parse_bytes(size).map_err(|error| error.to_string())?;
            volume.capacity_bytes = volume.requested_bytes;
        }
        if let Some(used) = &self.used {
            let used = used.as_ref().map(|used| parse_bytes(used)).transpose();
            volume.used_bytes = used.map_err(|error| error.to_string())?;
        }
        if let Some(phase) = &self.phase {
            volume.phase.clone_from(phase);
        }
        if let Some(name) = &self.volume {
            volume.volume_name.clone_from(name);
        }
        merge(&mut volume.labels, &self.labels);
        merge(&mut volume.annotations, &self.annotations);
        merge(&mut volume.facts, &self.facts);
        if let Some(by) = &self.by {
            let pods = by.iter().map(|text| consumers(text, &volume.namespace)).collect::<Result<Vec<_>, _>>()?;
            volume.consumers = pods.into_iter().flatten().collect();
            volume.consumers.sort_by(|a, b| a.pod.cmp(&b.pod));
        }
        Ok(())
    }
}

/// What a row says about a class; everything may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClassRow {
    provisioner: Option<String>,
    parameters: BTreeMap<String, Option<String>>,
    annotations: BTreeMap<String, Option<String>>,
    reclaim_policy: Option<String>,
    binding_mode: Option<String>,
    allow_expansion: Option<bool>,
    modes: Option<Vec<String>>,
}

impl ClassRow {
    /// Makes a class of the row.
    pub(super) fn class(&self, name: &str) -> Result<StorageClass, String> {
        let mut class = StorageClass {
            name: name.to_owned(),
            provisioner: format!("{name}.example.com"),
            parameters: Pairs::new(),
            annotations: Pairs::new(),
            reclaim_policy: "Delete".to_owned(),
            binding_mode: "Immediate".to_owned(),
            allow_expansion: false,
            known_modes: Vec::new(),
            facts: Pairs::new(),
        };
        self.apply(&mut class)?;
        Ok(class)
    }

    /// Changes a class as the row says. What it offers is what `modes` says, or follows from a new provisioner or a
    /// new annotation.
    pub(super) fn apply(&self, class: &mut StorageClass) -> Result<(), String> {
        if let Some(provisioner) = &self.provisioner {
            class.provisioner.clone_from(provisioner);
        }
        merge(&mut class.parameters, &self.parameters);
        merge(&mut class.annotations, &self.annotations);
        if let Some(policy) = &self.reclaim_policy {
            class.reclaim_policy.clone_from(policy);
        }
        if let Some(mode) = &self.binding_mode {
            class.binding_mode.clone_from(mode);
        }
        class.allow_expansion = self.allow_expansion.unwrap_or(class.allow_expansion);
        let rederive = self.provisioner.is_some() || self.annotations.contains_key(known_modes::ANNOTATION);
        let modes = match &self.modes {
            Some(modes) if modes.is_empty() => Ok(Vec::new()),
            Some(modes) => known_modes::read_list(&modes.join(",")),
            None if rederive => known_modes::of_class(&class.provisioner, &class.annotations),
            None => return Ok(()),
        };
        class.known_modes = modes.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Merges as a merge patch does: null removes.
pub(super) fn merge(pairs: &mut Pairs, patch: &BTreeMap<String, Option<String>>) {
    for (key, value) in patch {
        match value {
            Some(value) => {
                pairs.insert(key.clone(), value.clone());
            }
            None => {
                pairs.remove(key);
            }
        }
    }
}

/// Reads `Kind/name`, with `*3` for three pods, `@node` for one node for all of them, ` ro` for readers, and
/// ` pending` for pods that do not run. Without a node, each pod is on a node of its own.
fn consumers(text: &str, namespace: &str) -> Result<Vec<Consumer>, String> {
    let bad = || {
        format!("{text:?} is no consumer; write Kind/name, such as Deployment/web*3, Deployment/web@node-a or Job/x ro")
    };
    let mut words = text.split(' ');
    let subject = words.next().ok_or_else(bad)?;
    let (mut read_only, mut running) = (false, true);
    for word in words {
        match word {
            "ro" => read_only = true,
            "pending" => running = false,
            _ => return Err(bad()),
        }
    }
    let (subject, node) = match subject.split_once('@') {
        Some((subject, node)) => (subject, Some(node)),
        None => (subject, None),
    };
    let (subject, count) = match subject.split_once('*') {
        Some((subject, count)) => (subject, count.parse::<u32>().map_err(|_| bad())?),
        None => (subject, 1),
    };
    let (kind, name) =
        subject.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()).ok_or_else(bad)?;
    let pod = |at: u32| Consumer {
        workload: ObjectRef {
            api_version: api_version(kind).to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        },
        pod: format!("{name}-{at}"),
        node: running.then(|| node.map_or_else(|| format!("node-{}", at + 1), str::to_owned)),
        read_only,
        running,
    };
    Ok((0..count).map(pod).collect())
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Pod" | "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    }
}
