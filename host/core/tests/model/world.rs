//! The world that is checked: the cluster, the record, the processes, and what is on the disks.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_core::imagined::{Imagined, Move, Owner, Pod};
use pvmigrate_core::observation::Progress;
use pvmigrate_core::record::{Purpose, Record, WorkloadRef};
use pvmigrate_core::step::Step;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The objects.
    pub cluster: Imagined,
    /// The record as it is stored.
    pub record: Arc<Record>,
    /// The processes that migrate.
    pub processes: Vec<Process>,
    /// What is on each volume's disk.
    pub disks: BTreeMap<String, Disk>,
    /// The volumes of claims that a StatefulSet made, each with whether a pod has had it.
    pub strays: BTreeMap<String, bool>,
    /// The passes that run, by the name of their entry among the pods.
    pub copiers: BTreeMap<String, Copier>,
    /// The volume that the pod a person made has mounted, even when its claim is gone.
    pub bare_mount: Option<String>,
    /// A process has seen that a name was free and left it so.
    pub left_free: bool,
    /// As many pods as before have run on the new volumes.
    pub has_run: bool,
    /// How many writes the workloads have made to each claim: what its disk must hold.
    pub written: BTreeMap<String, u8>,
    /// What may still happen.
    pub budget: Budget,
}

/// A process: what it has decided and not yet done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Process {
    /// The steps left, with the preconditions of the look they were decided from.
    pub pending: Vec<Step>,
    /// Somebody else has saved the record since that look, so this process cannot.
    pub is_overtaken: bool,
    /// What its caches show, when they lag.
    pub cache: Option<Box<Imagined>>,
}

/// The contents of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// All writes up to this one, whole.
    Holds(u8),
    /// Nothing, or part of one writing and part of another.
    Torn,
}

/// What is known of a copy under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Copier {
    /// The destination held all the source holds when it started: there is nothing to send.
    pub is_idle: bool,
    /// The source was written to, or another copy died beside it: it may end well and yet leave a torn disk.
    pub is_spoilt: bool,
}

/// The limits on what people and accidents still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Writes by the workloads' pods.
    pub writes: u8,
    /// Claims that a StatefulSet makes because they are missing.
    pub made_claims: u8,
    /// Times a person deletes a workload, leaving its pods, and creates it again.
    pub made_anew: u8,
    /// Times a person scales a workload up.
    pub scale_ups: u8,
    /// Pods with `nodeName` that a person creates on a Terminating claim.
    pub bare_pods: u8,
    /// Claims of the original name that a person creates behind the fence; any can be deleted again.
    pub foreign_claims: u8,
    /// Claims of another name that wait for any volume.
    pub strangers: u8,
    /// Pods of ours that fail.
    pub failures: u8,
    /// Aborts by a user.
    pub aborts: u8,
    /// Jumps of time past every deadline.
    pub jumps: u8,
    /// Workload pods that never end once they are asked to.
    pub hung_pods: u8,
    /// Temporary claims on the destination class that a person deletes.
    pub lost_temps: u8,
    /// Times the provisioner takes back the node that was chosen for a claim.
    pub full_nodes: u8,
}

impl World {
    /// Makes a move of the cluster, and changes the disks as it does.
    pub fn make(&mut self, next: &Move) {
        match next {
            Move::Place(pod) => {
                self.cluster.make(next);
                for entry in self.cluster.entries(pod) {
                    self.stray_is_used(&entry);
                    self.copier_starts(&entry);
                }
            }
            Move::Succeed(pod) => {
                self.copier_succeeds(pod);
                self.cluster.make(next);
            }
            Move::Stop(pod) | Move::End(pod) => {
                for entry in self.cluster.entries(pod) {
                    self.copier_dies(&entry, true);
                }
                self.cluster.make(next);
            }
            // Behind a volume that is removed as `Retain` the disk stays, but nothing of ours ever finds it again.
            Move::Reclaim(volume) | Move::RemoveVolume(volume) => {
                self.disks.remove(volume);
                self.cluster.make(next);
            }
            Move::Provision(claim) => {
                let is_stray = self.cluster.claims.get(claim).is_some_and(|claim| claim.made_by_set);
                self.cluster.make(next);
                let is_new = |volume: &&String| !self.strays.contains_key(*volume) && !self.disks.contains_key(*volume);
                let fresh = self.cluster.volumes.keys().find(is_new).cloned();
                match fresh {
                    Some(volume) if is_stray => self.strays.extend([(volume, false)]),
                    Some(volume) => self.disks.extend([(volume, Disk::Torn)]),
                    None => {}
                }
            }
            Move::MakeClaim(_) => {
                self.budget.made_claims -= 1;
                self.cluster.make(next);
            }
            Move::BindVolume { .. }
            | Move::BindClaim { .. }
            | Move::MakePod(_)
            | Move::Collect(_)
            | Move::RemoveClaim(_)
            | Move::Release(_) => {
                self.cluster.make(next);
            }
        }
    }

    /// Names the source and the destination volume of a pod that copies.
    fn route(&self, pod: &str) -> Option<(String, String)> {
        let pod = self.cluster.pods.get(pod)?;
        let is_copier = matches!(pod.owner, Owner::Ours { purpose: Purpose::Copy | Purpose::Warm, .. });
        let [source, destination] = pod.claims.as_slice() else { return None };
        is_copier.then_some(())?;
        Some((self.volume_of(source)?, self.volume_of(destination)?))
    }

    /// Names the volume that a claim of this name is bound to.
    pub fn volume_of(&self, claim: &str) -> Option<String> {
        self.cluster.claims.get(claim).filter(|claim| claim.bound)?.volume.clone()
    }

    /// Notes when the whole group runs on its new volumes.
    pub fn note_run(&mut self) {
        let is_there = |name: &String| {
            let destination = self.record.claims[name].destination.as_ref().map(|volume| &volume.name);
            destination.is_some() && self.volume_of(name).as_ref() == destination
        };
        let is_up = |pod: &Pod| pod.progress == Progress::Running;
        let runs = |workload: &WorkloadRef| {
            let mut pods = self.cluster.pods.values().filter(|pod| is_up(pod));
            pods.any(|pod| pod.owner == Owner::Workload(workload.clone()))
        };
        let wanted = self.record.workloads.iter().filter(|recorded| recorded.ready != Some(0));
        self.has_run |= self.record.claims.keys().all(is_there) && wanted.map(|it| &it.workload).all(runs);
    }

    fn stray_is_used(&mut self, pod: &str) {
        let claims = self.cluster.pods.get(pod).map(|pod| pod.claims.clone()).unwrap_or_default();
        let volumes: Vec<String> = claims.iter().filter_map(|claim| self.volume_of(claim)).collect();
        for volume in volumes {
            self.strays.entry(volume).and_modify(|used| *used = true);
        }
    }

    fn copier_starts(&mut self, pod: &str) {
        let Some((source, destination)) = self.route(pod) else { return };
        let is_idle = self.disks.get(&source) == self.disks.get(&destination)
            && !matches!(self.disks.get(&destination), Some(Disk::Torn));
        if !is_idle {
            self.disks.insert(destination, Disk::Torn);
        }
        self.copiers.insert(pod.to_owned(), Copier { is_idle, is_spoilt: false });
    }

    fn copier_succeeds(&mut self, pod: &str) {
        let Some((source, destination)) = self.route(pod) else { return };
        let Some(copier) = self.copiers.remove(pod) else { return };
        let source = self.disks.get(&source).copied().unwrap_or(Disk::Torn);
        self.disks.insert(destination, if copier.is_spoilt { Disk::Torn } else { source });
    }

    /// Lets a copy die, which tears the destination. One that had nothing to send tears nothing, unless we killed it:
    /// then the model is harsher than rsync, so that killing a pod is never harmless.
    pub fn copier_dies(&mut self, pod: &str, is_killed: bool) {
        let route = self.route(pod);
        let (Some(copier), Some((_, destination))) = (self.copiers.remove(pod), route) else { return };
        if copier.is_idle && !is_killed {
            return;
        }
        self.spoil(|_, to| to == destination);
        self.disks.insert(destination, Disk::Torn);
    }

    fn spoil(&mut self, which: impl Fn(&str, &str) -> bool) {
        let names: Vec<String> = self.copiers.keys().cloned().collect();
        for name in names {
            if self.route(&name).is_some_and(|(from, to)| which(&from, &to))
                && let Some(copier) = self.copiers.get_mut(&name)
            {
                copier.is_spoilt = true;
            }
        }
    }

    /// Lets a pod that is not ours write to a claim's volume.
    pub fn write(&mut self, claim: &str, volume: &str) {
        let Some(disk) = self.disks.get(volume).copied() else { return };
        let written = self.written.entry(claim.to_owned()).or_default();
        let is_copied_over = |world: &Self| {
            let onto = |pod: &String| world.route(pod).is_some_and(|(_, to)| to == volume);
            world.copiers.keys().any(onto)
        };
        let now = match disk {
            Disk::Holds(count) if count == *written => {
                *written += 1;
                if is_copied_over(self) { Disk::Torn } else { Disk::Holds(count + 1) }
            }
            Disk::Holds(_) | Disk::Torn => Disk::Torn,
        };
        self.disks.insert(volume.to_owned(), now);
        self.spoil(|from, _| from == volume);
    }

    /// Lists the claims that pods which are not ours use, each with the volume mounted for it.
    pub fn users(&self) -> impl Iterator<Item = (&String, String)> {
        self.cluster.pods.values().flat_map(move |pod| {
            let is_up = pod.placed && pod.progress == Progress::Running && !matches!(pod.owner, Owner::Ours { .. });
            pod.claims.iter().filter(move |_| is_up).filter_map(move |claim| {
                let volume = match pod.owner {
                    Owner::Other => self.bare_mount.clone(),
                    Owner::Ours { .. } | Owner::Workload(_) => self.volume_of(claim),
                };
                Some((claim, volume?))
            })
        })
    }
}
