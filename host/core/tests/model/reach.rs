//! Explores all worlds of a model and tells from which of them no end can be reached.
//!
//! stateright's `eventually` does not see cycles, and the model has them: a process crashes and looks again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use crate::checked::is_over;
use crate::setting::Setting;
use crate::world::World;

/// What an exploration found.
pub struct Reach {
    /// How many worlds there are.
    pub worlds: usize,
    /// How many of them have no way to an end.
    pub lost: usize,
    /// The first of these, and the way there.
    pub example: Option<String>,
}

pub fn explore(setting: &Setting) -> Reach {
    let mut numbers = HashMap::new();
    let mut arrivals: Vec<Vec<u32>> = Vec::new();
    let mut parents: Vec<Option<(u32, String)>> = Vec::new();
    let mut ends = Vec::new();
    let mut queue = VecDeque::new();
    for world in setting.init_states() {
        numbers.insert(fingerprint(&world), 0_u32);
        arrivals.push(Vec::new());
        parents.push(None);
        queue.push_back((0_u32, world));
    }
    let mut actions = Vec::new();
    while let Some((from, world)) = queue.pop_front() {
        if is_over(&world) {
            ends.push(from);
        }
        setting.actions(&world, &mut actions);
        for action in actions.drain(..) {
            let words = format!("{action:?}");
            let Some(next) = setting.next_state(&world, action) else { continue };
            let fresh = u32::try_from(arrivals.len()).expect("fewer than 2^32 worlds");
            let to = *numbers.entry(fingerprint(&next)).or_insert(fresh);
            if to == fresh {
                arrivals.push(Vec::new());
                parents.push(Some((from, words)));
                queue.push_back((to, next));
            }
            arrivals[to as usize].push(from);
        }
    }
    let lost = without_end(&arrivals, &ends);
    let example = lost.first().map(|world| path(&parents, *world));
    Reach { worlds: arrivals.len(), lost: lost.len(), example }
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Goes backwards from the ends, and returns the worlds that are not met: they have no way to an end.
fn without_end(arrivals: &[Vec<u32>], ends: &[u32]) -> Vec<u32> {
    let mut has_way = vec![false; arrivals.len()];
    let mut open = ends.to_vec();
    while let Some(world) = open.pop() {
        if !std::mem::replace(&mut has_way[world as usize], true) {
            open.extend(&arrivals[world as usize]);
        }
    }
    (0_u32..).zip(&has_way).filter(|(_, has_way)| !**has_way).map(|(world, _)| world).collect()
}

fn path(parents: &[Option<(u32, String)>], mut world: u32) -> String {
    let mut words = Vec::new();
    while let Some((from, action)) = &parents[world as usize] {
        words.push(action.as_str());
        world = *from;
    }
    words.reverse();
    words.join("\n")
}
