//! The model as stateright sees it, and the properties that hold in every world.

use pvmigrate_core::imagined::Owner;
use pvmigrate_core::invariants;
use pvmigrate_core::names;
use pvmigrate_core::record::{ClaimRecord, Goal};
use stateright::{Model, Property};

use crate::action::{Action, actions, next};
use crate::canonical::canonical;
use crate::setting::Setting;
use crate::world::{Disk, World};

/// Every property here is asserted by a mutant's test, or by all.
pub const KEPT: &str = "the data of every claim is whole in a place where nothing can take it away";
pub const WHOLE: &str = "no pod ever sees lost, old or torn data";
pub const HELD: &str = "no bound claim has its volume taken away";
pub const STRAYS: &str = "what a pod wrote to a claim of its StatefulSet's making is kept";
pub const TAKEN: &str = "whoever sees that a claim's name is free takes it at once";
pub const RUN_FIRST: &str = "no source volume of a group that was Ready is given up before it has run on the new ones";
pub const UP: &str = "no workload is down after the end";
pub const TRUE: &str = "all invariants hold";
pub const CLEAN: &str = "a process alone leaves nothing of ours behind";

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = self.start();
        canonical(&mut world);
        vec![world]
    }

    fn actions(&self, world: &World, found: &mut Vec<Action>) {
        actions(world, self.in_order, found);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        next(world, &action, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(KEPT, |_, world| is_kept(world)),
            Property::always(WHOLE, |_, world| is_whole(world)),
            Property::always(HELD, |_, world| is_held(world)),
            Property::always(STRAYS, |_, world| strays_are_kept(world)),
            Property::always(TAKEN, |_, world: &World| !world.left_free),
            Property::always(RUN_FIRST, |_, world| has_run_first(world)),
            Property::always(UP, |_, world| is_up(world)),
            Property::always(TRUE, |_, world| is_true(world)),
        ];
        if self.processes == 1 {
            properties.push(Property::always(CLEAN, |_, world| is_clean(world)));
        }
        properties
    }
}

/// Tells whether each claim has a volume with all that was written, which outlives its claim or is held by one of ours.
fn is_kept(world: &World) -> bool {
    world.record.claims.keys().all(|name| {
        let own = [name.clone(), names::source_claim(name), names::destination_claim(name)];
        world.cluster.volumes.values().any(|volume| {
            let holder = volume.holder.as_ref().filter(|holder| own.contains(&holder.name));
            let holding = holder.and_then(|holder| world.cluster.claims.get(&holder.name));
            let is_bound = holding.is_some_and(|claim| claim.volume.as_ref() == Some(&volume.name));
            world.disks.get(&volume.name) == Some(&Disk::Holds(world.written[name]))
                && holder.is_some()
                && (volume.is_retained() || is_bound)
        })
    })
}

/// Tells whether what every running pod sees behind a claim of the group is all that was ever written there.
fn is_whole(world: &World) -> bool {
    world
        .users()
        .all(|(claim, volume)| world.disks.get(&volume).is_none_or(|disk| *disk == Disk::Holds(world.written[claim])))
}

fn is_clean(world: &World) -> bool {
    if world.record.ended.is_none() {
        return true;
    }
    let is_temp = |claim: &String| {
        world
            .record
            .claims
            .keys()
            .any(|name| *claim == names::source_claim(name) || *claim == names::destination_claim(name))
    };
    !world.cluster.claims.keys().any(is_temp)
        && !world.cluster.pods.values().any(|pod| matches!(pod.owner, Owner::Ours { .. }))
}

/// Tells whether no claim is `Lost`. Kubernetes calls it so, for ever, when the volume it is bound to is reserved for
/// another.
fn is_held(world: &World) -> bool {
    world.cluster.claims.values().filter(|claim| claim.bound).all(|claim| {
        let volume = claim.volume.as_ref().and_then(|volume| world.cluster.volumes.get(volume));
        volume.and_then(|volume| volume.holder.as_ref()).is_some_and(|holder| holder.uid.as_ref() == Some(&claim.uid))
    })
}

/// Tells whether strays are kept. A set may make a claim in the moment before ours is created; what a pod wrote there
/// must not be lost.
fn strays_are_kept(world: &World) -> bool {
    world.strays.iter().filter(|(_, used)| **used).all(|(volume, _)| world.cluster.volumes.contains_key(volume))
}

fn has_run_first(world: &World) -> bool {
    let is_moved = world.record.proven() && world.record.goal == Goal::Forward;
    let is_kept = |claim: &ClaimRecord| {
        let volume = world.cluster.volumes.get(&claim.source.name);
        volume.is_some_and(|volume| volume.is_retained() && volume.terminating.is_none())
    };
    let was_ready = world.record.workloads.iter().any(|recorded| recorded.ready != Some(0));
    !is_moved || !was_ready || world.has_run || world.record.claims.values().all(is_kept)
}

fn is_true(world: &World) -> bool {
    invariants::violations(&world.record, &world.cluster.observe(&world.record)).is_empty()
}

/// Tells whether the migration has ended and everything is up.
pub fn is_over(world: &World) -> bool {
    world.record.ended.is_some() && is_true(world)
}

fn is_up(world: &World) -> bool {
    world.record.ended.is_none() || world.cluster.workloads.values().all(|workload| workload.replicas > 0)
}
