//! All copies proven: every claim gets its new volume. From here the only way is forward.

use super::next::Next;
use super::view::{Named, Pair, View, volume_target};
use super::{name, temporary, workload};
use crate::blocker::{Blocker, Code};
use crate::observation::Claim;
use crate::step::{Side, Step};

/// Cuts every claim over.
pub(super) fn decide(view: &View<'_>, next: &mut Next) {
    if view.claims().any(|pair| !matches!(pair.named(), Named::Final(claim) if claim.bound)) {
        // A mark may be lost to a tool that resets annotations, and a stop that was decided then may still arrive.
        // Marking and unmarking the workload once more makes that stop conflict.
        workload::mark(view, next);
    }
    for pair in view.claims() {
        claim(view, &pair, next);
    }
}

/// Cuts over what has no way back in a group that is turned back.
pub(super) fn decide_adopted(view: &View<'_>, next: &mut Next) {
    for pair in view.claims().filter(Pair::is_adopted) {
        claim(view, &pair, next);
    }
}

fn claim(view: &View<'_>, pair: &Pair<'_>, next: &mut Next) {
    match pair.named() {
        Named::Final(claim) => cut_over(view, pair, claim, next),
        Named::Nothing | Named::Outdated(_) | Named::Stray(_) => {} // corrected before anything else
        Named::Original(_) | Named::Restored(_) | Named::Foreign => pair.foreign(view, next),
    }
}

fn cut_over(view: &View<'_>, pair: &Pair<'_>, claim: &Claim, next: &mut Next) {
    // Killed between its two patches, the reference tool has kept the source volume only. Its temporary claim goes now, and
    // must not take the disk along.
    let is_open = pair.is_adopted() && !claim.bound;
    let unkept = pair.seen.destination_volume.as_ref().filter(|volume| is_open && !volume.is_retained());
    if let Some(volume) = unkept {
        let (claim, volume) = (pair.name.to_owned(), volume_target(volume));
        next.steps.push(Step::RetainDestination { claim, volume });
        return;
    }
    if !claim.bound && !temporary::clear_away(view, pair, next) {
        return;
    }
    match &pair.seen.destination_volume {
        Some(volume) => {
            name::bind(view, pair, claim, (Side::Destination, volume), next);
        }
        None => next.blockers.push(Blocker {
            code: Code::DestinationVolumeGone,
            cause: None,
            about: view.about(pair),
            message: "its new volume, which holds the proven copy, no longer exists".to_owned(),
            hint: format!(
                "the old volume {} still has the data; restore the new volume's object from a backup, or bind the old one",
                pair.record.source.name
            ),
        }),
    }
}
