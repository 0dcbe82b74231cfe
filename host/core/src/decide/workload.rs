//! Workloads: brought down before the fence, kept down behind it, and brought back.

use super::next::{Next, after};
use super::view::View;
use crate::observation::WorkloadSeen;
use crate::record::{Fact, WorkloadRecord};
use crate::step::Step;
use crate::waiting::{Awaited, Waiting};

/// Marks every workload of the group that is not marked. A workload that is gone needs nothing.
pub(super) fn mark(view: &View<'_>, next: &mut Next) {
    for (recorded, seen) in existing(view).filter(|(_, seen)| seen.mark.is_none()) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        next.steps.push(Step::MarkWorkload { workload, version, replicas: scale_of(recorded, seen) });
    }
}

/// Stops the workloads; the stop is noted before anything is done to them.
pub(super) fn stop(view: &View<'_>, next: &mut Next) {
    if view.record.stopped.is_some() {
        bring_down(view, next);
    } else if existing(view).any(|(_, seen)| is_outdated(view, seen)) {
        for (recorded, seen) in existing(view).filter(|(_, seen)| is_outdated(view, seen)) {
            let (workload, version) = (recorded.workload.clone(), seen.version.clone());
            next.steps.push(Step::MarkWorkload { workload, version, replicas: seen.replicas });
        }
    } else {
        let up = existing(view).filter(|(_, seen)| seen.mark.is_none() || seen.replicas > 0);
        let ready = up.map(|(recorded, seen)| (recorded.workload.clone(), seen.ready)).collect();
        next.steps.push(Step::Note(Fact::Stopping { at: view.now, ready }));
    }
}

/// Tells whether a workload is up with the mark of an interrupted run: somebody has scaled it up since, and that scale counts.
fn is_outdated(view: &View<'_>, seen: &WorkloadSeen) -> bool {
    view.record.stopped.is_none() && seen.replicas > 0 && seen.mark.is_some_and(|mark| mark != seen.replicas)
}

/// Stops every workload of the group that is up, or that has lost its mark.
fn bring_down(view: &View<'_>, next: &mut Next) {
    for (recorded, seen) in existing(view).filter(|(_, seen)| seen.mark.is_none() || seen.replicas > 0) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        next.steps.push(Step::StopWorkload { workload, version, replicas: scale_of(recorded, seen) });
    }
}

/// Returns the scale to come back to. A mark counts: whoever has scaled up since did not know about us. Without one the
/// present scale counts, because hours may have passed since the record was started.
fn scale_of(recorded: &WorkloadRecord, seen: &WorkloadSeen) -> u32 {
    let present = Some(seen.replicas).filter(|replicas| *replicas > 0);
    seen.mark.or(present).unwrap_or(recorded.replicas)
}

/// Waits until no workload of the group has a pod left.
pub(super) fn await_no_pods(view: &View<'_>, next: &mut Next) {
    for (recorded, seen) in existing(view).filter(|(_, seen)| seen.pods > 0) {
        let since = view.record.stopped.unwrap_or(view.now);
        next.waits.push(Waiting {
            on: Awaited::SourcePodsGone,
            of: recorded.workload.to_string(),
            trouble: Some(format!("{} left", seen.pods)),
            deadline: Some(after(since, view.record.asked.limits.stop_seconds)),
        });
    }
}

/// Brings every workload back to its scale, and takes the mark off with the same write.
pub(super) fn bring_back(view: &View<'_>, next: &mut Next) {
    for (recorded, seen) in existing(view) {
        let (workload, version) = (recorded.workload.clone(), seen.version.clone());
        // Without the mark the scale is left as it is, except at 0: a mark may be lost to a tool that resets
        // annotations. Once all were started, a scale of 0 is intended.
        let replicas = if is_outdated(view, seen) { seen.replicas } else { seen.mark.unwrap_or(recorded.replicas) };
        let is_left_down = seen.replicas == 0 && replicas > 0 && view.record.started.is_none();
        if seen.mark.is_some() || is_left_down {
            next.steps.push(Step::StartWorkload { workload, version, replicas });
        }
    }
}

/// Waits until as many pods are Ready as before the stop, or as are wanted now if that is fewer. Returns what is not Ready at
/// the deadline, in words.
///
/// Nobody knows how many pods of a workload that was found down had been Ready; one shows that it runs. Asking for more
/// may be too much: of pods that share a ReadWriteOnce claim, those on other nodes wait for ever. A group that was
/// turned back before it was stopped has not changed.
pub(super) fn await_ready(view: &View<'_>, next: &mut Next) -> Option<String> {
    let was_down = view.record.stopped.is_some() || view.is_forward();
    if view.record.ready.is_some() || view.record.workloads.is_empty() || !was_down {
        return None;
    }
    let wanted = |recorded: &WorkloadRecord, seen: &WorkloadSeen| recorded.ready.unwrap_or(1).min(seen.replicas);
    let late: Vec<_> = existing(view).filter(|(recorded, seen)| seen.ready < wanted(recorded, seen)).collect();
    if late.is_empty() {
        next.steps.push(Step::Note(Fact::Ready { at: view.now }));
        return None;
    }
    let Some(since) = view.record.started else {
        next.steps.push(Step::Note(Fact::Started { at: view.now }));
        return None;
    };
    let words = |(recorded, seen): &(&WorkloadRecord, &WorkloadSeen)| {
        let trouble = seen.trouble.as_ref().map_or_else(String::new, |trouble| format!(": {trouble}"));
        format!("{} of {} pods Ready{trouble}", seen.ready, wanted(recorded, seen))
    };
    let deadline = after(since, view.record.asked.limits.ready_seconds);
    if view.now >= deadline {
        let named = late.iter().map(|late| format!("{}: {}", late.0.workload, words(late)));
        return Some(named.collect::<Vec<_>>().join("; "));
    }
    next.waits.extend(late.iter().map(|late| Waiting {
        on: Awaited::PodsReady,
        of: late.0.workload.to_string(),
        trouble: Some(words(late)),
        deadline: Some(deadline),
    }));
    None
}

fn existing<'a>(view: &View<'a>) -> impl Iterator<Item = (&'a WorkloadRecord, &'a WorkloadSeen)> + use<'a> {
    let seen = &view.seen.workloads;
    view.record.workloads.iter().filter_map(move |recorded| Some((recorded, seen.get(&recorded.workload)?)))
}
