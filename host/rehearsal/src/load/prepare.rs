//! Fitting given objects together: what a dump or a hand-written file leaves out is added here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use pvmigrate_objects::complete;
use serde_json::{Value, json};

use super::not_played::{self, NotPlayed, Unserved};
use crate::{
    Error,
    api::admit,
    controllers::topology,
    kinds::{self, Kind},
    object::{self, text},
    store::{Key, Store},
    volumes::Volumes,
};

/// Puts the objects into a new store and adds what they take for granted; returns what will not be played.
pub(crate) fn take_in(store: &mut Store, volumes: &Volumes, mut objects: Vec<Value>) -> Result<NotPlayed, Error> {
    complete::without_controllers(&mut objects);
    serve_given(store, &objects);
    let mut keys = Vec::new();
    let mut unserved = Unserved::default();
    for object in objects {
        let (kind, object) = match known(store, object)? {
            Known::Served(kind, object) => {
                if not_played::is_inert(kind, &object) {
                    unserved.add(&object);
                }
                (kind, object)
            }
            Known::Unserved(object) => {
                unserved.add(&object);
                continue;
            }
        };
        let key = Key::of(kind, &object);
        if store.contains(&key) {
            return Err(Error::Duplicate { object: shown(&key) });
        }
        store.write(&key, object);
        keys.push(key);
    }
    add_namespaces(store);
    let made_up = store.list(&kinds::NODES, "").next().is_none();
    add_nodes(store, made_up);
    check_owners(store, &keys)?;
    complete_identities(store, &keys);
    complete_owners(store, &keys);
    for (_, volume) in store.listed(&kinds::VOLUMES, "") {
        volumes.open(&volume).map_err(|error| Error::Object {
            object: format!("PersistentVolume {}", object::name(&volume)),
            reason: format!("its directory cannot be made: {error}"),
        })?;
    }
    Ok(unserved.with_features(store, made_up))
}

/// Creates or replaces one object as given.
pub(crate) fn put(store: &mut Store, object: Value) -> Result<Value, Error> {
    let shown_kind = format!("{} {}", object["kind"].as_str().unwrap_or("an object"), object::name(&object));
    let Known::Served(kind, mut object) = known(store, object)? else {
        return Err(Error::Object { object: shown_kind, reason: "this kind is not served".to_owned() });
    };
    let key = Key::of(kind, &object);
    if let Some(present) = store.get(&key) {
        for field in ["uid", "creationTimestamp", "generation"] {
            object::set(&mut object, &["metadata", field], present["metadata"][field].clone());
        }
    } else {
        admit::identity(store, kind, &mut object);
        admit::finalizers(kind, &mut object);
    }
    admit::defaults(kind, &mut object);
    Ok((*crate::store::lifecycle::update(store, &key, object)).clone())
}

fn shown(key: &Key) -> String {
    if key.namespace.is_empty() {
        format!("{} {}", key.kind.kind, key.name)
    } else {
        format!("{} {}/{}", key.kind.kind, key.namespace, key.name)
    }
}

/// An object that was looked at.
enum Known {
    Served(&'static Kind, Value),
    Unserved(Value),
}

/// Serves every kind that the objects have, because policies look up any of them.
fn serve_given(store: &mut Store, objects: &[Value]) {
    let mut scopes: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for object in objects.iter().filter(|object| !object::name(object).is_empty()) {
        if let Some(kind) = named_kind(object) {
            *scopes.entry(kind).or_default() |= !object::namespace(object).is_empty();
        }
    }
    for ((api_version, name), has_namespaces) in scopes {
        serve(store, api_version, name, has_namespaces);
    }
}

/// Serves a kind; where it is not one of Kubernetes' own, its objects say whether they lie in namespaces.
pub(crate) fn serve(store: &mut Store, api_version: &str, name: &str, has_namespaces: bool) {
    if kinds::by_object(api_version, name).is_none() {
        let namespaced = pvmigrate_objects::kinds::is_namespaced(api_version, name).unwrap_or(has_namespaces);
        store.serve(kinds::custom(api_version, name, namespaced));
    }
}

fn named_kind(object: &Value) -> Option<(&str, &str)> {
    let named = (text(object, "/apiVersion")?, text(object, "/kind")?);
    (!named.0.is_empty() && !named.1.is_empty()).then_some(named)
}

/// Checks an object of a kind that is served and gives it a namespace.
fn known(store: &Store, mut object: Value) -> Result<Known, Error> {
    let kind = named_kind(&object).and_then(|(api_version, name)| {
        store.kinds().find(|kind| kind.api_version() == api_version && kind.kind == name)
    });
    let Some(kind) = kind else {
        return Ok(Known::Unserved(object));
    };
    if kind.namespaced && object::namespace(&object).is_empty() {
        object::set(&mut object, &["metadata", "namespace"], json!("default"));
    } else if !kind.namespaced {
        object::remove(&mut object, &["metadata", "namespace"]);
    }
    object::remove(&mut object, &["metadata", "managedFields"]);
    let fail = |reason: String| Error::Object { object: shown(&Key::of(kind, &object)), reason };
    if object::name(&object).is_empty() {
        return Err(fail("it has no metadata.name".to_owned()));
    }
    (kind.check)(&object).map_err(|error| fail(error.to_string()))?;
    Ok(Known::Served(kind, object))
}

fn add_namespaces(store: &mut Store) {
    let mut wanted: BTreeSet<String> = ["default", "kube-system"].map(str::to_owned).into();
    wanted.extend(store.all().filter(|(key, _)| key.kind.namespaced).map(|(key, _)| key.namespace.clone()));
    for name in wanted {
        let key = Key::new(&kinds::NAMESPACES, "", &name);
        if !store.contains(&key) {
            let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            admit::identity(store, &kinds::NAMESPACES, &mut namespace);
            admit::defaults(&kinds::NAMESPACES, &mut namespace);
            store.write(&key, namespace);
        }
    }
}

/// Adds the nodes that pods and claims name, and two when there is none at all. Where all are made up, they lie where the
/// classes want their volumes.
fn add_nodes(store: &mut Store, made_up: bool) {
    let named = store.all().filter_map(|(key, object)| match key.kind.plural {
        "pods" => text(object, "/spec/nodeName").map(str::to_owned),
        "persistentvolumeclaims" => object::annotation(object, "volume.kubernetes.io/selected-node").map(str::to_owned),
        _ => None,
    });
    let mut wanted: BTreeSet<String> = named.collect();
    if wanted.is_empty() && made_up {
        wanted = ["node-1", "node-2"].map(str::to_owned).into();
    }
    let classes = store.listed(&kinds::STORAGE_CLASSES, "");
    for (number, name) in wanted.into_iter().enumerate() {
        let key = Key::new(&kinds::NODES, "", &name);
        if !store.contains(&key) {
            let mut node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            });
            if made_up {
                let classes = classes.iter().map(|(_, class)| &**class);
                for (label, value) in topology::labels_for_made_up_node(classes, number) {
                    object::set(&mut node, &["metadata", "labels", &label], json!(value));
                }
            }
            admit::identity(store, &kinds::NODES, &mut node);
            store.write(&key, node);
        }
    }
}

/// Gives each object what the API server would have given it.
fn complete_identities(store: &mut Store, keys: &[Key]) {
    for key in keys {
        let Some(object) = store.get(key) else { continue };
        let mut object = Arc::unwrap_or_clone(object);
        admit::identity(store, key.kind, &mut object);
        if !object::is_terminating(&object) {
            admit::finalizers(key.kind, &mut object);
        }
        admit::default_class(store, key.kind, &mut object);
        admit::defaults(key.kind, &mut object);
        store.write(key, object);
    }
}

/// Refuses an object whose owner is given under another uid, or under none: no controller would know it for its own, and a pod
/// like that is never stopped with its workload.
fn check_owners(store: &Store, keys: &[Key]) -> Result<(), Error> {
    for key in keys {
        let Some(object) = store.get(key) else { continue };
        for owner in object::items(&object, "/metadata/ownerReferences") {
            let part = |pointer: &str| text(owner, pointer).unwrap_or_default();
            let Some(kind) = kinds::by_object(part("/apiVersion"), part("/kind")) else { continue };
            let namespace = if kind.namespaced { key.namespace.as_str() } else { "" };
            let Some(found) = store.find(kind, namespace, part("/name")) else { continue };
            let (named, given) = (part("/uid"), object::uid(&found));
            if !named.is_empty() && named != given {
                let given = if given.is_empty() { "no uid".to_owned() } else { format!("uid {given}") };
                let (owner, name) = (kind.kind, part("/name"));
                let reason = format!(
                    "its owner {owner} {name} has uid {named} in its ownerReferences, and {given} as it is given: give both \
                     from one moment of the cluster, or leave the uids out"
                );
                return Err(Error::Object { object: shown(key), reason });
            }
        }
    }
    Ok(())
}

/// Fills in the uids of owner references that name an object without one, as hand-written files do.
fn complete_owners(store: &mut Store, keys: &[Key]) {
    for key in keys {
        let Some(object) = store.get(key) else { continue };
        let mut owners = object::items(&object, "/metadata/ownerReferences").to_vec();
        for owner in owners.iter_mut().filter(|owner| text(owner, "/uid").is_none()) {
            let kind = kinds::by_object(
                text(owner, "/apiVersion").unwrap_or_default(),
                text(owner, "/kind").unwrap_or_default(),
            );
            let found = kind.and_then(|kind| {
                let namespace = if kind.namespaced { key.namespace.as_str() } else { "" };
                store.find(kind, namespace, text(owner, "/name")?)
            });
            if let Some(found) = found {
                owner["uid"] = json!(object::uid(&found));
            }
        }
        if !owners.is_empty() {
            let mut object = Arc::unwrap_or_clone(object);
            object::set(&mut object, &["metadata", "ownerReferences"], Value::Array(owners));
            store.write(key, object);
        }
    }
}
