//! The lists of a survey, from objects that were read from files.

use pvmigrate_core::survey::{Scope, Survey};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Lists, of};
use crate::from_resource::Unreadable;

/// Surveys objects as a cluster at rest that holds them would be surveyed; see [`crate::complete::at_rest`], which comes
/// before.
///
/// # Errors
/// Names an object that cannot be understood.
pub fn of_objects(objects: &[Value], scope: &Scope) -> Result<Survey, Unreadable> {
    let within = |object: &&Value| {
        let namespace = object["metadata"]["namespace"].as_str();
        scope.namespace.is_none() || namespace.is_none() || namespace == scope.namespace.as_deref()
    };
    let objects: Vec<&Value> = objects.iter().filter(within).collect();
    let lists = Lists {
        classes: read(&objects, "storage.k8s.io/v1", "StorageClass")?,
        namespaces: read(&objects, "v1", "Namespace")?,
        volumes: read(&objects, "v1", "PersistentVolume")?,
        claims: read(&objects, "v1", "PersistentVolumeClaim")?,
        pods: read(&objects, "v1", "Pod")?,
        deployments: read(&objects, "apps/v1", "Deployment")?,
        stateful_sets: read(&objects, "apps/v1", "StatefulSet")?,
        replica_sets: read(&objects, "apps/v1", "ReplicaSet")?,
        records: Vec::new(),
    };
    of(lists, scope)
}

fn read<T: DeserializeOwned>(objects: &[&Value], api_version: &str, kind: &str) -> Result<Vec<T>, Unreadable> {
    let of_kind = objects.iter().filter(|object| object["apiVersion"] == api_version && object["kind"] == kind);
    of_kind
        .map(|object| {
            let about = || format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or_default());
            T::deserialize(*object).map_err(|error| Unreadable { about: about(), message: error.to_string() })
        })
        .collect()
}
