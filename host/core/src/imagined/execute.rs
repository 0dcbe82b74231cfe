//! The writes: each step's effect, under the same preconditions that the API server checks.

use super::{Imagined, Workload, has_node, mounts};
use crate::names;
use crate::observation::{Claim, Holder, RETAIN, Touch, Volume};
use crate::owner::Owner;
use crate::ports::Done;
use crate::record::{Record, Version, WorkloadRef};
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
            Step::StartPod { claim, purpose, attempt } => {
                let name = names::pod(&record.run, claim, *purpose, *attempt);
                if !self.pods.contains_key(&name) {
                    let owner = super::Owner::Ours { claim: claim.clone(), purpose: *purpose, attempt: *attempt };
                    let pod = self.new_pod(owner, mounts(record, claim, *purpose));
                    self.pods.insert(name, pod);
                }
                Done::Applied
            }
            Step::DeletePod { pod, uid, .. } => match self.pods.get_mut(pod) {
                None => Done::Applied,
                Some(found) if found.uid != *uid => Done::Stale,
                Some(found) if found.placed && !found.is_finished() => {
                    found.leaving = true;
                    Done::Applied
                }
                Some(_) => {
                    self.pods.remove(pod);
                    Done::Applied
                }
            },
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
