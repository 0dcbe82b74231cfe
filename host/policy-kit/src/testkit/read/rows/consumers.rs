//! Pods that use a claim, in a few words, and the objects that they stand for.

use pvmigrate_objects::kinds;
use pvmigrate_yaml::did_you_mean;
use serde_json::{Value, json};

use crate::testkit::read::cluster::{Cluster, check_name, full_name};

/// Kinds that own pods, with the short names that kubectl has for them.
const KINDS: [(&str, &str); 8] = [
    ("sts", "StatefulSet"),
    ("deploy", "Deployment"),
    ("ds", "DaemonSet"),
    ("rs", "ReplicaSet"),
    ("rc", "ReplicationController"),
    ("job", "Job"),
    ("cj", "CronJob"),
    ("po", "Pod"),
];

/// Lists the kinds that own pods, and Pod.
pub(crate) fn workloads() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|(_, kind)| kind)
}

/// More pods of one row say no more than these.
const MOST: u32 = 1000;

/// What owns pods, or a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    api_version: String,
    kind: String,
    name: String,
}

impl Owner {
    /// Reads `Kind/name`, where the kind is one of these, or `Kind.group/name`.
    pub(super) fn read(text: &str, known: &[&str]) -> Result<Self, String> {
        let parts = text.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.contains('/'));
        let Some((kind, name)) = parts else { return Err(format!("invalid owner {text:?}; write Kind/name")) };
        check_name(name)?;
        if let Some((kind, group)) = kind.split_once('.') {
            let owner = Self { api_version: format!("{group}/v1"), kind: kind.to_owned(), name: name.to_owned() };
            return Ok(owner);
        }
        if !known.contains(&kind) {
            let near = did_you_mean(kind, known.iter().copied());
            let hint = match near.is_empty() {
                true => {
                    format!("; one that is not Kubernetes' own is written with its group: {kind}.example.com/{name}")
                }
                false => near,
            };
            return Err(format!("unknown kind {kind}{hint}"));
        }
        let api_version = kinds::api_version(kind).unwrap_or("v1").to_owned();
        Ok(Self { api_version, kind: kind.to_owned(), name: name.to_owned() })
    }

    pub(super) fn reference(&self) -> Value {
        json!({"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "controller": true})
    }
}

/// An entry of `by`.
#[derive(Debug)]
pub(super) struct By {
    owner: Owner,
    count: u32,
    /// The number of the first pod.
    first: u32,
    node: Option<String>,
    read_only: bool,
    running: bool,
}

impl By {
    /// Reads `Kind/name`, with `*3` for three pods, `@node` for one node for all of them, ` ro` for readers, and
    /// ` pending` for pods that do not run. Without a node, each pod is on a node of its own. A StatefulSet's claim that is
    /// named after a pod is used by that pod.
    pub(super) fn read(text: &str, claim: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "invalid consumer {text:?}; write Kind/name, such as Deployment/web*3, Deployment/web@node-a or Job/x ro"
            )
        };
        let mut words = text.split(' ');
        let subject = words.next().ok_or_else(bad)?;
        let (mut read_only, mut running) = (false, true);
        for word in words {
            match word {
                "ro" => read_only = true,
                "pending" => running = false,
                _ => return Err(bad()),
            }
        }
        let (subject, node) = match subject.split_once('@') {
            Some((subject, node)) => (subject, Some(node)),
            None => (subject, None),
        };
        let (subject, count) = match subject.split_once('*') {
            Some((subject, count)) => (subject, Some(count.parse::<u32>().map_err(|_| bad())?)),
            None => (subject, None),
        };
        let (kind, name) =
            subject.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()).ok_or_else(bad)?;
        if node.is_some() && !running {
            return Err(format!("{text:?}: a pod that is pending is on no node"));
        }
        node.map_or(Ok(()), check_name)?;
        let kind = KINDS.iter().find(|(short, _)| *short == kind).map_or(kind, |(_, long)| *long);
        if !kind.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Err(bad());
        }
        let owner = Owner::read(&format!("{kind}/{name}"), &KINDS.map(|(_, long)| long))?;
        if count.is_some_and(|count| count == 0 || count > MOST) || kind == "Pod" && count.is_some() {
            return Err(bad());
        }
        let of_set = claim.rsplit_once('-').filter(|(rest, _)| {
            kind == "StatefulSet" && count.is_none() && {
                rest.strip_suffix(name).is_some_and(|template| template.ends_with('-'))
            }
        });
        let first = of_set.and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
        Ok(Self { owner, count: count.unwrap_or(1), first, node: node.map(str::to_owned), read_only, running })
    }

    /// Adds the pods, and what owns them, or lets pods that are there mount the claim as well.
    pub(super) fn mount(&self, cluster: &mut Cluster, namespace: &str, claim: &str, block: bool) -> Result<(), String> {
        let owner = self.add_owners(cluster, namespace);
        for at in self.first..self.first.saturating_add(self.count) {
            let (name, labels) = match &owner {
                Some(owner) => (format!("{}-{at}", owner.name), json!({"app": self.owner.name})),
                None => (self.owner.name.clone(), json!({})),
            };
            let node = self.node.clone().unwrap_or_else(|| format!("node-{}", at + 1));
            if cluster.position("Pod", Some(namespace), &name).is_none() {
                let mut pod = json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": namespace, "labels": labels},
                    "spec": {"containers": [{"name": "main"}], "volumes": []},
                    "status": {"phase": if self.running { "Running" } else { "Pending" }},
                });
                if let Some(owner) = &owner {
                    pod["metadata"]["ownerReferences"] = json!([owner.reference()]);
                }
                if self.running {
                    pod["spec"]["nodeName"] = json!(node);
                    add_node(cluster, &node);
                }
                cluster.objects.push(pod);
            }
            let Some(pod) = cluster.find("Pod", Some(namespace), &name) else { continue };
            self.fits(pod, owner.as_ref(), &node)?;
            add_mount(pod, claim, self.read_only, block)?;
        }
        if let Some(owner) = owner {
            count(cluster, namespace, &owner);
        }
        Ok(())
    }

    /// Refuses a pod that another row describes differently.
    fn fits(&self, pod: &Value, owner: Option<&Owner>, node: &str) -> Result<(), String> {
        let is_running = pod["status"]["phase"] == "Running";
        let own = pod["metadata"]["ownerReferences"][0]["name"].as_str();
        let other = |what: String| Err(format!("pod {} is described already: {what}", full_name(pod)));
        if own != owner.map(|owner| owner.name.as_str()) {
            return other(own.map_or("nothing owns it".to_owned(), |own| format!("{own} owns it")));
        }
        if is_running != self.running {
            return other(if is_running { "it runs" } else { "it is pending" }.to_owned());
        }
        match pod["spec"]["nodeName"].as_str().filter(|on| self.node.is_some() && *on != node) {
            Some(on) => other(format!("it is on {on}")),
            None => Ok(()),
        }
    }

    /// Adds the objects that own the pods, and returns the nearest; `None` for a pod by itself.
    fn add_owners(&self, cluster: &mut Cluster, namespace: &str) -> Option<Owner> {
        let Owner { api_version, kind, name } = &self.owner;
        if kind == "Pod" {
            return None;
        }
        let containers = json!([{"name": "main", "image": "example.com/main"}]);
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}});
        let spec = match kind.as_str() {
            "ReplicationController" => json!({"selector": {"app": name}, "template": template}),
            "Job" => json!({"template": template}),
            "CronJob" => json!({"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": template}}}),
            "StatefulSet" => json!({
                "serviceName": name, "selector": {"matchLabels": {"app": name}}, "template": template,
            }),
            "Deployment" | "ReplicaSet" | "DaemonSet" => {
                json!({"selector": {"matchLabels": {"app": name}}, "template": template})
            }
            _ => json!({}),
        };
        if cluster.position(kind, Some(namespace), name).is_none() {
            cluster.objects.push(json!({
                "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec,
            }));
        }
        if kind != "CronJob" {
            return Some(self.owner.clone());
        }
        // Its pods are those of its Jobs.
        let job = Owner { api_version: "batch/v1".to_owned(), kind: "Job".to_owned(), name: format!("{name}-0") };
        if cluster.position("Job", Some(namespace), &job.name).is_none() {
            cluster.objects.push(json!({
                "apiVersion": job.api_version, "kind": job.kind,
                "metadata": {"name": job.name, "namespace": namespace, "ownerReferences": [self.owner.reference()]},
                "spec": {"template": template},
            }));
        }
        Some(job)
    }
}

fn add_node(cluster: &mut Cluster, name: &str) {
    if cluster.position("Node", None, name).is_none() {
        cluster.objects.push(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }));
    }
}

/// Lets the first container of a pod mount a claim.
fn add_mount(pod: &mut Value, claim: &str, read_only: bool, block: bool) -> Result<(), String> {
    let about = full_name(pod);
    let volumes = pod["spec"]["volumes"].as_array().map_or(&[][..], Vec::as_slice);
    if volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim) {
        return Err(format!("pod {about} mounts the claim already"));
    }
    let name = format!("claim-{}", volumes.len());
    let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": claim, "readOnly": read_only}});
    let (list, mount) = match block {
        true => ("volumeDevices", json!({"name": name, "devicePath": format!("/dev/{claim}")})),
        false => ("volumeMounts", json!({"name": name, "mountPath": format!("/{claim}"), "readOnly": read_only})),
    };
    let containers = pod["spec"]["containers"].as_array_mut();
    let Some(container) = containers.and_then(|containers| containers.first_mut()) else {
        return Err(format!("pod {about} has no container"));
    };
    match container[list].as_array_mut() {
        Some(mounts) => mounts.push(mount),
        None => container[list] = json!([mount]),
    }
    match pod["spec"]["volumes"].as_array_mut() {
        Some(volumes) => volumes.push(volume),
        None => pod["spec"]["volumes"] = json!([volume]),
    }
    Ok(())
}

/// Writes how many pods a workload has.
fn count(cluster: &mut Cluster, namespace: &str, owner: &Owner) {
    let pods = cluster.objects.iter().filter(|pod| is_owned(pod, namespace, &owner.kind, &owner.name)).count();
    let scaled = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"].contains(&owner.kind.as_str());
    if let Some(workload) = cluster.find(&owner.kind, Some(namespace), &owner.name).filter(|_| scaled) {
        workload["spec"]["replicas"] = json!(pods);
    }
}

fn is_owned(object: &Value, namespace: &str, kind: &str, name: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    object["metadata"]["namespace"] == namespace
        && owners.into_iter().any(|owner| owner["kind"] == kind && owner["name"] == name)
}

/// Lets no pod mount the claim: pods that mount nothing else go, and then what owns no other.
pub(super) fn unmount(cluster: &mut Cluster, namespace: &str, claim: &str) {
    let mut owners: Vec<(String, String)> = Vec::new();
    cluster.objects.retain_mut(|pod| {
        if pod["kind"] != "Pod" || pod["metadata"]["namespace"] != namespace {
            return true;
        }
        let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let is_it = |volume: &Value| {
            let name = volume["name"].as_str().unwrap_or_default();
            volume["persistentVolumeClaim"]["claimName"] == claim
                || volume["ephemeral"].is_object() && format!("{pod_name}-{name}") == claim
        };
        let Some(volumes) = pod["spec"]["volumes"].as_array() else { return true };
        let names: Vec<Value> = volumes.iter().filter(|volume| is_it(volume)).map(|one| one["name"].clone()).collect();
        if names.is_empty() {
            return true;
        }
        let is_other = |part: &Value| !names.contains(&part["name"]);
        retain(&mut pod["spec"]["volumes"], is_other);
        for containers in ["containers", "initContainers"] {
            for container in pod["spec"][containers].as_array_mut().into_iter().flatten() {
                retain(&mut container["volumeMounts"], is_other);
                retain(&mut container["volumeDevices"], is_other);
            }
        }
        crate::testkit::read::objects::prune(pod);
        let is_claim =
            |volume: &Value| volume.get("persistentVolumeClaim").is_some() || volume.get("ephemeral").is_some();
        let is_kept = pod["spec"]["volumes"].as_array().is_some_and(|volumes| volumes.iter().any(is_claim));
        if !is_kept {
            owners.extend(owners_of(pod));
        }
        is_kept
    });
    while let Some((kind, name)) = owners.pop() {
        let is_needed = cluster.objects.iter().any(|object| is_owned(object, namespace, &kind, &name));
        if let Some(at) = cluster.position(&kind, Some(namespace), &name).filter(|_| !is_needed) {
            owners.extend(owners_of(&cluster.objects.remove(at)));
        }
    }
}

fn owners_of(object: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.map(|owner| (text(&owner["kind"]), text(&owner["name"]))).collect()
}

fn retain(list: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(items) = list.as_array_mut() {
        items.retain(keep);
    }
}
