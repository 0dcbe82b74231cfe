//! Every claim is bound: reclaim policies, workloads and leftovers back to what they were, and the end noted.

use super::next::{Next, after};
use super::view::{Named, Pair, View, claim_target, volume_target};
use super::{temporary, workload};
use crate::observation::Volume;
use crate::owner::{Owners, owners};
use crate::record::{Disposal, Ended, Fact, Outcome};
use crate::step::{Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Settles a group that has moved.
pub(super) fn forward(view: &View<'_>, next: &mut Next) {
    for pair in view.claims() {
        unmark(view, &pair, next);
        clear_leftovers(view, &pair, next);
    }
    let late = come_back(view, next);
    if next.is_clear() && late.is_none() {
        for pair in view.claims() {
            dispose(view, &pair, next);
        }
    }
    if next.is_clear() {
        let how = late.map_or(Outcome::Migrated, Outcome::NotReady);
        next.steps.push(Step::Note(Fact::Ended(Ended { at: view.now, how })));
    }
}

/// Settles a group that was turned back.
pub(super) fn back(view: &View<'_>, why: &str, next: &mut Next) {
    for pair in view.claims() {
        if matches!(pair.named(), Named::Restored(_) | Named::Final(_)) {
            unmark(view, &pair, next);
        }
        clear_leftovers(view, &pair, next);
    }
    let late = come_back(view, next);
    if next.is_clear() {
        // Last, because the touch is what keeps a late fence off the original.
        for pair in view.claims() {
            unmark(view, &pair, next);
        }
    }
    if next.is_clear() {
        let mut why = why.to_owned();
        let moved: Vec<&str> = view.claims().filter(Pair::is_adopted).map(|pair| pair.name).collect();
        if !moved.is_empty() {
            why = format!("{why}; moved already by the interrupted run, and stays so: {}", moved.join(", "));
        }
        if let Some(late) = late {
            why = format!("{why}; since then {late}");
        }
        next.steps.push(Step::Note(Fact::Ended(Ended { at: view.now, how: Outcome::RolledBack(why) })));
    }
}

/// Starts the workloads, waits for their pods, and only then gives the volumes their reclaim policy back: until something
/// has run on them, and the claims have had their owners for a while, nothing can free a disk. Returns what is not Ready at
/// the deadline.
fn come_back(view: &View<'_>, next: &mut Next) -> Option<String> {
    workload::bring_back(view, next);
    if !next.is_clear() {
        return None;
    }
    let late = workload::await_ready(view, next);
    if next.is_clear() {
        for pair in view.claims() {
            let side = pair.side(view);
            let volume = match side {
                Side::Source => &pair.seen.source_volume,
                Side::Destination => &pair.seen.destination_volume,
            };
            restore_reclaim(&pair, side, volume.as_ref(), next);
        }
    }
    late
}

/// Takes our marks off the claim that has the name. One that was created again, by us or by its StatefulSet, gets what
/// the original had: labels and annotations, and the owners as they are now.
fn unmark(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let Some(claim) = &pair.seen.named else { return };
    let is_original = matches!(pair.named(), Named::Original(_));
    if claim.run.is_none() && claim.touched.is_none() && (claim.complete || is_original) {
        return;
    }
    let owners = match pair.named() {
        Named::Original(_) => Owners::default(),
        Named::Nothing
        | Named::Final(_)
        | Named::Restored(_)
        | Named::Outdated(_)
        | Named::Stray(_)
        | Named::Foreign => owners(&pair.record.manifest, &view.seen.workloads),
    };
    let name = pair.name.to_owned();
    if owners.missing != pair.record.lost_owners {
        next.steps.push(Step::Note(Fact::OwnersLost { claim: name.clone(), owners: owners.missing }));
    }
    let target = claim_target(name.clone(), claim);
    next.steps.push(Step::Unmark { claim: name, target, owners: owners.present });
}

/// Gives the volume that the claim now has the reclaim policy that its source volume had.
fn restore_reclaim(pair: &Pair<'_>, side: Side, volume: Option<&Volume>, next: &mut Next) {
    let policy = &pair.record.source.reclaim;
    if let Some(volume) = volume.filter(|volume| volume.reclaim != *policy) {
        next.steps.push(Step::RestoreReclaim {
            claim: pair.name.to_owned(),
            side,
            volume: volume_target(volume),
            policy: policy.clone(),
        });
    }
}

/// Clears away what a late step of another process may have made again: a temporary claim or a pod.
fn clear_leftovers(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    temporary::clear_away(view, pair, next);
}

fn dispose(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    let Some(volume) = &pair.seen.source_volume else { return };
    let claim = pair.name.to_owned();
    match view.record.asked.disposal {
        Disposal::Keep => {}
        Disposal::Reclaim => restore_reclaim(pair, Side::Source, Some(volume), next),
        Disposal::Delete => match volume.terminating {
            None => next.steps.push(Step::DeleteSourceVolume { claim, volume: volume_target(volume) }),
            Some(since) => {
                let deadline = after(since, view.record.asked.limits.delete_volume_seconds);
                // A finalizer of the backend may hold the object for long; the claim has moved all the same.
                if view.now < deadline {
                    let deadline = Some(deadline);
                    next.waits.push(Waiting { deadline, ..pair.wait(Awaited::SourceVolumeGone) });
                }
            }
        },
    }
}
