//! Terse rows: a volume or a class in one line, and the patches of a case, which are the same.
//!
//! What a row leaves out stays as it is; null removes.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::quantity::parse_bytes;
use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{Pairs, StorageClass, Volume, VolumeId, facts, known_modes};

use crate::testkit::vocabulary::parse;
use pvmigrate_yaml::{Fields, Node, Shape, Wrong, Yaml, did_you_mean};

mod consumers;

pub(crate) const VOLUME: Shape = Shape {
    name: "a volume",
    keys: &["class", "modes", "volumeMode", "size", "used", "phase", "volume", "labels", "annotations", "facts", "by"],
};

pub(crate) const CLASS: Shape = Shape {
    name: "a class",
    keys: &["provisioner", "parameters", "annotations", "reclaimPolicy", "bindingMode", "allowExpansion", "modes"],
};

/// The facts of a volume that a test may set.
const VOLUME_FACTS: [&str; 2] = [facts::DELETING, facts::OWNER];

/// Makes a volume of a row: bound, 1Gi, ReadWriteOnce, used by no pod, unless the row says otherwise.
pub(crate) fn volume(namespace: &str, name: &str, row: &Node) -> Result<Volume, Wrong> {
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
    change_volume(&mut volume, row)?;
    Ok(volume)
}

/// Changes a volume as the row says.
pub(crate) fn change_volume(volume: &mut Volume, row: &Node) -> Result<(), Wrong> {
    let fields = Fields::of(row, &VOLUME)?;
    if let Some(class) = fields.change("class") {
        volume.storage_class = class.map(|class| class.text("class").map(str::to_owned)).transpose()?;
    }
    if let Some(modes) = fields.get("modes") {
        volume.requested_modes = normal_modes(parse::words::<AccessMode>(modes)?);
        volume.effective_modes.clone_from(&volume.requested_modes);
    }
    if let Some(mode) = fields.get("volumeMode") {
        volume.volume_mode = parse::word(mode, mode.text("volumeMode")?)?;
    }
    if let Some(size) = fields.get("size") {
        volume.requested_bytes = bytes(size)?;
        volume.capacity_bytes = volume.requested_bytes;
    }
    if let Some(used) = fields.change("used") {
        volume.used_bytes = used.map(bytes).transpose()?;
    }
    if let Some(phase) = fields.text("phase")? {
        phase.clone_into(&mut volume.phase);
    }
    if let Some(name) = fields.change("volume") {
        volume.volume_name = name.map(|name| name.text("volume").map(str::to_owned)).transpose()?;
    }
    change_pairs(&mut volume.labels, fields.get("labels"), "labels")?;
    change_pairs(&mut volume.annotations, fields.get("annotations"), "annotations")?;
    if let Some(facts) = fields.get("facts") {
        known_facts(facts, "a volume", &VOLUME_FACTS)?;
        change_pairs(&mut volume.facts, Some(facts), "facts")?;
    }
    if let Some(by) = fields.get("by") {
        volume.consumers = Vec::new();
        let items = if matches!(by.is, Yaml::Text(_)) { std::slice::from_ref(by) } else { by.list("by")? };
        for item in items {
            let pods = consumers::consumers(item.text("a consumer")?, &volume.namespace);
            volume.consumers.extend(pods.map_err(|what| Wrong::new(&item.at, what))?);
        }
        volume.consumers.sort_by(|a, b| a.pod.cmp(&b.pod));
    }
    Ok(())
}

/// Makes a class of a row.
pub(crate) fn class(name: &str, row: &Node) -> Result<StorageClass, Wrong> {
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
    change_class(&mut class, row)?;
    Ok(class)
}

/// Changes a class as the row says. What it offers is what `modes` says, or follows from a new provisioner or a new
/// annotation.
pub(crate) fn change_class(class: &mut StorageClass, row: &Node) -> Result<(), Wrong> {
    let fields = Fields::of(row, &CLASS)?;
    if let Some(provisioner) = fields.text("provisioner")? {
        provisioner.clone_into(&mut class.provisioner);
    }
    change_pairs(&mut class.parameters, fields.get("parameters"), "parameters")?;
    change_pairs(&mut class.annotations, fields.get("annotations"), "annotations")?;
    if let Some(policy) = fields.text("reclaimPolicy")? {
        policy.clone_into(&mut class.reclaim_policy);
    }
    if let Some(mode) = fields.text("bindingMode")? {
        mode.clone_into(&mut class.binding_mode);
    }
    if let Some(allow) = fields.get("allowExpansion") {
        class.allow_expansion = allow.flag("allowExpansion")?;
    }
    if let Some(modes) = fields.get("modes") {
        let mut known = Vec::new();
        for item in modes.list("modes")? {
            let read = known_modes::read_list(item.text("a mode")?);
            known.extend(read.map_err(|error| Wrong::new(&item.at, error.to_string()))?);
        }
        known.sort_unstable();
        known.dedup();
        class.known_modes = known;
        return Ok(());
    }
    let annotated = fields.get("annotations").is_some_and(|all| all.entry(known_modes::ANNOTATION).is_some());
    if annotated || fields.get("provisioner").is_some() {
        let modes = known_modes::of_class(&class.provisioner, &class.annotations);
        class.known_modes = modes.map_err(|error| Wrong::new(&row.at, error.to_string()))?;
    }
    Ok(())
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

fn bytes(node: &Node) -> Result<u64, Wrong> {
    let text = node.quantity("a quantity")?;
    parse_bytes(&text).map_err(|error| Wrong::new(&node.at, error.to_string()))
}
