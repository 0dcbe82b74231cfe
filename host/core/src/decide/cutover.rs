//! All copies proven: every claim gets its new volume. From here the only way is forward.

use super::{Look, Named, Next, Pair, claim_target, name, settle, volume_target, workload};
use crate::blocker::{Blocker, Code};
use crate::names;
use crate::observation::{Claim, Pod, Progress, Volume};
use crate::record::Goal;
use crate::step::{Reserved, Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Cuts every claim over; once all are bound, goes on to settle.
pub(super) fn decide(look: &Look<'_>, next: &mut Next) {
    if look.claims().any(|pair| !matches!(pair.named(), Named::Final(claim) if claim.bound)) {
        // A mark may be lost to a tool that resets annotations, and a stop that was decided then may still come. Marked and
        // unmarked once more, the workload does not take it.
        workload::mark(look, next);
    }
    for pair in look.claims() {
        match pair.named() {
            Named::Final(claim) => cut_over(look, &pair, claim, next),
            Named::Nothing | Named::Outdated(_) | Named::Stray(_) => {} // set right before anything else
            Named::Original(_) | Named::Restored(_) | Named::Foreign => pair.foreign(look, next),
        }
    }
    if next.is_clear() {
        settle::decide_forward(look, next);
    }
}

fn cut_over(look: &Look<'_>, pair: &Pair<'_>, claim: &Claim, next: &mut Next) {
    if !claim.bound && !clear_away(look, pair, next) {
        return;
    }
    match &pair.seen.destination_volume {
        Some(volume) => {
            name::bind(look, pair, claim, (Side::Destination, volume), next);
        }
        None => next.blockers.push(Blocker {
            code: Code::DestinationVolumeGone,
            about: look.about(pair),
            message: "its new volume, which holds the proven copy, does not exist any more".to_owned(),
            hint: format!(
                "the old volume {} still has the data; restore the new volume's object from a backup, or bind the old one",
                pair.record.source.name
            ),
        }),
    }
}

/// Reserves one of the claim's volumes for the claim itself.
pub(super) fn reserve(pair: &Pair<'_>, side: Side, volume: &Volume) -> Step {
    let (claim, holder) = (pair.name.to_owned(), Reserved::ClaimName);
    Step::Reserve { claim, side, volume: volume_target(volume), holder }
}

/// Clears the temporary claims and then the pods away; tells whether all are gone.
///
/// The claims are deleted first, and the pods only once that is seen: a finished pod is the tombstone that keeps a late twin
/// of it from starting, and no pod that names a Terminating claim is scheduled. Waiting until the claims are *gone* would be
/// for ever: a placed pod keeps its claims, finished or not, for as long as its object exists (`podUsesPVC` in Kubernetes'
/// pvc-protection controller).
///
/// A pod that still runs once the copy is proven is such a twin already. It has nothing to send and ends by itself; killed
/// midway, with flags that write files in place, it would leave half of one behind.
pub(super) fn clear_away(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let steps = next.steps.len();
    let temps_gone = clear_temps(look, pair, next);
    if next.steps.len() > steps {
        return false;
    }
    for pod in &pair.seen.pods {
        if look.record.goal == Goal::Forward && pod.progress == Progress::Running && !pod.leaving {
            next.waits.push(pair.wait(Awaited::CopyFinished));
        } else {
            delete_pod(pair, pod, next);
        }
    }
    temps_gone && pair.seen.pods.is_empty()
}

/// Deletes both temporary claims of this run; tells whether they are gone. Others' claims are not ours to delete.
fn clear_temps(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let source = (Side::Source, &pair.seen.source, names::source_claim(pair.name));
    let destination = (Side::Destination, &pair.seen.destination, names::destination_claim(pair.name));
    let mut gone = true;
    for (side, temp, name) in [source, destination] {
        let Some(temp) = temp.as_ref().filter(|temp| temp.run.as_ref() == Some(&look.record.run)) else { continue };
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

/// Deletes every pod of ours for this claim; tells whether they are gone.
pub(super) fn clear_pods(pair: &Pair<'_>, next: &mut Next) -> bool {
    for pod in &pair.seen.pods {
        delete_pod(pair, pod, next);
    }
    pair.seen.pods.is_empty()
}

/// Deletes a pod of ours, or waits for its node to let it go: a second delete would not make it go faster.
pub(super) fn delete_pod(pair: &Pair<'_>, pod: &Pod, next: &mut Next) {
    if pod.leaving {
        next.waits.push(Waiting { trouble: Some(pod.name.clone()), ..pair.wait(Awaited::PodsGone) });
    } else {
        let (claim, uid) = (pair.name.to_owned(), pod.uid.clone());
        next.steps.push(Step::DeletePod { claim, pod: pod.name.clone(), uid });
    }
}
