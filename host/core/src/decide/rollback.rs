//! The way back: every claim on its source volume, as it was. Possible until all copies are proven.

use super::next::Next;
use super::view::{Named, Pair, View, volume_target};
use super::{name, temporary, workload};
use crate::observation::Claim;
use crate::record::Fact;
use crate::step::{Held, Side, Step};
use crate::waiting::Awaited;

/// Takes every claim back. One that is not back yet leaves a step, a wait or a blocker.
pub(super) fn decide(view: &View<'_>, next: &mut Next) {
    let is_untouched =
        |pair: &Pair<'_>| matches!(pair.named(), Named::Original(claim) if !claim.terminating) && !pair.record.touched;
    if view.record.stopped.is_some() && view.claims().any(|pair| is_untouched(&pair)) {
        // A late mark would stay for ever. Marking and unmarking the workload once more makes it conflict.
        workload::mark(view, next);
        if !next.is_clear() {
            return;
        }
    }
    for pair in view.claims().filter(|pair| !pair.is_adopted()) {
        claim(view, &pair, next);
    }
    // A claim that is being deleted needs its pods gone; while a name is free, or is about to be, no controller may make a
    // claim.
    let is_away = |pair: &Pair<'_>| match pair.named() {
        Named::Original(claim) => claim.terminating,
        Named::Final(claim) => !claim.bound,
        Named::Nothing | Named::Outdated(_) | Named::Stray(_) => true,
        Named::Restored(_) | Named::Foreign => false,
    };
    if view.claims().any(|pair| is_away(&pair)) {
        workload::stop(view, next);
    }
}

fn claim(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    match pair.named() {
        Named::Original(original) if original.terminating => {
            // The fence went through. It cannot be undone, so see it through; the volume is kept.
            discard(view, pair, next);
            next.waits.push(pair.wait(Awaited::OriginalGone));
        }
        Named::Original(original) => {
            if is_touched(view, pair, original, next) {
                discard(view, pair, next);
            }
        }
        Named::Nothing => {
            if discard(view, pair, next) && is_reserved(view, pair, next) {
                next.steps.push(Step::RestoreOriginalClaim { claim: pair.name.to_owned() });
            }
        }
        Named::Restored(claim) => {
            discard(view, pair, next);
            match &pair.seen.source_volume {
                Some(volume) => {
                    name::bind(view, pair, claim, (Side::Source, volume), next);
                }
                None => pair.source_volume_gone(view, next),
            }
        }
        // The source volume is reserved first: whatever takes the name in the moment between gets the data.
        Named::Final(held) if !held.bound => {
            if discard(view, pair, next) && is_reserved(view, pair, next) {
                name::free(pair, held, Held::Pending, next);
            }
        }
        Named::Stray(claim) => {
            discard(view, pair, next);
            if let Some(source) = name::heir(view, pair, claim) {
                name::bind(view, pair, claim, (Side::Source, source), next);
            }
        }
        Named::Outdated(_) => {} // removed before anything else
        Named::Final(_) | Named::Foreign => pair.foreign(view, next),
    }
}

/// Changes the resourceVersions of the original claim and its volume first of all, so that a fence decided before the
/// turn conflicts, and so does a `Retain` that nothing would take back.
fn is_touched(view: &View<'_>, pair: &Pair<'_>, original: &Claim, next: &mut Next) -> bool {
    if pair.record.touched {
        return true;
    }
    let claim = pair.name.to_owned();
    let unkept = pair.seen.source_volume.as_ref().filter(|volume| !volume.is_retained());
    if let Some(volume) = unkept {
        next.steps.push(Step::RetainSource { claim, volume: volume_target(volume) });
    } else if original.touched.as_ref().is_some_and(|touch| touch.run == view.record.run) {
        next.steps.push(Step::Note(Fact::Touched { claim }));
    } else {
        next.steps.push(name::touch(view, pair.name, claim, original));
    }
    false
}

/// Clears the temporary claims, the pods and the destination volume away; tells whether they are gone.
fn discard(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    if !temporary::clear_away(view, pair, next) {
        return false;
    }
    // The copy is worth nothing now: its volume gets its own policy back, and its provisioner frees it.
    let recorded = pair.record.destination.as_ref();
    if let (Some(volume), Some(recorded)) = (&pair.seen.destination_volume, recorded)
        && volume.name == recorded.name
        && volume.reclaim != recorded.reclaim
    {
        next.steps.push(Step::RestoreReclaim {
            claim: pair.name.to_owned(),
            side: Side::Destination,
            volume: volume_target(volume),
            policy: recorded.reclaim.clone(),
        });
        return false;
    }
    true
}

/// Reserves the source volume for the original name; tells whether it is.
fn is_reserved(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let Some(source) = &pair.seen.source_volume else {
        pair.source_volume_gone(view, next);
        return false;
    };
    let reserved = source.is_reserved_for(&view.record.namespace, pair.name);
    if !reserved {
        next.steps.push(name::reserve(pair, Side::Source, source));
    }
    reserved
}
