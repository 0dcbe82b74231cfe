//! Which claim has which volume, as the volume controller would find it.

use std::collections::{HashMap, HashSet};

use pvmigrate_core::policy::quantity::parse_bytes;
use serde_json::{Value, json};

use super::{class_of, is, key, name, names, namespace};
use crate::from_resource::class::NO_PROVISIONER;
use crate::from_resource::volume::PROVISIONED_BY;

/// On a claim: the volume controller has bound it at some time.
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

/// What becomes of a claim.
enum Fate {
    /// It stays as it is.
    AsItIs,
    /// It has the volume at this place.
    Bound(usize),
    /// Its volume is made, with this name.
    Made(String),
    Pending,
    Lost,
}

/// Binds claims to volumes. `makes` decides whether a claim that has no volume gets a new one.
pub(super) fn bind(objects: &mut Vec<Value>, makes: &dyn Fn(&Value) -> bool) {
    let mut volumes = Volumes::of(objects);
    let claims: Vec<usize> = (0..objects.len()).filter(|at| is(&objects[*at], "PersistentVolumeClaim")).collect();
    // Those that have a volume come first, so that nobody takes it from them.
    let (settled, open): (Vec<usize>, Vec<usize>) =
        claims.into_iter().partition(|at| volumes.holds(objects, &objects[*at]));
    for at in settled.into_iter().chain(open) {
        match fate(objects, &volumes, &objects[at], makes) {
            Fate::AsItIs => {}
            Fate::Bound(volume) => {
                tie(objects, at, volume);
                volumes.taken(objects, volume);
            }
            Fate::Made(name) => make(objects, at, &name),
            Fate::Pending => objects[at]["status"]["phase"] = json!("Pending"),
            Fate::Lost => objects[at]["status"]["phase"] = json!("Lost"),
        }
    }
}

/// Makes a volume for the claim at this place, and binds the two.
fn make(objects: &mut Vec<Value>, claim: usize, volume_name: &str) {
    let (volume, place) = (made(objects, &objects[claim], volume_name), objects.len());
    objects.push(volume);
    tie(objects, claim, place);
}

pub(super) fn provision(objects: &mut Vec<Value>, claim: usize) {
    let named = objects[claim]["spec"]["volumeName"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let volume = named.unwrap_or_else(|| {
        let taken =
            |name: &str| objects.iter().any(|object| is(object, "PersistentVolume") && *name == *super::name(object));
        free_name(&objects[claim], taken)
    });
    make(objects, claim, &volume);
}

/// Returns the name of a volume that is made for a claim.
fn free_name(claim: &Value, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = format!("pv-{}-{}", namespace(claim), name(claim));
    while is_taken(&name) {
        name.push_str("-x");
    }
    name
}

fn fate(objects: &[Value], volumes: &Volumes, claim: &Value, makes: &dyn Fn(&Value) -> bool) -> Fate {
    let phase = claim["status"]["phase"].as_str().unwrap_or_default();
    if phase == "Pending" || phase == "Lost" {
        return Fate::AsItIs;
    }
    let was_bound = claim["metadata"]["annotations"][BIND_COMPLETED] == "yes";
    if let Some(wanted) = claim["spec"]["volumeName"].as_str().filter(|name| !name.is_empty()) {
        return match volumes.named.get(wanted) {
            Some(at) if may_hold(&objects[*at], claim) => Fate::Bound(*at),
            Some(_) if was_bound => Fate::Lost,
            Some(_) => Fate::Pending,
            None => Fate::Made(wanted.to_owned()),
        };
    }
    if was_bound {
        return Fate::Lost;
    }
    let reserved = volumes.reserved.get(&key(claim)).into_iter().flatten();
    if let Some(at) = reserved.copied().find(|at| may_hold(&objects[*at], claim)) {
        return Fate::Bound(at);
    }
    if let Some(at) = volumes.free_for(objects, claim) {
        return Fate::Bound(at);
    }
    // Nobody makes a volume for a selector, or where the class has no provisioner.
    let is_static = class_of(claim).is_some_and(|class| volumes.static_classes.contains(class));
    if (is_static || claim["spec"].get("selector").is_some()) && phase != "Bound" {
        return Fate::Pending;
    }
    if !makes(claim) {
        return Fate::AsItIs;
    }
    Fate::Made(free_name(claim, |name| volumes.named.contains_key(name)))
}

/// Tells whether a volume is free for this claim or belongs to it: by name, and by uid where both have one.
fn may_hold(volume: &Value, claim: &Value) -> bool {
    let holder = &volume["spec"]["claimRef"];
    let same = |of_holder: &str| holder[of_holder].as_str() == claim["metadata"][of_holder].as_str();
    let uid = holder["uid"].as_str().filter(|uid| !uid.is_empty());
    holder.is_null()
        || same("namespace")
            && same("name")
            && uid.is_none_or(|uid| claim["metadata"]["uid"].as_str().is_none_or(|own| own == uid))
}

/// The volumes, by what claims find them by. The numbers are places among the objects.
struct Volumes {
    named: HashMap<String, usize>,
    reserved: HashMap<(String, String), Vec<usize>>,
    /// The classes without a provisioner.
    static_classes: HashSet<String>,
    /// Smallest first.
    free: HashMap<String, Vec<(u64, usize)>>,
}

impl Volumes {
    fn of(objects: &[Value]) -> Self {
        let classes = objects.iter().filter(|object| is(object, "StorageClass"));
        let without = classes.filter(|class| class["provisioner"] == NO_PROVISIONER);
        let mut volumes = Self {
            named: HashMap::new(),
            reserved: HashMap::new(),
            static_classes: without.map(|class| name(class).to_owned()).collect(),
            free: HashMap::new(),
        };
        for (at, volume) in objects.iter().enumerate().filter(|(_, object)| is(object, "PersistentVolume")) {
            volumes.named.insert(name(volume).to_owned(), at);
            let holder = &volume["spec"]["claimRef"];
            if let (Some(namespace), Some(name)) = (holder["namespace"].as_str(), holder["name"].as_str()) {
                volumes.reserved.entry((namespace.to_owned(), name.to_owned())).or_default().push(at);
            } else if volume["status"]["phase"].as_str().is_none_or(|phase| phase == "Available") {
                let class = class_of(volume).unwrap_or_default().to_owned();
                volumes.free.entry(class).or_default().push((size(&volume["spec"]["capacity"]), at));
            }
        }
        volumes.free.values_mut().for_each(|free| free.sort_unstable());
        volumes
    }

    /// Tells whether a volume names the claim, or the claim a volume that is there.
    fn holds(&self, objects: &[Value], claim: &Value) -> bool {
        let named = claim["spec"]["volumeName"].as_str().and_then(|name| self.named.get(name));
        named.is_some_and(|at| may_hold(&objects[*at], claim)) || self.reserved.contains_key(&key(claim))
    }

    fn free_for(&self, objects: &[Value], claim: &Value) -> Option<usize> {
        let wanted = size(&claim["spec"]["resources"]["requests"]);
        let free = self.free.get(class_of(claim).unwrap_or_default())?;
        let fits = |(size, at): &&(u64, usize)| *size >= wanted && suits(&objects[*at], claim);
        free.iter().find(fits).map(|(_, at)| *at)
    }

    fn taken(&mut self, objects: &[Value], at: usize) {
        if let Some(free) = self.free.get_mut(class_of(&objects[at]).unwrap_or_default()) {
            free.retain(|(_, one)| *one != at);
        }
    }
}

fn suits(volume: &Value, claim: &Value) -> bool {
    let mode = |object: &Value| object["spec"]["volumeMode"].as_str().unwrap_or("Filesystem").to_owned();
    let offered = volume["spec"]["accessModes"].as_array();
    let is_offered = |mode: &Value| offered.is_some_and(|offered| offered.contains(mode));
    let labels = &volume["metadata"]["labels"];
    mode(volume) == mode(claim)
        && claim["spec"]["accessModes"].as_array().into_iter().flatten().all(is_offered)
        && volume["metadata"].get("deletionTimestamp").is_none()
        && claim["spec"].get("selector").is_none_or(|selector| selects(selector, labels))
}

/// Tells whether a label selector matches.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    let matches = |expression: &Value| {
        let label = expression["key"].as_str().and_then(|key| labels.get(key));
        let is_listed = || {
            let values = expression["values"].as_array();
            label.is_some_and(|label| values.is_some_and(|values| values.contains(label)))
        };
        match expression["operator"].as_str() {
            Some("In") => is_listed(),
            Some("NotIn") => !is_listed(),
            Some("Exists") => label.is_some(),
            Some("DoesNotExist") => label.is_none(),
            _ => false,
        }
    };
    wanted.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && selector["matchExpressions"].as_array().into_iter().flatten().all(matches)
}

fn size(list: &Value) -> u64 {
    list["storage"].as_str().and_then(|size| parse_bytes(size).ok()).unwrap_or(0)
}

/// Binds a claim and a volume to each other.
fn tie(objects: &mut [Value], claim_at: usize, volume_at: usize) {
    // A volume without the claim's uid is the claim's only until somebody looks.
    names::add_uid(&mut objects[claim_at]);
    let claim = &objects[claim_at];
    let holder = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace(claim), "name": name(claim),
        "uid": claim["metadata"]["uid"],
    });
    let volume = &mut objects[volume_at];
    if volume["spec"]["claimRef"].get("uid").is_none() {
        volume["spec"]["claimRef"] = holder;
    }
    if volume["status"].get("phase").is_none() || volume["status"]["phase"] == "Available" {
        volume["status"]["phase"] = json!("Bound");
    }
    let (volume_name, modes) = (volume["metadata"]["name"].clone(), volume["spec"]["accessModes"].clone());
    let capacity = volume["spec"]["capacity"].clone();
    let claim = &mut objects[claim_at];
    claim["spec"]["volumeName"] = volume_name;
    claim["status"]["phase"] = json!("Bound");
    for (field, value) in [("accessModes", modes), ("capacity", capacity)] {
        if claim["status"].get(field).is_none() {
            claim["status"][field] = value;
        }
    }
}

/// Makes the volume of a claim, as the provisioner of its class would.
fn made(objects: &[Value], claim: &Value, volume_name: &str) -> Value {
    let class = class_of(claim);
    let class = objects.iter().find(|object| is(object, "StorageClass") && class == Some(name(object)));
    let policy = class.and_then(|class| class["reclaimPolicy"].as_str()).unwrap_or("Delete");
    let actual = &claim["status"]["capacity"];
    let capacity = if actual.get("storage").is_some() { actual } else { &claim["spec"]["resources"]["requests"] };
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume_name},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": capacity["storage"]},
            "persistentVolumeReclaimPolicy": policy,
            "volumeMode": claim["spec"]["volumeMode"].as_str().unwrap_or("Filesystem"),
        },
    });
    if let Some(class) = class_of(claim) {
        volume["spec"]["storageClassName"] = json!(class);
    }
    let driver = class.and_then(|class| class["provisioner"].as_str()).filter(|driver| *driver != NO_PROVISIONER);
    match driver {
        Some(driver) => {
            volume["metadata"]["annotations"] = json!({PROVISIONED_BY: driver});
            volume["spec"]["csi"] = json!({"driver": driver, "volumeHandle": volume_name});
        }
        None => volume["spec"]["hostPath"] = json!({"path": format!("/{volume_name}")}),
    }
    volume
}
