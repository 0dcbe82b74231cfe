//! Everything that can happen next in a world.

use std::sync::Arc;

use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::imagined::{Imagined, Move, Owner};
use pvmigrate_core::names;
use pvmigrate_core::observation::{Observation, Progress};
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::{Fact, Record, WorkloadRef};
use pvmigrate_core::step::Step;

use crate::canonical::canonical;
use crate::mutant::Mutant;
use crate::setting::Setting;
use crate::world::World;

/// Names one thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process looks and decides.
    Look(usize),
    /// A process does one of the steps it has decided.
    Do(usize, usize),
    /// A process dies, and a fresh one takes its place.
    Crash(usize),
    /// A cache of a process catches up.
    Refresh(usize, Kind),
    /// The cluster's own controllers move.
    Cluster(Move),
    /// A workload's controller creates its pod.
    Spawn(WorkloadRef),
    /// A pod writes to this claim's data, on this volume.
    Write(String, String),
    /// A pod of ours fails.
    Fail(String),
    /// A pod of a workload will not end.
    Hang(String),
    /// A person scales the workload up.
    ScaleUp(WorkloadRef),
    /// A person creates a pod with `nodeName` for this claim.
    BarePod(String),
    /// The same, in the very moment in which the claim is removed: the node has read it just before.
    BarePodSlipsIn(String),
    /// A person creates a claim of this name.
    ForeignClaim(String),
    /// The person deletes it again.
    ForeignLeaves(String),
    /// A person creates a claim of another name that waits for any volume.
    Stranger,
    /// A person deletes the temporary claim on the destination class of this claim.
    LoseTemp(String),
    /// The user aborts.
    Abort,
    /// All deadlines pass.
    Jump,
}

/// Names what a cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Claims,
    Volumes,
    Pods,
    Workloads,
}

impl Kind {
    /// Tells what a step writes. A note writes none, but nothing is wrong with a fresh look at the workloads.
    fn of(step: &Step) -> Self {
        match step {
            Step::RetainSource { .. }
            | Step::RetainDestination { .. }
            | Step::Reserve { .. }
            | Step::RestoreReclaim { .. }
            | Step::DeleteSourceVolume { .. } => Self::Volumes,
            Step::CreateDestination { .. }
            | Step::AdoptDestination { .. }
            | Step::DeleteOriginalClaim { .. }
            | Step::CreateSourceTemp { .. }
            | Step::DeleteTemp { .. }
            | Step::CreateFinalClaim { .. }
            | Step::RestoreOriginalClaim { .. }
            | Step::TouchOriginal { .. }
            | Step::UntouchOriginal { .. } => Self::Claims,
            Step::StartPod { .. } | Step::DeletePod { .. } => Self::Pods,
            Step::MarkWorkload { .. }
            | Step::ScaleDown { .. }
            | Step::ScaleUp { .. }
            | Step::UnmarkWorkload { .. }
            | Step::Note(_) => Self::Workloads,
        }
    }
}

const KINDS: [Kind; 4] = [Kind::Claims, Kind::Volumes, Kind::Pods, Kind::Workloads];

/// The name of the claim that any volume suits.
pub const STRANGER: &str = "stranger";
const BARE: &str = "bare";

/// Lists what may happen next.
pub fn actions(world: &World, in_order: bool, actions: &mut Vec<Action>) {
    for (at, process) in world.processes.iter().enumerate() {
        if process.pending.is_empty() {
            actions.push(Action::Look(at));
        } else {
            let steps = if in_order { 1 } else { process.pending.len() };
            actions.extend((0..steps).map(|step| Action::Do(at, step)));
            actions.push(Action::Crash(at));
        }
        if let Some(cache) = &process.cache {
            let lags = KINDS.into_iter().filter(|kind| is_behind(&world.cluster, cache, *kind));
            actions.extend(lags.map(|kind| Action::Refresh(at, kind)));
        }
    }
    let moves = world.cluster.moves().into_iter().filter(|next| may_move(world, next));
    actions.extend(moves.map(Action::Cluster));
    workloads(world, actions);
    people(world, actions);
}

/// A hung pod does not stop; claims that people made for themselves are provisioned nothing here.
fn may_move(world: &World, next: &Move) -> bool {
    match next {
        Move::Stop(pod) => world.cluster.pods.get(pod).is_none_or(|pod| pod.progress != hung()),
        Move::Provision(claim) => world.cluster.claims.get(claim).is_none_or(|claim| claim.run.is_some()),
        Move::BindVolume { .. }
        | Move::BindClaim { .. }
        | Move::Place(_)
        | Move::Succeed(_)
        | Move::RemoveClaim(_)
        | Move::Release(_)
        | Move::Reclaim(_)
        | Move::RemoveVolume(_)
        | Move::End(_) => true,
    }
}

fn hung() -> Progress {
    Progress::Starting(Some("hung".to_owned()))
}

fn workloads(world: &World, actions: &mut Vec<Action>) {
    for (name, workload) in &world.cluster.workloads {
        if workload.replicas > 0 && !world.cluster.pods.contains_key(&format!("{}-0", name.name)) {
            actions.push(Action::Spawn(name.clone()));
        }
        if world.budget.scale_ups > 0 && workload.replicas == 0 {
            actions.push(Action::ScaleUp(name.clone()));
        }
    }
    for (name, pod) in &world.cluster.pods {
        if world.budget.hung_pods > 0 && matches!(pod.owner, Owner::Workload(_)) && pod.placed {
            actions.push(Action::Hang(name.clone()));
        }
    }
    if world.budget.writes > 0 {
        let mut writes: Vec<Action> =
            world.users().map(|(claim, volume)| Action::Write(claim.clone(), volume)).collect();
        writes.dedup();
        actions.append(&mut writes);
    }
}

fn people(world: &World, actions: &mut Vec<Action>) {
    let budget = &world.budget;
    for (name, pod) in &world.cluster.pods {
        let is_ours = matches!(pod.owner, Owner::Ours { .. });
        if budget.failures > 0 && is_ours && pod.progress == Progress::Running && !pod.leaving {
            actions.push(Action::Fail(name.clone()));
        }
    }
    for name in world.record.claims.keys() {
        match world.cluster.claims.get(name) {
            None if budget.foreign_claims > 0 => actions.push(Action::ForeignClaim(name.clone())),
            Some(claim) if claim.terminating && budget.bare_pods > 0 && !world.cluster.pods.contains_key(BARE) => {
                actions.push(Action::BarePod(name.clone()));
                if world.cluster.moves().contains(&Move::RemoveClaim(name.clone())) {
                    actions.push(Action::BarePodSlipsIn(name.clone()));
                }
            }
            // Who deletes a claim that has the data means it.
            Some(claim) if claim.run.is_none() && !claim.bound && !claim.terminating => {
                actions.push(Action::ForeignLeaves(name.clone()));
            }
            None | Some(_) => {}
        }
        let temp = names::destination_claim(name);
        if budget.lost_temps > 0 && world.cluster.claims.get(&temp).is_some_and(|temp| !temp.terminating) {
            actions.push(Action::LoseTemp(temp));
        }
    }
    if budget.strangers > 0 {
        actions.push(Action::Stranger);
    }
    if budget.aborts > 0 && world.record.clone().as_ref().clone().with(turn_back()).is_ok() {
        actions.push(Action::Abort);
    }
    if budget.jumps > 0 {
        actions.push(Action::Jump);
    }
}

fn turn_back() -> Fact {
    Fact::TurnedBack { why: "the user wants it".to_owned() }
}

/// Returns the world after the action; `None` when nothing is different.
pub fn next(world: &World, action: &Action, setting: &Setting) -> Option<World> {
    let mut next = world.clone();
    let mutant = setting.mutant;
    match action {
        Action::Look(at) => {
            next.processes[*at].pending = look(world, *at, mutant)?;
            next.processes[*at].is_overtaken = false;
        }
        Action::Do(at, step) => perform(&mut next, *at, *step, mutant),
        Action::Crash(at) => {
            forget(&mut next, *at);
            // A fresh process lists everything once, before it looks.
            next.processes[*at].cache = next.processes[*at].cache.take().map(|_| Box::new(next.cluster.clone()));
        }
        Action::Refresh(at, kind) => {
            if let Some(cache) = &mut next.processes[*at].cache {
                refresh(&world.cluster, cache, *kind);
            }
        }
        Action::Cluster(action) => next.make(action),
        Action::Spawn(workload) => next.spawn(workload),
        Action::Write(claim, volume) => {
            next.budget.writes -= 1;
            next.write(claim, volume);
        }
        Action::Fail(pod) => {
            next.budget.failures -= 1;
            next.copier_dies(pod, false);
            next.cluster.pods.get_mut(pod)?.progress = Progress::Failed("it failed".to_owned());
        }
        Action::Hang(pod) => {
            next.budget.hung_pods -= 1;
            next.cluster.pods.get_mut(pod)?.progress = hung();
        }
        Action::ScaleUp(workload) => {
            next.budget.scale_ups -= 1;
            let version = next.cluster.version();
            let workload = next.cluster.workloads.get_mut(workload)?;
            (workload.replicas, workload.version) = (1, version);
        }
        Action::BarePod(claim) | Action::BarePodSlipsIn(claim) => {
            next.budget.bare_pods -= 1;
            next.bare_mount = next.volume_of(claim);
            if matches!(action, Action::BarePodSlipsIn(_)) {
                next.make(&Move::RemoveClaim(claim.clone()));
            }
            let mut pod = next.cluster.new_pod(Owner::Other, vec![claim.clone()]);
            (pod.placed, pod.progress) = (true, Progress::Running);
            next.cluster.pods.insert(BARE.to_owned(), pod);
        }
        Action::ForeignClaim(name) => {
            next.budget.foreign_claims -= 1;
            let claim = next.cluster.new_claim(None, None);
            next.cluster.claims.insert(name.clone(), claim);
        }
        Action::Stranger => {
            next.budget.strangers -= 1;
            let claim = next.cluster.new_claim(None, None);
            next.cluster.claims.insert(STRANGER.to_owned(), claim);
        }
        Action::ForeignLeaves(name) | Action::LoseTemp(name) => {
            next.budget.lost_temps =
                next.budget.lost_temps.saturating_sub(u8::from(matches!(action, Action::LoseTemp(_))));
            let version = next.cluster.version();
            let claim = next.cluster.claims.get_mut(name)?;
            (claim.terminating, claim.version) = (true, version);
        }
        Action::Abort => {
            next.budget.aborts -= 1;
            let record = Record::clone(&next.record).with(turn_back()).ok()?;
            save(&mut next, record, None);
        }
        Action::Jump => {
            next.budget.jumps -= 1;
            next.cluster.now = jiff::Timestamp::MAX;
        }
    }
    if setting.swift {
        hurry(&mut next);
    }
    canonical(&mut next);
    Some(next)
}

/// Lets the cluster do at once what nobody waits for long.
fn hurry(world: &mut World) {
    let is_swift = |next: &Move| {
        matches!(next, Move::Provision(_) | Move::BindVolume { .. } | Move::BindClaim { .. } | Move::Release(_))
    };
    while let Some(next) = world.cluster.moves().into_iter().find(|next| is_swift(next) && may_move(world, next)) {
        world.make(&next);
    }
}

/// Returns what a process decides to do; `None` when it only waits.
fn look(world: &World, at: usize, mutant: Option<Mutant>) -> Option<Vec<Step>> {
    let mut seen = observe(world, at);
    if let Some(mutant) = mutant {
        mutant.distort(&world.record, &mut seen);
    }
    let now = world.cluster.now;
    let steps = match decide(&world.record, &seen, now) {
        Decision::Act(steps) => steps,
        Decision::Wait(_) | Decision::Blocked(_) | Decision::Finished(_) => return None,
    };
    Some(match mutant {
        Some(mutant) => mutant.rearrange(&world.record, &seen, steps),
        None => steps,
    })
}

/// What the process sees: the truth, or what its caches show. Once a claim is gone, the pods are read afresh.
fn observe(world: &World, at: usize) -> Observation {
    let record = &world.record;
    let Some(cache) = &world.processes[at].cache else { return world.cluster.observe(record) };
    let mut seen = cache.observe(record);
    let truth = world.cluster.observe(record);
    for (name, claim) in &mut seen.claims {
        if claim.named.is_none() {
            claim.users.clone_from(&truth.claims[name].users);
        }
    }
    seen
}

fn perform(world: &mut World, at: usize, step: usize, mutant: Option<Mutant>) {
    let step = world.processes[at].pending.remove(step);
    let done = match &step {
        Step::Note(fact) => note(world, at, fact),
        _ => {
            let record = Arc::clone(&world.record);
            let done = match mutant {
                Some(mutant) => mutant.execute(&mut world.cluster, &record, &step),
                None => world.cluster.execute(&record, &step),
            };
            // A process waits until its caches show what it has written itself.
            if let Some(cache) = &mut world.processes[at].cache {
                refresh(&world.cluster, cache, Kind::of(&step));
            }
            done
        }
    };
    if done == Done::Stale || world.processes[at].pending.is_empty() {
        forget(world, at);
    }
}

fn forget(world: &mut World, at: usize) {
    world.processes[at].pending.clear();
    world.processes[at].is_overtaken = false;
}

/// Compare-and-swap: a process that somebody has overtaken since its look saves nothing.
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

fn save(world: &mut World, record: Record, by: Option<usize>) {
    world.record = record.into();
    for (at, process) in world.processes.iter_mut().enumerate() {
        process.is_overtaken |= Some(at) != by && !process.pending.is_empty();
    }
}

fn is_behind(cluster: &Imagined, cache: &Imagined, kind: Kind) -> bool {
    match kind {
        Kind::Claims => cluster.claims != cache.claims,
        Kind::Volumes => cluster.volumes != cache.volumes,
        Kind::Pods => cluster.pods != cache.pods,
        Kind::Workloads => cluster.workloads != cache.workloads,
    }
}

fn refresh(cluster: &Imagined, cache: &mut Imagined, kind: Kind) {
    match kind {
        Kind::Claims => cache.claims.clone_from(&cluster.claims),
        Kind::Volumes => cache.volumes.clone_from(&cluster.volumes),
        Kind::Pods => cache.pods.clone_from(&cluster.pods),
        Kind::Workloads => cache.workloads.clone_from(&cluster.workloads),
    }
}
