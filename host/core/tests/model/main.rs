//! Searches every world that can follow from a start, with the unchanged `decide`.
//!
//! A world is the cluster, the record, what is on the disks, and what each process has decided and not yet done. A step
//! is done under the preconditions of the look it was decided from, however old that is; a process may die between any
//! two; the cluster's controllers and the people around it move in between. `checked` holds what must be true of every
//! world; `mutants` breaks each rule of the order and asserts that the search finds what it leads to.
//!
//! Each setting pins how many worlds it has. Another count means that `decide` or the model has changed: look at why
//! before changing the figure.
//!
//! What the search leaves out: groups and pairs of mishaps are searched with steps in the order decided and a cluster
//! that binds at once (`in_order`, `swift`), or there would be millions of worlds. Two processes that both look through
//! lagging caches, and two processes with two claims and an abort, are not searched whole. A set that is recreated just
//! when the last copy is proven, while two processes run, may keep our mark, which then means nothing. A running clock
//! is not searched either: all deadlines pass at once or not at all.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]
#![allow(unreachable_pub, reason = "the files of a test binary are seen by each other only")]

mod action;
mod alone;
mod canonical;
mod checked;
mod groups;
mod lagging;
mod mutant;
mod mutants;
mod process;
mod reach;
mod sets;
mod setting;
mod together;
mod world;

use pvmigrate_core::invariants::violations;
use stateright::{Checker, HasDiscoveries, Model};

use mutant::Mutant;
use setting::Setting;

/// Searches all worlds, asserts that every property is true of each, and how many there are.
#[track_caller]
fn holds(setting: &Setting, worlds: usize) {
    let checker = setting.clone().checker().threads(1).spawn_bfs().join();
    if let Some((property, path)) = checker.discoveries().into_iter().next() {
        let last = path.last_state().clone();
        let found = violations(&last.record, &last.cluster.observe(&last.record));
        panic!("not true: {property}\n{found:#?}\n{last:#?}\n{:#?}", path.into_actions());
    }
    println!("{}: {worlds} worlds", std::thread::current().name().unwrap_or_default());
    assert_eq!(checker.unique_state_count(), worlds, "worlds");
}

/// Asserts the same, and that an end stays reachable from every world.
#[track_caller]
fn holds_and_ends(setting: &Setting, worlds: usize) {
    holds(setting, worlds);
    let reach = reach::explore(setting);
    if let Some(example) = reach.example {
        panic!(
            "{} of {} worlds have no way to an end; to the first of them leads\n{example}",
            reach.lost, reach.worlds
        );
    }
    assert_eq!(reach.worlds, worlds, "both searches meet the same worlds");
}

/// Asserts that the search finds what a broken rule does to a property.
fn finds(property: &'static str, mutant: Mutant, setting: Setting) {
    let checker = broken(mutant, setting).checker().threads(1);
    let checker = checker.finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{mutant:?} does nothing to: {property}");
}

fn broken(mutant: Mutant, setting: Setting) -> Setting {
    Setting { mutant: Some(mutant), ..setting }
}

#[test]
fn every_file_here_is_part_of_the_model() {
    let main = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model");
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry of it").file_name().into_string().expect("a name in UTF-8");
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is not compiled");
    }
}
