//! Which claims have their passes in one pod.
//!
//! A pod costs a node about as much as all the rest of a small pass. So the passes of a group's claims share pods; a failed
//! one is tried again in a pod of its own, so that what failed it can be told from what ran beside it.

use std::collections::BTreeMap;

use super::next::Next;
use super::view::{Pair, View};
use super::warm;
use crate::observation::Volume;
use crate::record::Purpose;
use crate::step::Step;

/// Maximum number of claims in a pod. A node attaches a limited number of volumes, and a pod of so many claims needs twice as
/// many at once: 25 is what small nodes of the large clouds take.
const CLAIMS: usize = 8;

/// Puts the passes among the steps together into as few pods as can be, but for those that try again what has failed.
///
/// Which claims share a pod must not depend on the moment: a finished pod's name keeps a late twin of it from running, and a
/// twin with other claims would have another name. So those of a pod are started when all of them can be.
pub(super) fn share(view: &View<'_>, next: &mut Next) {
    let (singles, steps): (Vec<Step>, Vec<Step>) = next.steps.drain(..).partition(|step| is_shareable(view, step));
    next.steps = steps;
    for batch in batches(view) {
        for purpose in [Purpose::Warm, Purpose::Copy] {
            let due = batch.iter().filter_map(|pair| Some((due(view, pair, purpose)?, pair.name)));
            let mut by_attempt: BTreeMap<u32, Vec<String>> = BTreeMap::new();
            due.for_each(|(attempt, name)| by_attempt.entry(attempt).or_default().push(name.to_owned()));
            for (attempt, claims) in by_attempt {
                let single = |name: &String| Step::StartPod { claims: vec![name.clone()], purpose, attempt };
                if claims.iter().all(|name| singles.contains(&single(name))) {
                    next.steps.push(Step::StartPod { claims, purpose, attempt });
                }
            }
        }
    }
}

fn is_shareable(view: &View<'_>, step: &Step) -> bool {
    let Step::StartPod { claims, purpose, attempt } = step else { return false };
    let mut pairs = view.claims().filter(|pair| claims.iter().any(|name| name == pair.name));
    pairs.all(|pair| due(view, &pair, *purpose) == Some(*attempt))
}

/// Returns the attempt of the claim's next pass, if it has yet to be started, now or later, and tries nothing again.
fn due(view: &View<'_>, pair: &Pair<'_>, purpose: Purpose) -> Option<u32> {
    let attempt = match purpose {
        Purpose::Warm => warm::next_pass(view, pair).filter(|pass| pass.failed.is_none())?.attempt,
        Purpose::Copy if pair.record.failures.is_empty() => 1,
        Purpose::Copy | Purpose::Prime | Purpose::Leftover => return None,
    };
    let is_started = pair.seen.pods.iter().any(|pod| pod.purpose == purpose && pod.attempt == attempt);
    (pair.record.evidence.is_none() && !is_started).then_some(attempt)
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
