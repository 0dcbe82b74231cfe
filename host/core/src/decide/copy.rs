//! The downtime: workloads down, the fence, and behind it the copy that counts.

use super::next::{Next, after};
use super::view::{Named, Pair, View, claim_target, volume_target};
use super::{name, passes, temporary, workload};
use crate::blocker::Code;
use crate::names;
use crate::observation::{Pod, Progress};
use crate::record::{CopyFailure, Evidence, Fact, Purpose, Retry};
use crate::step::{Reserved, Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Brings the workloads down, fences every claim, and copies those that are fenced.
pub(super) fn decide(view: &View<'_>, next: &mut Next) {
    if view.record.stopped.is_none() {
        await_strangers(view, next);
        if !next.is_clear() {
            return;
        }
    }
    workload::stop(view, next);
    if view.record.stopped.is_none() {
        return;
    }
    let quiet = is_quiet(view, next);
    for pair in view.claims().filter(|pair| pair.record.evidence.is_none()) {
        match pair.named() {
            Named::Original(claim) if claim.terminating => {
                clear_helpers(view, &pair, next);
                next.waits.push(pair.wait(Awaited::OriginalGone));
            }
            Named::Original(claim) if quiet => next.steps.push(Step::DeleteOriginalClaim {
                claim: pair.name.to_owned(),
                target: claim_target(pair.name.to_owned(), claim),
            }),
            Named::Original(_) => {} // the waits for the group to be quiet are there already
            Named::Nothing => behind_the_fence(view, &pair, next),
            Named::Final(claim) if !claim.bound => behind_the_fence(view, &pair, next),
            Named::Outdated(_) | Named::Stray(_) => {} // removed before anything else
            Named::Final(_) | Named::Restored(_) | Named::Foreign => pair.foreign(view, next),
        }
    }
    passes::share(view, next);
}

/// Deletes warm and priming pods that a late step of another process has started, and those that the reference tool has left:
/// even finished, they would hold the claim for ever.
fn clear_helpers(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    for pod in pair.seen.pods.iter().filter(|pod| pod.purpose != Purpose::Copy) {
        temporary::delete_pod(view, pair, pod, next);
    }
}

/// Tells whether no pod is left that could write to any volume of the group; adds what is awaited until then.
fn is_quiet(view: &View<'_>, next: &mut Next) -> bool {
    workload::await_no_pods(view, next);
    let before_fence = view.claims().filter(|pair| matches!(pair.named(), Named::Original(_)));
    for pair in before_fence {
        await_users(view, &pair, false, next);
    }
    next.is_clear()
}

/// Waits, before anything is stopped, for pods that stopping the workloads would not end: those that are being deleted,
/// and those created since the plan. Gives up when they stay; nothing has been stopped then.
fn await_strangers(view: &View<'_>, next: &mut Next) {
    for pair in view.claims().filter(|pair| matches!(pair.named(), Named::Original(_))) {
        let strangers = || pair.seen.users.iter().filter(|user| !user.owned);
        let pods = strangers().map(|user| user.pod.as_str()).collect::<Vec<_>>().join(", ");
        let Some(latest) = strangers().map(|user| user.since).max() else { continue };
        let deadline = after(latest, view.record.asked.limits.stop_seconds);
        if view.now >= deadline {
            let message = format!("pods that no workload of the group owns still use it: {pods}");
            view.give_up(next, Code::PodsRemain, &pair, message);
        } else {
            let wait = pair.wait(Awaited::SourcePodsGone);
            next.waits.push(Waiting { trouble: Some(pods), deadline: Some(deadline), ..wait });
        }
    }
}

/// Waits for pods that use the claim, and gives up when they stay.
///
/// Behind the fence only pods with a node count: the others are not given one while the claim is Pending.
fn await_users(view: &View<'_>, pair: &Pair<'_>, placed_only: bool, next: &mut Next) {
    let pods: Vec<&str> =
        pair.seen.users.iter().filter(|user| user.placed || !placed_only).map(|user| user.pod.as_str()).collect();
    if pods.is_empty() {
        return;
    }
    let since = view.record.stopped.unwrap_or(view.now);
    let deadline = after(since, view.record.asked.limits.stop_seconds);
    let pods = pods.join(", ");
    if view.now >= deadline {
        view.give_up(next, Code::PodsRemain, pair, format!("pods still use it: {pods}"));
    } else {
        next.waits.push(Waiting {
            trouble: Some(pods),
            deadline: Some(deadline),
            ..pair.wait(Awaited::SourcePodsGone)
        });
    }
}

fn behind_the_fence(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let found = next.waits.len() + next.steps.len();
    await_users(view, pair, true, next);
    if next.waits.len() + next.steps.len() > found {
        return;
    }
    let claim = pair.name.to_owned();
    let Some(source) = &pair.seen.source_volume else { return }; // prepare has reported it
    if !source.is_reserved_for(&view.record.namespace, &names::source_claim(pair.name)) {
        let (side, holder) = (Side::Source, Reserved::SourceTemp);
        next.steps.push(Step::Reserve { claim, side, volume: volume_target(source), holder });
        return;
    }
    match &pair.seen.source {
        None => next.steps.push(Step::CreateSourceTemp { claim }),
        Some(temp) if temp.run.as_ref() != Some(&view.record.run) => {
            temporary::in_the_way(view, pair, &names::source_claim(pair.name), temp, next);
        }
        Some(temp) if temp.terminating => temporary::await_going(view, pair, next),
        Some(temp) if !temp.bound => {
            name::await_binding(view, pair, names::source_claim(pair.name), temp, Awaited::SourceTempBound, next);
        }
        Some(_) => pods(view, pair, next),
    }
}

/// Takes the copy pods one attempt at a time: run, note how it went, try again.
///
/// A failed pod stays until the temporary claims are gone: its name keeps a late twin of it from running beside a later
/// attempt.
fn pods(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let is_present = |pod: &&Pod| pod.purpose == Purpose::Copy && !is_noted(pair, pod);
    let is_tombstone = |pod: &&Pod| pod.purpose == Purpose::Copy && is_noted(pair, pod) && pod.is_finished();
    let (present, others): (Vec<&Pod>, Vec<&Pod>) = pair.seen.pods.iter().partition(is_present);
    let strays: Vec<&Pod> = others.into_iter().filter(|pod| !is_tombstone(pod)).collect();
    if strays.is_empty() {
        attempt(view, pair, &present, next);
    } else if present.is_empty() {
        for pod in strays {
            temporary::delete_pod(view, pair, pod, next);
        }
    } else {
        // It may die while the present one writes, and nothing would show it.
        let reason = "another pod had the destination mounted at the same time";
        next.steps.extend(present.iter().map(|pod| note_failure(view, pair, pod, reason, Retry::Again)));
    }
}

fn is_noted(pair: &Pair<'_>, pod: &Pod) -> bool {
    pair.record.failures.iter().any(|failure| failure.attempt == pod.attempt)
}

fn note_failure(view: &View<'_>, pair: &Pair<'_>, pod: &Pod, reason: &str, retry: Retry) -> Step {
    let failure = CopyFailure { attempt: pod.attempt, at: view.now, reason: reason.to_owned(), retry };
    Step::Note(Fact::CopyFailed { claim: pair.name.to_owned(), failure })
}

/// Decides on the copy pods at hand. Two at once are possible when two processes run. All must end well before one
/// counts: one that dies beside the others may leave half a file behind.
fn attempt(view: &View<'_>, pair: &Pair<'_>, pods: &[&Pod], next: &mut Next) {
    let waits = next.waits.len() + next.steps.len() + next.blockers.len();
    for pod in pods {
        match &pod.progress {
            Progress::Running => next.waits.push(pair.wait(Awaited::CopyFinished)),
            Progress::Starting(trouble) => await_start(view, pair, pod, trouble.as_ref(), next),
            Progress::Succeeded(_) | Progress::Failed { .. } => {}
        }
    }
    if next.waits.len() + next.steps.len() + next.blockers.len() > waits {
        return;
    }
    if pods.iter().any(|pod| matches!(pod.progress, Progress::Failed { .. } | Progress::Succeeded(Err(_)))) {
        // A success beside a failure does not count either.
        next.steps.extend(pods.iter().map(|pod| {
            let (reason, retry) = reason(pod);
            note_failure(view, pair, pod, reason, retry)
        }));
        return;
    }
    let mut successes = pods.iter().filter_map(|pod| match &pod.progress {
        Progress::Succeeded(Ok(report)) => Some((pod.attempt, *report)),
        Progress::Succeeded(Err(_)) | Progress::Failed { .. } | Progress::Running | Progress::Starting(_) => None,
    });
    match successes.next_back() {
        Some((attempt, report)) => {
            let evidence = Evidence::Copied { attempt, report, at: view.now };
            next.steps.push(Step::Note(Fact::Copied { claim: pair.name.to_owned(), evidence }));
        }
        None => next_attempt(view, pair, next),
    }
}

fn reason(pod: &Pod) -> (&str, Retry) {
    match &pod.progress {
        Progress::Failed { why, retry } => (why, *retry),
        // Its output was cut short, or the flags hide the totals: the next one tells.
        Progress::Succeeded(Err(why)) => (why, Retry::Once),
        Progress::Succeeded(Ok(_)) | Progress::Running | Progress::Starting(_) => {
            ("another copy failed at the same time", Retry::Again)
        }
    }
}

/// Waits for a pod to start. Another one would not start either, so the attempts do not count; and deleted, it could
/// come back as a late twin. One of several claims is another matter: a node may have no room for so many volumes.
fn await_start(view: &View<'_>, pair: &Pair<'_>, pod: &Pod, trouble: Option<&String>, next: &mut Next) {
    let deadline = after(pod.created, view.record.asked.limits.start_seconds);
    if view.now >= deadline {
        let why = trouble.map_or("no event says why", String::as_str);
        let message = format!("its copy pod {} did not start in time: {why}", pod.name);
        if pod.others.is_empty() {
            view.give_up(next, Code::CopyFailed, pair, message);
        } else {
            next.steps.push(note_failure(view, pair, pod, &message, Retry::Again));
        }
    } else {
        let (trouble, deadline) = (trouble.cloned(), Some(deadline));
        next.waits.push(Waiting { trouble, deadline, ..pair.wait(Awaited::CopyStarted) });
    }
}

fn next_attempt(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let limits = &view.record.asked.limits;
    let attempt = match pair.record.last_failure() {
        None => 1,
        Some(last) if pair.record.has_failed(limits.attempts) => {
            let message = match last.attempt {
                1 => format!("the copy failed, and would fail again: {}", last.reason),
                count => format!("{count} copies failed, the last one: {}", last.reason),
            };
            view.give_up(next, Code::CopyFailed, pair, message);
            return;
        }
        Some(last) => {
            let deadline = after(last.at, limits.pause_after(last.attempt));
            if view.now < deadline {
                next.waits.push(Waiting {
                    trouble: Some(last.reason.clone()),
                    deadline: Some(deadline),
                    ..pair.wait(Awaited::NextAttempt)
                });
                return;
            }
            last.attempt + 1
        }
    };
    next.steps.push(Step::StartPod { claims: vec![pair.name.to_owned()], purpose: Purpose::Copy, attempt });
}
