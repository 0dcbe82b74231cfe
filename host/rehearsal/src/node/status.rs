//! What the node writes into a pod's status.

use serde_json::{Value, json};

use super::process::Exit;
use crate::object::{self, now};

/// Marks a pod's containers as waiting to be made.
pub fn creating(pod: &mut Value) {
    let statuses = containers(pod, "containers", |_| json!({"waiting": {"reason": "ContainerCreating"}}), false);
    pod["status"]["containerStatuses"] = statuses;
    if object::text(pod, "/status/startTime").is_none() {
        pod["status"]["startTime"] = json!(now());
    }
}

/// Marks all containers of a pod as running.
pub(super) fn running(pod: &mut Value, address: &str) {
    let started = now();
    let statuses = containers(pod, "containers", |_| json!({"running": {"startedAt": started}}), true);
    let status = &mut pod["status"];
    status["phase"] = json!("Running");
    status["containerStatuses"] = statuses;
    status["podIP"] = json!(address);
    status["podIPs"] = json!([{"ip": address}]);
    if object::text(status, "/startTime").is_none() {
        status["startTime"] = json!(started);
    }
    for condition in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        set_condition(pod, condition, "True", None);
    }
}

/// Marks one container as ended.
pub(super) fn terminated(pod: &mut Value, name: &str, exit: &Exit, init: bool) {
    let list = if init { "initContainerStatuses" } else { "containerStatuses" };
    if init && object::items(pod, "/status/initContainerStatuses").is_empty() {
        let waiting = containers(pod, "initContainers", |_| json!({"waiting": {"reason": "PodInitializing"}}), false);
        pod["status"][list] = waiting;
    }
    let Some(statuses) = pod["status"][list].as_array_mut() else { return };
    for status in statuses {
        if object::text(status, "/name") != Some(name) {
            continue;
        }
        let finished = now();
        let started = object::text(status, "/state/running/startedAt").unwrap_or(&finished).to_owned();
        let mut end = json!({
            "exitCode": exit.code, "reason": exit.reason, "startedAt": started, "finishedAt": finished,
        });
        if let Some(message) = &exit.message {
            end["message"] = json!(message);
        }
        status["state"] = json!({"terminated": end});
        status["ready"] = json!(false);
        status["started"] = json!(false);
    }
}

/// Marks a pod as ended.
pub(super) fn finished(pod: &mut Value, success: bool) {
    pod["status"]["phase"] = json!(if success { "Succeeded" } else { "Failed" });
    let reason = success.then_some("PodCompleted");
    for condition in ["ContainersReady", "Ready"] {
        set_condition(pod, condition, "False", reason.map(|reason| (reason, "")));
    }
}

/// Sets one of a pod's conditions; the time moves only when its value does.
pub(crate) fn set_condition(pod: &mut Value, kind: &str, value: &str, why: Option<(&str, &str)>) {
    let mut condition = json!({"type": kind, "status": value, "lastProbeTime": null, "lastTransitionTime": now()});
    if let Some((reason, message)) = why {
        condition["reason"] = json!(reason);
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
    }
    let conditions = &mut pod["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    match conditions.iter_mut().find(|one| object::text(one, "/type") == Some(kind)) {
        Some(present) => {
            if present["status"] == condition["status"] {
                condition["lastTransitionTime"] = present["lastTransitionTime"].clone();
            }
            *present = condition;
        }
        None => conditions.push(condition),
    }
}

/// Builds the status of each container of a list, keeping those that have ended.
fn containers(pod: &Value, list: &str, state: impl Fn(&Value) -> Value, ready: bool) -> Value {
    let statuses = object::items(pod, &format!("/spec/{list}"))
        .iter()
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": ready,
                "started": ready, "restartCount": 0, "state": state(container),
            })
        })
        .collect();
    Value::Array(statuses)
}
