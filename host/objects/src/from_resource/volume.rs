//! Volumes (`v1` PersistentVolume).

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use k8s_openapi::api::core::v1::{NodeSelectorTerm, PersistentVolume};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::names;
use pvmigrate_core::observation::{Holder, Volume};
use pvmigrate_core::reach::{Reach, Term};
use pvmigrate_core::record::{Uid, Version};
use pvmigrate_core::static_class::FreeVolume;
use pvmigrate_core::survey::{ClaimId, VolumeFacts};
use pvmigrate_core::text::printable;
use serde_json::{Value, json};

use super::{Kept, Reads};
use super::{Key, Unreadable, WORDS, annotation, claim, owned_annotation, storage, uid, version};

/// Written by whoever provisioned a volume: its driver.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// Written by the volume controller on a volume that was there, free, when it looked for one for a claim. A volume that is
/// made for a claim names that claim from the start, and never has it.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

/// Attributes that name the claim, where a CSI provisioner is told to pass them on.
const CSI_NAMESPACE: &str = "csi.storage.k8s.io/pvc/namespace";
const CSI_CLAIM: &str = "csi.storage.k8s.io/pvc/name";

/// A volume and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenVolume {
    key: Key,
    pub volume: Volume,
}

impl Kept for SeenVolume {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.volume.uid
    }
    fn version(&self) -> &Version {
        &self.volume.version
    }
}

impl Reads<PersistentVolume> for SeenVolume {
    fn read(volume: &PersistentVolume) -> Option<Self> {
        let metadata = &volume.metadata;
        let key = Key::of(metadata);
        let seen = Volume {
            name: key.name.clone(),
            uid: uid(metadata),
            version: version(metadata),
            reclaim: reclaim(volume).to_owned(),
            holder: holder(volume),
            phase: phase(volume).to_owned(),
            terminating: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            reach: reach(volume),
        };
        Some(Self { key, volume: seen })
    }
}

pub fn name(volume: &PersistentVolume) -> &str {
    volume.metadata.name.as_deref().unwrap_or_default()
}

/// Returns the reclaim policy; `Retain` when absent, as the API server has it.
pub fn reclaim(volume: &PersistentVolume) -> &str {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    policy.unwrap_or("Retain")
}

pub fn holder(volume: &PersistentVolume) -> Option<Holder> {
    let holder = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(Holder {
        namespace: holder.namespace.clone().unwrap_or_default(),
        name: holder.name.clone().unwrap_or_default(),
        uid: holder.uid.clone().filter(|uid| !uid.is_empty()).map(Uid),
    })
}

pub fn phase(volume: &PersistentVolume) -> &str {
    volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Labels with which drivers that were part of Kubernetes once say where a volume lies; the scheduler still heeds them.
const PLACES: [&str; 4] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// Reads where a volume can be mounted: its node affinity, and its labels of a zone or region.
pub fn reach(volume: &PersistentVolume) -> Reach {
    let labels = volume.metadata.labels.iter().flatten().filter(|(key, _)| PLACES.contains(&key.as_str()));
    // A volume of several zones has them all in one label.
    let of_labels: Term =
        labels.map(|(key, value)| (key.clone(), value.split("__").map(str::to_owned).collect())).collect();
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    let terms = affinity.map(|selector| selector.node_selector_terms.as_slice()).unwrap_or_default();
    let of_term = |term: &NodeSelectorTerm| {
        let mut all = of_labels.clone();
        let asked = term.match_expressions.iter().chain(&term.match_fields).flatten();
        for one in asked.filter(|one| one.operator == "In") {
            let values: BTreeSet<String> = one.values.iter().flatten().cloned().collect();
            match all.entry(one.key.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(values)),
                Entry::Occupied(mut entry) => entry.get_mut().retain(|value| values.contains(value)),
            }
        }
        all
    };
    if terms.is_empty() && !of_labels.is_empty() {
        return Reach::any([of_labels]);
    }
    Reach::any(terms.iter().map(of_term))
}

pub fn class(volume: &PersistentVolume) -> Option<&str> {
    let field = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    annotation(&volume.metadata, claim::BETA_CLASS).or(field).filter(|class| !class.is_empty())
}

pub fn driver(volume: &PersistentVolume) -> Option<String> {
    let csi = volume.spec.as_ref().and_then(|spec| spec.csi.as_ref());
    csi.map(|csi| csi.driver.clone()).or_else(|| owned_annotation(&volume.metadata, PROVISIONED_BY))
}

pub fn modes(volume: &PersistentVolume) -> Vec<AccessMode> {
    claim::modes(volume.spec.as_ref().and_then(|spec| spec.access_modes.as_ref()))
}

pub fn capacity(volume: &PersistentVolume) -> Result<Option<u64>, Unreadable> {
    let list = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref());
    storage(list, || format!("volume {}", name(volume)))
}

/// Reads a volume that a claim can have: a free one, or one that is kept for a single claim, or has it already.
///
/// A released one is for nobody: it names a claim that is gone.
pub fn free(volume: &PersistentVolume) -> Result<Option<FreeVolume>, Unreadable> {
    let is_released = !matches!(phase(volume), "" | "Pending" | "Available" | "Bound");
    if is_released || volume.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let mode = volume.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref());
    Ok(Some(FreeVolume {
        name: name(volume).to_owned(),
        kept_for: holder(volume).map(|Holder { namespace, name, .. }| ClaimId { namespace, name }),
        bytes: capacity(volume)?.unwrap_or(0),
        modes: modes(volume),
        volume_mode: if mode == Some("Block") { VolumeMode::Block } else { VolumeMode::Filesystem },
    }))
}

/// Collects what the host needs to know of a volume.
pub fn facts(volume: &PersistentVolume) -> VolumeFacts {
    VolumeFacts {
        name: name(volume).to_owned(),
        reclaim: reclaim(volume).to_owned(),
        handle: handle(volume).map(|handle| printable(&handle, WORDS)),
    }
}

/// Names the disk as its backend does, so that an operator finds it once the volume object is gone.
fn handle(volume: &PersistentVolume) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    if let Some(csi) = &spec.csi {
        return Some(format!("{} {}", csi.driver, csi.volume_handle));
    }
    if let Some(path) = spec.host_path.as_ref().map(|host| &host.path) {
        return Some(format!("hostPath {path}"));
    }
    if let Some(path) = spec.local.as_ref().map(|local| &local.path) {
        return Some(format!("local {path}"));
    }
    if let Some(nfs) = &spec.nfs {
        return Some(format!("nfs {}:{}", nfs.server, nfs.path));
    }
    None
}

/// Returns the claim for which the reference tool had swapped the volume in, and the reclaim policy it is to get.
///
/// A volume of ours carries our run besides the same marks, and proves nothing: we set them before the copy.
pub fn swapped_for(volume: &PersistentVolume) -> Option<(ClaimId, String)> {
    let metadata = &volume.metadata;
    if annotation(metadata, names::RUN).is_some() {
        return None;
    }
    let claim = ClaimId {
        namespace: owned_annotation(metadata, names::SOURCE_NAMESPACE)?,
        name: owned_annotation(metadata, names::SOURCE_CLAIM)?,
    };
    Some((claim, owned_annotation(metadata, names::RECLAIM)?))
}

/// Returns the claim that a volume without one belonged to, if it says so: in its `claimRef`, in what its CSI provisioner noted
/// (`--extra-create-metadata`), or in the name of its directory (`<volume>_<namespace>_<claim>`, as local-path-provisioner has it).
pub fn former_claim(volume: &PersistentVolume) -> Option<ClaimId> {
    if let Some(holder) = holder(volume) {
        return Some(ClaimId { namespace: holder.namespace, name: holder.name });
    }
    let spec = volume.spec.as_ref()?;
    let noted = |key: &str| spec.csi.as_ref()?.volume_attributes.as_ref()?.get(key).cloned();
    if let (Some(namespace), Some(name)) = (noted(CSI_NAMESPACE), noted(CSI_CLAIM)) {
        return Some(ClaimId { namespace, name });
    }
    let host = spec.host_path.as_ref().map(|host| &host.path);
    let directory = host.or(spec.local.as_ref().map(|local| &local.path))?;
    let last = directory.trim_end_matches('/').rsplit('/').next()?;
    // Neither a namespace nor a claim has an underscore in its name.
    let (namespace, name) = last.strip_prefix(name(volume))?.strip_prefix('_')?.split_once('_')?;
    Some(ClaimId { namespace: namespace.to_owned(), name: name.to_owned() })
}

/// Makes up the manifest of a claim of which only its new volume is left.
pub fn claim_manifest(volume: &PersistentVolume, claim: &ClaimId) -> Value {
    let spec = volume.spec.as_ref();
    let capacity = spec.and_then(|spec| spec.capacity.as_ref()?.get("storage"));
    let mode = spec.and_then(|spec| spec.volume_mode.as_deref()).unwrap_or("Filesystem");
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim.name, "namespace": claim.namespace},
        "spec": {
            "accessModes": spec.and_then(|spec| spec.access_modes.as_ref()),
            "resources": {"requests": {"storage": capacity.map(|capacity| &capacity.0)}},
            "storageClassName": class(volume),
            "volumeMode": mode,
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    const RELEASED: &str = "
apiVersion: v1
kind: PersistentVolume
metadata:
  name: pvc-9
  uid: aa
  resourceVersion: '77'
  deletionTimestamp: 2026-01-02T03:04:05Z
  annotations:
    pv.kubernetes.io/provisioned-by: rbd.csi.ceph.com
    kurl.sh/pvcmigrate-sourcens: shop
    kurl.sh/pvcmigrate-sourcepvc: data
    kurl.sh/pvcmigrate-reclaim: Delete
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 10Gi}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: shop, name: data-pvcmigrate, uid: u1, resourceVersion: '3'}
  csi: {driver: rbd.csi.ceph.com, volumeHandle: 0001-vol}
  persistentVolumeReclaimPolicy: Retain
  storageClassName: fast
  volumeMode: Filesystem
status: {phase: Released}
";

    #[test]
    fn a_released_volume_is_shown_as_it_is() {
        let seen = SeenVolume::read(&yaml(RELEASED)).unwrap().volume;
        assert!(seen.is_retained());
        let holder = seen.holder.unwrap();
        assert_eq!((holder.namespace.as_str(), holder.name.as_str()), ("shop", "data-pvcmigrate"));
        assert_eq!(holder.uid, Some(Uid("u1".to_owned())));
        assert_eq!((seen.phase.as_str(), seen.version.0.as_str()), ("Released", "77"));
        assert!(seen.terminating.is_some());
    }

    #[test]
    fn a_swapped_volume_says_for_whom_unless_it_is_of_a_run_of_ours() {
        let mut volume: PersistentVolume = yaml(RELEASED);
        let (claim, reclaim) = swapped_for(&volume).unwrap();
        assert_eq!((claim.to_string().as_str(), reclaim.as_str()), ("shop/data", "Delete"));
        insta::assert_json_snapshot!(claim_manifest(&volume, &claim));
        volume.metadata.annotations.as_mut().unwrap().insert(names::RUN.to_owned(), "r1".to_owned());
        assert_eq!(swapped_for(&volume), None);
    }

    #[test]
    fn a_volume_says_where_it_can_be_mounted() {
        let of = |labels: &str, terms: &str| {
            let affinity = "nodeAffinity: {required: {nodeSelectorTerms: [";
            let text = format!("metadata: {{name: a, labels: {{{labels}}}}}\nspec: {{{affinity}{terms}]}}}}}}");
            reach(&yaml(&text)).to_string()
        };
        let host = "{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n1, n2]}]}";
        let field = "{matchFields: [{key: metadata.name, operator: In, values: [n3]}]}";
        let zone = "topology.kubernetes.io/zone: a__b";
        assert_eq!(of("", host), "kubernetes.io/hostname=n1|n2");
        assert_eq!(of("", &format!("{host}, {field}")), "kubernetes.io/hostname=n1|n2 or metadata.name=n3");
        assert_eq!(of(zone, field), "metadata.name=n3,topology.kubernetes.io/zone=a|b");
        assert_eq!(of(zone, ""), "topology.kubernetes.io/zone=a|b");
        assert_eq!(of("app: web", "{matchExpressions: [{key: gpu, operator: Exists}]}"), "");
    }

    #[test]
    fn disks_are_named_as_their_backends_do() {
        let handle = |spec: &str| facts(&yaml(&format!("metadata: {{name: a}}\nspec: {spec}"))).handle;
        assert_eq!(facts(&yaml(RELEASED)).handle.unwrap(), "rbd.csi.ceph.com 0001-vol");
        assert_eq!(handle("{hostPath: {path: /mnt/a}}").unwrap(), "hostPath /mnt/a");
        assert_eq!(handle("{nfs: {server: nas, path: /e}}").unwrap(), "nfs nas:/e");
        assert_eq!(handle("{}"), None);
    }

    #[test]
    fn a_volume_is_free_or_kept_for_one_claim() {
        let read = |phase: &str, claim: &str| {
            let spec = format!("{{accessModes: [ReadWriteMany], capacity: {{storage: 1Ki}}{claim}}}");
            free(&yaml(&format!("metadata: {{name: a}}\nspec: {spec}\nstatus: {{phase: {phase}}}"))).unwrap()
        };
        let kept = ", claimRef: {namespace: shop, name: data}";
        let volume = read("Available", "").unwrap();
        assert_eq!((volume.kept_for, volume.bytes, volume.volume_mode), (None, 1024, VolumeMode::Filesystem));
        assert_eq!(volume.modes, [AccessMode::ReadWriteMany]);
        for phase in ["Available", "Bound"] {
            assert_eq!(read(phase, kept).unwrap().kept_for.unwrap().to_string(), "shop/data");
        }
        assert_eq!(read("Released", kept), None);
        assert_eq!(read("Failed", ""), None);
        assert_eq!(free(&yaml(RELEASED)).unwrap(), None, "it is being deleted besides");
    }

    #[test]
    fn a_volume_says_whose_it_was_where_its_provisioner_has_noted_it() {
        let former = |spec: &str| {
            let volume = yaml(&format!("metadata: {{name: pvc-9}}\nspec: {spec}"));
            former_claim(&volume).map(|claim| claim.to_string())
        };
        let noted = "{csi.storage.k8s.io/pvc/namespace: shop, csi.storage.k8s.io/pvc/name: data}";
        for (spec, claim) in [
            ("{}", None),
            ("{claimRef: {namespace: shop, name: data, uid: u1}}", Some("shop/data")),
            (&format!("{{csi: {{driver: d, volumeHandle: h, volumeAttributes: {noted}}}}}"), Some("shop/data")),
            ("{csi: {driver: d, volumeHandle: h, volumeAttributes: {csi.storage.k8s.io/pvc/name: data}}}", None),
            ("{hostPath: {path: /opt/volumes/pvc-9_shop_data/}}", Some("shop/data")),
            ("{local: {path: /opt/volumes/pvc-9_shop_data}}", Some("shop/data")),
            ("{local: {path: /opt/volumes/pvc-8_shop_data}}", None),
            ("{local: {path: /mnt/disks/pvc-9_shop}}", None),
        ] {
            assert_eq!(former(spec).as_deref(), claim, "{spec}");
        }
    }

    #[test]
    fn a_volume_without_annotations_or_spec_is_read() {
        let seen = SeenVolume::read(&yaml("metadata: {name: bare}")).unwrap().volume;
        assert_eq!((seen.holder, seen.phase.as_str()), (None, ""));
        assert_eq!(capacity(&yaml("metadata: {name: bare}")).unwrap(), None);
    }

    #[test]
    fn an_invalid_size_is_named_with_its_volume() {
        let error = capacity(&yaml("metadata: {name: odd}\nspec: {capacity: {storage: lots}}")).unwrap_err();
        assert_eq!(error.about, "volume odd");
        assert!(error.message.contains("lots"));
    }
}
