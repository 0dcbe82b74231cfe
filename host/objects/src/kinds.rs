//! The kinds that are known here: their scope, their shape, and the old versions of them that differ in name only.

use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, core::v1 as core,
    networking::v1 as networking, policy::v1 as policy, storage::v1 as storage,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_yaml::did_you_mean;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A kind that is known.
#[derive(Debug)]
pub(crate) struct Kind {
    api_version: &'static str,
    name: &'static str,
    pub(crate) namespaced: bool,
    /// Reads an object as this kind; the error names the field.
    check: fn(&Value) -> Result<(), String>,
}

const fn kind<T: DeserializeOwned>(api_version: &'static str, name: &'static str) -> Kind {
    Kind { api_version, name, namespaced: true, check: check_as::<T> }
}

const fn whole<T: DeserializeOwned>(api_version: &'static str, name: &'static str) -> Kind {
    Kind { namespaced: false, ..kind::<T>(api_version, name) }
}

/// Kinds of which nothing here reads more than the metadata.
const fn other(api_version: &'static str, name: &'static str) -> Kind {
    kind::<Metadata>(api_version, name)
}

const fn other_whole(api_version: &'static str, name: &'static str) -> Kind {
    whole::<Metadata>(api_version, name)
}

/// Kubernetes' own kinds, and those of volume snapshots, which come with most clusters.
static KINDS: [Kind; 55] = [
    kind::<core::PersistentVolumeClaim>("v1", "PersistentVolumeClaim"),
    whole::<core::PersistentVolume>("v1", "PersistentVolume"),
    whole::<storage::StorageClass>("storage.k8s.io/v1", "StorageClass"),
    kind::<core::Pod>("v1", "Pod"),
    kind::<apps::Deployment>("apps/v1", "Deployment"),
    kind::<apps::StatefulSet>("apps/v1", "StatefulSet"),
    kind::<apps::ReplicaSet>("apps/v1", "ReplicaSet"),
    kind::<apps::DaemonSet>("apps/v1", "DaemonSet"),
    kind::<core::ReplicationController>("v1", "ReplicationController"),
    kind::<batch::Job>("batch/v1", "Job"),
    kind::<batch::CronJob>("batch/v1", "CronJob"),
    whole::<core::Namespace>("v1", "Namespace"),
    whole::<core::Node>("v1", "Node"),
    kind::<core::ResourceQuota>("v1", "ResourceQuota"),
    kind::<core::LimitRange>("v1", "LimitRange"),
    kind::<core::ConfigMap>("v1", "ConfigMap"),
    kind::<core::Service>("v1", "Service"),
    whole::<storage::CSINode>("storage.k8s.io/v1", "CSINode"),
    whole::<storage::CSIDriver>("storage.k8s.io/v1", "CSIDriver"),
    kind::<policy::PodDisruptionBudget>("policy/v1", "PodDisruptionBudget"),
    kind::<autoscaling::HorizontalPodAutoscaler>("autoscaling/v2", "HorizontalPodAutoscaler"),
    kind::<networking::NetworkPolicy>("networking.k8s.io/v1", "NetworkPolicy"),
    other("v1", "Endpoints"),
    other("v1", "Event"),
    other("v1", "PodTemplate"),
    other("v1", "Secret"),
    other("v1", "ServiceAccount"),
    other("apps/v1", "ControllerRevision"),
    other("autoscaling/v1", "HorizontalPodAutoscaler"),
    other("coordination.k8s.io/v1", "Lease"),
    other("discovery.k8s.io/v1", "EndpointSlice"),
    other("events.k8s.io/v1", "Event"),
    other("networking.k8s.io/v1", "Ingress"),
    other_whole("networking.k8s.io/v1", "IngressClass"),
    other("rbac.authorization.k8s.io/v1", "Role"),
    other("rbac.authorization.k8s.io/v1", "RoleBinding"),
    other_whole("rbac.authorization.k8s.io/v1", "ClusterRole"),
    other_whole("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    other_whole("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    other_whole("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    other_whole("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    other_whole("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    other_whole("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    other_whole("apiregistration.k8s.io/v1", "APIService"),
    other_whole("certificates.k8s.io/v1", "CertificateSigningRequest"),
    other_whole("flowcontrol.apiserver.k8s.io/v1", "FlowSchema"),
    other_whole("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration"),
    other_whole("node.k8s.io/v1", "RuntimeClass"),
    other_whole("scheduling.k8s.io/v1", "PriorityClass"),
    other("storage.k8s.io/v1", "CSIStorageCapacity"),
    other_whole("storage.k8s.io/v1", "VolumeAttachment"),
    other_whole("storage.k8s.io/v1", "VolumeAttributesClass"),
    other("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
    other_whole("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass"),
    other_whole("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent"),
];

/// Versions that are no longer served, and what replaced them: the fields that matter here are the same.
const OLD: [(&str, &[&str], &str); 10] = [
    ("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], "apps/v1"),
    ("apps/v1beta1", &["Deployment", "StatefulSet"], "apps/v1"),
    ("apps/v1beta2", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"], "apps/v1"),
    ("storage.k8s.io/v1beta1", &["StorageClass", "CSINode", "CSIDriver"], "storage.k8s.io/v1"),
    ("batch/v1beta1", &["CronJob"], "batch/v1"),
    ("batch/v2alpha1", &["CronJob"], "batch/v1"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    ("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], "autoscaling/v2"),
    ("extensions/v1beta1", &["NetworkPolicy"], "networking.k8s.io/v1"),
    ("storage.k8s.io/v1alpha1", &["StorageClass"], "storage.k8s.io/v1"),
];

/// Finds the kind that an object is of.
pub(crate) fn of(object: &Value) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| object["apiVersion"] == kind.api_version && object["kind"] == kind.name)
}

/// Tells whether objects of one of Kubernetes' own kinds lie in namespaces, whatever the version; `None` for all others.
pub fn is_namespaced(api_version: &str, name: &str) -> Option<bool> {
    let is_it = |kind: &&Kind| group(kind.api_version) == group(api_version) && kind.name == name;
    KINDS.iter().find(is_it).map(|kind| kind.namespaced)
}

/// Returns the apiVersion that objects of a kind have today, where one of Kubernetes' own has that name.
pub fn api_version(name: &str) -> Option<&'static str> {
    KINDS.iter().find(|kind| kind.name == name).map(|kind| kind.api_version)
}

/// Lists the names of Kubernetes' own kinds.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Refuses what no API server has: a version of a kind that there never was, and a misspelt kind in a group of Kubernetes' own.
fn check_version(object: &Value) -> Result<(), String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    let own: Vec<&str> = KINDS.iter().filter(|kind| kind.name == name).map(|kind| kind.api_version).collect();
    let of_group: Vec<&str> =
        KINDS.iter().filter(|kind| group(kind.api_version) == group(version)).map(|kind| kind.name).collect();
    // Old and early versions stand in dumps of old clusters; what became of them does not matter here.
    let is_early = version.contains("alpha") || version.contains("beta");
    if of_group.is_empty() || is_early || own.contains(&version) {
        return Ok(());
    }
    if let Some(today) = own.first() {
        return Err(format!("there is no {name} of {version}, did you mean {today}?"));
    }
    match did_you_mean(name, of_group) {
        near if near.is_empty() => Ok(()),
        near => Err(format!("{version} has no kind {name}{near}")),
    }
}

/// Reads an object as the kind that it is of; one of an unknown kind needs metadata that can be read.
pub(crate) fn check(object: &Value) -> Result<(), String> {
    check_version(object)?;
    check_as::<Metadata>(object)?;
    of(object).map_or(Ok(()), |kind| (kind.check)(object))
}

#[derive(serde::Deserialize)]
struct Metadata {
    #[serde(rename = "metadata")]
    _metadata: ObjectMeta,
}

fn check_as<T: DeserializeOwned>(object: &Value) -> Result<(), String> {
    match serde_path_to_error::deserialize::<_, T>(object) {
        Ok(_) => Ok(()),
        Err(error) => {
            let (path, why) = (error.path().to_string(), error.inner().to_string());
            let is_unquoted = why.ends_with("expected a string") && !why.contains("sequence") && !why.contains("map");
            let quote = if is_unquoted { "; put it in quotes" } else { "" };
            Err(format!("{path}: {why}{quote}"))
        }
    }
}

/// Rewrites an object of an old version as one of today's.
pub(crate) fn modernize(object: &mut Value) {
    let is_it = |(version, kinds, _): &&(&str, &[&str], &str)| {
        object["apiVersion"] == *version && kinds.iter().any(|kind| object["kind"] == *kind)
    };
    let Some((_, _, today)) = OLD.iter().find(is_it) else { return };
    object["apiVersion"] = json!(today);
    // The old versions took a selector from the template; today's demand one.
    if *today == "apps/v1" && object["spec"].get("selector").is_none() {
        let labels = object["spec"]["template"]["metadata"]["labels"].clone();
        object["spec"]["selector"] = json!({"matchLabels": labels});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_never_was_is_refused_and_an_old_one_is_not() {
        let check = |version: &str, kind: &str| {
            check_version(&json!({"apiVersion": version, "kind": kind})).err().unwrap_or_default()
        };
        for (version, kind, expected) in [
            (
                "policy/v2",
                "PodDisruptionBudget",
                "there is no PodDisruptionBudget of policy/v2, did you mean policy/v1?",
            ),
            ("v1", "Deployment", "there is no Deployment of v1, did you mean apps/v1?"),
            ("apps/v1", "StatefullSet", "apps/v1 has no kind StatefullSet, did you mean StatefulSet?"),
            ("policy/v1beta1", "PodDisruptionBudget", ""),
            ("extensions/v1beta1", "Ingress", ""),
            ("autoscaling/v1", "HorizontalPodAutoscaler", ""),
            ("v1", "ComponentStatus", ""),
            // Another's kinds may be called as Kubernetes' own.
            ("serving.knative.dev/v1", "Service", ""),
            ("example.com/v7", "StatefullSet", ""),
        ] {
            assert_eq!(check(version, kind), expected, "{kind} {version}");
        }
    }

    #[test]
    fn every_kind_stands_in_the_table_once() {
        let mut seen = std::collections::BTreeSet::new();
        assert!(KINDS.iter().all(|kind| seen.insert((kind.api_version, kind.name))));
        assert_eq!(is_namespaced("storage.k8s.io/v1beta1", "StorageClass"), Some(false));
        assert_eq!(is_namespaced("example.com/v1", "StorageClass"), None);
    }
}
