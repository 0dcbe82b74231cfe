//! Rows of classes.

use pvmigrate_core::policy::known_modes;
use serde_json::json;

use super::change_texts;
use crate::testkit::read::cluster::{Cluster, check_name};
use pvmigrate_yaml::{Fields, Key, Node, Shape, Wrong, Yaml, did_you_mean};

pub(crate) const CLASS: Shape = Shape {
    name: "a class",
    keys: &["provisioner", "parameters", "annotations", "reclaimPolicy", "bindingMode", "allowExpansion", "modes"],
};

/// Adds a class; null says that one is missing which claims or the test name.
pub(crate) fn add_class(cluster: &mut Cluster, key: &Key, row: &Node) -> Result<(), Wrong> {
    if cluster.position("StorageClass", None, &key.name).is_some() {
        return Err(Wrong::new(&key.at, format!("class {} exists already", key.name)));
    }
    check_name(&key.name).map_err(|what| Wrong::new(&key.at, what))?;
    if row.is == Yaml::Null {
        cluster.without_class(&key.name);
        return Ok(());
    }
    cluster.objects.push(json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": key.name},
        "provisioner": format!("{}.example.com", key.name), "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    }));
    change_class(cluster, key, row)
}

/// Changes a class as the row says; null takes it away. What it offers, its annotation says, as on a cluster.
pub(crate) fn change_class(cluster: &mut Cluster, key: &Key, row: &Node) -> Result<(), Wrong> {
    let Some(at) = cluster.position("StorageClass", None, &key.name) else {
        let known: Vec<String> = cluster.names("StorageClass").collect();
        let near = did_you_mean(&key.name, known.iter().map(String::as_str));
        return Err(Wrong::new(&key.at, format!("unknown class {}{near}", key.name)));
    };
    if row.is == Yaml::Null {
        cluster.without_class(&key.name);
        return Ok(());
    }
    let fields = Fields::of(row, &CLASS)?;
    let class = &mut cluster.objects[at];
    for (from, to, allowed) in [
        ("provisioner", "provisioner", &[][..]),
        ("reclaimPolicy", "reclaimPolicy", &["Delete", "Retain"]),
        ("bindingMode", "volumeBindingMode", &["Immediate", "WaitForFirstConsumer"]),
    ] {
        let Some(node) = fields.get(from) else { continue };
        let text = node.text(from)?;
        if !allowed.is_empty() && !allowed.contains(&text) {
            let near = did_you_mean(text, allowed.iter().copied());
            let what = format!("unknown {from} {text:?}, not one of {}{near}", allowed.join(", "));
            return Err(Wrong::new(&node.at, what));
        }
        class[to] = json!(text);
    }
    change_texts(&mut class["parameters"], fields.get("parameters"), "parameters")?;
    change_texts(&mut class["metadata"]["annotations"], fields.get("annotations"), "annotations")?;
    if let Some(allow) = fields.get("allowExpansion") {
        class["allowVolumeExpansion"] = json!(allow.flag("allowExpansion")?);
    }
    if let Some(modes) = fields.get("modes") {
        let mut known = Vec::new();
        for item in modes.list("modes")? {
            let text = item.text("a mode")?;
            known_modes::read_list(text).map_err(|error| Wrong::new(&item.at, error.to_string()))?;
            known.push(text);
        }
        let annotations = &mut class["metadata"]["annotations"];
        match (known.is_empty(), annotations.as_object_mut()) {
            (true, Some(annotations)) => drop(annotations.remove(known_modes::ANNOTATION)),
            (true, None) => {}
            (false, _) => annotations[known_modes::ANNOTATION] = json!(known.join(",")),
        }
    }
    let annotation = class["metadata"]["annotations"][known_modes::ANNOTATION].as_str();
    annotation.map_or(Ok(()), |text| known_modes::read_list(text).map(drop)).map_err(|error| {
        let at = fields.get("annotations").map_or(&row.at, |annotations| &annotations.at);
        Wrong::new(at, error.to_string())
    })?;
    super::super::objects::prune(class);
    Ok(())
}
