//! A process: it looks, decides, does what it has decided step by step, and may die between any two.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::imagined::Imagined;
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::{ClaimRecord, Fact, Goal, Record};
use pvmigrate_core::step::Step;

use crate::mutant::Mutant;
use crate::world::World;

/// What a cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Claims,
    Volumes,
    Pods,
    Workloads,
}

pub const KINDS: [Kind; 4] = [Kind::Claims, Kind::Volumes, Kind::Pods, Kind::Workloads];

/// Returns what a process decides to do (nothing when it only waits), and whether it has seen a free name and left it so.
pub fn look(world: &World, at: usize, mutant: Option<Mutant>) -> (Vec<Step>, bool) {
    let mut seen = observe(world, at);
    let free = free_names(&world.record, &seen);
    if let Some(mutant) = mutant {
        mutant.distort(&world.record, &mut seen);
    }
    let now = world.cluster.now;
    let steps = match decide(&world.record, &seen, now) {
        Decision::Act(steps) => steps,
        Decision::Wait(_) | Decision::Blocked(_) | Decision::Finished(_) => Vec::new(),
    };
    let takes = |name: &String| steps.contains(&Step::CreateFinalClaim { claim: name.clone() });
    let is_left = !free.iter().all(takes);
    let steps = match mutant {
        Some(mutant) => mutant.rearrange(&world.record, &seen, steps),
        None => steps,
    };
    (steps, is_left)
}

/// Lists the claims whose name nothing has, though one could be created.
fn free_names(record: &Record, seen: &Observation) -> Vec<String> {
    let is_under_way = record.goal == Goal::Forward && record.ended.is_none();
    let is_free =
        |(name, claim): &(&String, &ClaimRecord)| claim.destination.is_some() && seen.claims[*name].named.is_none();
    record.claims.iter().filter(|_| is_under_way).filter(is_free).map(|(name, _)| name.clone()).collect()
}

/// Returns what the process sees: the truth, or what its caches show. Once the original is gone, the pods are read afresh.
fn observe(world: &World, at: usize) -> Observation {
    let record = &world.record;
    let Some(cache) = &world.processes[at].cache else { return world.cluster.observe(record) };
    let mut seen = cache.observe(record);
    let truth = world.cluster.observe(record);
    for (name, claim) in &mut seen.claims {
        let original = record.claims[name].uid.as_ref();
        if claim.named.as_ref().map(|named| &named.uid) != original {
            claim.users.clone_from(&truth.claims[name].users);
        }
    }
    seen
}

/// Does one of the steps that a process has decided.
pub fn perform(world: &mut World, at: usize, step: usize, mutant: Option<Mutant>) {
    let step = world.processes[at].pending.remove(step);
    let done = match &step {
        Step::Note(fact) => note(world, at, fact),
        _ => {
            let (record, before) = (Arc::clone(&world.record), world.cluster.clone());
            let done = match mutant {
                Some(mutant) => mutant.execute(&mut world.cluster, &record, &step),
                None => world.cluster.execute(&record, &step),
            };
            if let Some(cache) = &mut world.processes[at].cache {
                overlay(&before, &world.cluster, cache);
            }
            done
        }
    };
    if done == Done::Stale || world.processes[at].pending.is_empty() {
        forget(world, at);
    }
}

/// Lets a process die and a fresh one take its place, which lists everything once before it looks.
pub fn crash(world: &mut World, at: usize) {
    forget(world, at);
    let process = &mut world.processes[at];
    process.cache = process.cache.take().map(|_| Box::new(world.cluster.clone()));
}

fn forget(world: &mut World, at: usize) {
    world.processes[at].pending.clear();
    world.processes[at].is_overtaken = false;
}

/// Saves a fact by compare-and-swap: a process that another has overtaken since its look saves nothing.
fn note(world: &mut World, at: usize, fact: &Fact) -> Done {
    if world.processes[at].is_overtaken {
        return Done::Stale;
    }
    match Record::clone(&world.record).with(fact.clone()) {
        Ok(record) => {
            save(world, record, Some(at));
            Done::Applied
        }
        Err(_) => Done::Stale,
    }
}

/// Stores the record; a process that has looked before can store nothing any more.
pub fn save(world: &mut World, record: Record, by: Option<usize>) {
    world.record = record.into();
    for (at, process) in world.processes.iter_mut().enumerate() {
        process.is_overtaken |= Some(at) != by && !process.pending.is_empty();
    }
}

/// Lays the answers to a process's own writes over its caches.
fn overlay(before: &Imagined, now: &Imagined, cache: &mut Imagined) {
    lay_over(&before.claims, &now.claims, &mut cache.claims);
    lay_over(&before.volumes, &now.volumes, &mut cache.volumes);
    lay_over(&before.pods, &now.pods, &mut cache.pods);
    lay_over(&before.workloads, &now.workloads, &mut cache.workloads);
}

fn lay_over<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
    cache: &mut BTreeMap<K, V>,
) {
    for (key, object) in now.iter().filter(|(key, object)| before.get(*key) != Some(*object)) {
        cache.insert(key.clone(), object.clone());
    }
    for key in before.keys().filter(|key| !now.contains_key(*key)) {
        cache.remove(key);
    }
}

/// Tells whether a cache lags behind.
pub fn is_behind(cluster: &Imagined, cache: &Imagined, kind: Kind) -> bool {
    match kind {
        Kind::Claims => cluster.claims != cache.claims,
        Kind::Volumes => cluster.volumes != cache.volumes,
        Kind::Pods => cluster.pods != cache.pods,
        Kind::Workloads => cluster.workloads != cache.workloads,
    }
}

/// Lets a cache catch up.
pub fn refresh(world: &mut World, at: usize, kind: Kind) {
    let Some(cache) = &mut world.processes[at].cache else { return };
    let cluster = &world.cluster;
    match kind {
        Kind::Claims => cache.claims.clone_from(&cluster.claims),
        Kind::Volumes => cache.volumes.clone_from(&cluster.volumes),
        Kind::Pods => cache.pods.clone_from(&cluster.pods),
        Kind::Workloads => cache.workloads.clone_from(&cluster.workloads),
    }
}
