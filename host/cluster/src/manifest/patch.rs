//! Merge patches: every change of an object that exists. Each carries the version it is for, so that the API server
//! refuses it with 409 when the object has changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use pvmigrate_core::names;
use pvmigrate_core::observation::{RETAIN, Touch};
use pvmigrate_core::record::{Record, Uid, Version};
use serde_json::{Value, json};

use pvmigrate_objects::from_resource::claim::BETA_CLASS;

/// The `whenScaled` that deletes a StatefulSet's claims when it is scaled down.
const DELETE: &str = "Delete";

/// Sets `Retain` on the source volume, and the node that used it.
pub(crate) fn retain_source(version: &Version, node: Option<&str>) -> Value {
    let mut patch = reclaim(version, RETAIN);
    if let Some(node) = node {
        patch["metadata"]["annotations"] = json!({names::SOURCE_NODE: node});
    }
    patch
}

/// Sets `Retain` on the destination volume, and what it is for.
///
/// The run is noted too: the other marks alone would say that the reference tool had finished its copy.
pub(crate) fn retain_destination(version: &Version, record: &Record, claim: &str, reclaim_at_end: &str) -> Value {
    let mut patch = reclaim(version, RETAIN);
    patch["metadata"]["annotations"] = json!({
        names::SOURCE_NAMESPACE: record.namespace,
        names::SOURCE_CLAIM: claim,
        names::RECLAIM: reclaim_at_end,
        names::RUN: record.run,
    });
    patch
}

/// Sets a volume's reclaim policy.
pub(crate) fn reclaim(version: &Version, policy: &str) -> Value {
    json!({
        "metadata": {"resourceVersion": version.0},
        "spec": {"persistentVolumeReclaimPolicy": policy},
    })
}

/// Points a volume at the only claim that may bind it.
///
/// The uid and version of the previous claim are removed by name: what a merge patch does not name, stays.
pub(crate) fn reserve(version: &Version, namespace: &str, claim: &str) -> Value {
    json!({
        "metadata": {"resourceVersion": version.0},
        "spec": {"claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": namespace,
            "name": claim,
            "uid": null,
            "resourceVersion": null,
            "fieldPath": null,
        }},
    })
}

/// Sets annotations, or takes them off with `None`.
pub(crate) fn annotate<const N: usize>(version: &Version, annotations: [(&str, Option<&str>); N]) -> Value {
    let mut patch = json!({"metadata": {"resourceVersion": version.0, "annotations": {}}});
    for (key, value) in annotations {
        patch["metadata"]["annotations"][key] = value.into();
    }
    patch
}

pub(crate) fn touch(version: &Version, touch: &Touch) -> Value {
    annotate(version, [(names::TOUCHED, Some(&touch.to_string()))])
}

/// Takes our marks off a claim. One that was created again gets the labels and annotations of the recorded manifest,
/// and these owners; without owners it keeps those that it has got since.
pub(crate) fn unmark(version: &Version, anew: Option<&Value>, owners: &[OwnerReference]) -> Value {
    let mut patch = annotate(version, [(names::RUN, None), (names::TOUCHED, None)]);
    for field in ["labels", "annotations"] {
        let recorded = anew.and_then(|manifest| manifest["metadata"][field].as_object());
        for (key, value) in recorded.into_iter().flatten() {
            // It names a class and would win over the field.
            if key != BETA_CLASS {
                patch["metadata"][field][key] = value.clone();
            }
        }
    }
    if !owners.is_empty() {
        patch["metadata"]["ownerReferences"] = json!(owners);
    }
    patch
}

/// Takes over a temporary claim of the reference tool.
pub(crate) fn adopt(version: &Version, run: &str) -> Value {
    let mut patch = annotate(version, [(names::RUN, Some(run))]);
    let (label, value) = names::MANAGED_BY;
    patch["metadata"]["labels"] = json!({label: value});
    patch
}

/// Writes the scale to come back to on a workload.
pub(crate) fn mark(version: &Version, replicas: u32) -> Value {
    annotate(version, [(names::SCALE, Some(&replicas.to_string()))])
}

/// Scales a workload to 0, notes the scale to come back to on it, and keeps a StatefulSet from deleting its claims.
///
/// On the object, not on its scale subresource: one write then does all three or none of them.
pub(crate) fn stop(version: &Version, replicas: u32, when_scaled: Option<&str>) -> Value {
    let mut patch = mark(version, replicas);
    patch["spec"]["replicas"] = json!(0);
    if when_scaled == Some(DELETE) {
        patch["metadata"]["annotations"][names::WHEN_SCALED] = json!(DELETE);
        patch["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": RETAIN});
    }
    patch
}

/// Scales a workload back, takes our marks off it, and gives a StatefulSet its policy back.
pub(crate) fn start(version: &Version, replicas: u32, when_scaled: Option<&str>) -> Value {
    let mut patch = annotate(version, [(names::SCALE, None), (names::WHEN_SCALED, None)]);
    patch["spec"]["replicas"] = json!(replicas);
    if let Some(policy) = when_scaled {
        patch["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": policy});
    }
    patch
}

/// Takes our finalizer off a pod of this uid (a strategic merge patch: other finalizers stay, and the node may go on
/// writing the pod's status meanwhile).
pub(crate) fn remove_tombstone(uid: &Uid) -> Value {
    json!({"metadata": {"uid": uid.0, "$deleteFromPrimitiveList/finalizers": [names::TOMBSTONE]}})
}

/// Makes a StorageClass the default, or no longer, in every spelling that counts.
pub(crate) fn default_class(version: &Version, is_default: bool, spellings: [&str; 2]) -> Value {
    let [current, old] = spellings;
    annotate(version, [(current, is_default.then_some("true")), (old, None)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    #[test]
    fn every_patch() {
        let version = Version("41".to_owned());
        let record = record();
        insta::assert_json_snapshot!(json!({
            "retain_source": retain_source(&version, Some("node-a")),
            "retain_source_of_nobody": retain_source(&version, None),
            "retain_destination": retain_destination(&version, &record, "data-web-0", "Delete"),
            "reclaim": reclaim(&version, "Delete"),
            "reserve": reserve(&version, "shop", "data-web-0"),
            "adopt": adopt(&version, "run-1"),
            "touch": touch(&version, &Touch { run: "run-1".to_owned(), at: jiff::Timestamp::UNIX_EPOCH }),
            "unmark": unmark(&version, None, &[]),
            "unmark_an_owned_claim": unmark(&version, Some(&record.claims["data-web-0"].manifest), &[OwnerReference { name: "web".to_owned(), ..OwnerReference::default() }]),
            "mark": mark(&version, 3),
            "stop": stop(&version, 3, None),
            "stop_a_set_that_deletes": stop(&version, 3, Some("Delete")),
            "stop_a_set_that_retains": stop(&version, 3, Some("Retain")),
            "start": start(&version, 3, None),
            "start_a_set_that_deleted": start(&version, 3, Some("Delete")),
            "remove_tombstone": remove_tombstone(&Uid("u1".to_owned())),
            "default": default_class(&version, true, ["a", "b"]),
            "no_default": default_class(&version, false, ["a", "b"]),
        }));
    }
}
