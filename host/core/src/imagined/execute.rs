//! The writes: each step's effect, under the same preconditions that the API server checks.

use super::{Imagined, Pod, Workload, entry, has_node, mounts};
use crate::names;
use crate::observation::{Claim, Holder, RETAIN, Touch, Volume};
use crate::owner::Owner;
use crate::ports::Done;
use crate::record::{Purpose, Record, Uid, Version, WorkloadRef};
use crate::step::{Reserved, Side, Step, Target};

impl Imagined {
    /// Does one step as one conditional write. [`Step::Note`] is not a write to the cluster and changes nothing here.
    pub fn execute(&mut self, record: &Record, step: &Step) -> Done {
        match step {
            Step::Note(_) => Done::Applied,
            Step::RetainSource { volume, .. }
            | Step::RetainDestination { volume, .. }
            | Step::RetainStray { volume, .. } => {
                self.change_volume(volume, |volume| RETAIN.clone_into(&mut volume.reclaim))
            }
            Step::RestoreReclaim { volume, policy, .. } => {
                self.change_volume(volume, |volume| policy.clone_into(&mut volume.reclaim))
            }
            Step::DeleteSourceVolume { volume, .. } => {
                let now = self.now;
                self.change_volume(volume, |volume| volume.terminating = Some(now))
            }
            Step::Reserve { claim, volume, holder, .. } => self.reserve(claim, volume, *holder),
            Step::CreateDestination { claim, volume } => {
                let placed = self.binds_late && has_node(record, claim);
                self.create(names::destination_claim(claim), volume.clone(), placed, record)
            }
            Step::CreateSourceTemp { claim } => {
                let volume = record.claims.get(claim).map(|claim| claim.source.name.clone());
                self.create(names::source_claim(claim), volume, false, record)
            }
            Step::CreateFinalClaim { claim } => {
                let destination = record.claims.get(claim).and_then(|claim| claim.destination.as_ref());
                self.create(claim.clone(), destination.map(|volume| volume.name.clone()), false, record)
            }
            Step::RestoreOriginalClaim { claim } => {
                let volume = record.claims.get(claim).map(|claim| claim.source.name.clone());
                self.create(claim.clone(), volume, false, record)
            }
            Step::AdoptDestination { target, .. } => {
                self.change_claim(target, |claim| claim.run = Some(record.run.clone()))
            }
            Step::Touch { target, at, .. } => {
                let touch = Touch { run: record.run.clone(), at: *at };
                self.change_claim(target, |claim| claim.touched = Some(touch))
            }
            Step::Unmark { target, owners, .. } => self.unmark(target, owners),
            Step::DeleteOriginalClaim { target, .. } | Step::FreeName { target, .. } => {
                self.change_claim(target, |claim| claim.terminating = true)
            }
            Step::DeleteTemp { claim, side, target } => self.delete_temp(claim, *side, target),
            Step::StartPod { claims, purpose, attempt } => self.start_pod(record, claims, *purpose, *attempt),
            Step::DeletePod { pod, uid, .. } => self.delete_pod(pod, uid),
            Step::MarkWorkload { workload, version, replicas } => {
                self.change_workload(workload, version, |seen| seen.mark = Some(*replicas))
            }
            Step::StopWorkload { workload, version, replicas } => {
                self.change_workload(workload, version, |seen| (seen.replicas, seen.mark) = (0, Some(*replicas)))
            }
            Step::StartWorkload { workload, version, replicas } => {
                self.change_workload(workload, version, |seen| (seen.replicas, seen.mark) = (*replicas, None))
            }
        }
    }

    fn start_pod(&mut self, record: &Record, claims: &[String], purpose: Purpose, attempt: u32) -> Done {
        let Some(first) = claims.first() else { return Done::Applied };
        let name = names::pod(&record.run, first, purpose, attempt);
        if !self.entries(&name).is_empty() {
            return Done::Applied;
        }
        let (uid, _) = self.identity();
        for claim in claims {
            let owner = super::Owner::Ours { claim: claim.clone(), purpose, attempt };
            let pod = Pod { uid: uid.clone(), ..self.new_pod(&name, owner, mounts(record, claim, purpose)) };
            self.pods.insert(if claims.len() == 1 { name.clone() } else { entry(&name, claim) }, pod);
        }
        Done::Applied
    }

    /// Deletes a pod. One that has a node and has not ended is stopped by that node; see [`super::Move::Stop`].
    fn delete_pod(&mut self, pod: &str, uid: &Uid) -> Done {
        let entries = self.entries(pod);
        let is_it = |found: &Pod| found.uid == *uid;
        if !entries.iter().filter_map(|name| self.pods.get(name)).all(is_it) {
            return Done::Stale;
        }
        let is_up = |found: &Pod| found.placed && !found.is_finished();
        let has_to_stop = entries.iter().filter_map(|name| self.pods.get(name)).any(is_up);
        for name in entries {
            match self.pods.get_mut(&name) {
                Some(found) if has_to_stop => found.leaving = true,
                Some(_) | None => drop(self.pods.remove(&name)),
            }
        }
        Done::Applied
    }

    /// Creates a claim if the name is free; the next look shows whose claim has it then.
    fn create(&mut self, name: String, volume: Option<String>, placed: bool, record: &Record) -> Done {
        if !self.claims.contains_key(&name) {
            let claim = Claim { placed, ..self.new_claim(volume, Some(record.run.clone())) };
            self.claims.insert(name, claim);
        }
        Done::Applied
    }

    /// Takes our marks off a claim. The real one asks for the owners a moment before it writes; here nothing comes in
    /// between.
    fn unmark(&mut self, target: &Target, owners: &[Owner]) -> Done {
        let is_there = |owner: &Owner| self.workloads.get(&owner.workload).is_some_and(|found| found.uid == owner.uid);
        if !owners.iter().all(is_there) {
            return Done::Stale;
        }
        let done = self.change_claim(target, |claim| (claim.run, claim.touched, claim.complete) = (None, None, true));
        if done == Done::Applied && !owners.is_empty() {
            self.owners.insert(target.name.clone(), owners.iter().map(|owner| owner.uid.clone()).collect());
        }
        done
    }

    /// Deletes by uid alone: a temporary claim is ours whatever was written to it meanwhile.
    fn delete_temp(&mut self, claim: &str, side: Side, target: &Target) -> Done {
        let name = match side {
            Side::Source => names::source_claim(claim),
            Side::Destination => names::destination_claim(claim),
        };
        let version = self.version();
        match self.claims.get_mut(&name) {
            None => Done::Applied,
            Some(temp) if temp.uid != target.uid => Done::Stale,
            Some(temp) => {
                (temp.terminating, temp.version) = (true, version);
                Done::Applied
            }
        }
    }

    fn reserve(&mut self, claim: &str, volume: &Target, holder: Reserved) -> Done {
        let name = match holder {
            Reserved::SourceTemp => names::source_claim(claim),
            Reserved::DestinationTemp => names::destination_claim(claim),
            Reserved::ClaimName => claim.to_owned(),
        };
        let holder = Holder { namespace: self.namespace.clone(), name, uid: None };
        self.change_volume(volume, |volume| volume.holder = Some(holder))
    }

    fn change_claim(&mut self, target: &Target, change: impl FnOnce(&mut Claim)) -> Done {
        let version = self.version();
        match self.claims.get_mut(&target.name) {
            Some(claim) if claim.uid == target.uid && claim.version == target.version => {
                change(claim);
                claim.version = version;
                Done::Applied
            }
            Some(_) | None => Done::Stale,
        }
    }

    fn change_volume(&mut self, target: &Target, change: impl FnOnce(&mut Volume)) -> Done {
        let version = self.version();
        match self.volumes.get_mut(&target.name) {
            Some(volume) if volume.uid == target.uid && volume.version == target.version => {
                change(volume);
                volume.version = version;
                Done::Applied
            }
            Some(_) | None => Done::Stale,
        }
    }

    fn change_workload(
        &mut self,
        workload: &WorkloadRef,
        version: &Version,
        change: impl FnOnce(&mut Workload),
    ) -> Done {
        let fresh = self.version();
        match self.workloads.get_mut(workload) {
            Some(workload) if workload.version == *version => {
                change(workload);
                workload.version = fresh;
                Done::Applied
            }
            Some(_) | None => Done::Stale,
        }
    }
}
