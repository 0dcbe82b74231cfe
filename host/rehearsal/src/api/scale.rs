//! The `/scale` subresource of workloads.

use serde_json::{Value, json};

use super::{
    failure::{Answer, Cause, Failure},
    patch,
    route::Route,
    validate,
};
use crate::{
    object,
    store::{Key, Store, lifecycle},
};

/// Shows a workload as an `autoscaling/v1` Scale.
pub(crate) fn get(store: &Store, route: &Route) -> Result<Value, Failure> {
    let key = Key::new(route.kind, &route.namespace, &route.name);
    let workload = store.get(&key).ok_or_else(|| Failure::not_found(route.kind, &route.name))?;
    Ok(of(&workload))
}

fn of(workload: &Value) -> Value {
    let metadata = &workload["metadata"];
    let selector: Vec<String> = object::pairs(workload, "/spec/selector/matchLabels")
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object::number(workload, "/spec/replicas").unwrap_or(0)},
        "status": {
            "replicas": object::number(workload, "/status/replicas").unwrap_or(0), "selector": selector.join(","),
        },
    })
}

/// Answers a PUT of a Scale.
pub(super) fn replace(store: &mut Store, route: &Route, scale: &Value) -> Result<Answer, Failure> {
    let key = Key::new(route.kind, &route.namespace, &route.name);
    let workload = store.get(&key).ok_or_else(|| Failure::not_found(route.kind, &route.name))?;
    validate::identity(&key, &workload, scale, route.verb)?;
    let replicas = object::number(scale, "/spec/replicas").unwrap_or(0);
    if replicas < 0 {
        let why = "must be greater than or equal to 0";
        return Err(Failure::invalid(
            route.kind,
            &key.name,
            &[Cause::invalid("spec.replicas", &replicas.to_string(), why)],
        ));
    }
    let mut new = (*workload).clone();
    object::set(&mut new, &["spec", "replicas"], json!(replicas));
    validate::changes(route.kind, &workload, &new)?;
    if route.query.dry_run() {
        return Ok((200, of(&new)));
    }
    Ok((200, of(&lifecycle::update(store, &key, new))))
}

/// Answers a PATCH of a Scale.
pub(super) fn patch(store: &mut Store, route: &Route, body: &Value) -> Result<Answer, Failure> {
    let scale = get(store, route)?;
    let new = patch::apply(&route.query.content_type, &scale, body)?;
    replace(store, route, &new)
}
