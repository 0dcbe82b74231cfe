//! Before anything stops: the source volume kept, the destination provisioned and kept.

use super::next::{Next, after};
use super::view::{Named, Pair, View, claim_target, volume_target};
use super::{name, passes, temporary, warm};
use crate::blocker::Code;
use crate::names;
use crate::observation::{Claim, Volume};
use crate::record::{DestinationVolume, Fact, Purpose};
use crate::step::{Reserved, Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Prepares every claim that has no evidence.
pub(super) fn decide(view: &View<'_>, next: &mut Next) {
    for pair in view.claims().filter(|pair| pair.record.evidence.is_none()) {
        match pair.named() {
            Named::Nothing | Named::Original(_) => claim(view, &pair, next),
            Named::Final(held) if !held.bound => claim(view, &pair, next),
            Named::Outdated(_) | Named::Stray(_) => {} // removed before anything else
            // Only a migration that was turned back or is proven makes these, so here they are somebody else's.
            Named::Final(_) | Named::Restored(_) | Named::Foreign => pair.foreign(view, next),
        }
    }
    passes::share(view, next);
}

fn claim(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let Some(source) = &pair.seen.source_volume else {
        pair.source_volume_gone(view, next);
        return;
    };
    // Before anything else: from here on, no mistake deletes the data with the claim.
    if !source.is_retained() {
        next.steps.push(Step::RetainSource { claim: pair.name.to_owned(), volume: volume_target(source) });
        return;
    }
    let Some(temp) = &pair.seen.destination else {
        create_destination(view, pair, next);
        return;
    };
    if !is_ours(view, pair, temp, next) {
        return;
    }
    if !temp.bound {
        provision(view, pair, temp, next);
        return;
    }
    if !is_destination_kept(view, pair, next) {
        return;
    }
    if let Some(destination) = pair.seen.destination_volume.as_ref().filter(|new| source.reach.excludes(&new.reach)) {
        let message = format!(
            "no node can mount both volume {} ({}) and the new one, {} ({})",
            source.name, source.reach, destination.name, destination.reach
        );
        view.give_up(next, Code::VolumesApart, pair, message);
        return;
    }
    if !is_fenced(pair) {
        warm::decide(view, pair, next);
    }
}

/// Creates the temporary claim on the destination class. When somebody has deleted an earlier one, it gets the volume
/// of that one, because what was copied is there, and the final claim names that volume already.
fn create_destination(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let known = pair.seen.destination_volume.as_ref();
    let lost = known.filter(|volume| volume.is_retained() && volume.terminating.is_none());
    if lost.is_none_or(|volume| is_reserved(view, pair, volume, next)) {
        let (claim, volume) = (pair.name.to_owned(), lost.map(|volume| volume.name.clone()));
        next.steps.push(Step::CreateDestination { claim, volume });
    }
}

/// Tells whether the destination volume is reserved for its temporary claim; else has it reserved.
fn is_reserved(view: &View<'_>, pair: &Pair<'_>, volume: &Volume, next: &mut Next) -> bool {
    let reserved = volume.is_reserved_for(&view.record.namespace, &names::destination_claim(pair.name));
    if !reserved {
        let (side, holder) = (Side::Destination, Reserved::DestinationTemp);
        next.steps.push(Step::Reserve { claim: pair.name.to_owned(), side, volume: volume_target(volume), holder });
    }
    reserved
}

fn is_fenced(pair: &Pair<'_>) -> bool {
    match pair.named() {
        Named::Original(claim) => claim.terminating,
        Named::Nothing
        | Named::Final(_)
        | Named::Restored(_)
        | Named::Outdated(_)
        | Named::Stray(_)
        | Named::Foreign => true,
    }
}

/// Tells whether this run created the temporary claim. The run that did owns the migration: two runs with different
/// ideas of the group cannot both go on.
fn is_ours(view: &View<'_>, pair: &Pair<'_>, temp: &Claim, next: &mut Next) -> bool {
    let name = names::destination_claim(pair.name);
    if temp.terminating {
        temporary::await_going(view, pair, next);
        return false;
    }
    if temp.run.as_ref() == Some(&view.record.run) {
        return true;
    }
    if temp.run.is_none() && temp.fits {
        let target = claim_target(name, temp);
        next.steps.push(Step::AdoptDestination { claim: pair.name.to_owned(), target });
        return false;
    }
    temporary::in_the_way(view, pair, &name, temp, next);
    false
}

fn provision(view: &View<'_>, pair: &Pair<'_>, temp: &Claim, next: &mut Next) {
    // One that was adopted may have been waiting for long: nobody had chosen a node for it.
    let deadline = after(temp.created.max(view.record.begun), view.record.asked.limits.start_seconds);
    if view.now >= deadline {
        let why = temp.trouble.as_deref().unwrap_or("no event says why");
        let message = format!("its destination was not provisioned in time: {why}");
        view.give_up(next, Code::DestinationNotProvisioned, pair, message);
        return;
    }
    // A class that binds late provisions nothing before a node is chosen: by us when the source's is known, else by the
    // scheduler for a pod. A provisioner that finds no room takes the choice back, and the scheduler has to find another.
    if view.record.asked.binds_late && temp.volume.is_none() && !temp.placed && !has_helper(pair) {
        next.steps.push(Step::StartPod { claims: vec![pair.name.to_owned()], purpose: Purpose::Prime, attempt: 0 });
        return;
    }
    if let Some(volume) =
        pair.seen.destination_volume.as_ref().filter(|volume| temp.volume.as_ref() == Some(&volume.name))
    {
        if is_reserved(view, pair, volume, next) {
            name::await_binding(view, pair, names::destination_claim(pair.name), temp, Awaited::DestinationBound, next);
        }
        return;
    }
    next.waits.push(Waiting {
        trouble: temp.trouble.clone(),
        deadline: Some(deadline),
        ..pair.wait(Awaited::DestinationBound)
    });
}

fn has_helper(pair: &Pair<'_>) -> bool {
    pair.seen.pods.iter().any(|pod| pod.purpose == Purpose::Prime)
}

/// Tells whether the destination volume is noted and kept; else has it so.
fn is_destination_kept(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) -> bool {
    let claim = pair.name.to_owned();
    let bound_to = pair.seen.destination.as_ref().and_then(|temp| temp.volume.as_deref());
    let recorded = pair.record.destination.as_ref();
    let Some(volume) = &pair.seen.destination_volume else {
        next.waits.push(pair.wait(Awaited::FreshLook));
        return false;
    };
    if recorded.map(|volume| volume.name.as_str()) != bound_to {
        // A temporary claim that was lost and created again has another volume. Earlier copies went to the old one, so
        // no earlier pod may be left when the new one is noted.
        if recorded.is_some() && !temporary::clear_pods(view, pair, next) {
            return false;
        }
        match bound_to {
            Some(name) if name == volume.name => {
                let volume = DestinationVolume { name: volume.name.clone(), reclaim: volume.reclaim.clone() };
                next.steps.push(Step::Note(Fact::Destination { claim, volume }));
            }
            Some(_) | None => next.waits.push(pair.wait(Awaited::FreshLook)),
        }
        return false;
    }
    if !volume.is_retained() {
        next.steps.push(Step::RetainDestination { claim, volume: volume_target(volume) });
    }
    volume.is_retained()
}
