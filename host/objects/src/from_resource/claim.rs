//! Claims (`v1` PersistentVolumeClaim).

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::names;
use pvmigrate_core::observation::{Claim, Touch};
use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::record::{ClaimRecord, Uid, Version};
use pvmigrate_core::survey::ClaimFacts;
use serde_json::{Map, Value};

use super::{Kept, Reads};
use super::{Key, Unreadable, annotation, created, is_managed, owned_annotation, owners, storage, uid, version};

/// The annotation by which a claim named its class before the field existed; Kubernetes still lets it win.
pub const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The node on which a class that binds late is to provision the volume. Usually the scheduler sets it, for a pod; any
/// client that knows the node may set it as well, and the volume controller then provisions at once
/// (`IsDelayBindingProvisioning` in Kubernetes' volume helpers). A provisioner that finds no room there takes it off.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Annotations that binding and provisioning write: true of one volume, false of the next.
const BINDING: [&str; 3] =
    ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner", SELECTED_NODE];
const BINDING_PREFIX: &str = "pv.kubernetes.io/";

/// The prefixes of the annotations that Kubernetes' volume controllers and provisioners write on claims.
const VOLUME_PREFIXES: [&str; 3] = [BINDING_PREFIX, "volume.kubernetes.io/", "volume.beta.kubernetes.io/"];

/// Marks of ours that a migration takes off again.
const MARKS: [&str; 2] = [names::RUN, names::TOUCHED];

/// The finalizer with which Kubernetes holds a claim that pods use.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Fields of `metadata` that the API server fills in.
const FILLED_IN: [&str; 9] = [
    "managedFields",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generateName",
];

/// What observations need of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenClaim {
    pub key: Key,
    pub uid: Uid,
    pub version: Version,
    class: Option<String>,
    volume: Option<String>,
    bound: bool,
    placed: bool,
    terminating: bool,
    pub run: Option<String>,
    touched: Option<Touch>,
    pub labels: BTreeMap<String, String>,
    /// Its annotations without those of Kubernetes' own volume controllers.
    pub annotations: BTreeMap<String, String>,
    /// The claim that this one serves as a temporary claim.
    serves: Option<String>,
    modes: Vec<AccessMode>,
    volume_mode: VolumeMode,
    bytes: Option<u64>,
    created: Timestamp,
}

impl Kept for SeenClaim {
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

impl Reads<PersistentVolumeClaim> for SeenClaim {
    fn read(claim: &PersistentVolumeClaim) -> Option<Self> {
        let metadata = &claim.metadata;
        let spec = claim.spec.as_ref();
        let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
        Some(Self {
            key: Key::of(metadata),
            uid: uid(metadata),
            version: version(metadata),
            class: class(claim),
            volume: volume_name(claim),
            bound: phase(claim) == "Bound",
            placed: annotation(metadata, SELECTED_NODE).is_some(),
            terminating: metadata.deletion_timestamp.is_some(),
            run: owned_annotation(metadata, names::RUN),
            touched: annotation(metadata, names::TOUCHED).and_then(|touched| touched.parse().ok()),
            labels: metadata.labels.clone().unwrap_or_default(),
            annotations: own_annotations(metadata),
            serves: owned_annotation(metadata, names::CLAIM),
            modes: modes(spec.and_then(|spec| spec.access_modes.as_ref())),
            volume_mode: volume_mode(claim),
            // A size that cannot be read fits nothing.
            bytes: storage(requests, String::new).ok().flatten(),
            created: created(metadata),
        })
    }
}

impl SeenClaim {
    pub fn is_bound(&self) -> bool {
        self.bound
    }

    pub fn is_run(&self, run: &str) -> bool {
        self.run.as_deref() == Some(run)
    }

    /// Tells whether this can be the temporary destination of the recorded claim.
    pub fn fits(&self, claim: &str, record: &ClaimRecord, class: &str) -> bool {
        self.serves.as_deref() == Some(claim)
            && self.class.as_deref() == Some(class)
            && self.bytes.is_some_and(|bytes| bytes >= record.bytes)
            && self.modes == normal_modes(record.modes.iter().copied())
            && self.volume_mode == record.volume_mode
    }

    /// Tells whether the claim has every label and annotation of the recorded one.
    pub fn is_complete(&self, record: &ClaimRecord) -> bool {
        let has = |field: &str, own: &BTreeMap<String, String>| {
            let recorded = record.manifest["metadata"][field].as_object().into_iter().flatten();
            let mut recorded = recorded.filter(|(key, _)| !is_of_volumes(key));
            recorded.all(|(key, value)| own.get(key).map(String::as_str) == value.as_str())
        };
        has("labels", &self.labels) && has("annotations", &self.annotations)
    }

    pub fn shown(&self, record: &ClaimRecord, fits: bool, made_by_set: bool, trouble: Option<String>) -> Claim {
        Claim {
            uid: self.uid.clone(),
            version: self.version.clone(),
            volume: self.volume.clone(),
            bound: self.bound,
            placed: self.placed,
            terminating: self.terminating,
            run: self.run.clone(),
            touched: self.touched.clone(),
            made_by_set,
            complete: self.is_complete(record),
            fits,
            created: self.created,
            trouble: trouble.filter(|_| !self.bound),
        }
    }
}

fn is_of_volumes(annotation: &str) -> bool {
    VOLUME_PREFIXES.iter().any(|prefix| annotation.starts_with(prefix))
}

/// Returns the annotations that Kubernetes' volume controllers do not write by themselves.
pub fn own_annotations(metadata: &ObjectMeta) -> BTreeMap<String, String> {
    let is_own = |(key, _): &(&String, &String)| !is_of_volumes(key);
    let annotations = metadata.annotations.iter().flatten().filter(is_own);
    annotations.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tells whether the claim is a temporary or a preflight one, of ours or of the reference tool.
pub fn is_helper(claim: &PersistentVolumeClaim) -> bool {
    annotation(&claim.metadata, names::KIND).is_some() || is_managed(&claim.metadata)
}

/// Returns the class a claim asks for; `None` for an empty name.
pub fn class(claim: &PersistentVolumeClaim) -> Option<String> {
    let field = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
    owned_annotation(&claim.metadata, BETA_CLASS).or(field).filter(|class| !class.is_empty())
}

/// Tells whether the claim takes only volumes that a selector matches.
pub fn has_selector(claim: &PersistentVolumeClaim) -> bool {
    claim.spec.as_ref().is_some_and(|spec| spec.selector.is_some())
}

pub fn volume_name(claim: &PersistentVolumeClaim) -> Option<String> {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty())
}

pub fn phase(claim: &PersistentVolumeClaim) -> &str {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub fn volume_mode(claim: &PersistentVolumeClaim) -> VolumeMode {
    let word = claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Reads access modes. A mode that is newer than this program is left out; see [`unknown_modes`].
pub fn modes(words: Option<&Vec<String>>) -> Vec<AccessMode> {
    normal_modes(words.into_iter().flatten().filter_map(|word| AccessMode::from_name(word)))
}

/// Returns the access modes that a claim asks for and that this program does not know.
pub fn unknown_modes(claim: &PersistentVolumeClaim) -> Vec<&str> {
    let words = claim.spec.iter().flat_map(|spec| spec.access_modes.iter().flatten());
    words.map(String::as_str).filter(|word| AccessMode::from_name(word).is_none()).collect()
}

/// Collects what the host needs to know of a claim; its volume is added by the survey.
pub fn facts(claim: &PersistentVolumeClaim) -> Result<ClaimFacts, Unreadable> {
    let metadata = &claim.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let finalizers = metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != PROTECTION);
    Ok(ClaimFacts {
        uid: uid(metadata),
        manifest: manifest(claim)?,
        finalizers: finalizers.cloned().collect(),
        owners: owners(metadata).iter().map(|owner| owner.object(namespace)).collect(),
        terminating: metadata.deletion_timestamp.is_some(),
        volume: None,
    })
}

/// Takes off a claim what the API server and the binding have added.
fn manifest(claim: &PersistentVolumeClaim) -> Result<Value, Unreadable> {
    let unreadable = |error: serde_json::Error| Unreadable {
        about: format!("claim {}", claim.metadata.name.as_deref().unwrap_or_default()),
        message: error.to_string(),
    };
    let mut manifest = serde_json::to_value(claim).map_err(unreadable)?;
    if let Some(whole) = manifest.as_object_mut() {
        whole.remove("status");
    }
    if let Some(spec) = manifest["spec"].as_object_mut() {
        spec.remove("volumeName");
    }
    if let Some(metadata) = manifest["metadata"].as_object_mut() {
        for field in FILLED_IN {
            metadata.remove(field);
        }
        retain(metadata, "annotations", |annotations: &mut Map<String, Value>| {
            annotations.retain(|key, _| {
                let key = key.as_str();
                !key.starts_with(BINDING_PREFIX) && !BINDING.contains(&key) && !MARKS.contains(&key)
            });
            annotations.is_empty()
        });
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|finalizer| finalizer != PROTECTION);
            if finalizers.is_empty() {
                metadata.remove("finalizers");
            }
        }
    }
    Ok(manifest)
}

/// Changes a map below `field`, and drops it when `change` returns that nothing is left.
fn retain(metadata: &mut Map<String, Value>, field: &str, change: impl FnOnce(&mut Map<String, Value>) -> bool) {
    if metadata.get_mut(field).and_then(Value::as_object_mut).is_some_and(change) {
        metadata.remove(field);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::{claim_record, yaml};

    const BOUND: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data-web-0
  namespace: shop
  uid: 3c1e
  resourceVersion: '812'
  creationTimestamp: 2026-01-02T03:04:05Z
  labels: {app: web}
  annotations:
    pv.kubernetes.io/bind-completed: 'yes'
    pv.kubernetes.io/bound-by-controller: 'yes'
    volume.kubernetes.io/storage-provisioner: ebs.csi.aws.com
    volume.kubernetes.io/selected-node: node-a
    team: checkout
  finalizers: [kubernetes.io/pvc-protection]
  managedFields: [{manager: kube-controller-manager, operation: Update}]
  ownerReferences:
  - {apiVersion: apps/v1, kind: StatefulSet, name: web, uid: s1, controller: false}
spec:
  accessModes: [ReadWriteMany, ReadWriteOnce]
  resources: {requests: {storage: 10Gi}}
  storageClassName: gp2
  volumeMode: Filesystem
  volumeName: pvc-3c1e
status: {phase: Bound, accessModes: [ReadWriteOnce], capacity: {storage: 10Gi}}
";

    #[test]
    fn a_bound_claim_is_shown_as_it_is() {
        let seen = SeenClaim::read(&yaml(BOUND)).unwrap();
        let shown = seen.shown(&claim_record("data-web-0"), false, false, Some("an old warning".to_owned()));
        assert_eq!(shown.volume.as_deref(), Some("pvc-3c1e"));
        assert_eq!((shown.version, shown.uid), (Version("812".to_owned()), Uid("3c1e".to_owned())));
        assert!(shown.bound && !shown.terminating);
        assert_eq!(shown.trouble, None, "a bound claim has no trouble");
        assert_eq!(shown.created, "2026-01-02T03:04:05Z".parse().unwrap());
    }

    #[test]
    fn a_manifest_keeps_the_users_words_only() {
        insta::assert_json_snapshot!(facts(&yaml(BOUND)).unwrap().manifest);
    }

    #[test]
    fn facts_name_every_owner_and_foreign_finalizers() {
        let text = BOUND.replace("kubernetes.io/pvc-protection", "example.com/backup").replace(
            "controller: false}",
            "controller: false}\n  - {apiVersion: db/v1, kind: Postgres, name: main, uid: o1, controller: true}",
        );
        let facts = facts(&yaml(&text)).unwrap();
        assert_eq!(facts.finalizers, ["example.com/backup"]);
        let owners: Vec<String> = facts.owners.iter().map(ToString::to_string).collect();
        assert_eq!(owners, ["Postgres shop/main", "StatefulSet shop/web"], "the controlling one first");
        assert_eq!(facts.manifest["metadata"]["finalizers"][0], "example.com/backup");
    }

    #[test]
    fn a_temporary_claim_fits_by_value_not_by_text() {
        let text = |size: &str, modes: &str, class: &str, of: &str| {
            let claim = format!(
                "metadata: {{name: data-pvcmigrate, annotations: {{kurl.sh/pvcmigrate: {of}, kurl.sh/pvcmigrate-kind: dest}}}}
spec: {{accessModes: [{modes}], storageClassName: {class}, resources: {{requests: {{storage: {size}}}}}}}"
            );
            SeenClaim::read(&yaml(&claim)).unwrap()
        };
        let mut record = claim_record("data");
        record.bytes = 1 << 30;
        let fits = |seen: SeenClaim| seen.fits("data", &record, "fast");
        assert!(fits(text("1024Mi", "ReadWriteOnce", "fast", "data")));
        assert!(fits(text("2Gi", "ReadWriteOnce", "fast", "data")));
        assert!(!fits(text("1023Mi", "ReadWriteOnce", "fast", "data")));
        assert!(!fits(text("1Gi", "ReadWriteMany", "fast", "data")));
        assert!(!fits(text("1Gi", "ReadWriteOnce", "slow", "data")));
        assert!(!fits(text("1Gi", "ReadWriteOnce", "fast", "other")));
    }

    #[test]
    fn the_old_annotation_names_the_class_first() {
        let claim = yaml(
            "metadata: {name: a, annotations: {volume.beta.kubernetes.io/storage-class: old}}
spec: {storageClassName: new}",
        );
        assert_eq!(class(&claim).as_deref(), Some("old"));
        assert_eq!(class(&yaml("spec: {storageClassName: ''}")), None);
    }
}
