//! What a row says of one claim, done to its objects.

use pvmigrate_core::policy::facts;
use pvmigrate_core::policy::quantity::{Bytes, parse_bytes};
use pvmigrate_objects::complete;
use pvmigrate_objects::from_resource::{class::NO_PROVISIONER, volume::PROVISIONED_BY};
use serde_json::{Value, json};

use super::{VOLUME_FACTS, bytes, change_texts, consumers, known_facts, modes, volume_mode};
use crate::testkit::read::cluster::{Cluster, check_name};
use pvmigrate_yaml::{Fields, Node, Wrong, Yaml, did_you_mean};

const CLAIM: &str = "PersistentVolumeClaim";
const VOLUME: &str = "PersistentVolume";

/// The phases of a claim.
const PHASES: [&str; 3] = ["Bound", "Pending", "Lost"];

/// A claim that was taken out of its cluster for a while.
pub(super) struct Claim<'a> {
    pub(super) cluster: &'a mut Cluster,
    namespace: &'a str,
    name: &'a str,
    object: Value,
}

impl<'a> Claim<'a> {
    /// Takes a claim out of its cluster; `None` when it is not there.
    pub(super) fn take(cluster: &'a mut Cluster, namespace: &'a str, name: &'a str) -> Option<Self> {
        let at = cluster.position(CLAIM, Some(namespace), name)?;
        let object = cluster.objects.remove(at);
        Some(Self { cluster, namespace, name, object })
    }

    pub(super) fn put_back(self) {
        self.cluster.objects.push(self.object);
    }

    fn volume(&mut self) -> Option<&mut Value> {
        let name = self.object["spec"]["volumeName"].as_str()?;
        let volume = self.cluster.find(VOLUME, None, name)?;
        let holder = &volume["spec"]["claimRef"];
        (holder["namespace"] == self.namespace && holder["name"] == self.name).then_some(volume)
    }

    fn provision(&mut self) {
        let at = self.cluster.objects.len();
        self.cluster.objects.push(std::mem::take(&mut self.object));
        complete::provision(&mut self.cluster.objects, at);
        self.object = self.cluster.objects.remove(at);
    }

    fn remove_volume(&mut self) {
        if let Some(name) = self.volume().and_then(|volume| volume["metadata"]["name"].as_str().map(str::to_owned)) {
            self.cluster.remove(VOLUME, None, &name);
        }
    }

    /// Leaves it out of the cluster, with its volume and the pods that mount it.
    pub(super) fn remove(mut self) {
        consumers::unmount(self.cluster, self.namespace, self.name);
        self.remove_volume();
        self.cluster.used.remove(&format!("{}/{}", self.namespace, self.name));
    }

    /// Takes its volume away, as if it had never had one.
    fn unbind(&mut self) {
        self.remove_volume();
        let claim = &mut self.object;
        for (part, field) in [("spec", "volumeName"), ("status", "capacity"), ("status", "accessModes")] {
            claim[part].as_object_mut().map(|fields| fields.remove(field));
        }
        claim["status"]["phase"] = json!("Pending");
    }

    pub(super) fn change_phase(&mut self, fields: &Fields<'_>) -> Result<(), Wrong> {
        let phase = fields.text("phase")?;
        if let (Some(phase), Some(at)) = (phase, fields.get("phase"))
            && !PHASES.contains(&phase)
        {
            let near = did_you_mean(phase, PHASES);
            return Err(Wrong::new(&at.at, format!("unknown phase {phase:?}, not one of {}{near}", PHASES.join(", "))));
        }
        let volume = fields.change("volume");
        if volume == Some(None) && phase == Some("Bound") {
            return Err(Wrong::new(fields.at(), "a claim that is Bound has a volume"));
        }
        match (phase, volume) {
            (Some("Pending"), _) | (None, Some(None)) => self.unbind(),
            (Some("Lost"), named) => {
                self.remove_volume();
                let claim = &mut self.object;
                claim["status"]["phase"] = json!("Lost");
                if named == Some(None) {
                    claim["spec"].as_object_mut().map(|spec| spec.remove("volumeName"));
                }
            }
            (Some(_), _) if self.volume().is_none() => self.provision(),
            _ => {}
        }
        let Some(Some(at)) = volume else { return Ok(()) };
        let name = at.text("volume")?;
        check_name(name).map_err(|what| Wrong::new(&at.at, what))?;
        let is_own = self.object["spec"]["volumeName"] == name;
        if !is_own && self.cluster.position(VOLUME, None, name).is_some() {
            return Err(Wrong::new(&at.at, format!("there is a volume {name} already, and it is another claim's")));
        }
        if let Some(volume) = self.volume() {
            volume["metadata"]["name"] = json!(name);
            volume["metadata"].as_object_mut().map(|metadata| metadata.remove("uid"));
        }
        self.object["spec"]["volumeName"] = json!(name);
        Ok(())
    }

    pub(super) fn change_class(&mut self, fields: &Fields<'_>) -> Result<(), Wrong> {
        if let Some(at) = fields.change("class") {
            let name = at.map(|at| at.text("class")).transpose()?;
            if let (Some(at), Some(name)) = (at, name) {
                self.cluster.check_class(at, name)?;
            }
            let class = name.and_then(|name| self.cluster.find("StorageClass", None, name)).cloned();
            self.object["spec"]["storageClassName"] = json!(name.unwrap_or_default());
            if let Some(volume) = self.volume() {
                match name {
                    Some(name) => volume["spec"]["storageClassName"] = json!(name),
                    None => drop(volume["spec"].as_object_mut().map(|spec| spec.remove("storageClassName"))),
                }
                if let Some(class) = class {
                    volume["spec"]["persistentVolumeReclaimPolicy"] = class["reclaimPolicy"].clone();
                    set_driver(volume, class["provisioner"].as_str().filter(|name| *name != NO_PROVISIONER));
                }
            }
        }
        let Some(at) = fields.change("driver") else { return Ok(()) };
        let driver = at.map(|at| at.text("driver")).transpose()?;
        let Some(volume) = self.volume() else {
            return Err(Wrong::new(at.map_or(fields.at(), |at| &at.at), "without a volume a claim has no driver"));
        };
        set_driver(volume, driver);
        Ok(())
    }

    pub(super) fn change_shape(&mut self, fields: &Fields<'_>) -> Result<(), Wrong> {
        if let Some(at) = fields.get("modes") {
            let modes = modes(at)?;
            self.object["spec"]["accessModes"] = modes.clone();
            self.set_effective(&modes);
        }
        if let Some(at) = fields.get("effectiveModes") {
            let modes = modes(at)?;
            if !self.set_effective(&modes) {
                return Err(Wrong::new(&at.at, "without a volume a claim has no effective modes"));
            }
        }
        if let Some(at) = fields.get("volumeMode") {
            let mode = json!(volume_mode(at)?.to_string());
            self.object["spec"]["volumeMode"] = mode.clone();
            if let Some(volume) = self.volume() {
                volume["spec"]["volumeMode"] = mode;
            }
        }
        if let Some(at) = fields.get("size") {
            let (size, bytes) = bytes(at)?;
            if bytes == 0 {
                return Err(Wrong::new(&at.at, "the size is 0"));
            }
            let size = json!(size);
            self.object["spec"]["resources"]["requests"]["storage"] = size.clone();
            if let Some(volume) = self.volume() {
                volume["spec"]["capacity"]["storage"] = size.clone();
                self.object["status"]["capacity"]["storage"] = size;
            }
        }
        self.change_used(fields)
    }

    /// Sets the modes of the volume; false without a volume.
    fn set_effective(&mut self, modes: &Value) -> bool {
        let Some(volume) = self.volume() else { return false };
        volume["spec"]["accessModes"] = modes.clone();
        self.object["status"]["accessModes"] = modes.clone();
        true
    }

    fn change_used(&mut self, fields: &Fields<'_>) -> Result<(), Wrong> {
        let claim = format!("{}/{}", self.namespace, self.name);
        match fields.change("used") {
            Some(None) => drop(self.cluster.used.remove(&claim)),
            Some(Some(at)) => drop(self.cluster.used.insert(claim.clone(), bytes(at)?.1)),
            None => {}
        }
        let Some(used) = self.cluster.used.get(&claim).copied() else { return Ok(()) };
        let requested = self.object["spec"]["resources"]["requests"]["storage"].clone();
        let size = self.volume().map_or(requested, |volume| volume["spec"]["capacity"]["storage"].clone());
        let size = size.as_str().and_then(|size| parse_bytes(size).ok()).unwrap_or(u64::MAX);
        if used <= size {
            return Ok(());
        }
        let at = [fields.get("used"), fields.get("size")].into_iter().flatten().next().map_or(fields.at(), |at| &at.at);
        let what = format!("{} are used of {claim}, which has a size of {} only", Bytes(used), Bytes(size));
        Err(Wrong::new(at, what))
    }

    pub(super) fn change_metadata(&mut self, fields: &Fields<'_>) -> Result<(), Wrong> {
        let metadata = &mut self.object["metadata"];
        change_texts(&mut metadata["labels"], fields.get("labels"), "labels")?;
        change_texts(&mut metadata["annotations"], fields.get("annotations"), "annotations")?;
        if let Some(created) = fields.change("created") {
            metadata["creationTimestamp"] = match created {
                Some(at) => json!(time(at)?),
                None => Value::Null,
            };
        }
        if let Some(facts) = fields.get("facts") {
            known_facts(facts, "a volume", &VOLUME_FACTS)?;
            for (key, value) in facts.map("facts")? {
                let is_owner = key.name == facts::OWNER;
                let field = if is_owner { "ownerReferences" } else { "deletionTimestamp" };
                metadata[field] = match (&value.is, is_owner) {
                    (Yaml::Null, _) => Value::Null,
                    (_, true) => owner(value)?,
                    (_, false) if value.is_word(facts::TRUE) => json!("1970-01-01T00:00:00Z"),
                    (_, false) => {
                        return Err(Wrong::new(&value.at, format!("the fact {} is \"true\" or null", key.name)));
                    }
                };
            }
        }
        crate::testkit::read::objects::prune(&mut self.object);
        Ok(())
    }

    pub(super) fn change_consumers(&mut self, by: &Node) -> Result<(), Wrong> {
        consumers::unmount(self.cluster, self.namespace, self.name);
        let items = if matches!(by.is, Yaml::Text(_)) { std::slice::from_ref(by) } else { by.list("by")? };
        for item in items {
            let wrong = |what| Wrong::new(&item.at, what);
            let by = consumers::By::read(item.text("a consumer")?, self.name).map_err(wrong)?;
            let is_block = self.object["spec"]["volumeMode"] == "Block";
            by.mount(self.cluster, self.namespace, self.name, is_block).map_err(wrong)?;
        }
        Ok(())
    }
}

/// Reads the controller of a claim.
fn owner(node: &Node) -> Result<Value, Wrong> {
    let text = node.text(facts::OWNER)?;
    let kinds: Vec<&str> = pvmigrate_objects::kinds::names().collect();
    let owner = consumers::Owner::read(text, &kinds).map_err(|what| Wrong::new(&node.at, what))?;
    Ok(json!([owner.reference()]))
}

/// Reads a time as Kubernetes writes it.
fn time(node: &Node) -> Result<String, Wrong> {
    let text = node.text("created")?;
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| time.to_string()).map_err(|error| Wrong::new(&node.at, format!("invalid time {text:?}: {error}")))
}

/// Lets a driver have made a volume; without one it is a directory of a node.
fn set_driver(volume: &mut Value, driver: Option<&str>) {
    let handle = volume["metadata"]["name"].clone();
    if let Some(spec) = volume["spec"].as_object_mut() {
        for source in ["csi", "hostPath", "local", "nfs"] {
            spec.remove(source);
        }
    }
    match driver {
        Some(driver) => {
            volume["metadata"]["annotations"][PROVISIONED_BY] = json!(driver);
            volume["spec"]["csi"] = json!({"driver": driver, "volumeHandle": handle});
        }
        None => {
            volume["metadata"]["annotations"].as_object_mut().map(|all| all.remove(PROVISIONED_BY));
            volume["spec"]["hostPath"] = json!({"path": format!("/{}", handle.as_str().unwrap_or_default())});
        }
    }
}
