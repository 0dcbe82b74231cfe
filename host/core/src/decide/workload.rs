//! Workloads: brought down before the fence, kept down behind it, and brought back.

use super::{Look, Next};
use crate::observation::WorkloadSeen;
use crate::record::WorkloadRecord;
use crate::step::Step;
use crate::waiting::{Awaited, Waiting};

/// Marks every workload of the group that is not marked. A workload that is gone needs nothing.
pub(super) fn mark(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look).filter(|(_, seen)| seen.mark.is_none()) {
        next.steps.push(mark_of(recorded, seen));
    }
}

/// Marks and scales down every workload of the group that is up.
pub(super) fn bring_down(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look) {
        if seen.mark.is_none() {
            // First the note, then the deed: whoever finds a workload at 0 also finds what it was.
            next.steps.push(mark_of(recorded, seen));
        } else if seen.replicas > 0 {
            next.steps.push(Step::ScaleDown { workload: recorded.workload.clone(), version: seen.version.clone() });
        }
    }
}

/// The scale that the workload has now counts: hours may have passed since the record was begun.
fn mark_of(recorded: &WorkloadRecord, seen: &WorkloadSeen) -> Step {
    let replicas = if seen.replicas > 0 { seen.replicas } else { recorded.replicas };
    Step::MarkWorkload { workload: recorded.workload.clone(), version: seen.version.clone(), replicas }
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

/// Brings every workload back to its scale, then takes the mark off.
pub(super) fn bring_back(look: &Look<'_>, next: &mut Next) {
    for (recorded, seen) in existing(look) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        // Without the mark the scale is somebody else's business, except for one still at 0: a mark may be lost to a
        // tool that resets annotations.
        let is_down = seen.replicas == 0 || seen.mark.is_some();
        let replicas = seen.mark.unwrap_or(recorded.replicas);
        if is_down && seen.replicas != replicas {
            next.steps.push(Step::ScaleUp { workload, version, replicas });
        } else if seen.mark.is_some() {
            next.steps.push(Step::UnmarkWorkload { workload, version });
        }
    }
}

fn existing<'a>(look: &Look<'a>) -> impl Iterator<Item = (&'a WorkloadRecord, &'a WorkloadSeen)> + use<'a> {
    let seen = &look.seen.workloads;
    look.record.workloads.iter().filter_map(move |recorded| Some((recorded, seen.get(&recorded.workload)?)))
}
