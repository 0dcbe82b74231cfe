//! Workloads: brought down before the fence, kept down behind it, and brought back.

use super::{Look, Next};
use crate::observation::WorkloadSeen;
use crate::record::WorkloadRecord;
use crate::step::Step;
use crate::waiting::{Awaited, Waiting};

/// Marks every workload of the group that is not marked. A workload that is gone needs nothing.
pub(super) fn mark(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look).filter(|(_, seen)| seen.mark.is_none()) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        next.steps.push(Step::MarkWorkload { workload, version, replicas: scale_of(recorded, seen) });
    }
}

/// Stops every workload of the group that is up, or that has lost its mark.
pub(super) fn bring_down(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look).filter(|(_, seen)| seen.mark.is_none() || seen.replicas > 0) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        next.steps.push(Step::StopWorkload { workload, version, replicas: scale_of(recorded, seen) });
    }
}

/// Returns the scale to come back to. A mark counts: who scaled up since did not know of us. Without one the scale that the
/// workload has now counts, because hours may have passed since the record was begun.
fn scale_of(recorded: &WorkloadRecord, seen: &WorkloadSeen) -> u32 {
    let present = Some(seen.replicas).filter(|replicas| *replicas > 0);
    seen.mark.or(present).unwrap_or(recorded.replicas)
}

/// Waits until no workload of the group has a pod left.
pub(super) fn await_no_pods(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look).filter(|(_, seen)| seen.pods > 0) {
        let since = look.record.stopped.unwrap_or(look.now);
        next.waits.push(Waiting {
            on: Awaited::SourcePodsGone,
            of: recorded.workload.to_string(),
            trouble: Some(format!("{} left", seen.pods)),
            deadline: Some(Look::after(since, look.record.asked.limits.stop_seconds)),
        });
    }
}

/// Brings every workload back to its scale, and takes the mark off with the same write.
pub(super) fn bring_back(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        // Without the mark the scale is somebody else's business, except for one still at 0: a mark may be lost to a
        // tool that resets annotations.
        let replicas = seen.mark.unwrap_or(recorded.replicas);
        if seen.mark.is_some() || (seen.replicas == 0 && replicas > 0) {
            next.steps.push(Step::StartWorkload { workload, version, replicas });
        }
    }
}

fn existing<'a>(look: &Look<'a>) -> impl Iterator<Item = (&'a WorkloadRecord, &'a WorkloadSeen)> + use<'a> {
    let seen = &look.seen.workloads;
    look.record.workloads.iter().filter_map(move |recorded| Some((recorded, seen.get(&recorded.workload)?)))
}
