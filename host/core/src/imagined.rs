//! An imagined cluster: the objects of one group, and what the cluster itself does with them.
//!
//! [`crate::forecast`] looks ahead on it, and the model checker searches every world that can follow on it. So here is
//! only what a Kubernetes cluster really does: writes with their preconditions (`execute`) and the moves of its own
//! controllers (`moves`). What to do next is never decided here, and no fault happens by itself.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::names;
use crate::observation::{self, Claim, ClaimSeen, Observation, Progress, User, Volume, WorkloadSeen};
use crate::record::{ClaimRecord, Purpose, Record, Uid, Version, WorkloadRef};

mod execute;
mod moves;

pub use moves::Move;

/// The objects of one group, as they truly are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Imagined {
    /// The time that new objects are created at.
    pub now: Timestamp,
    /// Where the claims, pods and workloads are.
    pub namespace: String,
    /// The destination class provisions only for a pod.
    pub binds_late: bool,
    /// By name, temporary ones too.
    pub claims: BTreeMap<String, Claim>,
    /// By name.
    pub volumes: BTreeMap<String, Volume>,
    /// By name, of everybody. A pod of ours for several claims is as many entries here, one a claim, that come, start and go
    /// together; see [`Pod::pod`].
    pub pods: BTreeMap<String, Pod>,
    /// The workloads of the group.
    pub workloads: BTreeMap<WorkloadRef, Workload>,
    /// The uids of the workloads that own a claim, by its name.
    pub owners: BTreeMap<String, Vec<Uid>>,
    /// Writes so far; numbers new uids and versions.
    pub writes: u64,
    /// Volumes provisioned so far; numbers their names.
    pub provisioned: u32,
}

/// A pod, ours or not; of one of ours for several claims, what is about one of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pod {
    /// The pod's own name.
    pub pod: String,
    /// Whose it is.
    pub owner: Owner,
    /// Its uid.
    pub uid: Uid,
    /// The claims it names.
    pub claims: Vec<String>,
    /// It has a node, so it holds the claims it names.
    pub placed: bool,
    /// Its deletion was asked for; its node has to stop it.
    pub leaving: bool,
    /// How far it is.
    pub progress: Progress,
    /// When it was created.
    pub created: Timestamp,
}

/// The owner of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Ours, or an interrupted run's of the reference tool.
    Ours {
        /// The claim it serves.
        claim: String,
        /// What it is for.
        purpose: Purpose,
        /// Which attempt it is.
        attempt: u32,
    },
    /// A workload's of the group.
    Workload(WorkloadRef),
    /// A pod that cannot be scaled down; it ends by itself some time.
    Other,
}

/// A workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Its uid.
    pub uid: Uid,
    /// Its resourceVersion.
    pub version: Version,
    /// The scale asked of it.
    pub replicas: u32,
    /// The scale in its annotation.
    pub mark: Option<u32>,
    /// The claims its pods name.
    pub claims: Vec<String>,
}

impl Pod {
    /// Tells whether the pod has ended, so that it holds no claim any more.
    pub fn is_finished(&self) -> bool {
        matches!(self.progress, Progress::Succeeded(_) | Progress::Failed { .. })
    }

    /// Tells whether the pod keeps `claim` from being removed (`pvc-protection`): finished or not, once it has a node.
    pub fn holds(&self, claim: &str) -> bool {
        self.placed && self.claims.iter().any(|named| named == claim)
    }

    /// Tells whether the pod names `claim` and may still come to use it.
    pub fn names(&self, claim: &str) -> bool {
        !self.is_finished() && self.claims.iter().any(|named| named == claim)
    }
}

impl Imagined {
    /// Returns a world without any object.
    pub fn empty(record: &Record, now: Timestamp) -> Self {
        Self {
            now,
            namespace: record.namespace.clone(),
            binds_late: record.asked.binds_late,
            claims: BTreeMap::new(),
            volumes: BTreeMap::new(),
            pods: BTreeMap::new(),
            workloads: BTreeMap::new(),
            owners: BTreeMap::new(),
            writes: 0,
            provisioned: 0,
        }
    }

    /// Imagines the world that an observation shows.
    pub fn of(record: &Record, seen: &Observation, now: Timestamp) -> Self {
        let mut world = Self::empty(record, now);
        for (workload, seen) in &seen.workloads {
            // Which of the group's claims it uses is not recorded. All of them is the safe guess.
            let claims: Vec<String> = record.claims.keys().cloned().collect();
            for index in 0..seen.pods {
                let name = format!("{}-{index}", workload.name);
                let pod = world.new_pod(&name, Owner::Workload(workload.clone()), claims.clone());
                world.pods.insert(name, Pod { placed: true, progress: Progress::Running, ..pod });
            }
            let WorkloadSeen { uid, version, replicas, mark, pods: _, ready: _, trouble: _ } = seen.clone();
            world.workloads.insert(workload.clone(), Workload { uid, version, replicas, mark, claims });
        }
        for (name, seen) in &seen.claims {
            world.place(record, name, seen);
        }
        world
    }

    fn place(&mut self, record: &Record, name: &str, seen: &ClaimSeen) {
        let (destination, source) = (names::destination_claim(name), names::source_claim(name));
        for (name, claim) in [(name, &seen.named), (&destination, &seen.destination), (&source, &seen.source)] {
            self.claims.extend(claim.iter().map(|claim| (name.to_owned(), claim.clone())));
        }
        for volume in [&seen.source_volume, &seen.destination_volume, &seen.other_volume].into_iter().flatten() {
            self.volumes.insert(volume.name.clone(), volume.clone());
        }
        for pod in &seen.pods {
            let owner = Owner::Ours { claim: name.to_owned(), purpose: pod.purpose, attempt: pod.attempt };
            let imagined = Pod {
                pod: pod.name.clone(),
                uid: pod.uid.clone(),
                claims: mounts(record, name, pod.purpose),
                placed: !matches!(pod.progress, Progress::Starting(_)),
                leaving: pod.leaving,
                progress: pod.progress.clone(),
                created: pod.created,
                owner,
            };
            let is_alone = pod.others.is_empty();
            self.pods.insert(if is_alone { pod.name.clone() } else { entry(&pod.name, name) }, imagined);
        }
        for user in &seen.users {
            let pod = self.new_pod(&user.pod, Owner::Other, vec![name.to_owned()]);
            let pod = Pod { placed: user.placed, ..pod };
            self.pods.entry(user.pod.clone()).or_insert(pod);
        }
    }

    /// Shows the world as a fresh and complete look would.
    pub fn observe(&self, record: &Record) -> Observation {
        let claims = record.claims.keys().map(|name| (name.clone(), self.observe_claim(record, name))).collect();
        let workloads = record.workloads.iter().filter_map(|recorded| {
            let workload = self.workloads.get(&recorded.workload)?;
            let is_its = |pod: &&Pod| pod.owner == Owner::Workload(recorded.workload.clone()) && !pod.is_finished();
            let its: Vec<&Pod> = self.pods.values().filter(is_its).collect();
            let is_ready = |pod: &&&Pod| pod.progress == Progress::Running && !pod.leaving;
            let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let (pods, ready) = (count(its.len()), count(its.iter().filter(is_ready).count()));
            let Workload { uid, version, replicas, mark, claims: _ } = workload.clone();
            Some((recorded.workload.clone(), WorkloadSeen { uid, version, replicas, mark, pods, ready, trouble: None }))
        });
        Observation { claims, workloads: workloads.collect() }
    }

    fn observe_claim(&self, record: &Record, name: &str) -> ClaimSeen {
        let (destination, source) = (names::destination_claim(name), names::source_claim(name));
        let temp = self.claims.get(&destination);
        let recorded = record.claims.get(name);
        let volume = recorded.and_then(|recorded| observation::destination_volume_name(recorded, temp));
        let mut users = Vec::new();
        let mut pods = Vec::new();
        for (pod_name, pod) in &self.pods {
            match &pod.owner {
                Owner::Ours { claim, purpose, attempt } if claim == name => pods.push(observation::Pod {
                    name: pod.pod.clone(),
                    uid: pod.uid.clone(),
                    purpose: *purpose,
                    attempt: *attempt,
                    others: self.others(pod_name, pod),
                    progress: pod.progress.clone(),
                    leaving: pod.leaving,
                    created: pod.created,
                }),
                Owner::Workload(_) | Owner::Other
                    if [name, &destination, &source].into_iter().any(|claim| pod.names(claim) || pod.holds(claim)) =>
                {
                    users.push(User {
                        pod: pod_name.clone(),
                        placed: pod.placed,
                        owned: matches!(pod.owner, Owner::Workload(_)),
                        since: pod.created,
                    });
                }
                Owner::Ours { .. } | Owner::Workload(_) | Owner::Other => {}
            }
        }
        let named = self.claims.get(name);
        ClaimSeen {
            other_volume: recorded
                .zip(named)
                .and_then(|(recorded, named)| observation::other_volume_name(recorded, named))
                .and_then(|other| self.volumes.get(other))
                .cloned(),
            named: named.cloned(),
            destination: temp.cloned(),
            source: self.claims.get(&source).cloned(),
            source_volume: recorded.and_then(|recorded| self.volumes.get(&recorded.source.name)).cloned(),
            destination_volume: volume.and_then(|volume| self.volumes.get(volume)).cloned(),
            users,
            pods,
        }
    }

    /// Names the other claims that a pod of ours is for.
    fn others(&self, entry: &str, pod: &Pod) -> Vec<String> {
        let entries = self.pods.iter().filter(|(name, other)| *name != entry && other.pod == pod.pod);
        let claim = |(_, other): (&String, &Pod)| match &other.owner {
            Owner::Ours { claim, .. } => Some(claim.clone()),
            Owner::Workload(_) | Owner::Other => None,
        };
        entries.filter_map(claim).collect()
    }

    /// Returns the names of a pod's entries.
    pub fn entries(&self, pod: &str) -> Vec<String> {
        self.pods.iter().filter(|(_, entry)| entry.pod == pod).map(|(name, _)| name.clone()).collect()
    }

    /// Returns a new pod that waits for a node.
    pub fn new_pod(&mut self, name: &str, owner: Owner, claims: Vec<String>) -> Pod {
        let (uid, _) = self.identity();
        let (pod, progress) = (name.to_owned(), Progress::Starting(None));
        Pod { pod, owner, uid, claims, placed: false, leaving: false, progress, created: self.now }
    }

    /// Returns a new claim that waits for its volume: `volume`, or any.
    pub fn new_claim(&mut self, volume: Option<String>, run: Option<String>) -> Claim {
        let (uid, version) = self.identity();
        Claim {
            uid,
            version,
            volume,
            bound: false,
            placed: false,
            terminating: false,
            run,
            touched: None,
            made_by_set: false,
            complete: true,
            fits: true,
            created: self.now,
            trouble: None,
        }
    }

    /// Returns a resourceVersion that no object has had.
    pub fn version(&mut self) -> Version {
        self.writes += 1;
        Version(format!("imagined-{}", self.writes))
    }

    fn identity(&mut self) -> (Uid, Version) {
        let version = self.version();
        (Uid(version.0.clone()), version)
    }
}

/// Tells whether the node that uses the claim's source volume is known.
fn has_node(record: &Record, claim: &str) -> bool {
    record.claims.get(claim).is_some_and(|recorded| recorded.source.node.is_some())
}

/// Names the entry of one claim of a pod for several.
fn entry(pod: &str, claim: &str) -> String {
    format!("{pod}/{claim}")
}

/// Names the claims that a pod of ours for `claim` mounts.
fn mounts(record: &Record, claim: &str, purpose: Purpose) -> Vec<String> {
    let destination = names::destination_claim(claim);
    match purpose {
        Purpose::Prime
            if has_node(record, claim) || record.claims.get(claim).is_some_and(ClaimRecord::is_for_one_pod) =>
        {
            vec![destination]
        }
        Purpose::Prime => vec![claim.to_owned(), destination],
        Purpose::Copy => vec![names::source_claim(claim), destination],
        Purpose::Warm | Purpose::Leftover => vec![claim.to_owned(), destination],
    }
}
