//! The downtime: workloads down, the fence, and behind it the copy that counts.

use super::{Look, Named, Next, Pair, claim_target, cutover, prepare, volume_target, workload};
use crate::blocker::Code;
use crate::copy_report::CopyReport;
use crate::names;
use crate::observation::{Pod, Progress};
use crate::record::{CopyFailure, Evidence, Fact, Purpose};
use crate::step::{Reserved, Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Brings the workloads down, fences every claim, and copies those that are fenced.
pub(super) fn decide(look: &Look<'_>, next: &mut Next) {
    if look.record.stopped.is_none() {
        next.steps.push(Step::Note(Fact::Stopping { at: look.now }));
        return;
    }
    workload::bring_down(look, next);
    let quiet = is_quiet(look, next);
    for pair in look.claims().filter(|pair| pair.record.evidence.is_none()) {
        match pair.named() {
            Named::Original(claim) if claim.terminating => next.waits.push(pair.wait(Awaited::OriginalGone)),
            Named::Original(claim) if quiet => next.steps.push(Step::DeleteOriginalClaim {
                claim: pair.name.to_owned(),
                target: claim_target(pair.name.to_owned(), claim),
            }),
            Named::Original(_) => {} // the waits for the group's quiet are there already
            Named::Nothing => behind_the_fence(look, &pair, next),
            Named::Final(_) | Named::Restored(_) | Named::Foreign => pair.foreign(look, next),
        }
    }
}

/// Tells whether no pod is left that could write to any volume of the group; adds what is awaited until then.
fn is_quiet(look: &Look<'_>, next: &mut Next) -> bool {
    let up = next.steps.len();
    workload::await_no_pods(look, next);
    let before_fence = look.claims().filter(|pair| matches!(pair.named(), Named::Original(_)));
    for pair in before_fence {
        await_users(look, &pair, false, next);
    }
    up == 0 && next.waits.is_empty() && next.steps.is_empty() && next.blockers.is_empty()
}

/// Waits for pods that use the claim, and gives up when they stay.
///
/// Behind the fence only pods with a node count: the others can never mount a claim that does not exist.
fn await_users(look: &Look<'_>, pair: &Pair<'_>, placed_only: bool, next: &mut Next) {
    let pods: Vec<&str> =
        pair.seen.users.iter().filter(|user| user.placed || !placed_only).map(|user| user.pod.as_str()).collect();
    if pods.is_empty() {
        return;
    }
    let since = look.record.stopped.unwrap_or(look.now);
    let deadline = Look::after(since, look.record.asked.limits.stop_seconds);
    let pods = pods.join(", ");
    if look.now >= deadline {
        look.give_up(next, Code::PodsRemain, pair, format!("pods still use it: {pods}"));
    } else {
        next.waits.push(Waiting {
            trouble: Some(pods),
            deadline: Some(deadline),
            ..pair.wait(Awaited::SourcePodsGone)
        });
    }
}

fn behind_the_fence(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) {
    let found = next.waits.len() + next.steps.len();
    await_users(look, pair, true, next);
    if next.waits.len() + next.steps.len() > found {
        return;
    }
    let claim = pair.name.to_owned();
    let Some(source) = &pair.seen.source_volume else { return }; // prepare has reported it
    if !source.is_reserved_for(&look.record.namespace, &names::source_claim(pair.name)) {
        let (side, holder) = (Side::Source, Reserved::SourceTemp);
        next.steps.push(Step::Reserve { claim, side, volume: volume_target(source), holder });
        return;
    }
    match &pair.seen.source {
        None => next.steps.push(Step::CreateSourceTemp { claim }),
        Some(temp) if temp.run.as_ref() != Some(&look.record.run) => {
            prepare::in_the_way(look, pair, &names::source_claim(pair.name), temp, next);
        }
        Some(temp) if temp.terminating => next.waits.push(pair.wait(Awaited::TempsGone)),
        Some(temp) if !temp.bound => {
            let trouble = temp.trouble.clone();
            next.waits.push(Waiting { trouble, ..pair.wait(Awaited::SourceTempBound) });
        }
        Some(_) => pods(look, pair, next),
    }
}

/// Takes the copy pods one attempt at a time: run, note how it went, clear away, try again.
fn pods(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) {
    let is_current = |pod: &&Pod| pod.purpose == Purpose::Copy && !is_noted(pair, pod);
    let (current, stale): (Vec<&Pod>, Vec<&Pod>) = pair.seen.pods.iter().partition(is_current);
    for pod in &stale {
        cutover::delete_pod(pair, pod, next);
    }
    if !stale.is_empty() {
        return;
    }
    // Two at once are possible when two processes run. All must end well: one that dies among the others' files may
    // leave half of one behind.
    match verdict(look, pair, &current) {
        Copy::None => next_attempt(look, pair, next),
        Copy::Running(waiting) => next.waits.push(waiting),
        Copy::Failed(failures) => {
            let note = |failure| Step::Note(Fact::CopyFailed { claim: pair.name.to_owned(), failure });
            next.steps.extend(failures.into_iter().map(note));
        }
        Copy::Succeeded { attempt, report } => {
            let evidence = Evidence::Copied { attempt, report, at: look.now };
            next.steps.push(Step::Note(Fact::Copied { claim: pair.name.to_owned(), evidence }));
        }
    }
}

fn is_noted(pair: &Pair<'_>, pod: &Pod) -> bool {
    pair.record.failures.iter().any(|failure| failure.attempt == pod.attempt)
}

enum Copy {
    None,
    Running(Waiting),
    Failed(Vec<CopyFailure>),
    Succeeded { attempt: u32, report: CopyReport },
}

fn verdict(look: &Look<'_>, pair: &Pair<'_>, pods: &[&Pod]) -> Copy {
    let mut best = None;
    let mut failures = Vec::new();
    let mut running = None;
    for pod in pods {
        let failed = |reason: &str| CopyFailure { attempt: pod.attempt, at: look.now, reason: reason.to_owned() };
        match &pod.progress {
            Progress::Succeeded(Ok(report)) => best = Some(Copy::Succeeded { attempt: pod.attempt, report: *report }),
            Progress::Succeeded(Err(reason)) | Progress::Failed(reason) => failures.push(failed(reason)),
            Progress::Running => running = Some(pair.wait(Awaited::CopyFinished)),
            Progress::Starting(trouble) => {
                let deadline = Look::after(pod.created, look.record.asked.limits.start_seconds);
                if look.now < deadline {
                    let (trouble, deadline) = (trouble.clone(), Some(deadline));
                    running = Some(Waiting { trouble, deadline, ..pair.wait(Awaited::CopyStarted) });
                } else {
                    failures.push(failed(trouble.as_deref().unwrap_or("the pod did not start in time")));
                }
            }
        }
    }
    match (running, failures.is_empty()) {
        (Some(waiting), _) => Copy::Running(waiting),
        (None, false) => {
            // A success beside a failure does not count either: note it, so that its pod is cleared away too.
            let beside = |pod: &&&Pod| failures.iter().all(|failure| failure.attempt != pod.attempt);
            let reason = "another copy failed beside it".to_owned();
            let more: Vec<CopyFailure> = pods
                .iter()
                .filter(beside)
                .map(|pod| CopyFailure { attempt: pod.attempt, at: look.now, reason: reason.clone() })
                .collect();
            failures.extend(more);
            Copy::Failed(failures)
        }
        (None, true) => best.unwrap_or(Copy::None),
    }
}

fn next_attempt(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) {
    let limits = &look.record.asked.limits;
    let attempt = match pair.record.failures.iter().max_by_key(|failure| failure.attempt) {
        None => 1,
        Some(last) if last.attempt >= limits.attempts => {
            let message = format!("{} copies failed, the last one: {}", last.attempt, last.reason);
            look.give_up(next, Code::CopyFailed, pair, message);
            return;
        }
        Some(last) => {
            let pause = limits.retry_seconds.saturating_mul(2_u32.saturating_pow(last.attempt.saturating_sub(1)));
            let deadline = Look::after(last.at, pause);
            if look.now < deadline {
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
    next.steps.push(Step::StartPod { claim: pair.name.to_owned(), purpose: Purpose::Copy, attempt });
}
