//! Fills in what the API server fills in: identities, defaults, and the default StorageClass.

use serde_json::{Value, json};

use super::{failure::Failure, limit_range, pod_security, quota};
use crate::{
    controllers::taints,
    kinds::{self, Kind},
    object::{self, set},
    store::Store,
};

/// The finalizer that keeps a claim while a pod uses it.
pub(crate) const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// The finalizer that keeps a volume while a claim is bound to it.
pub(crate) const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
/// On a StorageClass: it is the class of claims that name none.
pub(crate) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// The API server cuts a `generateName` so that the generated name stays within 63 characters.
const LONGEST_GENERATED_BASE: usize = 58;

/// Makes a posted object into one that can be stored: its own identity, no status, defaults.
pub(crate) fn creation(store: &mut Store, kind: &Kind, new: &mut Value) -> Result<(), Failure> {
    if let Some(version) = object::text(new, "/metadata/resourceVersion") {
        return Err(Failure::bad_request(format!(
            "resourceVersion should not be set on objects to be created (got {version})"
        )));
    }
    for field in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"] {
        object::remove(new, &["metadata", field]);
    }
    if object::name(new).is_empty()
        && let Some(base) = object::text(new, "/metadata/generateName")
    {
        let base: String = base.chars().take(LONGEST_GENERATED_BASE).collect();
        let name = format!("{base}{}", store.random().name_suffix());
        set(new, &["metadata", "name"], json!(name));
    }
    namespace_is_open(store, kind, new)?;
    identity(store, kind, new);
    if kind.status {
        object::remove(new, &["status"]);
    }
    default_class(store, kind, new);
    defaults(kind, new);
    finalizers(kind, new);
    limit_range::admit(store, kind, new)?;
    pod_security::admit(store, kind, new)?;
    quota::check(store, kind, new)
}

/// Refuses new content of a namespace that is being deleted.
fn namespace_is_open(store: &Store, kind: &Kind, new: &Value) -> Result<(), Failure> {
    let namespace = object::namespace(new);
    let found = kind.namespaced.then(|| store.find(&kinds::NAMESPACES, "", namespace)).flatten();
    if found.is_some_and(|found| object::text(&found, "/status/phase") == Some("Terminating")) {
        return Err(Failure::namespace_terminating(kind, object::name(new), namespace));
    }
    Ok(())
}

/// Gives a new object its uid, creation time and first generation.
pub(crate) fn identity(store: &mut Store, kind: &Kind, new: &mut Value) {
    if object::uid(new).is_empty() {
        let uid = store.random().uid();
        set(new, &["metadata", "uid"], json!(uid));
    }
    if object::text(new, "/metadata/creationTimestamp").is_none() {
        set(new, &["metadata", "creationTimestamp"], json!(object::now()));
    }
    if kind.generation && object::number(new, "/metadata/generation").is_none() {
        set(new, &["metadata", "generation"], json!(1));
    }
}

/// Adds the protection finalizers, as the storage-object-in-use admission does at creation.
pub(crate) fn finalizers(kind: &Kind, new: &mut Value) {
    if *kind == kinds::CLAIMS {
        object::add_finalizer(new, CLAIM_PROTECTION);
    } else if *kind == kinds::VOLUMES {
        object::add_finalizer(new, VOLUME_PROTECTION);
    }
}

/// Gives a claim without a class the default one.
pub(crate) fn default_class(store: &Store, kind: &Kind, new: &mut Value) {
    let has_class = new.pointer("/spec/storageClassName").is_some_and(|class| !class.is_null());
    if *kind == kinds::CLAIMS
        && !has_class
        && let Some(default) = name_of_default_class(store)
    {
        set(new, &["spec", "storageClassName"], json!(default));
    }
}

/// Returns the default class: the newest, when there are several.
fn name_of_default_class(store: &Store) -> Option<String> {
    store
        .list(&kinds::STORAGE_CLASSES, "")
        .filter(|(_, class)| object::annotation(class, DEFAULT_CLASS) == Some("true"))
        .max_by_key(|(key, class)| {
            let created = object::text(class, "/metadata/creationTimestamp").unwrap_or_default().to_owned();
            (created, std::cmp::Reverse(key.name.clone()))
        })
        .map(|(key, _)| key.name.clone())
}

/// Lets a container that names a limit request as much, unless it says otherwise.
fn requests_from_limits(pod: &mut Value) {
    for list in ["containers", "initContainers"] {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            for (name, limit) in object::pairs(container, "/resources/limits") {
                fill(container, &["resources", "requests", &name], json!(limit));
            }
        }
    }
}

/// Lets a pod stay for five minutes on a node that is lost, unless it says how long itself.
fn tolerate_lost_nodes(pod: &mut Value) {
    let mut all = object::items(pod, "/spec/tolerations").to_vec();
    for key in [taints::NOT_READY, taints::UNREACHABLE] {
        let is_named = all.iter().any(|one| {
            let (of, effect) = (object::text(one, "/key"), object::text(one, "/effect"));
            of.is_none_or(|of| of == key) && effect.is_none_or(|effect| effect == "NoExecute")
        });
        if !is_named {
            all.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
    set(pod, &["spec", "tolerations"], Value::Array(all));
}

fn fill(object: &mut Value, path: &[&str], value: Value) {
    let pointer = format!("/{}", path.join("/"));
    if object.pointer(&pointer).is_none_or(Value::is_null) {
        set(object, path, value);
    }
}

/// Sets the fields whose absence means something.
pub(crate) fn defaults(kind: &Kind, new: &mut Value) {
    match (kind.group, kind.plural) {
        ("", "namespaces") => {
            let name = object::name(new).to_owned();
            set(new, &["metadata", "labels", "kubernetes.io/metadata.name"], json!(name));
            fill(new, &["spec", "finalizers"], json!(["kubernetes"]));
            if object::is_terminating(new) {
                set(new, &["status", "phase"], json!("Terminating"));
            }
            fill(new, &["status", "phase"], json!("Active"));
        }
        ("", "pods") => {
            fill(new, &["spec", "restartPolicy"], json!("Always"));
            fill(new, &["spec", "terminationGracePeriodSeconds"], json!(30));
            fill(new, &["spec", "serviceAccountName"], json!("default"));
            fill(new, &["spec", "schedulerName"], json!("default-scheduler"));
            requests_from_limits(new);
            tolerate_lost_nodes(new);
            fill(new, &["status", "phase"], json!("Pending"));
        }
        ("", "persistentvolumeclaims") => {
            fill(new, &["spec", "volumeMode"], json!("Filesystem"));
            fill(new, &["status", "phase"], json!("Pending"));
        }
        ("", "persistentvolumes") => {
            fill(new, &["spec", "volumeMode"], json!("Filesystem"));
            fill(new, &["spec", "persistentVolumeReclaimPolicy"], json!("Retain"));
            fill(new, &["status", "phase"], json!("Pending"));
        }
        ("storage.k8s.io", "storageclasses") => {
            fill(new, &["reclaimPolicy"], json!("Delete"));
            fill(new, &["volumeBindingMode"], json!("Immediate"));
        }
        ("apps", "statefulsets") => {
            fill(new, &["spec", "replicas"], json!(1));
            fill(new, &["spec", "podManagementPolicy"], json!("OrderedReady"));
            fill(new, &["spec", "updateStrategy"], json!({"type": "RollingUpdate"}));
            let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            fill(new, &["spec", "persistentVolumeClaimRetentionPolicy"], retain);
            fill(new, &["spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"], json!("Retain"));
            fill(new, &["spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"], json!("Retain"));
            fill(new, &["status", "replicas"], json!(0));
        }
        ("apps", "deployments" | "replicasets") => {
            fill(new, &["spec", "replicas"], json!(1));
            if kind.plural == "replicasets" {
                fill(new, &["status", "replicas"], json!(0));
            }
        }
        _ => {}
    }
}
