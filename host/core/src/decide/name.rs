//! The claim's name: never left empty once the original is gone, and never left to a claim of somebody's controller.
//!
//! A StatefulSet's controller creates a missing claim again before its pod, empty, and an application would initialise
//! itself there. So the claim that keeps the name is created first of all, long before its volume is ready: while that
//! volume is reserved for another claim it stays Pending, no pod that names it is scheduled, and no controller makes
//! another.

use super::next::{Next, after};
use super::view::{Named, Pair, View, claim_target, volume_target};
use super::workload;
use crate::blocker::{Blocker, Code};
use crate::observation::{Claim, Volume};
use crate::record::{Fact, Stray};
use crate::step::{Held, Reserved, Side, Step};
use crate::waiting::{Awaited, Waiting};

/// How long the volume controller gets to bind a claim that was just written to, before the claim is touched once more.
/// Longer than it ever takes when it missed nothing, shorter than its own resync period (15 s).
const BINDING_SECONDS: u32 = 2;

/// Keeps every name in our hands: creates the claim that is missing, and removes what must not have the name.
///
/// A claim whose destination is not known yet cannot be created; it has lost its original before the fence.
pub(super) fn hold(view: &View<'_>, next: &mut Next) {
    for pair in view.claims() {
        match pair.named() {
            Named::Nothing if pair.side(view) == Side::Destination && pair.record.destination.is_some() => {
                next.steps.push(Step::CreateFinalClaim { claim: pair.name.to_owned() });
            }
            Named::Outdated(claim) => free(&pair, claim, Held::Pending, next),
            Named::Stray(claim) if heir(view, &pair, claim).is_some() => {} // the way back takes it over
            Named::Stray(claim) => undo_stray(view, &pair, claim, next),
            Named::Nothing | Named::Original(_) | Named::Final(_) | Named::Restored(_) | Named::Foreign => {}
        }
    }
}

/// Returns the source volume when, on the way back, it is reserved for whatever has the name: then a StatefulSet's
/// claim gets the volume, and its pods get the data.
pub(super) fn heir<'a>(view: &View<'_>, pair: &Pair<'a>, claim: &Claim) -> Option<&'a Volume> {
    let source = pair.seen.source_volume.as_ref()?;
    let waits = source.is_reserved_for(&view.record.namespace, pair.name);
    (pair.side(view) == Side::Source && waits && claim.volume.is_none() && !claim.terminating).then_some(source)
}

/// Removes a claim that holds the name, or waits for it to go.
pub(super) fn free(pair: &Pair<'_>, claim: &Claim, held: Held, next: &mut Next) {
    if claim.terminating {
        next.waits.push(pair.wait(Awaited::NameFree));
    } else {
        let (name, target) = (pair.name.to_owned(), claim_target(pair.name.to_owned(), claim));
        next.steps.push(Step::FreeName { claim: name, target, held });
    }
}

/// Undoes the claim that a StatefulSet has made while the name was free for a moment: its workload is stopped again,
/// the volume kept, because a pod may have written to it, and the claim deleted.
fn undo_stray(view: &View<'_>, pair: &Pair<'_>, claim: &Claim, next: &mut Next) {
    workload::stop(view, next);
    if claim.terminating {
        await_stray(view, pair, claim, next);
        return;
    }
    let stray = Stray { uid: claim.uid.clone(), volume: claim.volume.clone() };
    match (&claim.volume, &pair.seen.other_volume) {
        (Some(named), volume) if volume.as_ref().is_none_or(|volume| volume.name != *named) => {
            next.waits.push(pair.wait(Awaited::FreshLook));
        }
        (Some(_), Some(volume)) if !volume.is_retained() => {
            let (claim, volume) = (pair.name.to_owned(), volume_target(volume));
            next.steps.push(Step::RetainStray { claim, volume });
        }
        _ if !pair.record.strays.contains(&stray) => {
            next.steps.push(Step::Note(Fact::Stray { claim: pair.name.to_owned(), stray }));
        }
        _ => free(pair, claim, Held::Stray, next),
    }
}

/// Waits for the stray and its pods to go; reports them when they stay. Turning back would not help: the name is taken.
fn await_stray(view: &View<'_>, pair: &Pair<'_>, claim: &Claim, next: &mut Next) {
    let deadline = after(claim.created, view.record.asked.limits.stop_seconds);
    let pods: Vec<&str> = pair.seen.users.iter().map(|user| user.pod.as_str()).collect();
    let trouble = Some(pods.join(", ")).filter(|pods| !pods.is_empty());
    match &trouble {
        Some(pods) if view.now >= deadline => next.blockers.push(Blocker {
            code: Code::PodsRemain,
            cause: None,
            about: view.about(pair),
            message: format!("its StatefulSet has created an empty claim of this name, and pods still use it: {pods}"),
            hint: format!(
                "remove them (kubectl describe pod -n {} {}), then run migrate again",
                view.record.namespace, pods
            ),
        }),
        Some(_) | None => {
            let wait = pair.wait(Awaited::StrayGone);
            next.waits.push(Waiting { trouble, deadline: Some(deadline).filter(|at| *at > view.now), ..wait });
        }
    }
}

/// Brings a claim of ours that has the name onto its volume: reserves the volume for it, and touches it, so that the
/// volume controller looks again. Tells whether it is bound for good.
pub(super) fn bind(
    view: &View<'_>,
    pair: &Pair<'_>,
    claim: &Claim,
    (side, volume): (Side, &Volume),
    next: &mut Next,
) -> bool {
    if claim.bound && !claim.terminating {
        return true;
    }
    if claim.terminating {
        next.waits.push(pair.wait(Awaited::ClaimBound));
    } else if !claim.bound && !volume.is_reserved_for(&view.record.namespace, pair.name) {
        next.steps.push(reserve(pair, side, volume));
    } else if claim.touched.is_none() {
        next.steps.push(touch(view, pair.name, pair.name.to_owned(), claim));
    } else {
        await_binding(view, pair, pair.name.to_owned(), claim, Awaited::ClaimBound, next);
    }
    false
}

/// Reserves one of the claim's volumes for the claim itself.
pub(super) fn reserve(pair: &Pair<'_>, side: Side, volume: &Volume) -> Step {
    let (claim, holder) = (pair.name.to_owned(), Reserved::ClaimName);
    Step::Reserve { claim, side, volume: volume_target(volume), holder }
}

/// Waits for a claim to be bound to the volume that is reserved for it; touches it when that takes longer than it ever
/// should: the volume controller decides on a claim from its own cache, and looks again only at what was written to.
pub(super) fn await_binding(
    view: &View<'_>,
    pair: &Pair<'_>,
    name: String,
    claim: &Claim,
    on: Awaited,
    next: &mut Next,
) {
    let written = claim.touched.as_ref().map_or(claim.created, |touch| touch.at.max(claim.created));
    let deadline = after(written, BINDING_SECONDS);
    if view.now >= deadline {
        next.steps.push(touch(view, pair.name, name, claim));
    } else {
        // While it only kept the name, events said that its volume is another claim's; those do not count as trouble.
        let trouble = claim.trouble.clone().filter(|_| on != Awaited::ClaimBound);
        next.waits.push(Waiting { trouble, deadline: Some(deadline), ..pair.wait(on) });
    }
}

/// Touches a claim of this name.
pub(super) fn touch(view: &View<'_>, claim: &str, name: String, seen: &Claim) -> Step {
    Step::Touch { claim: claim.to_owned(), target: claim_target(name, seen), at: view.now }
}
