//! The pods that controllers would have made, with the claims that come with them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::binding::selects;
use super::{is, key, name, namespace, of_kind};

/// The node of pods where no node is among the objects.
const DEFAULT_NODE: &str = "node-1";

/// A workload is filled in up to this number of pods: one of a million replicas says no more than one of these.
const MOST_PODS: u64 = 1000;

/// Adds the pods of the workloads that have none among the objects.
pub(super) fn add_pods(objects: &mut Vec<Value>) {
    let nodes = of_kind(objects, "Node").count().max(1) as u64;
    let made: Vec<Value> = objects
        .iter()
        .filter(|workload| !has_controller(workload))
        .flat_map(|workload| {
            let wanted = wanted(workload, nodes).min(MOST_PODS);
            let is_there = wanted > 0 && has_pods(objects, workload);
            (0..if is_there { 0 } else { wanted }).map(|at| pod(workload, at))
        })
        .collect();
    objects.extend(made);
}

fn has_controller(object: &Value) -> bool {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["controller"] == true)
}

/// Returns how many pods the workload's controller keeps.
fn wanted(workload: &Value, nodes: u64) -> u64 {
    let number = |field: &str| workload["spec"][field].as_u64();
    match (workload["apiVersion"].as_str(), workload["kind"].as_str()) {
        (Some("apps/v1"), Some("Deployment" | "StatefulSet" | "ReplicaSet"))
        | (Some("v1"), Some("ReplicationController")) => number("replicas").unwrap_or(1),
        (Some("apps/v1"), Some("DaemonSet")) => nodes,
        (Some("batch/v1"), Some("Job")) if workload["spec"]["suspend"] != true && !has_ended(workload) => {
            number("parallelism").unwrap_or(1).min(number("completions").unwrap_or(u64::MAX))
        }
        _ => 0,
    }
}

fn has_ended(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["status"] == "True" && (one["type"] == "Complete" || one["type"] == "Failed"))
}

fn has_pods(objects: &[Value], workload: &Value) -> bool {
    let selector = &workload["spec"]["selector"];
    let selects = |pod: &Value| match selector {
        // A ReplicationController's is a plain map.
        Value::Object(_) if is(workload, "ReplicationController") => {
            selects(&json!({"matchLabels": selector}), &pod["metadata"]["labels"])
        }
        Value::Object(fields) if !fields.is_empty() => selects(selector, &pod["metadata"]["labels"]),
        _ => false,
    };
    let owns = |owner: &Value, object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.into_iter().any(|one| one["kind"] == owner["kind"] && one["name"] == *name(owner))
    };
    // A Deployment's pods are those of its ReplicaSets.
    let between: Vec<&Value> = objects
        .iter()
        .filter(|object| !is(object, "Pod") && namespace(object) == namespace(workload) && owns(workload, object))
        .collect();
    let is_owned = |pod: &Value| owns(workload, pod) || between.iter().any(|owner| owns(owner, pod));
    of_kind(objects, "Pod").any(|pod| namespace(pod) == namespace(workload) && (is_owned(pod) || selects(pod)))
}

fn pod(workload: &Value, at: u64) -> Value {
    let template = &workload["spec"]["template"];
    let number = workload["spec"]["ordinals"]["start"].as_u64().unwrap_or(0) + at;
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{}-{number}", name(workload)), "namespace": namespace(workload),
            "ownerReferences": [{
                "apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": name(workload), "controller": true,
            }],
        },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            pod["metadata"][field] = value.clone();
        }
    }
    if is(workload, "StatefulSet") {
        for template in workload["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
            let volume = json!({
                "name": name(template),
                "persistentVolumeClaim": {"claimName": format!("{}-{}", name(template), name(&pod))},
            });
            match pod["spec"].get_mut("volumes").and_then(Value::as_array_mut) {
                Some(volumes) => volumes.push(volume),
                None => pod["spec"]["volumes"] = json!([volume]),
            }
        }
    }
    pod
}

/// Adds the claims that StatefulSets and generic ephemeral volumes bring with them, for every pod that is there.
pub(super) fn add_claims(objects: &mut Vec<Value>) {
    let there: HashSet<(String, String)> = of_kind(objects, "PersistentVolumeClaim").map(key).collect();
    let pods = of_kind(objects, "Pod");
    let made: Vec<Value> = pods.flat_map(|pod| ephemeral(pod).chain(of_templates(objects, pod))).collect();
    objects.extend(made.into_iter().filter(|claim| !there.contains(&key(claim))));
}

fn ephemeral(pod: &Value) -> impl Iterator<Item = Value> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(move |volume| {
        let template = volume["ephemeral"].get("volumeClaimTemplate")?;
        let mut claim = claim(template, namespace(pod), &format!("{}-{}", name(pod), volume["name"].as_str()?));
        claim["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "Pod", "name": name(pod), "controller": true}]);
        Some(claim)
    })
}

fn of_templates<'a>(objects: &'a [Value], pod: &'a Value) -> impl Iterator<Item = Value> {
    let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.into_iter().find(|owner| owner["kind"] == "StatefulSet" && owner["controller"] == true);
    let is_owner =
        move |set: &&Value| namespace(set) == namespace(pod) && owner.is_some_and(|owner| owner["name"] == *name(set));
    of_kind(objects, "StatefulSet").filter(is_owner).flat_map(move |set| {
        let templates = set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        templates.map(move |template| {
            let mut claim = claim(template, namespace(pod), &format!("{}-{}", name(template), name(pod)));
            for (label, value) in set["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten() {
                claim["metadata"]["labels"][label] = value.clone();
            }
            claim
        })
    })
}

fn claim(template: &Value, namespace: &str, name: &str) -> Value {
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace}, "spec": template["spec"],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            claim["metadata"][field] = value.clone();
        }
    }
    claim
}

/// Lets every pod that says nothing of its state run, on the nodes in turn.
pub(super) fn run(objects: &mut [Value]) {
    let mut nodes: Vec<String> = of_kind(objects, "Node").map(|node| name(node).to_owned()).collect();
    if nodes.is_empty() {
        nodes.push(DEFAULT_NODE.to_owned());
    }
    let mut next = nodes.iter().cycle();
    for pod in objects.iter_mut().filter(|object| is(object, "Pod")) {
        if pod["status"].get("phase").is_none() {
            pod["status"]["phase"] = json!("Running");
        }
        let is_placed = pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        if !is_placed && pod["status"]["phase"] == "Running" {
            pod["spec"]["nodeName"] = json!(next.next());
        }
    }
}
