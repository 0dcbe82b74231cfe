//! What a migration makes only for a while: the temporary claims and the pods, awaited and cleared away.

use super::next::Next;
use super::view::{Pair, View, claim_target};
use crate::blocker::{Blocker, Code};
use crate::names;
use crate::observation::{Claim, Pod, Progress};
use crate::record::Purpose;
use crate::step::{Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Waits for a temporary claim that is being deleted; deletes our pods, because even a finished one would keep it for ever.
pub(super) fn await_going(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    clear_pods(view, pair, next);
    next.waits.push(pair.wait(Awaited::TempsGone));
}

/// Reports a claim that has the name of a temporary claim of ours.
pub(super) fn in_the_way(view: &View<'_>, pair: &Pair<'_>, name: &str, temp: &Claim, next: &mut Next) {
    let of = match &temp.run {
        Some(run) => format!("it belongs to the migration {run}"),
        None => "its class, size or access modes do not fit".to_owned(),
    };
    next.blockers.push(Blocker {
        code: Code::ForeignTempClaim,
        cause: None,
        about: view.about(pair),
        message: format!("a claim {name} is in the way: {of}"),
        hint: format!(
            "if nobody needs it, run: pvmigrate cleanup --namespace {0}, or kubectl delete pvc -n {0} {name}",
            view.record.namespace
        ),
    });
}

/// Clears the temporary claims and then the pods away; tells whether all are gone.
///
/// The claims are deleted first, and the pods only once that is seen: a finished pod is the tombstone that keeps a late
/// twin of it from starting, and no pod that names a Terminating claim is scheduled. Waiting until the claims are
/// *gone* would never end: a placed pod keeps its claims, finished or not, for as long as its object exists
/// (`podUsesPVC` in Kubernetes' pvc-protection controller).
///
/// A pod that still runs once the copy is proven is such a twin already. It has nothing to send and ends by itself;
/// killed midway, with flags that write files in place, it would leave half a file behind.
pub(super) fn clear_away(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let steps = next.steps.len();
    let temps_gone = clear_temps(view, pair, next);
    if next.steps.len() > steps {
        return false;
    }
    for pod in &pair.seen.pods {
        if pair.side(view) == Side::Destination && pod.progress == Progress::Running && !pod.leaving {
            next.waits.push(pair.wait(Awaited::CopyFinished));
        } else {
            delete_pod(view, pair, pod, next);
        }
    }
    temps_gone && pair.seen.pods.is_empty()
}

/// Deletes both temporary claims of this run, and the one that the reference tool was killed at before it deleted it; tells
/// whether they are gone. Others' claims are not ours to delete.
fn clear_temps(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let source = (Side::Source, &pair.seen.source, names::source_claim(pair.name));
    let destination = (Side::Destination, &pair.seen.destination, names::destination_claim(pair.name));
    let mut gone = true;
    for (side, temp, name) in [source, destination] {
        let Some(temp) = temp.as_ref().filter(|temp| is_to_go(view, pair, temp)) else { continue };
        gone = false;
        if temp.terminating {
            next.waits.push(pair.wait(Awaited::TempsGone));
        } else {
            let target = claim_target(name, temp);
            next.steps.push(Step::DeleteTemp { claim: pair.name.to_owned(), side, target });
        }
    }
    gone
}

fn is_to_go(view: &View<'_>, pair: &Pair<'_>, temp: &Claim) -> bool {
    match &temp.run {
        Some(run) => *run == view.record.run,
        None => {
            let new = pair.record.destination.as_ref().map(|volume| &volume.name);
            pair.is_adopted() && new.is_some() && temp.volume.as_ref() == new
        }
    }
}

/// Deletes every pod of ours for this claim; tells whether they are gone.
pub(super) fn clear_pods(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    for pod in &pair.seen.pods {
        delete_pod(view, pair, pod, next);
    }
    pair.seen.pods.is_empty()
}

/// Deletes a pod of ours, or waits for its node to let it go: a second delete would not make it go faster. One in which another
/// claim's pass still counts stays for as long.
pub(super) fn delete_pod(view: &View<'_>, pair: &Pair<'_>, pod: &Pod, next: &mut Next) {
    if pod.others.iter().any(|other| has_open_pass(view, other, pod)) {
        let on = if pod.purpose == Purpose::Warm { Awaited::WarmPassEnded } else { Awaited::CopyFinished };
        next.waits.push(Waiting { trouble: Some(pod.name.clone()), ..pair.wait(on) });
    } else if pod.leaving {
        next.waits.push(Waiting { trouble: Some(pod.name.clone()), ..pair.wait(Awaited::PodsGone) });
    } else {
        let (claim, uid) = (pair.name.to_owned(), pod.uid.clone());
        next.steps.push(Step::DeletePod { claim, pod: pod.name.clone(), uid });
    }
}

/// Tells whether the pod has a pass of this claim that runs, or has ended and is not noted yet.
fn has_open_pass(view: &View<'_>, claim: &str, pod: &Pod) -> bool {
    let Some(record) = view.record.claims.get(claim).filter(|_| view.is_forward()) else { return false };
    match pod.purpose {
        Purpose::Warm => view.is_up() && !record.warm_passes.iter().any(|pass| pass.attempt == pod.attempt),
        Purpose::Copy => {
            record.evidence.is_none() && !record.failures.iter().any(|failure| failure.attempt == pod.attempt)
        }
        Purpose::Prime | Purpose::Leftover => false,
    }
}
