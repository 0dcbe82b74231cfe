//! The survey: what a run finds on the cluster before it plans, in plain values.
//!
//! Made by the cluster crate from a constant number of LISTs. Policies see its [`Volume`]s; the rest is what the host
//! itself needs: who uses a claim, who owns it, and what earlier runs left.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::policy::{ObjectRef, StorageClass, Volume};
use crate::record::{Record, Uid, WorkloadKind, WorkloadRef};
use crate::static_class::FreeVolume;
use crate::toleration::Toleration;

mod halfway;

pub use halfway::{SwapStage, SwappedVolume, Unclaimed};

/// A claim's namespace and name. Two namespaces may hold claims of one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClaimId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for ClaimId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The scope of a run: where, and between which classes it moves claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The only namespace to look into; `None` for all.
    pub namespace: Option<String>,
    /// The class that claims leave.
    pub source_class: String,
    /// The class that claims go to.
    pub dest_class: String,
    /// The source class need not exist any more (`--skip-source-validation`).
    pub skip_source_validation: bool,
}

/// Everything a run finds before it plans.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// All StorageClasses, by name.
    pub classes: BTreeMap<String, StorageClass>,
    /// The class that claims without one get.
    pub default_class: Option<String>,
    /// What is wrong with classes that the run does not use, by name.
    pub unclear_classes: BTreeMap<String, String>,
    /// All claims, as policies see them; temporary and preflight claims of ours left out.
    pub volumes: Vec<Volume>,
    /// What policies do not see of the same claims.
    pub claims: BTreeMap<ClaimId, ClaimFacts>,
    /// Pods that hold a claim, other than pods of ours: all that are unfinished or have a node.
    pub pods: Vec<PodFacts>,
    /// Every workload of a kind that can be scaled.
    pub workloads: Vec<WorkloadFacts>,
    /// Volumes that a run of the reference tool had swapped in, one a claim. Those of runs that have ended are among them.
    pub swapped: Vec<SwappedVolume>,
    /// Volumes of the source class that no claim holds: reported, and left alone.
    pub unclaimed: Vec<Unclaimed>,
    /// Volumes of the destination class that claims can have before one is made for them.
    pub free: Vec<FreeVolume>,
    /// Records on the cluster, ended ones too.
    pub records: Vec<Record>,
}

/// What the host needs to know of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Its uid.
    pub uid: Uid,
    /// Its manifest without `status`, `managedFields`, `uid`, `resourceVersion`, `creationTimestamp`, `generation`,
    /// `deletionTimestamp`, and without what binding adds (`spec.volumeName`, `pv.kubernetes.io/*` annotations,
    /// the protection finalizer).
    pub manifest: Value,
    /// Finalizers other than Kubernetes' own protection.
    pub finalizers: Vec<String>,
    /// Every object that owns it, the controlling one first.
    pub owners: Vec<ObjectRef>,
    /// It is being deleted.
    pub terminating: bool,
    /// Its volume, when it is bound.
    pub volume: Option<VolumeFacts>,
}

/// Why a claim cannot be moved, whatever anybody decides. It is left out, named with the reason, and blocks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stays {
    /// The kind of reason.
    pub code: StaysCode,
    /// The reason in words.
    pub why: String,
}

/// The kinds of reason for which a claim cannot be moved. The codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaysCode {
    /// It has no volume.
    Unbound,
    /// Its volume is gone.
    Lost,
    /// The volume it names belongs to another claim.
    HeldByAnother,
    /// Its namespace is being deleted.
    NamespaceTerminating,
    /// It lives and dies with a pod.
    Ephemeral,
}

impl StaysCode {
    /// Returns the code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::Lost => "lost",
            Self::HeldByAnother => "held-by-another",
            Self::NamespaceTerminating => "namespace-terminating",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// What the host needs to know of a bound volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Its name.
    pub name: String,
    /// Its reclaim policy.
    pub reclaim: String,
    /// The backend's own name of the disk (`driver handle`), if it has one.
    pub handle: Option<String>,
}

/// What the host needs to know of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its node, once it has one.
    pub node: Option<String>,
    /// It has ended. It still keeps its claims from being deleted, for as long as its object exists.
    pub finished: bool,
    /// Its deletion was asked for: it goes by itself, whatever its phase, and a run waits for it.
    pub leaving: bool,
    /// The top object that owns it, found as [`crate::policy::Consumer::workload`] is; `None` for a bare pod.
    pub owner: Option<ObjectRef>,
    /// Claims it mounts, by name.
    pub claims: BTreeSet<String>,
    /// Those of them that are generic ephemeral volumes.
    pub ephemeral: BTreeSet<String>,
    /// What it tolerates for good, of what pods of ours do not tolerate anyway.
    pub tolerations: BTreeSet<Toleration>,
}

/// What the host needs to know of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadFacts {
    /// Its namespace.
    pub namespace: String,
    /// Which one.
    pub workload: WorkloadRef,
    /// The scale asked of it (1 when absent, as the API server has it).
    pub replicas: u32,
    /// The scale in its [`crate::names::SCALE`] annotation.
    pub mark: Option<u32>,
    /// A StatefulSet's `persistentVolumeClaimRetentionPolicy.whenScaled`.
    pub when_scaled: Option<String>,
    /// Claims its pod template names.
    pub claims: BTreeSet<String>,
    /// Names of a StatefulSet's claim templates, and the class that each names, if it names one: claim
    /// `<template>-<set>-<ordinal>` is its pod's.
    pub templates: BTreeMap<String, Option<String>>,
    /// Its controlling owner, if it has one.
    pub owner: Option<ObjectRef>,
}

impl WorkloadFacts {
    /// Tells whether pods of this workload mount the claim, by its template.
    pub fn names(&self, claim: &str) -> bool {
        let of_template = |template: &String| {
            let rest = claim.strip_prefix(template.as_str()).and_then(|rest| rest.strip_prefix('-'));
            let rest = rest.and_then(|rest| rest.strip_prefix(self.workload.name.as_str()));
            rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(is_ordinal)
        };
        self.claims.contains(claim)
            || (self.workload.kind == WorkloadKind::StatefulSet && self.templates.keys().any(of_template))
    }

    /// Returns the scale to come back to: the mark of an interrupted run counts while the workload is down.
    pub fn scale(&self) -> u32 {
        match self.mark {
            Some(mark) if self.replicas == 0 => mark,
            Some(_) | None => self.replicas,
        }
    }
}

impl Survey {
    /// Returns the pods that mount the claim.
    pub fn users<'a>(&'a self, claim: &'a ClaimId) -> impl Iterator<Item = &'a PodFacts> {
        self.pods.iter().filter(|pod| pod.namespace == claim.namespace && pod.claims.contains(&claim.name))
    }

    /// Returns the scalable workloads whose pods, or whose template, mount the claim.
    ///
    /// A pod that has ended says nothing about its workload's needs, but one that is leaving was in use until a moment
    /// ago, as are all pods of a workload that somebody has just scaled to 0.
    pub fn workloads_of<'a>(&'a self, claim: &'a ClaimId) -> impl Iterator<Item = &'a WorkloadFacts> {
        let current = self.users(claim).filter(|pod| !pod.finished || pod.leaving);
        let owners: BTreeSet<WorkloadRef> = current.filter_map(|pod| scalable(pod.owner.as_ref()?)).collect();
        self.workloads.iter().filter(move |workload| {
            workload.namespace == claim.namespace
                && (workload.names(&claim.name) || owners.contains(&workload.workload))
        })
    }

    /// Returns what the reference tool had made for the claim.
    pub fn swapped(&self, claim: &ClaimId) -> Option<&SwappedVolume> {
        self.swapped.iter().find(|swapped| swapped.claim == *claim)
    }

    /// Tells whether a volume that holds data of the record's claims is reserved for nobody.
    pub fn has_free(&self, record: &Record) -> bool {
        let mut destinations = record.claims.values().filter_map(|claim| claim.destination.as_ref());
        destinations.any(|volume| self.free.iter().any(|free| free.kept_for.is_none() && free.name == volume.name))
    }

    /// Tells whether a claim that was made anew since the reference tool died still waits for its volume: on the old one it is to
    /// be copied again, on any other the copy that is there counts.
    pub fn is_unsettled(&self) -> bool {
        let is_binding = |claim: &ClaimFacts| claim.volume.is_none() && !claim.terminating;
        self.swapped.iter().any(|swapped| match &swapped.stage {
            SwapStage::Remade { volume: None } => true,
            // It names a volume, and is not bound to it yet.
            SwapStage::Original | SwapStage::Remade { .. } => self.claims.get(&swapped.claim).is_some_and(is_binding),
            SwapStage::Free | SwapStage::Claimed { .. } => false,
        })
    }

    /// Returns the record of the migration that is under way for the claim.
    pub fn open_record(&self, claim: &ClaimId) -> Option<&Record> {
        self.records.iter().find(|record| {
            record.is_open() && record.namespace == claim.namespace && record.claims.contains_key(&claim.name)
        })
    }
}

/// Tells whether the text is what a StatefulSet numbers its pods with.
pub(crate) fn is_ordinal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the workload that `owner` names, if it is of a kind that is scaled.
pub fn scalable(owner: &ObjectRef) -> Option<WorkloadRef> {
    if !owner.api_version.starts_with("apps/") {
        return None;
    }
    let kind = WorkloadKind::from_name(&owner.kind)?;
    Some(WorkloadRef { kind, name: owner.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> WorkloadFacts {
        WorkloadFacts {
            namespace: "shop".to_owned(),
            workload: WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() },
            replicas: 2,
            mark: None,
            when_scaled: None,
            claims: BTreeSet::from(["shared".to_owned()]),
            templates: BTreeMap::from([("data".to_owned(), None)]),
            owner: None,
        }
    }

    #[test]
    fn a_set_names_the_claims_of_its_templates_and_of_its_pods() {
        for claim in ["data-web-0", "data-web-12", "shared"] {
            assert!(web().names(claim), "{claim}");
        }
        for claim in ["data-web", "data-web-", "data-web-x", "data-web2-0", "logs-web-0", "data-web-0-pvcmigrate"] {
            assert!(!web().names(claim), "{claim}");
        }
    }

    #[test]
    fn a_mark_counts_only_while_the_workload_is_down() {
        assert_eq!(WorkloadFacts { replicas: 0, mark: Some(3), ..web() }.scale(), 3);
        assert_eq!(WorkloadFacts { replicas: 5, mark: Some(3), ..web() }.scale(), 5);
    }
}
