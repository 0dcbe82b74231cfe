//! The moves that the cluster's own controllers make: binder, provisioner, protection, workloads, scheduler, nodes.

use super::{Imagined, Owner, Workload};
use crate::copy_report::CopyReport;
use crate::observation::{Claim, Holder, Progress, RELEASED, Volume};
use crate::reach::Reach;
use crate::record::{Uid, WorkloadKind, WorkloadRef};

/// One thing that a controller of the cluster does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// The binder reserves the volume for the claim: first half of a binding.
    BindVolume {
        /// The volume.
        volume: String,
        /// The claim.
        claim: String,
    },
    /// The binder notes the volume on the claim: second half.
    BindClaim {
        /// The claim.
        claim: String,
        /// The volume.
        volume: String,
    },
    /// The provisioner makes a volume for the claim.
    Provision(String),
    /// A StatefulSet's controller creates the claim again, because it is missing.
    MakeClaim(String),
    /// A workload's controller makes a pod that is missing.
    MakePod(WorkloadRef),
    /// The scheduler gives the pod a node, and it starts.
    Place(String),
    /// A pass of ours ends well: the name of its entry.
    Succeed(String),
    /// The garbage collector deletes a claim none of whose owners exists.
    Collect(String),
    /// A deleted claim that no pod holds is removed.
    RemoveClaim(String),
    /// A volume whose claim is gone becomes released.
    Release(String),
    /// A released volume with `Delete` is removed, and its disk freed.
    Reclaim(String),
    /// A deleted volume that no claim has is removed; its disk stays.
    RemoveVolume(String),
    /// A pod that is being deleted, or one more than its workload wants, is gone.
    Stop(String),
    /// A pod that cannot be scaled down ends.
    End(String),
}

impl Imagined {
    /// Lists what the cluster may do next. Pods that stop, and others' pods that end, come last: only a person speeds them up.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (name, claim) in &self.claims {
            self.claim_moves(name, claim, &mut moves);
        }
        moves.extend(self.volumes.iter().filter_map(|(name, volume)| self.volume_move(name, volume)));
        for (name, workload) in &self.workloads {
            self.workload_moves(name, workload, &mut moves);
        }
        let mut last = Vec::new();
        for (name, pod) in &self.pods {
            let is_ours = matches!(pod.owner, Owner::Ours { .. });
            // The first of a pod's entries stands for the pod.
            let is_first =
                self.pods.values().find(|other| other.pod == pod.pod).is_some_and(|first| std::ptr::eq(first, pod));
            if is_first && !pod.placed && !pod.is_finished() && self.is_startable(&pod.pod) {
                moves.push(Move::Place(pod.pod.clone()));
            }
            if is_ours && pod.progress == Progress::Running && !pod.leaving {
                moves.push(Move::Succeed(name.clone()));
            }
            match &pod.owner {
                Owner::Ours { .. } if pod.leaving && is_first => last.push(Move::Stop(pod.pod.clone())),
                Owner::Workload(workload) if self.has_too_many(workload) => last.push(Move::Stop(name.clone())),
                Owner::Other if !pod.is_finished() => last.push(Move::End(name.clone())),
                Owner::Ours { .. } | Owner::Workload(_) | Owner::Other => {}
            }
        }
        moves.append(&mut last);
        moves
    }

    /// Tells whether the claims that a pod names are all bound, and none is being deleted.
    fn is_startable(&self, pod: &str) -> bool {
        let is_usable = |claim: &String| self.claims.get(claim).is_some_and(|c| c.bound && !c.terminating);
        self.pods.values().filter(|entry| entry.pod == pod).all(|entry| entry.claims.iter().all(is_usable))
    }

    fn claim_moves(&self, name: &str, claim: &Claim, moves: &mut Vec<Move>) {
        if claim.terminating {
            if !self.pods.values().any(|pod| pod.holds(name)) {
                moves.push(Move::RemoveClaim(name.to_owned()));
            }
            return;
        }
        let is_owner = |uid: &Uid| self.workloads.values().any(|workload| workload.uid == *uid);
        if self.owners.get(name).is_some_and(|owners| !owners.is_empty() && !owners.iter().any(is_owner)) {
            moves.push(Move::Collect(name.to_owned()));
        }
        if claim.bound {
            return;
        }
        match self.volumes.values().find(|volume| self.suits(volume, name, claim)) {
            Some(volume) if is_uid(volume, &claim.uid) => {
                moves.push(Move::BindClaim { claim: name.to_owned(), volume: volume.name.clone() });
            }
            Some(volume) => moves.push(Move::BindVolume { volume: volume.name.clone(), claim: name.to_owned() }),
            None if claim.volume.is_none() && (!self.binds_late || claim.placed || self.is_asked_for(name)) => {
                moves.push(Move::Provision(name.to_owned()));
            }
            None => {}
        }
    }

    /// Lists a workload's moves. A StatefulSet's pod waits until none of its claims is missing or Terminating; others'
    /// pods are made at once.
    fn workload_moves(&self, name: &WorkloadRef, workload: &Workload, moves: &mut Vec<Move>) {
        if self.pods_of(name) >= workload.replicas as usize {
            return;
        }
        let mut is_ready = true;
        for claim in workload.claims.iter().filter(|_| name.kind == WorkloadKind::StatefulSet) {
            let found = self.claims.get(claim);
            is_ready &= found.is_some_and(|found| !found.terminating);
            moves.extend(found.is_none().then(|| Move::MakeClaim(claim.clone())));
        }
        moves.extend(is_ready.then(|| Move::MakePod(name.clone())));
    }

    fn volume_move(&self, name: &str, volume: &Volume) -> Option<Move> {
        let holder = volume.holder.as_ref().filter(|holder| holder.uid.is_some());
        let claim = holder.and_then(|holder| self.claims.get(&holder.name));
        if claim.is_some_and(|claim| is_uid(volume, &claim.uid)) {
            None
        } else if holder.is_some() && volume.phase != RELEASED {
            Some(Move::Release(name.to_owned()))
        } else if holder.is_some() && volume.reclaim == "Delete" {
            Some(Move::Reclaim(name.to_owned()))
        } else {
            volume.terminating.map(|_| Move::RemoveVolume(name.to_owned()))
        }
    }

    /// Tells whether a volume suits a claim. An unreserved one suits any claim that names no volume: so ours are always
    /// reserved.
    fn suits(&self, volume: &Volume, name: &str, claim: &Claim) -> bool {
        let is_wanted = claim.volume.as_ref().is_none_or(|wanted| *wanted == volume.name);
        let is_free = match &volume.holder {
            None => true,
            Some(holder) => {
                holder.namespace == self.namespace
                    && holder.name == name
                    && holder.uid.as_ref().is_none_or(|uid| *uid == claim.uid)
            }
        };
        is_wanted && is_free && volume.terminating.is_none()
    }

    fn is_asked_for(&self, claim: &str) -> bool {
        self.pods.values().any(|pod| pod.names(claim))
    }

    fn has_too_many(&self, workload: &WorkloadRef) -> bool {
        self.workloads.get(workload).is_none_or(|found| self.pods_of(workload) > found.replicas as usize)
    }

    fn pods_of(&self, workload: &WorkloadRef) -> usize {
        self.pods.values().filter(|pod| pod.owner == Owner::Workload(workload.clone())).count()
    }

    /// Makes a move. One that is not possible any more changes nothing.
    pub fn make(&mut self, next: &Move) {
        match next {
            Move::BindVolume { volume, claim } => self.bind_volume(volume, claim),
            Move::BindClaim { claim, volume } => {
                let version = self.version();
                if let Some(claim) = self.claims.get_mut(claim) {
                    (claim.bound, claim.volume, claim.version) = (true, Some(volume.clone()), version);
                    claim.trouble = None;
                }
            }
            Move::Provision(claim) => self.provision(claim),
            Move::MakeClaim(name) => {
                let made = Claim { made_by_set: true, complete: false, ..self.new_claim(None, None) };
                self.claims.insert(name.clone(), made);
            }
            Move::MakePod(workload) => self.make_pod(workload),
            Move::Place(pod) => {
                for entry in self.pods.values_mut().filter(|entry| entry.pod == *pod) {
                    (entry.placed, entry.progress) = (true, Progress::Running);
                }
            }
            Move::Succeed(pod) => {
                if let Some(pod) = self.pods.get_mut(pod) {
                    pod.progress = Progress::Succeeded(Ok(CopyReport::default()));
                }
            }
            Move::Collect(claim) => {
                let version = self.version();
                if let Some(claim) = self.claims.get_mut(claim) {
                    (claim.terminating, claim.version) = (true, version);
                }
            }
            Move::RemoveClaim(claim) => {
                self.claims.remove(claim);
                self.owners.remove(claim);
            }
            Move::Release(volume) => {
                let version = self.version();
                if let Some(volume) = self.volumes.get_mut(volume) {
                    RELEASED.clone_into(&mut volume.phase);
                    volume.version = version;
                }
            }
            Move::Reclaim(volume) | Move::RemoveVolume(volume) => {
                self.volumes.remove(volume);
            }
            Move::Stop(pod) | Move::End(pod) => self.pods.retain(|_, entry| entry.pod != *pod),
        }
    }

    fn make_pod(&mut self, workload: &WorkloadRef) {
        let Some(claims) = self.workloads.get(workload).map(|workload| workload.claims.clone()) else { return };
        let name = |index: usize| format!("{}-{index}", workload.name);
        let Some(free) = (0..).map(name).find(|name| !self.pods.contains_key(name)) else { return };
        let pod = self.new_pod(&free, Owner::Workload(workload.clone()), claims);
        self.pods.insert(free, pod);
    }

    fn bind_volume(&mut self, volume: &str, claim: &str) {
        let version = self.version();
        let Some(uid) = self.claims.get(claim).map(|claim| claim.uid.clone()) else { return };
        if let Some(volume) = self.volumes.get_mut(volume) {
            volume.holder = Some(Holder { namespace: self.namespace.clone(), name: claim.to_owned(), uid: Some(uid) });
            BOUND.clone_into(&mut volume.phase);
            volume.version = version;
        }
    }

    fn next_volume(&mut self) -> String {
        self.provisioned += 1;
        format!("pvc-{}", self.provisioned)
    }

    /// Makes a volume, reserved for the claim with its uid at once; what is left is the binder's second half.
    fn provision(&mut self, claim: &str) {
        let mut name = self.next_volume();
        while self.volumes.contains_key(&name) {
            name = self.next_volume();
        }
        let version = self.version();
        let volume = Volume {
            name: name.clone(),
            uid: Uid(name.clone()),
            version,
            reclaim: "Delete".to_owned(),
            holder: None,
            phase: BOUND.to_owned(),
            terminating: None,
            reach: Reach::default(),
        };
        self.volumes.insert(name.clone(), volume);
        self.bind_volume(&name, claim);
    }
}

const BOUND: &str = "Bound";

fn is_uid(volume: &Volume, uid: &Uid) -> bool {
    volume.holder.as_ref().is_some_and(|holder| holder.uid.as_ref() == Some(uid))
}
