//! What is true of every group at every moment, written once and checked everywhere: after each transition of the model,
//! after each write of the embedded tests, and after each look of a debug build.
//!
//! They speak of the cluster as it truly is. A look that read objects at different moments may seem to break one.

use std::fmt;

use crate::decide::Named;
use crate::names;
use crate::observation::{Claim, ClaimSeen, Observation, Pod, Progress, Volume};
use crate::record::{ClaimRecord, Goal, Outcome, Purpose, Record, WorkloadRecord};

/// An invariant that does not hold, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    /// A stable code.
    pub code: &'static str,
    /// The claim or workload.
    pub about: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code, self.about, self.message)
    }
}

/// Finds every invariant that does not hold.
pub fn violations(record: &Record, seen: &Observation) -> Vec<Violation> {
    let mut found = Vec::new();
    let nothing = ClaimSeen::default();
    for (name, claim) in &record.claims {
        let seen = seen.claims.get(name).unwrap_or(&nothing);
        let mut claim = Checked { record, claim, name, seen, found: &mut found };
        claim.data_is_kept();
        claim.volumes_are_reserved();
        claim.evidence_comes_first();
        claim.copies_run_alone();
        claim.source_is_kept_until_ready();
        claim.end_is_whole();
    }
    for workload in &record.workloads {
        check_workload(record, workload, seen, &mut found);
    }
    found
}

struct Checked<'a> {
    record: &'a Record,
    claim: &'a ClaimRecord,
    name: &'a str,
    seen: &'a ClaimSeen,
    found: &'a mut Vec<Violation>,
}

impl Checked<'_> {
    fn report(&mut self, code: &'static str, message: String) {
        let about = format!("claim {}/{}", self.record.namespace, self.name);
        self.found.push(Violation { code, about, message });
    }

    /// Tells whether the destination is what counts: all copies proven, no way back.
    fn is_over_there(&self) -> bool {
        self.record.proven() && self.record.goal == Goal::Forward
    }

    /// Checks that the volume with the data exists, and is `Retain` whenever no claim of the right name holds it.
    fn data_is_kept(&mut self) {
        let (which, name, volume) = if self.is_over_there() {
            let name = self.claim.destination.as_ref().map(|volume| volume.name.as_str());
            ("destination", name.unwrap_or("unknown"), &self.seen.destination_volume)
        } else {
            ("source", self.claim.source.name.as_str(), &self.seen.source_volume)
        };
        match volume {
            None => self.report("data-gone", format!("the {which} volume {name} with its data does not exist")),
            Some(volume) if !volume.is_retained() && !self.is_held_by_name(volume) => {
                let message =
                    format!("the {which} volume {name} with its data is {}, and no claim holds it", volume.reclaim);
                self.report("data-unprotected", message);
            }
            Some(_) => {}
        }
    }

    /// Tells whether the claim of the recorded name is bound to the volume and stays so.
    fn is_held_by_name(&self, volume: &Volume) -> bool {
        let is_it = |claim: &Claim| claim.volume.as_ref() == Some(&volume.name) && !claim.terminating;
        self.seen.named.as_ref().is_some_and(is_it)
    }

    /// Checks that neither volume is ever free for any claim to take.
    fn volumes_are_reserved(&mut self) {
        let own = [self.name.to_owned(), names::destination_claim(self.name), names::source_claim(self.name)];
        for volume in [&self.seen.source_volume, &self.seen.destination_volume].into_iter().flatten() {
            match &volume.holder {
                Some(holder) if holder.namespace == self.record.namespace && own.contains(&holder.name) => {}
                Some(holder) => {
                    let message =
                        format!("volume {} is in the hands of {}/{}", volume.name, holder.namespace, holder.name);
                    self.report("volume-taken", message);
                }
                None => self.report("volume-free", format!("volume {} may be taken by any claim", volume.name)),
            }
        }
    }

    /// Checks that a copy counts only behind the fence, and that no claim of the name is on the destination before all
    /// copies count.
    fn evidence_comes_first(&mut self) {
        let has_moved = matches!(self.named(), Named::Final(claim) if claim.bound);
        if has_moved && !self.is_over_there() {
            self.report("moved-unproven", "the claim is on its new volume before all copies are proven".to_owned());
        }
        if matches!(self.named(), Named::Original(_)) && self.claim.evidence.is_some() {
            self.report("copied-unfenced", "its copy counts although the original claim exists".to_owned());
        }
    }

    /// Checks that no claim of the name lets a workload write to either volume while the copy that counts runs.
    fn copies_run_alone(&mut self) {
        let copies = |pod: &&Pod| pod.purpose == Purpose::Copy && pod.progress == Progress::Running;
        let is_bound = match self.named() {
            Named::Original(_) => true,
            Named::Final(claim) | Named::Restored(claim) => claim.bound,
            Named::Nothing | Named::Outdated(_) | Named::Stray(_) | Named::Foreign => false,
        };
        if is_bound && let Some(pod) = self.seen.pods.iter().find(copies) {
            self.report("copy-beside-claim", format!("pod {} copies while the claim exists", pod.name));
        }
    }

    fn named(&self) -> Named<'_> {
        Named::of(&self.record.run, self.claim, self.seen)
    }

    /// Checks that the source volume is there, and outlives its claim, until the workload was seen to run on the new one.
    fn source_is_kept_until_ready(&mut self) {
        let is_awaited = self.is_over_there() && self.record.stopped.is_some() && !self.record.workloads.is_empty();
        if !is_awaited || self.record.ready.is_some() {
            return;
        }
        let kept = |volume: &Volume| volume.is_retained() && volume.terminating.is_none();
        if !self.seen.source_volume.as_ref().is_some_and(kept) {
            let message = format!("volume {} is given up before the workload was Ready", self.claim.source.name);
            self.report("disposed-unready", message);
        }
    }

    /// Checks that an end is complete: the claim is bound where it should be, and nothing of ours touches its volume.
    ///
    /// A write that a dead process had sent may arrive after the end and leave a temporary claim or a pod behind. These
    /// do no harm: neither volume of the claim is reserved for such a temporary claim any more, so at most an empty new
    /// volume is provisioned for it; and a pod starts only when all its claims are bound. `cleanup` removes them.
    fn end_is_whole(&mut self) {
        let Some(ended) = &self.record.ended else { return };
        let named = Named::of(&self.record.run, self.claim, self.seen);
        let claim = match &ended.how {
            Outcome::Migrated | Outcome::NotReady(_) => {
                if let Named::Final(claim) = named {
                    Some(claim)
                } else {
                    None
                }
            }
            Outcome::RolledBack(_) => {
                if let Named::Original(claim) | Named::Restored(claim) = named {
                    Some(claim)
                } else {
                    None
                }
            }
        };
        if claim.is_some_and(|claim| claim.run.is_some() || claim.touched.is_some()) {
            self.report("ended-with-marks", "the migration has ended, but marks of ours are on the claim".to_owned());
        }
        if claim.is_some_and(|claim| !claim.complete && self.claim.uid.as_ref() != Some(&claim.uid)) {
            self.report("ended-incomplete", "the claim lacks labels or annotations that the original had".to_owned());
        }
        if !claim.is_some_and(|claim| claim.bound && !claim.terminating) {
            self.report(
                "ended-unbound",
                "the migration has ended, but the claim is not bound where it should be".to_owned(),
            );
        }
        let source = self.claim.source.name.as_str();
        let destination = self.claim.destination.as_ref().map(|volume| volume.name.as_str());
        let (own, volume) = match &ended.how {
            Outcome::Migrated | Outcome::NotReady(_) => {
                (vec![Some(source), destination], &self.seen.destination_volume)
            }
            Outcome::RolledBack(_) => (vec![Some(source)], &self.seen.source_volume),
        };
        let on_ours = |temp: &&Claim| temp.bound && own.contains(&temp.volume.as_deref());
        if [&self.seen.source, &self.seen.destination].into_iter().flatten().any(|temp| on_ours(&temp)) {
            self.report("ended-with-temp", "the migration has ended, but a temporary claim holds a volume".to_owned());
        }
        if let Some(volume) = volume.as_ref().filter(|volume| volume.reclaim != self.claim.source.reclaim) {
            let message = format!("the migration has ended, but volume {} is still {}", volume.name, volume.reclaim);
            self.report("ended-retained", message);
        }
    }
}

/// Checks that a workload that we brought down is marked, and that none is down or marked after the end.
fn check_workload(record: &Record, workload: &WorkloadRecord, seen: &Observation, found: &mut Vec<Violation>) {
    let Some(seen) = seen.workloads.get(&workload.workload) else { return };
    let mut report = |code, message: &str| {
        let about = format!("{}/{}", record.namespace, workload.workload);
        found.push(Violation { code, about, message: message.to_owned() });
    };
    let is_down = seen.replicas == 0 && workload.replicas > 0;
    if record.ended.is_some() {
        if is_down {
            report("ended-down", "the migration has ended, but the workload is at 0");
        }
        if seen.mark.is_some() {
            report("ended-marked", "the migration has ended, but the workload is still marked");
        }
    } else if is_down && seen.mark.is_none() && record.stopped.is_some() {
        report("down-unmarked", "it is at 0, and nothing on it says what it was");
    }
}
