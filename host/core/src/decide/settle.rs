//! Every claim is bound: reclaim policies, workloads and leftovers back to what they were, and the end noted.

use super::{Look, Named, Next, Pair, claim_target, cutover, volume_target, workload};
use crate::observation::Volume;
use crate::record::{Disposal, Ended, Fact, Outcome};
use crate::step::{Side, Step};
use crate::waiting::{Awaited, Waiting};

/// Settles a group that has moved.
pub(super) fn decide_forward(look: &Look<'_>, next: &mut Next) {
    for pair in look.claims() {
        restore_reclaim(&pair, Side::Destination, pair.seen.destination_volume.as_ref(), next);
        clear_leftovers(look, &pair, next);
    }
    workload::bring_back(look, next);
    if next.is_clear() {
        for pair in look.claims() {
            dispose(look, &pair, next);
        }
    }
    if next.is_clear() {
        let how = Outcome::Migrated;
        next.steps.push(Step::Note(Fact::Ended(Ended { at: look.now, how })));
    }
}

/// Settles a group that was turned back.
pub(super) fn decide_back(look: &Look<'_>, why: &str, next: &mut Next) {
    for pair in look.claims() {
        restore_reclaim(&pair, Side::Source, pair.seen.source_volume.as_ref(), next);
        clear_leftovers(look, &pair, next);
    }
    workload::bring_back(look, next);
    if next.is_clear() {
        // Last, because the touch is what keeps a late fence off.
        for pair in look.claims() {
            if let Named::Original(claim) = pair.named()
                && claim.turned_back.is_some()
            {
                let target = claim_target(pair.name.to_owned(), claim);
                next.steps.push(Step::UntouchOriginal { claim: pair.name.to_owned(), target });
            }
        }
    }
    if next.is_clear() {
        let how = Outcome::RolledBack(why.to_owned());
        next.steps.push(Step::Note(Fact::Ended(Ended { at: look.now, how })));
    }
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

/// A late step of another process may have made a temporary claim or a pod again.
fn clear_leftovers(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) {
    cutover::clear_away(look, pair, next);
}

fn dispose(look: &Look<'_>, pair: &Pair<'_>, next: &mut Next) {
    let Some(volume) = &pair.seen.source_volume else { return };
    let claim = pair.name.to_owned();
    match look.record.asked.disposal {
        Disposal::Keep => {}
        Disposal::Reclaim => restore_reclaim(pair, Side::Source, Some(volume), next),
        Disposal::Delete => match volume.terminating {
            None => next.steps.push(Step::DeleteSourceVolume { claim, volume: volume_target(volume) }),
            Some(since) => {
                let deadline = Look::after(since, look.record.asked.limits.delete_volume_seconds);
                // A finalizer of the backend's may hold the object for long; the claim has moved all the same.
                if look.now < deadline {
                    let deadline = Some(deadline);
                    next.waits.push(Waiting { deadline, ..pair.wait(Awaited::SourceVolumeGone) });
                }
            }
        },
    }
}
