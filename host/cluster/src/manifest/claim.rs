//! Claims: the two temporary ones, and the two that take the original name.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use pvmigrate_core::access::AccessMode;
use pvmigrate_core::names;
use pvmigrate_core::owner::Owner;
use pvmigrate_core::policy::quantity::Bytes;
use pvmigrate_core::record::{ClaimRecord, Record};
use serde_json::Error;

use super::{labels, map};
use pvmigrate_objects::from_resource::claim::{BETA_CLASS, SELECTED_NODE};

/// Builds the temporary claim on the destination class.
///
/// For a class that binds late it names the node that uses the source, so that no pod has to be scheduled first. Source
/// and destination then lie where one copy pod can mount both. A claim that somebody has deleted comes back on its
/// `volume`.
pub(crate) fn destination(
    record: &Record,
    name: &str,
    claim: &ClaimRecord,
    volume: Option<&str>,
) -> PersistentVolumeClaim {
    let (temp, spec) = (names::destination_claim(name), spec(claim, &record.asked.dest_class, volume));
    let mut destination = temporary(record, name, &temp, names::KIND_DESTINATION, spec);
    if let Some(node) = claim.source.node.as_deref().filter(|_| record.asked.binds_late) {
        destination.metadata.annotations.get_or_insert_default().extend(map([(SELECTED_NODE, node)]));
    }
    destination
}

/// Builds the temporary claim that holds the source volume behind the fence.
///
/// It names its volume, which is reserved for it, so that each can only bind the other.
pub(crate) fn source(record: &Record, name: &str, claim: &ClaimRecord) -> PersistentVolumeClaim {
    let mut spec = spec(claim, &record.asked.source_class, Some(&claim.source.name));
    // The modes it was bound with before; the destination's may be wider than the old volume offers.
    let modes = recorded(claim).and_then(|original| original.spec).and_then(|spec| spec.access_modes);
    spec.access_modes = modes.or(spec.access_modes);
    let size = recorded(claim).and_then(|original| original.spec).and_then(|spec| spec.resources);
    spec.resources = size.or(spec.resources);
    let class = recorded(claim).and_then(|original| pvmigrate_objects::from_resource::claim::class(&original));
    // A volume without a class binds only to a claim that explicitly asks for none.
    spec.storage_class_name = Some(class.unwrap_or_default());
    temporary(record, name, &names::source_claim(name), names::KIND_SOURCE, spec)
}

fn recorded(claim: &ClaimRecord) -> Option<PersistentVolumeClaim> {
    serde_json::from_value(claim.manifest.clone()).ok()
}

fn temporary(
    record: &Record,
    claim: &str,
    name: &str,
    kind: &str,
    spec: PersistentVolumeClaimSpec,
) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(record.namespace.clone()),
            labels: Some(labels()),
            annotations: Some(map([(names::CLAIM, claim), (names::KIND, kind), (names::RUN, &record.run)])),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

fn spec(claim: &ClaimRecord, class: &str, volume: Option<&str>) -> PersistentVolumeClaimSpec {
    PersistentVolumeClaimSpec {
        access_modes: Some(mode_names(&claim.modes)),
        resources: Some(VolumeResourceRequirements {
            requests: Some([("storage".to_owned(), Quantity(Bytes(claim.bytes).to_string()))].into()),
            limits: None,
        }),
        storage_class_name: Some(class.to_owned()),
        volume_mode: Some(claim.volume_mode.as_str().to_owned()),
        volume_name: volume.map(str::to_owned),
        ..PersistentVolumeClaimSpec::default()
    }
}

pub(crate) fn mode_names(modes: &[AccessMode]) -> Vec<String> {
    modes.iter().map(|mode| mode.as_str().to_owned()).collect()
}

/// Builds the claim again, on its destination volume.
///
/// Labels, annotations and finalizers are the original's; at the end our mark comes off, and its owners are set.
/// `dataSource` and `dataSourceRef` stay too: they make a provisioner act on an unbound claim only, and this one names
/// its volume. A `volumeAttributesClassName` goes: it tunes volumes of the old driver.
///
/// # Errors
/// If the recorded manifest is not a claim.
pub(crate) fn last(record: &Record, claim: &ClaimRecord) -> Result<PersistentVolumeClaim, Error> {
    let mut anew = original(record, claim)?;
    if let Some(annotations) = &mut anew.metadata.annotations {
        // It would win over the field.
        annotations.remove(BETA_CLASS);
    }
    let spec = anew.spec.get_or_insert_default();
    spec.storage_class_name = Some(record.asked.dest_class.clone());
    spec.access_modes = Some(mode_names(&claim.modes));
    spec.volume_mode = Some(claim.volume_mode.as_str().to_owned());
    spec.volume_attributes_class_name = None;
    spec.volume_name = claim.destination.as_ref().map(|volume| volume.name.clone());
    Ok(anew)
}

/// Builds the claim again, on its source volume.
///
/// # Errors
/// If the recorded manifest is not a claim.
pub(crate) fn restored(record: &Record, claim: &ClaimRecord) -> Result<PersistentVolumeClaim, Error> {
    let mut anew = original(record, claim)?;
    anew.spec.get_or_insert_default().volume_name = Some(claim.source.name.clone());
    Ok(anew)
}

/// Reads the recorded manifest, and marks it as of this run.
///
/// Owners are left out: one that is gone by now would have the garbage collector delete the claim. Those that exist at the
/// end are set then.
fn original(record: &Record, claim: &ClaimRecord) -> Result<PersistentVolumeClaim, Error> {
    let mut original: PersistentVolumeClaim = serde_json::from_value(claim.manifest.clone())?;
    original.metadata.owner_references = None;
    original.metadata.annotations.get_or_insert_default().extend(map([(names::RUN, record.run.as_str())]));
    Ok(original)
}

/// Returns the references to these owners: as recorded, but for the uid, which is what it is now.
///
/// # Errors
/// If the recorded manifest is not a claim.
pub(crate) fn owner_references(claim: &ClaimRecord, owners: &[Owner]) -> Result<Vec<OwnerReference>, Error> {
    let original: PersistentVolumeClaim = serde_json::from_value(claim.manifest.clone())?;
    let recorded = original.metadata.owner_references.unwrap_or_default().into_iter();
    let now = recorded.filter_map(|reference| {
        let is_it =
            |owner: &&Owner| owner.workload.kind.as_str() == reference.kind && owner.workload.name == reference.name;
        let uid = owners.iter().find(is_it)?.uid.0.clone();
        Some(OwnerReference { uid, ..reference })
    });
    Ok(now.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use pvmigrate_core::record::{Uid, WorkloadKind, WorkloadRef};

    use super::*;
    use crate::testing::record;

    #[test]
    fn the_four_claims_of_a_migration() {
        let record = record();
        let claim = &record.claims["data-web-0"];
        insta::assert_json_snapshot!("temporary_destination", destination(&record, "data-web-0", claim, None));
        insta::assert_json_snapshot!("temporary_source", source(&record, "data-web-0", claim));
        insta::assert_json_snapshot!("final", last(&record, claim).unwrap());
        insta::assert_json_snapshot!("restored", restored(&record, claim).unwrap());
        let web = WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() };
        let owners = [Owner { workload: web, uid: Uid("s2".to_owned()) }];
        insta::assert_json_snapshot!("owners", owner_references(claim, &owners).unwrap());
    }

    #[test]
    fn a_class_that_binds_late_gets_the_node_that_is_known() {
        let mut record = record();
        let node_of = |record: &Record| {
            let claim = destination(record, "data-web-0", &record.claims["data-web-0"], None);
            claim.metadata.annotations.unwrap().get(SELECTED_NODE).cloned()
        };
        record.claims.get_mut("data-web-0").unwrap().source.node = Some("node-a".to_owned());
        assert_eq!(node_of(&record), None, "this class binds at once");
        record.asked.binds_late = true;
        assert_eq!(node_of(&record), Some("node-a".to_owned()));
        record.claims.get_mut("data-web-0").unwrap().source.node = None;
        assert_eq!(node_of(&record), None);
    }

    #[test]
    fn a_manifest_that_is_not_a_claim_is_an_error() {
        let record = record();
        let mut claim = record.claims["data-web-0"].clone();
        claim.manifest = serde_json::json!({"kind": "ConfigMap"});
        assert!(last(&record, &claim).is_err());
    }
}
