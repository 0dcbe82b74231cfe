//! The kinds that are known here: their scope, their shape, and the old versions of them that differ in name only.

use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, core::v1 as core,
    networking::v1 as networking, policy::v1 as policy, storage::v1 as storage,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
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

static KINDS: [Kind; 22] = [
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

/// Reads an object as the kind that it is of; one of an unknown kind needs metadata that can be read.
pub(crate) fn check(object: &Value) -> Result<(), String> {
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
