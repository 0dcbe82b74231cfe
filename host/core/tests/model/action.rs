//! Everything that can happen next in a world.

use pvmigrate_core::imagined::{Move, Owner};
use pvmigrate_core::names;
use pvmigrate_core::observation::{Claim, Progress};
use pvmigrate_core::record::{Fact, Record, Retry, Uid, WorkloadRef};

use crate::canonical::canonical;
use crate::process::{self, KINDS, Kind};
use crate::setting::Setting;
use crate::world::World;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process looks and decides.
    Observe(usize),
    /// A process does one of the steps it has decided.
    Do(usize, usize),
    /// A process dies, and a fresh one takes its place.
    Crash(usize),
    /// A cache of a process catches up.
    Refresh(usize, Kind),
    /// The cluster's own controllers move.
    Cluster(Move),
    /// A pod writes to this claim's data, on this volume.
    Write(String, String),
    /// A pass of ours fails: the name of its entry.
    Fail(String),
    /// A pod of a workload will not end.
    Hang(String),
    /// A person scales the workload up.
    ScaleUp(WorkloadRef),
    /// A person deletes the workload, leaving its pods, and creates it again, scaled up.
    MakeAnew(WorkloadRef),
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
    /// The provisioner finds no room on the node that was chosen for this claim.
    NodeFull(String),
    /// The user aborts.
    Abort,
    /// All deadlines pass.
    Jump,
}

/// The name of the claim that any volume suits.
const STRANGER: &str = "stranger";
const BARE: &str = "bare";

/// Lists what may happen next.
pub fn actions(world: &World, in_order: bool, actions: &mut Vec<Action>) {
    for (at, process) in world.processes.iter().enumerate() {
        if process.pending.is_empty() {
            actions.push(Action::Observe(at));
        } else {
            let steps = if in_order { 1 } else { process.pending.len() };
            actions.extend((0..steps).map(|step| Action::Do(at, step)));
            actions.push(Action::Crash(at));
        }
        if let Some(cache) = &process.cache {
            let lags = KINDS.into_iter().filter(|kind| process::is_behind(&world.cluster, cache, *kind));
            actions.extend(lags.map(|kind| Action::Refresh(at, kind)));
        }
    }
    let moves = world.cluster.moves().into_iter().filter(|next| may_move(world, next));
    actions.extend(moves.map(Action::Cluster));
    workloads(world, actions);
    people(world, actions);
}

/// Tells whether a move is possible. A hung pod does not stop; nothing is provisioned here for claims that people made
/// for themselves.
fn may_move(world: &World, next: &Move) -> bool {
    match next {
        // Only a workload's pod hangs, and that is one entry of its own name.
        Move::Stop(pod) => world.cluster.pods.get(pod).is_none_or(|pod| pod.progress != hung()),
        Move::Provision(claim) => {
            world.cluster.claims.get(claim).is_none_or(|claim| claim.run.is_some() || claim.made_by_set)
        }
        Move::MakeClaim(_) => world.budget.made_claims > 0,
        Move::MakePod(_)
        | Move::BindVolume { .. }
        | Move::BindClaim { .. }
        | Move::Place(_)
        | Move::Succeed(_)
        | Move::Collect(_)
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
        if world.budget.scale_ups > 0 && workload.replicas == 0 {
            actions.push(Action::ScaleUp(name.clone()));
        }
        if world.budget.made_anew > 0 {
            actions.push(Action::MakeAnew(name.clone()));
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
            // A person who deletes a claim that has the data intends it.
            Some(claim) if claim.run.is_none() && !claim.made_by_set && !claim.bound && !claim.terminating => {
                actions.push(Action::ForeignLeaves(name.clone()));
            }
            None | Some(_) => {}
        }
        let temp = names::destination_claim(name);
        if budget.lost_temps > 0 && world.cluster.claims.get(&temp).is_some_and(|temp| !temp.terminating) {
            actions.push(Action::LoseTemp(temp.clone()));
        }
        let is_placed = |temp: &Claim| temp.placed && !temp.bound && temp.volume.is_none();
        if budget.full_nodes > 0 && world.cluster.claims.get(&temp).is_some_and(is_placed) {
            actions.push(Action::NodeFull(temp));
        }
    }
    if budget.strangers > 0 {
        actions.push(Action::Stranger);
    }
    if budget.aborts > 0 && Record::clone(&world.record).with(turn_back()).is_ok() {
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
    match action {
        Action::Observe(at) => {
            let (steps, is_left) = process::look(world, *at, setting.mutant);
            if steps.is_empty() && !is_left {
                return None;
            }
            next.left_free |= is_left;
            next.processes[*at].pending = steps;
            next.processes[*at].is_overtaken = false;
        }
        Action::Do(at, step) => process::perform(&mut next, *at, *step, setting.mutant),
        Action::Crash(at) => process::crash(&mut next, *at),
        Action::Refresh(at, kind) => process::refresh(&mut next, *at, *kind),
        Action::Cluster(action) => next.make(action),
        Action::Write(claim, volume) => {
            next.budget.writes -= 1;
            next.write(claim, volume);
        }
        Action::Fail(pod) => {
            next.budget.failures -= 1;
            next.copier_dies(pod, false);
            next.cluster.pods.get_mut(pod)?.progress =
                Progress::Failed { why: "it failed".to_owned(), retry: Retry::Again };
        }
        Action::Hang(pod) => {
            next.budget.hung_pods -= 1;
            next.cluster.pods.get_mut(pod)?.progress = hung();
        }
        Action::Jump => {
            next.budget.jumps -= 1;
            next.cluster.now = jiff::Timestamp::MAX;
        }
        Action::ScaleUp(_)
        | Action::MakeAnew(_)
        | Action::BarePod(_)
        | Action::BarePodSlipsIn(_)
        | Action::ForeignClaim(_)
        | Action::ForeignLeaves(_)
        | Action::Stranger
        | Action::LoseTemp(_)
        | Action::NodeFull(_)
        | Action::Abort => person_acts(&mut next, action)?,
    }
    if setting.swift {
        hurry(&mut next);
    }
    next.note_run();
    canonical(&mut next);
    Some(next)
}

fn person_acts(world: &mut World, action: &Action) -> Option<()> {
    let budget = &mut world.budget;
    match action {
        Action::ScaleUp(workload) => {
            budget.scale_ups -= 1;
            let version = world.cluster.version();
            let workload = world.cluster.workloads.get_mut(workload)?;
            (workload.replicas, workload.version) = (1, version);
        }
        Action::MakeAnew(workload) => {
            budget.made_anew -= 1;
            make_anew(world, workload)?;
        }
        Action::BarePod(claim) => {
            budget.bare_pods -= 1;
            bare_pod(world, claim);
        }
        Action::BarePodSlipsIn(claim) => {
            budget.bare_pods -= 1;
            bare_pod(world, claim);
            world.make(&Move::RemoveClaim(claim.clone()));
        }
        Action::ForeignClaim(name) => {
            budget.foreign_claims -= 1;
            create_claim(world, name);
        }
        Action::Stranger => {
            budget.strangers -= 1;
            create_claim(world, STRANGER);
        }
        Action::ForeignLeaves(name) => delete_claim(world, name),
        Action::LoseTemp(name) => {
            budget.lost_temps -= 1;
            delete_claim(world, name);
        }
        Action::NodeFull(name) => {
            budget.full_nodes -= 1;
            let version = world.cluster.version();
            let claim = world.cluster.claims.get_mut(name)?;
            (claim.placed, claim.version) = (false, version);
        }
        Action::Abort => {
            budget.aborts -= 1;
            let record = Record::clone(&world.record).with(turn_back()).ok()?;
            process::save(world, record, None);
        }
        other => unreachable!("{other:?} is no person's"),
    }
    Some(())
}

/// Recreates a workload. The pods and claims are orphaned, and the new one adopts the pods. It owns no claim: that has
/// to be asked for.
fn make_anew(world: &mut World, workload: &WorkloadRef) -> Option<()> {
    let version = world.cluster.version();
    let found = world.cluster.workloads.get_mut(workload)?;
    let old = std::mem::replace(&mut found.uid, Uid("anew".to_owned()));
    (found.version, found.replicas, found.mark) = (version, 1, None);
    for owners in world.cluster.owners.values_mut() {
        owners.retain(|uid| *uid != old);
    }
    Some(())
}

/// Creates a pod that mounts what the claim is bound to now, and keeps it even when the claim goes.
fn bare_pod(world: &mut World, claim: &str) {
    world.bare_mount = world.volume_of(claim);
    let mut pod = world.cluster.new_pod(BARE, Owner::Other, vec![claim.to_owned()]);
    (pod.placed, pod.progress) = (true, Progress::Running);
    world.cluster.pods.insert(BARE.to_owned(), pod);
}

fn create_claim(world: &mut World, name: &str) {
    let claim = world.cluster.new_claim(None, None);
    world.cluster.claims.insert(name.to_owned(), claim);
}

fn delete_claim(world: &mut World, name: &str) {
    let version = world.cluster.version();
    if let Some(claim) = world.cluster.claims.get_mut(name) {
        (claim.terminating, claim.version) = (true, version);
    }
}

/// Lets the cluster do at once what never takes long.
fn hurry(world: &mut World) {
    let is_swift = |next: &Move| {
        matches!(next, Move::Provision(_) | Move::BindVolume { .. } | Move::BindClaim { .. } | Move::Release(_))
    };
    while let Some(next) = world.cluster.moves().into_iter().find(|next| is_swift(next) && may_move(world, next)) {
        world.make(&next);
    }
}
