//! The snapshot that a policy is asked about.
//!
//! Each field says where it comes from, because three places fill it: the live cluster, the embedded cluster
//! and the fixtures of `policy test`. They must agree to the letter. No answers here: see [`super::answer`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::collected::Collected;
use super::facts;
use super::object::{ObjectRef, Pairs, VolumeId};
use super::verdict::Target;
use crate::access::{AccessMode, VolumeMode};

/// One pod that mounts a claim.
///
/// One entry a pod, in order of pod name. Finished pods (phase `Succeeded` or `Failed`) are left out; one that is being
/// deleted is not, for as long as it runs: it uses the claim as any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumer {
    /// The top object reached from the pod by following controller owner references as far as the objects are
    /// known (pod, ReplicaSet, Deployment); the last reference when that object is not known; else the pod itself.
    pub workload: ObjectRef,
    /// The pod's name; its namespace is the claim's.
    pub pod: String,
    /// `spec.nodeName`; absent while the pod is not scheduled.
    pub node: Option<String>,
    /// True when every mount of the claim in every container is read-only, or the pod's volume source is.
    pub read_only: bool,
    /// True when `status.phase` is `Running`.
    pub running: bool,
}

/// One claim together with the volume bound to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// The handle that answers use. Any numbering will do, unique within the request.
    pub id: VolumeId,
    /// The claim's namespace.
    pub namespace: String,
    /// The claim's name.
    pub name: String,
    /// The claim's uid.
    pub uid: String,
    /// The claim's labels.
    pub labels: Pairs,
    /// The claim's annotations.
    pub annotations: Pairs,
    /// The claim's `status.phase`; empty when absent.
    pub phase: String,
    /// The claim's `metadata.creationTimestamp` in unix seconds; 0 when absent.
    pub created: u64,
    /// The bound volume's `spec.storageClassName` (the reference tool selects by it). Without a volume the claim's
    /// own, which may be the annotation `volume.beta.kubernetes.io/storage-class`. An empty name is absent.
    pub storage_class: Option<String>,
    /// The bound volume's `spec.csi.driver`; for in-tree volumes the annotation `pv.kubernetes.io/provisioned-by`.
    pub driver: Option<String>,
    /// The claim's `spec.volumeName`; an empty one is absent.
    pub volume_name: Option<String>,
    /// The bound volume's `spec.persistentVolumeReclaimPolicy`.
    pub reclaim_policy: Option<String>,
    /// The claim's `spec.volumeMode`; `Filesystem` when absent.
    pub volume_mode: VolumeMode,
    /// The claim's `spec.accessModes`, sorted, each once.
    pub requested_modes: Vec<AccessMode>,
    /// The modes that the claim really has, by [`effective_modes`].
    pub effective_modes: Vec<AccessMode>,
    /// The claim's `spec.resources.requests.storage` in bytes, rounded up; 0 when absent.
    pub requested_bytes: u64,
    /// The bound volume's `spec.capacity.storage` in bytes, rounded up; without a volume the claim's
    /// `status.capacity.storage`; 0 when absent.
    pub capacity_bytes: u64,
    /// Bytes in use, where something measured them; absent otherwise.
    pub used_bytes: Option<u64>,
    /// The pods that mount the claim, by name or through a generic ephemeral volume.
    pub consumers: Vec<Consumer>,
    /// Further facts, under the keys of [`super::facts`].
    pub facts: Pairs,
}

impl Volume {
    /// Returns `namespace/name` of the claim.
    pub fn claim(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// One combination that a class can provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassMode {
    /// How the volume is presented.
    pub volume_mode: VolumeMode,
    /// The access mode offered for it.
    pub access_mode: AccessMode,
}

/// A StorageClass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageClass {
    /// The class's name.
    pub name: String,
    /// `provisioner`.
    pub provisioner: String,
    /// `parameters`.
    pub parameters: Pairs,
    /// `metadata.annotations`.
    pub annotations: Pairs,
    /// `reclaimPolicy`; `Delete` when absent, as the API server has it.
    pub reclaim_policy: String,
    /// `volumeBindingMode`; `Immediate` when absent, as the API server has it.
    pub binding_mode: String,
    /// `allowVolumeExpansion`; false when absent.
    pub allow_expansion: bool,
    /// What the class is known to offer, by [`super::known_modes::of_class`]; empty means unknown.
    pub known_modes: Vec<ClassMode>,
    /// Further facts; none are defined yet.
    pub facts: Pairs,
}

/// Everything that a policy may look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The user's label for this run, such as `prod`; empty when none was given.
    pub environment: String,
    /// Plan time in unix seconds: the only clock a policy sees.
    pub now: u64,
    /// The class to migrate from; absent when no such object exists. Its name is always in
    /// [`facts::SOURCE_CLASS`].
    pub source: Option<StorageClass>,
    /// The class to migrate to.
    pub target: StorageClass,
    /// Every claim of the cluster that may be read, in order of namespace and name, whatever its class or
    /// namespace: policies see the neighbours too. Temporary and preflight claims of ours are left out.
    pub volumes: Vec<Volume>,
    /// Facts about the run, under the keys of [`super::facts`].
    pub facts: Pairs,
}

impl Request {
    /// Tells whether the fact is there and on.
    pub fn is_on(&self, fact: &str) -> bool {
        self.facts.get(fact).is_some_and(|value| value == facts::TRUE)
    }

    /// Finds a volume by its handle.
    pub fn volume(&self, id: VolumeId) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.id == id)
    }
}

/// Everything that a judgement is made from, apart from the policies: to ask, to capture and to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What every policy is told.
    #[serde(flatten)]
    pub request: Request,
    /// What a policy may look up.
    #[serde(default)]
    pub collected: Arc<Collected>,
}

/// What is going to be made for one selected claim; the preflight question.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The volume meant.
    pub volume: VolumeId,
    /// The new claim's access modes.
    pub modes: Vec<AccessMode>,
    /// The new claim's volume mode.
    pub volume_mode: VolumeMode,
    /// The new claim's size in bytes.
    pub target_bytes: u64,
    /// Further facts; none are defined yet.
    pub facts: Pairs,
}

impl Planned {
    /// Derives the usual plan: the decided shape, and the larger of what was asked for and what is there.
    ///
    /// The capacity alone would undo an expansion that is under way.
    pub fn of(volume: &Volume, target: &Target) -> Self {
        Self {
            volume: volume.id,
            modes: target.modes.clone(),
            volume_mode: target.volume_mode,
            target_bytes: volume.requested_bytes.max(volume.capacity_bytes),
            facts: Pairs::new(),
        }
    }
}

/// Derives the modes a claim really has: its `status.accessModes` (the bound volume's own), or, while that is
/// empty, the volume's `spec.accessModes`, or, with no volume, what was requested. Sorted, each once.
pub fn effective_modes(
    claim_actual: &[AccessMode],
    volume: &[AccessMode],
    requested: &[AccessMode],
) -> Vec<AccessMode> {
    let source = [claim_actual, volume, requested].into_iter().find(|modes| !modes.is_empty()).unwrap_or_default();
    normal_modes(source.iter().copied())
}

/// Sorts modes and drops duplicates, so that equal sets are equal lists.
pub fn normal_modes(modes: impl IntoIterator<Item = AccessMode>) -> Vec<AccessMode> {
    let mut modes: Vec<_> = modes.into_iter().collect();
    modes.sort_unstable();
    modes.dedup();
    modes
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessMode::{ReadOnlyMany, ReadWriteMany, ReadWriteOnce};

    #[test]
    fn effective_modes_prefer_what_is_there_over_what_was_asked() {
        let actual = [ReadWriteMany, ReadWriteOnce, ReadWriteMany];
        assert_eq!(effective_modes(&actual, &[ReadOnlyMany], &[ReadWriteOnce]), [ReadWriteOnce, ReadWriteMany]);
        assert_eq!(effective_modes(&[], &[ReadOnlyMany], &[ReadWriteOnce]), [ReadOnlyMany]);
        assert_eq!(effective_modes(&[], &[], &[ReadWriteOnce]), [ReadWriteOnce]);
        assert_eq!(effective_modes(&[], &[], &[]), []);
    }
}
