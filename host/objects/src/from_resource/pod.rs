//! Pods (`v1` Pod): whose they are and which claims they mount. How far one of ours is: see `pod_progress`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{self, Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::names;
use pvmigrate_core::record::{Purpose, Uid, Version};
use pvmigrate_core::toleration::Toleration;

use super::pod_progress::{Reached, is_leaving, phase, reached, trouble_of_any};
use super::{Controller, Key, annotation, controller, created, is_managed, owned_annotation, uid, version};
use super::{Kept, Reads};

/// What observations need of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPod {
    pub key: Key,
    pub uid: Uid,
    pub version: Version,
    pub created: Timestamp,
    pub node: Option<String>,
    /// It has the condition `Ready`.
    pub ready: bool,
    /// Its phase is `Succeeded` or `Failed`: it runs nothing any more.
    pub finished: bool,
    pub terminating: bool,
    /// When its deletion was asked for, with its grace period added as Kubernetes does.
    pub leaving_since: Option<Timestamp>,
    /// Claims it mounts, by name or as a generic ephemeral volume.
    pub claims: BTreeSet<String>,
    pub controller: Option<Controller>,
    /// It carries our finalizer.
    pub tombstone: bool,
    /// It carries any finalizer.
    pub held: bool,
    /// What it says of each claim it serves, when it is a copy pod; in the order of its containers.
    pub copies: Vec<CopyPod>,
    /// Why it does not get on, as its own status says, when it is another pod of ours: one of the preflight.
    pub trouble: Option<String>,
}

/// What a copy pod, of ours or of the reference tool, says of one claim: each has its own pass in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyPod {
    /// The claim.
    pub claim: String,
    /// The container that runs the pass.
    pub container: String,
    /// The run that made it; `None` for the reference tool's.
    pub run: Option<String>,
    pub purpose: Purpose,
    pub attempt: u32,
    pub reached: Reached,
}

impl CopyPod {
    /// Tells whether the pass has neither succeeded nor failed; the pod may run on for the others.
    pub fn is_under_way(&self) -> bool {
        matches!(self.reached, Reached::Starting(_) | Reached::Running)
    }
}

impl SeenPod {
    /// Returns what it says of a claim that it serves.
    pub fn copy_of(&self, claim: &str) -> Option<&CopyPod> {
        self.copies.iter().find(|copy| copy.claim == claim)
    }
}

impl Kept for SeenPod {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.uid
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

impl Reads<Pod> for SeenPod {
    fn read(pod: &Pod) -> Option<Self> {
        let metadata = &pod.metadata;
        Some(Self {
            key: Key::of(metadata),
            uid: uid(metadata),
            version: version(metadata),
            created: created(metadata),
            node: node(pod),
            ready: is_ready(pod),
            finished: is_finished(pod),
            terminating: is_leaving(pod),
            leaving_since: metadata.deletion_timestamp.as_ref().map(|at| at.0),
            claims: mounted(pod).map(|mount| mount.claim).collect(),
            controller: controller(metadata),
            tombstone: metadata.finalizers.iter().flatten().any(|finalizer| finalizer == names::TOMBSTONE),
            held: metadata.finalizers.iter().flatten().next().is_some(),
            copies: copies(pod),
            trouble: if is_managed(metadata) { trouble_of_any(pod) } else { None },
        })
    }
}

fn copies(pod: &Pod) -> Vec<CopyPod> {
    let metadata = &pod.metadata;
    if annotation(metadata, names::KIND) != Some(names::KIND_COPY) {
        return Vec::new();
    }
    let run = owned_annotation(metadata, names::RUN);
    let purpose = match &run {
        Some(_) => Purpose::from_annotation(annotation(metadata, names::PURPOSE).unwrap_or_default()),
        None => Purpose::Leftover,
    };
    let attempt = annotation(metadata, names::ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(0);
    let claims = served(metadata);
    let containers: Vec<String> = (0..claims.len()).map(|index| names::container(index, claims.len())).collect();
    let all = claims.into_iter().zip(&containers).map(|(claim, container)| CopyPod {
        claim: claim.to_owned(),
        container: container.clone(),
        run: run.clone(),
        purpose,
        attempt,
        reached: reached(pod, container, &containers),
    });
    all.collect()
}

/// Lists the claims that a copy pod serves, each once. Anybody may have written the annotations; the reference tool's
/// pods, which name no run, serve one claim.
pub fn served(metadata: &ObjectMeta) -> Vec<&str> {
    if let Some(claim) = annotation(metadata, names::CLAIM) {
        return vec![claim];
    }
    let mut claims: Vec<&str> = Vec::new();
    if annotation(metadata, names::RUN).is_some() {
        for claim in annotation(metadata, names::CLAIMS).unwrap_or_default().split(',') {
            if !claim.is_empty() && !claims.contains(&claim) {
                claims.push(claim);
            }
        }
    }
    claims
}

/// Tells whether the pod is a copy pod or a preflight one.
pub fn is_helper(pod: &Pod) -> bool {
    annotation(&pod.metadata, names::KIND).is_some() || is_managed(&pod.metadata)
}

pub fn node(pod: &Pod) -> Option<String> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).filter(|node| !node.is_empty())
}

/// Returns what the pod tolerates for good, of what pods of ours do not tolerate anyway. What is tolerated for a time only has to
/// leave the node as well.
pub fn tolerations(pod: &Pod) -> BTreeSet<Toleration> {
    let all = pod.spec.iter().flat_map(|spec| spec.tolerations.iter().flatten());
    let matters = |one: &&v1::Toleration| {
        matches!(one.effect.as_deref(), None | Some("" | "NoExecute")) && one.toleration_seconds.is_none()
    };
    let read = |one: &v1::Toleration| Toleration {
        key: one.key.clone().filter(|key| !key.is_empty()),
        operator: one.operator.clone(),
        value: one.value.clone().filter(|value| !value.is_empty()),
    };
    all.filter(matters).map(read).collect()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Tells whether all its containers have ended for good.
pub fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// One claim that a pod mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub claim: String,
    /// The claim is a generic ephemeral volume's: named after the pod, and deleted with it.
    pub ephemeral: bool,
    pub read_only: bool,
}

/// Lists the claims in the pod's volumes.
pub fn mounted(pod: &Pod) -> impl Iterator<Item = Mount> + '_ {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(move |volume| {
        if let Some(source) = &volume.persistent_volume_claim {
            let read_only = source.read_only == Some(true) || only_read(pod, &volume.name);
            return Some(Mount { claim: source.claim_name.clone(), ephemeral: false, read_only });
        }
        volume.ephemeral.as_ref().map(|_| Mount {
            claim: format!("{pod_name}-{}", volume.name),
            ephemeral: true,
            read_only: only_read(pod, &volume.name),
        })
    })
}

/// Tells whether the volume is mounted at all, and everywhere read-only. A raw device is never read-only.
fn only_read(pod: &Pod, volume: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let containers: Vec<&Container> = spec.init_containers.iter().flatten().chain(&spec.containers).collect();
    let devices = containers.iter().flat_map(|container| container.volume_devices.iter().flatten());
    if devices.into_iter().any(|device| device.name == volume) {
        return false;
    }
    let mounts = containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
    let mut of_volume = mounts.filter(|mount| mount.name == volume).peekable();
    of_volume.peek().is_some() && of_volume.all(|mount| mount.read_only == Some(true))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    const WEB: &str = "
metadata:
  name: web-0
  namespace: shop
  uid: p1
  resourceVersion: '5'
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: s1, controller: true}]
spec:
  nodeName: node-a
  initContainers:
  - {name: init, volumeMounts: [{name: data, mountPath: /data}]}
  containers:
  - {name: web, volumeMounts: [{name: data, mountPath: /data, readOnly: true}, {name: conf, mountPath: /c, readOnly: true}]}
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: data-web-0}}
  - {name: conf, persistentVolumeClaim: {claimName: conf}}
  - {name: ro, persistentVolumeClaim: {claimName: ro, readOnly: true}}
  - {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {}}}}
  - {name: tmp, emptyDir: {}}
status: {phase: Running}
";

    #[test]
    fn a_pod_names_its_claims_owner_and_node() {
        let seen = SeenPod::read(&yaml(WEB)).unwrap();
        assert_eq!(seen.claims.iter().collect::<Vec<_>>(), ["conf", "data-web-0", "ro", "web-0-scratch"]);
        assert_eq!(seen.controller.unwrap().uid, Uid("s1".to_owned()));
        assert_eq!((seen.node.as_deref(), seen.finished, seen.copies), (Some("node-a"), false, Vec::new()));
    }

    #[test]
    fn what_a_pod_tolerates_for_good_is_kept() {
        let pod = yaml(
            "{spec: {containers: [], tolerations: [{key: dedicated, value: db, effect: NoExecute}, {operator: Exists},
            {key: gone, operator: Exists, effect: NoExecute, tolerationSeconds: 300}, {key: a, effect: NoSchedule}]}}",
        );
        let found: Vec<_> = tolerations(&pod).into_iter().map(|one| (one.key, one.operator, one.value)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found, [(None, text("Exists"), None), (text("dedicated"), None, text("db"))]);
    }

    #[test]
    fn read_only_means_every_mount() {
        let pod = yaml(WEB);
        let found: Vec<(String, bool, bool)> =
            mounted(&pod).map(|mount| (mount.claim, mount.read_only, mount.ephemeral)).collect();
        let expected =
            [("data-web-0", false, false), ("conf", true, false), ("ro", true, false), ("web-0-scratch", false, true)];
        assert_eq!(found, expected.map(|(claim, read_only, ephemeral)| (claim.to_owned(), read_only, ephemeral)));
    }

    fn copy_pod(annotations: &str) -> SeenPod {
        let text = format!(
            "metadata: {{name: migrate-data, annotations: {{kurl.sh/pvcmigrate-kind: migrate, {annotations}}}, finalizers: [pvmigrate.dev/tombstone]}}"
        );
        SeenPod::read(&yaml(&text)).unwrap()
    }

    #[test]
    fn copy_pods_say_whose_they_are() {
        let ours = copy_pod(
            "kurl.sh/pvcmigrate: data, pvmigrate.dev/run: r1, pvmigrate.dev/purpose: warm, pvmigrate.dev/attempt: '2'",
        );
        assert!(ours.tombstone);
        let copy = ours.copy_of("data").unwrap();
        assert_eq!((copy.container.as_str(), copy.run.as_deref()), ("pvmigrate", Some("r1")));
        assert_eq!((copy.purpose, copy.attempt), (Purpose::Warm, 2));
        let theirs = copy_pod("kurl.sh/pvcmigrate: data");
        let copy = theirs.copy_of("data").unwrap();
        assert_eq!((copy.run.as_deref(), copy.purpose, copy.attempt), (None, Purpose::Leftover, 0));
    }

    #[test]
    fn a_copy_pod_serves_the_claims_it_names_whoever_wrote_them() {
        let served = |annotations: &str| {
            let copies = copy_pod(annotations).copies;
            copies.into_iter().map(|copy| format!("{} in {}", copy.claim, copy.container)).collect::<Vec<_>>()
        };
        let run = |claims: &str| served(&format!("pvmigrate.dev/run: r1, pvmigrate.dev/claims: '{claims}'"));
        assert_eq!(run("data,logs"), ["data in pvmigrate-0", "logs in pvmigrate-1"]);
        assert_eq!(run(",data,,logs,data,"), ["data in pvmigrate-0", "logs in pvmigrate-1"]);
        assert_eq!(run("data"), ["data in pvmigrate"]);
        assert_eq!(run(""), [""; 0]);
        let both = "pvmigrate.dev/run: r1, kurl.sh/pvcmigrate: one, pvmigrate.dev/claims: 'data,logs'";
        assert_eq!(served(both), ["one in pvmigrate"]);
        assert_eq!(served("pvmigrate.dev/claims: 'data,logs'"), [""; 0], "the reference tool knows no such pods");
    }
}
