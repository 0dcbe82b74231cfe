//! Which claims have their passes in one pod.
//!
//! A pod costs a node about as much as all the rest of a small pass. So the first passes of a group's claims share pods; a
//! failed one is tried again in a pod of its own, so that what failed it can be told from what ran beside it.

use super::next::Next;
use super::view::{Named, Pair, View};
use crate::observation::Volume;
use crate::record::Purpose;
use crate::step::Step;

/// Maximum number of claims in a pod. A node attaches a limited number of volumes, and a pod of so many claims needs twice as
/// many at once: 25 is what small nodes of the large clouds take.
const CLAIMS: usize = 8;

/// Puts the first passes among the steps together into as few pods as can be.
///
/// Which claims share a pod must not depend on the moment: a finished pod's name keeps a late twin of it from running, and a
/// twin with other claims would have another name. So those of a pod are started when all of them can be.
pub(super) fn share(view: &View<'_>, next: &mut Next) {
    let (singles, steps): (Vec<Step>, Vec<Step>) = next.steps.drain(..).partition(|step| is_first(step).is_some());
    next.steps = steps;
    for purpose in [Purpose::Warm, Purpose::Copy] {
        let ready: Vec<&str> =
            singles.iter().filter(|step| is_first(step) == Some(purpose)).filter_map(Step::claim).collect();
        for batch in batches(view) {
            let due: Vec<&str> = batch.iter().filter(|pair| is_due(pair, purpose)).map(|pair| pair.name).collect();
            if !due.is_empty() && due.iter().all(|name| ready.contains(name)) {
                let claims = due.iter().map(|name| (*name).to_owned()).collect();
                next.steps.push(Step::StartPod { claims, purpose, attempt: first_attempt(purpose) });
            }
        }
    }
}

/// Returns the purpose of a step that starts a first pass.
fn is_first(step: &Step) -> Option<Purpose> {
    let Step::StartPod { purpose: purpose @ (Purpose::Warm | Purpose::Copy), attempt, .. } = step else { return None };
    Some(*purpose).filter(|purpose| *attempt == first_attempt(*purpose))
}

fn first_attempt(purpose: Purpose) -> u32 {
    u32::from(purpose == Purpose::Copy)
}

/// Tells whether the claim's first pass has yet to be started, now or later.
fn is_due(pair: &Pair<'_>, purpose: Purpose) -> bool {
    let is_started = || pair.seen.pods.iter().any(|pod| pod.purpose == purpose);
    let is_over = match purpose {
        Purpose::Warm => {
            pair.record.warmed.is_some() || !matches!(pair.named(), Named::Original(claim) if !claim.terminating)
        }
        Purpose::Copy | Purpose::Prime | Purpose::Leftover => !pair.record.failures.is_empty(),
    };
    pair.record.evidence.is_none() && !is_over && !is_started()
}

/// Puts the group's claims together whose volumes one node can mount: they are used on the same node, as far as is known, and
/// no two of their volumes exclude each other.
fn batches<'a>(view: &View<'a>) -> Vec<Vec<Pair<'a>>> {
    let mut batches: Vec<Vec<Pair<'a>>> = Vec::new();
    for pair in view.claims() {
        let fits =
            |batch: &&mut Vec<Pair<'a>>| batch.len() < CLAIMS && batch.iter().all(|other| go_together(other, &pair));
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(pair),
            None => batches.push(vec![pair]),
        }
    }
    batches
}

fn go_together(one: &Pair<'_>, other: &Pair<'_>) -> bool {
    let of_other: Vec<&Volume> = volumes(other).collect();
    let are_apart = volumes(one).any(|volume| of_other.iter().any(|other| volume.reach.excludes(&other.reach)));
    one.record.source.node == other.record.source.node && !are_apart
}

fn volumes<'a>(pair: &Pair<'a>) -> impl Iterator<Item = &'a Volume> + use<'a> {
    [&pair.seen.source_volume, &pair.seen.destination_volume].into_iter().flatten()
}
