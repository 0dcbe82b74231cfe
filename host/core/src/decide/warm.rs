//! Warm passes: the way between a claim's two volumes, proven while the workload runs, and most of the bytes moved on it.

use super::next::{Next, after};
use super::temporary;
use super::view::{Named, Pair, View};
use crate::blocker::Code;
use crate::observation::{Pod, Progress};
use crate::record::{Fact, Purpose, Retry, WarmFailure, WarmPass};
use crate::step::Step;
use crate::waiting::{Awaited, Waiting};

/// A pass that took no longer than this leaves so little for the next that the workload may be stopped. Most of it is the
/// start of a pod.
const SHORT_SECONDS: u32 = 10;

/// What is left of a claim's warm passes.
enum Left {
    /// Nothing: the way is proven, or none is wanted.
    Nothing,
    /// One more.
    Pass(NextPass),
    /// It has failed for good.
    Failed(String),
}

/// The pass to be made next.
pub(super) struct NextPass {
    /// Which one, from 1; failed ones count.
    pub(super) attempt: u32,
    /// What the one before failed with, and how long to wait after that.
    pub(super) failed: Option<(String, jiff::Timestamp)>,
}

/// Makes the warm passes that are wanted, then clears every pod of ours away: none may hold the claim at the fence.
pub(super) fn decide(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let pass = match left(view, pair) {
        Left::Nothing => {
            temporary::clear_pods(view, pair, next);
            return;
        }
        Left::Failed(message) => {
            view.give_up(next, Code::CopyFailed, pair, message);
            return;
        }
        Left::Pass(pass) => pass,
    };
    let mut warm = pair.seen.pods.iter().filter(|pod| pod.purpose == Purpose::Warm);
    if let Some(pod) = warm.clone().find(|pod| pod.attempt == pass.attempt) {
        watch(view, pair, pod, next);
        return;
    }
    if let Some(earlier) = warm.next() {
        temporary::delete_pod(view, pair, earlier, next);
        return;
    }
    if let Some((why, deadline)) = pass.failed.filter(|(_, deadline)| view.now < *deadline) {
        let wait = pair.wait(Awaited::NextAttempt);
        next.waits.push(Waiting { trouble: Some(why), deadline: Some(deadline), ..wait });
        return;
    }
    let (claims, purpose) = (vec![pair.name.to_owned()], Purpose::Warm);
    next.steps.push(Step::StartPod { claims, purpose, attempt: pass.attempt });
}

/// Returns the warm pass that the claim needs next, if any is wanted and possible.
pub(super) fn next_pass(view: &View<'_>, pair: &Pair<'_>) -> Option<NextPass> {
    match left(view, pair) {
        Left::Pass(pass) => Some(pass),
        Left::Nothing | Left::Failed(_) => None,
    }
}

/// Passes are made until a round of the group was short, so that no claim waits behind the stop for what was written while
/// another one's pass took hours.
fn left(view: &View<'_>, pair: &Pair<'_>) -> Left {
    let asked = &view.record.asked;
    if asked.warm_passes == 0 || !view.is_up() || !is_mountable_twice(pair) {
        return Left::Nothing;
    }
    let passes = &pair.record.warm_passes;
    let Some(last) = passes.last() else {
        return Left::Pass(NextPass { attempt: 1, failed: None });
    };
    let attempt = last.attempt + 1;
    let Some(failure) = &last.failure else {
        let made = passes.iter().filter(|pass| pass.failure.is_none()).count();
        let last_of = |pair: Pair<'_>| pair.record.warm_passes.last().map(|pass| pass.seconds);
        let longest = view.claims().filter_map(last_of).max().unwrap_or_default();
        let is_enough = made >= asked.warm_passes as usize || longest <= SHORT_SECONDS;
        return if is_enough { Left::Nothing } else { Left::Pass(NextPass { attempt, failed: None }) };
    };
    let failed = pair.record.failed_warm_passes();
    let why = &failure.reason;
    if pair.record.has_failed_warm(asked.limits.attempts) {
        return Left::Failed(match failed.len() {
            1 => format!("the warm pass failed, and so would the final one: {why}"),
            count => format!("{count} warm passes failed, the last one: {why}"),
        });
    }
    let failures = u32::try_from(failed.len()).unwrap_or(u32::MAX);
    let deadline = after(last.at, asked.limits.pause_after(failures));
    Left::Pass(NextPass { attempt, failed: Some((why.clone(), deadline)) })
}

/// Tells whether a pod of ours may mount the claim beside the pod that uses it.
fn is_mountable_twice(pair: &Pair<'_>) -> bool {
    let is_original = matches!(pair.named(), Named::Original(claim) if !claim.terminating);
    is_original && !pair.record.is_for_one_pod()
}

/// Follows the pod of a pass to its end, and notes that.
fn watch(view: &View<'_>, pair: &Pair<'_>, pod: &Pod, next: &mut Next) {
    let failure = match &pod.progress {
        Progress::Starting(trouble) => {
            let deadline = after(pod.created, view.record.asked.limits.start_seconds);
            if view.now < deadline {
                let wait = pair.wait(Awaited::WarmPassEnded);
                next.waits.push(Waiting { trouble: trouble.clone(), deadline: Some(deadline), ..wait });
                return;
            }
            let why = trouble.as_deref().unwrap_or("no event says why");
            // Alone, one of several claims may start: a node has no room for too many volumes.
            let retry = if pod.others.is_empty() { Retry::Never } else { Retry::Again };
            Some((format!("its pod {} did not start in time: {why}", pod.name), retry))
        }
        Progress::Running => {
            next.waits.push(pair.wait(Awaited::WarmPassEnded));
            return;
        }
        Progress::Succeeded(Ok(_)) => None,
        // The flags hide the totals, or the log was cut short.
        Progress::Succeeded(Err(why)) => Some((why.clone(), Retry::Once)),
        Progress::Failed { why, retry } => Some((why.clone(), *retry)),
    };
    let seconds = view.now.duration_since(pod.created).as_secs();
    let pass = WarmPass {
        attempt: pod.attempt,
        at: view.now,
        seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        failure: failure.map(|(reason, retry)| WarmFailure { reason, retry }),
    };
    next.steps.push(Step::Note(Fact::Warmed { claim: pair.name.to_owned(), pass }));
}
