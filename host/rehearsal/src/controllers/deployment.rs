//! Deployments: one ReplicaSet of the present template, the older ones at zero.
//!
//! A new template replaces all pods at once; rolling updates are not simulated.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::{create, replica_set};
use crate::{
    kinds,
    object::{self, number},
    store::{Key, Reference, Store, lifecycle},
};

const HASH_LABEL: &str = "pod-template-hash";

/// Brings a Deployment's ReplicaSets to its replica count and template.
pub(super) fn reconcile(store: &mut Store, key: &Key, deployment: &Value) {
    if object::is_terminating(deployment) {
        return;
    }
    let mut sets = owned_sets(store, deployment);
    let current = sets.iter().find(|(_, set)| is_current(set, deployment)).map(|(key, _)| key.clone());
    let current = match current {
        Some(current) => current,
        None => {
            let set = new_set(deployment);
            let Ok(made) = create(store, &kinds::REPLICA_SETS, set, deployment) else { return };
            let made_key = Key::of(&kinds::REPLICA_SETS, &made);
            sets.push((made_key.clone(), (*made).clone()));
            made_key
        }
    };
    let wanted = number(deployment, "/spec/replicas").unwrap_or(1);
    for (set_key, _) in &sets {
        let replicas = if *set_key == current { wanted } else { 0 };
        lifecycle::edit(store, set_key, |set| object::set(set, &["spec", "replicas"], json!(replicas)));
    }
    write_counts(store, key, &sets, &current, wanted);
}

fn owned_sets(store: &Store, deployment: &Value) -> Vec<(Key, Value)> {
    store
        .referring(&kinds::REPLICA_SETS, &Reference::Owner(object::uid(deployment).to_owned()))
        .filter(|(_, set)| object::is_controlled_by(set, object::uid(deployment)))
        .map(|(key, set)| (key.clone(), (**set).clone()))
        .collect()
}

fn is_current(set: &Value, deployment: &Value) -> bool {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    object::remove(&mut template, &["metadata", "labels", HASH_LABEL]);
    Some(&template) == deployment.pointer("/spec/template")
}

fn new_set(deployment: &Value) -> Value {
    let template = deployment.pointer("/spec/template").cloned().unwrap_or(Value::Null);
    let mut hasher = DefaultHasher::new();
    template.to_string().hash(&mut hasher);
    let hash = format!("{:08x}", hasher.finish() & 0xffff_ffff);
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", object::name(deployment)), "namespace": object::namespace(deployment),
            "labels": template["metadata"]["labels"],
            "ownerReferences": [object::controller_reference(deployment)],
        },
        "spec": {
            "replicas": deployment["spec"]["replicas"], "selector": deployment["spec"]["selector"],
            "template": template,
        },
    });
    for path in [
        vec!["metadata", "labels", HASH_LABEL],
        vec!["spec", "selector", "matchLabels", HASH_LABEL],
        vec!["spec", "template", "metadata", "labels", HASH_LABEL],
    ] {
        object::set(&mut set, &path, json!(hash));
    }
    set
}

fn write_counts(store: &mut Store, key: &Key, sets: &[(Key, Value)], current: &Key, wanted: i64) {
    let count = |store: &Store, field: &str, only: Option<&Key>| -> i64 {
        sets.iter()
            .filter(|(key, _)| only.is_none_or(|only| only == key))
            .filter_map(|(key, _)| number(&*store.get(key)?, field))
            .sum()
    };
    let replicas = count(store, "/status/replicas", None);
    let ready = count(store, "/status/readyReplicas", None);
    let updated = count(store, "/status/replicas", Some(current));
    let refused = store.get(current).and_then(|set| replica_set::failure(&set).cloned());
    lifecycle::edit(store, key, |deployment| {
        let available = if ready >= wanted { "True" } else { "False" };
        let generation = deployment["metadata"]["generation"].clone();
        let mut conditions = vec![json!({"type": "Available", "status": available})];
        conditions.extend(refused);
        deployment["status"] = json!({
            "replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
            "unavailableReplicas": (wanted - ready).max(0), "observedGeneration": generation,
            "conditions": conditions,
        });
    });
}
