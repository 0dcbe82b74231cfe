//! The observation: what a fresh look at the cluster shows of one group.
//!
//! Made by the cluster crate alone, forgotten after each decision. Objects may have been read at different moments,
//! with two rules about the order. A look shows all that the same process has written before: caches that lag behind
//! its own writes would let it end with a workload marked. And the pods of a claim that is gone are read after it was
//! seen to be gone (see [`ClaimSeen::users`]).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::copy_report::CopyReport;
use crate::reach::Reach;
use crate::record::{ClaimRecord, Purpose, Retry, Uid, Version, WorkloadRef};

/// One look at a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observation {
    /// By the name of the recorded claim. A claim without an entry is treated as if nothing of it existed.
    pub claims: BTreeMap<String, ClaimSeen>,
    /// The recorded workloads that exist.
    pub workloads: BTreeMap<WorkloadRef, WorkloadSeen>,
}

/// All objects that belong to one recorded claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClaimSeen {
    /// Whatever holds the claim's name.
    pub named: Option<Claim>,
    /// The volume that [`Self::named`] names, when that is neither of the two recorded ones.
    pub other_volume: Option<Volume>,
    /// The temporary claim on the destination class.
    pub destination: Option<Claim>,
    /// The temporary claim that holds the source volume behind the fence.
    pub source: Option<Claim>,
    /// The source volume, by its recorded name.
    pub source_volume: Option<Volume>,
    /// The destination volume, see [`destination_volume_name`].
    pub destination_volume: Option<Volume>,
    /// Pods, not ours, that name the claim or one of its temporary claims: all that are unfinished or have a node.
    ///
    /// A finished pod counts, because it keeps a deleted claim Terminating for as long as its object exists.
    ///
    /// Once [`Self::named`] is not the original any more, these must come from a read made after that was seen: a pod
    /// created with `nodeName` while the original was Terminating may have mounted it.
    pub users: Vec<User>,
    /// Pods of ours, and of an interrupted run of the reference tool, for this claim, by name.
    pub pods: Vec<Pod>,
}

/// Names the volume to show as [`ClaimSeen::destination_volume`], given the temporary claim on the destination class.
///
/// Until the copy is proven this is the one the temporary claim names: a temporary claim that was lost and created
/// again has another volume than the recorded one. After that it is the recorded one alone, whatever a late write made
/// meanwhile.
pub fn destination_volume_name<'a>(record: &'a ClaimRecord, temp: Option<&'a Claim>) -> Option<&'a str> {
    let recorded = record.destination.as_ref().map(|volume| volume.name.as_str());
    let named = temp.and_then(|temp| temp.volume.as_deref());
    if record.evidence.is_some() { recorded } else { named.or(recorded) }
}

/// Names the volume to show as [`ClaimSeen::other_volume`].
pub fn other_volume_name<'a>(record: &ClaimRecord, named: &'a Claim) -> Option<&'a str> {
    let recorded = [Some(&record.source.name), record.destination.as_ref().map(|volume| &volume.name)];
    named.volume.as_ref().filter(|volume| !recorded.contains(&Some(*volume))).map(String::as_str)
}

/// A claim as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Its uid.
    pub uid: Uid,
    /// Its resourceVersion.
    pub version: Version,
    /// The volume it names in its spec.
    pub volume: Option<String>,
    /// Its phase is `Bound`.
    pub bound: bool,
    /// A node is chosen for it, so that even a class that binds late provisions its volume now.
    pub placed: bool,
    /// It is being deleted.
    pub terminating: bool,
    /// The run in its [`crate::names::RUN`] annotation.
    pub run: Option<String>,
    /// What its [`crate::names::TOUCHED`] annotation says.
    pub touched: Option<Touch>,
    /// It is exactly what a StatefulSet of the group makes where a claim of this name is missing.
    pub made_by_set: bool,
    /// It has every label and annotation of the recorded claim.
    pub complete: bool,
    /// On a temporary claim of no run: it names our claim, has the destination class, is large enough and has the modes.
    pub fits: bool,
    /// When it was created.
    pub created: Timestamp,
    /// Why it is not bound: the newest warning event about it, cleaned for terminals.
    pub trouble: Option<String>,
}

/// A write that was made to a claim only to change it: late writes of other processes then conflict, and the cluster's
/// volume controller looks at the claim again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Touch {
    /// Which run wrote it.
    pub run: String,
    /// When.
    pub at: Timestamp,
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.run)
    }
}

impl FromStr for Touch {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, run) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Self { run: run.to_owned(), at: at.parse()? })
    }
}

/// A volume as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// Its resourceVersion.
    pub version: Version,
    /// Its reclaim policy, Kubernetes' own word.
    pub reclaim: String,
    /// The claim it is reserved for (`spec.claimRef`).
    pub holder: Option<Holder>,
    /// Its phase, Kubernetes' own word.
    pub phase: String,
    /// When its deletion was asked for.
    pub terminating: Option<Timestamp>,
    /// Where it can be mounted.
    pub reach: Reach,
}

/// The reclaim policy that keeps a volume when its claim goes.
pub const RETAIN: &str = "Retain";

/// The phase of a volume whose claim is gone.
pub const RELEASED: &str = "Released";

impl Volume {
    /// Tells whether the volume outlives its claim.
    pub fn is_retained(&self) -> bool {
        self.reclaim == RETAIN
    }

    /// Tells whether only a claim of this namespace and name may bind the volume, and a new one can.
    ///
    /// A released volume still names the claim that is gone, by its uid, so a new claim of that name cannot bind it.
    /// The phase decides, not whether the claim is seen: the two may have been read at different moments.
    pub fn is_reserved_for(&self, namespace: &str, name: &str) -> bool {
        let Some(holder) = &self.holder else { return false };
        let is_left_over = self.phase == RELEASED && holder.uid.is_some();
        holder.namespace == namespace && holder.name == name && !is_left_over
    }
}

/// The claim that a volume is reserved for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The claim's namespace.
    pub namespace: String,
    /// The claim's name.
    pub name: String,
    /// The claim's uid once it is bound.
    pub uid: Option<Uid>,
}

/// A pod that uses a claim and is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// Its name.
    pub pod: String,
    /// It has a node, so it may have mounted the claim.
    pub placed: bool,
    /// A recorded workload owns it, so that it goes when that is stopped.
    pub owned: bool,
    /// When its deletion was asked for, else when it was created.
    pub since: Timestamp,
}

/// A pod of ours, as far as it is about one claim: each has its own pass in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// What it is for.
    pub purpose: Purpose,
    /// Which attempt it is.
    pub attempt: u32,
    /// The other claims that have a pass in it.
    pub others: Vec<String>,
    /// How far the claim's pass is.
    pub progress: Progress,
    /// It is being deleted and carries no finalizer of ours any more: only its node has to let it go.
    pub leaving: bool,
    /// When it was created.
    pub created: Timestamp,
}

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Its container has not started; with the reason, if one is known.
    Starting(Option<String>),
    /// It runs.
    Running,
    /// It ended well. For a copy, with what rsync reported, or why that cannot count.
    Succeeded(Result<CopyReport, String>),
    /// It failed.
    Failed {
        /// Its own words, or the cluster's.
        why: String,
        /// Whether another one may end differently.
        retry: Retry,
    },
}

impl Pod {
    /// Tells whether the pod has ended, so that it holds no volume any more.
    pub fn is_finished(&self) -> bool {
        matches!(self.progress, Progress::Succeeded(_) | Progress::Failed { .. })
    }
}

/// A workload as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkloadSeen {
    /// Its uid.
    pub uid: Uid,
    /// Its resourceVersion.
    pub version: Version,
    /// The scale asked of it.
    pub replicas: u32,
    /// The scale in its [`crate::names::SCALE`] annotation.
    pub mark: Option<u32>,
    /// Unfinished pods that it owns.
    pub pods: u32,
    /// Those of them that are Ready and not being deleted.
    pub ready: u32,
    /// Why one of its pods is not Ready: the newest warning event about it, cleaned for terminals.
    pub trouble: Option<String>,
}
