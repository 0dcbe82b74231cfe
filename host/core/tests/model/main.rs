//! Searches every world that can follow from a start, with the unchanged `decide`.
//!
//! Each setting pins how many worlds it has: a change of the count means that `decide` or the model has changed, and is
//! to be looked at before the figure is.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![allow(unreachable_pub, missing_docs, reason = "a test binary")]

mod action;
mod canonical;
mod checked;
mod mutant;
mod reach;
mod setting;
mod world;

use stateright::{Checker, Model};

use setting::Setting;
use world::Budget;

/// Searches all worlds, asserts every property, and that an end stays reachable from each. Returns the count.
fn holds(setting: Setting) -> usize {
    let checker = setting.clone().checker().threads(2).spawn_bfs().join();
    for (property, path) in checker.discoveries() {
        let words: Vec<String> = path.clone().into_actions().iter().map(|action| format!("{action:?}")).collect();
        let last = path.last_state();
        let violations = pvmigrate_core::invariants::violations(&last.record, &last.cluster.observe(&last.record));
        panic!("not true: {property}\n{}\n{violations:#?}\n{last:#?}", words.join("\n"));
    }
    checker.unique_state_count()
}

fn stays_reachable(setting: &Setting) -> usize {
    let reach = reach::explore(setting);
    assert!(reach.ends > 0);
    if let Some(example) = reach.example {
        panic!("{} of {} worlds have no way to an end; the first:\n{example}", reach.lost, reach.worlds);
    }
    reach.worlds
}

fn try_out(name: &str, setting: Setting) {
    let start = std::time::Instant::now();
    let reach = reach::explore(&setting);
    println!("{name}: {} worlds, {} ends, {} lost, {:?}", reach.worlds, reach.ends, reach.lost, start.elapsed());
    if let Some(example) = reach.example {
        println!("{example}");
    }
    let start = std::time::Instant::now();
    println!("{name}: {} {:?}", holds(setting), start.elapsed());
}

#[test]
fn scratch() {
    let base = Setting::one_claim();
    let people = Budget {
        writes: 1,
        scale_ups: 1,
        bare_pods: 1,
        foreign_claims: 1,
        strangers: 1,
        failures: 1,
        aborts: 1,
        jumps: 1,
        hung_pods: 0,
        lost_temps: 1,
    };
    let which = std::env::var("WHICH").unwrap_or_default();
    match which.as_str() {
        "" => try_out("one", base),
        "people" => try_out("people", Setting { budget: people, ..base }),
        "each" => {
            let b = base.budget;
            try_out("scale", Setting { budget: Budget { scale_ups: 1, ..b }, ..base.clone() });
            try_out("bare", Setting { budget: Budget { bare_pods: 1, ..b }, ..base.clone() });
            try_out("foreign", Setting { budget: Budget { foreign_claims: 1, ..b }, ..base.clone() });
            try_out("strangers", Setting { budget: Budget { strangers: 1, ..b }, ..base.clone() });
            try_out("failures", Setting { budget: Budget { failures: 1, ..b }, ..base.clone() });
            try_out("failures2", Setting { budget: Budget { failures: 2, ..b }, attempts: 2, ..base.clone() });
            try_out("aborts", Setting { budget: Budget { aborts: 1, ..b }, ..base.clone() });
            try_out("jumps", Setting { budget: Budget { jumps: 1, ..b }, ..base.clone() });
            try_out("temps", Setting { budget: Budget { lost_temps: 1, ..b }, ..base.clone() });
            try_out("warm", Setting { warm: true, ..base.clone() });
            try_out("late", Setting { binds_late: true, warm: true, ..base.clone() });
            try_out("two claims", Setting { workloads: vec![vec!["a", "b"]], ..base.clone() });
            try_out("two workloads", Setting { workloads: vec![vec!["a"], vec!["a"]], ..base.clone() });
            try_out("caches", Setting { caches: true, ..base.clone() });
        }
        "each2" => {
            let base = Setting { processes: 2, ..base };
            let b = base.budget;
            try_out("abort", Setting { budget: Budget { aborts: 1, ..b }, ..base.clone() });
            try_out("scale", Setting { budget: Budget { scale_ups: 1, ..b }, ..base.clone() });
            try_out("bare", Setting { budget: Budget { bare_pods: 1, ..b }, ..base.clone() });
            try_out("foreign", Setting { budget: Budget { foreign_claims: 1, ..b }, ..base.clone() });
            try_out("failures2", Setting { budget: Budget { failures: 2, ..b }, attempts: 2, ..base.clone() });
            try_out("warm", Setting { warm: true, ..base.clone() });
            try_out("late", Setting { binds_late: true, warm: true, ..base.clone() });
            try_out("two workloads", Setting { workloads: vec![vec!["a"], vec!["a"]], ..base.clone() });
            try_out("temps", Setting { budget: Budget { lost_temps: 1, ..b }, ..base.clone() });
            try_out("scale+abort", Setting { budget: Budget { aborts: 1, scale_ups: 1, ..b }, ..base.clone() });
        }
        "eachc" => {
            let base = Setting { caches: true, ..base };
            let b = base.budget;
            try_out("abort", Setting { budget: Budget { aborts: 1, ..b }, ..base.clone() });
            try_out("scale", Setting { budget: Budget { scale_ups: 1, ..b }, ..base.clone() });
            try_out("bare", Setting { budget: Budget { bare_pods: 1, ..b }, ..base.clone() });
            try_out("foreign", Setting { budget: Budget { foreign_claims: 1, ..b }, ..base.clone() });
            try_out("failures2", Setting { budget: Budget { failures: 2, ..b }, attempts: 2, ..base.clone() });
            try_out("warm", Setting { warm: true, ..base.clone() });
            try_out("late", Setting { binds_late: true, warm: true, ..base.clone() });
            try_out("two workloads", Setting { workloads: vec![vec!["a"], vec!["a"]], ..base.clone() });
            try_out("temps", Setting { budget: Budget { lost_temps: 1, ..b }, ..base.clone() });
        }
        "two" => try_out("two", Setting { processes: 2, ..base }),
        "caches" => try_out("two", Setting { caches: true, ..base }),
        _ => panic!(),
    }
}
