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

use stateright::{Checker, HasDiscoveries, Model};

use mutant::Mutant;
use setting::Setting;
use world::Budget;

/// Searches all worlds, asserts every property, and that an end stays reachable from each. Returns the count.
fn holds(setting: Setting) -> usize {
    let checker = setting.clone().checker().threads(1).spawn_bfs().join();
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

/// Asserts that the checker finds what a broken rule does.
fn finds(property: &'static str, mutant: Mutant, setting: Setting) {
    let only = HasDiscoveries::AnyOf([property].into());
    let setting = Setting { mutant: Some(mutant), ..setting };
    let checker = setting.checker().threads(1).finish_when(only).spawn_bfs().join();
    println!("{mutant:?}: {} worlds, {:?}", checker.unique_state_count(), checker.discoveries().keys());
    if std::env::var("TRACE").is_ok() {
        if let Some(path) = checker.discovery(property) {
            for action in path.into_actions() {
                println!("   {action:?}");
            }
        }
    }
    assert!(checker.discovery(property).is_some(), "{mutant:?} is not found: {property}");
}

mod mutants {
    use super::*;
    use crate::checked::*;

    fn alone(budget: Budget) -> Setting {
        let base = Setting::one_claim();
        Setting { budget: Budget { writes: base.budget.writes, ..budget }, ..base }
    }

    fn two(budget: Budget) -> Setting {
        Setting { processes: 2, ..alone(budget) }
    }

    #[test]
    fn source_not_retained() {
        finds(KEPT, Mutant::SourceNotRetained, alone(Budget::default()));
    }
    #[test]
    fn destination_not_retained() {
        finds(TRUE, Mutant::DestinationNotRetained, alone(Budget::default()));
    }
    #[test]
    fn scaled_down_unmarked() {
        finds(UP, Mutant::ScaledDownUnmarked, two(Budget { scale_ups: 1, ..Budget::default() }));
    }
    #[test]
    fn scaled_down_any_version() {
        finds(UP, Mutant::ScaledDownAnyVersion, two(Budget::default()));
    }
    #[test]
    fn fenced_unquiet() {
        let setting = alone(Budget { hung_pods: 1, jumps: 1, ..Budget::default() });
        let reach = reach::explore(&setting);
        println!("{} {}", reach.worlds, reach.lost);
        assert_eq!(reach.lost, 0, "{}", reach.example.unwrap());
        let reach = reach::explore(&Setting { mutant: Some(Mutant::FencedUnquiet), ..setting });
        println!("{} {}", reach.worlds, reach.lost);
        assert!(reach.lost > 0);
    }
    #[test]
    fn fenced_any_version() {
        finds(UP, Mutant::FencedAnyVersion, two(Budget { aborts: 1, ..Budget::default() }));
    }
    #[test]
    fn fenced_by_name() {
        finds(KEPT, Mutant::FencedByName, two(Budget::default()));
    }
    #[test]
    fn not_fenced() {
        finds(HELD, Mutant::NotFenced, alone(Budget { scale_ups: 1, ..Budget::default() }));
    }
    #[test]
    fn copied_beside_users() {
        finds(WHOLE, Mutant::CopiedBesideUsers, alone(Budget { bare_pods: 1, ..Budget::default() }));
    }
    #[test]
    fn warm_copy_counts() {
        finds(WHOLE, Mutant::WarmCopyCounts, Setting { warm: true, ..alone(Budget::default()) });
    }
    #[test]
    fn claim_ref_cleared() {
        finds(KEPT, Mutant::ClaimRefCleared, alone(Budget { strangers: 1, ..Budget::default() }));
    }
    #[test]
    fn pods_before_temps() {
        finds(WHOLE, Mutant::PodsBeforeTemps, two(Budget::default()));
    }
    #[test]
    fn left_marked() {
        finds(UP, Mutant::LeftMarked, two(Budget { scale_ups: 1, ..Budget::default() }));
    }
    #[test]
    fn unmarked_first() {
        finds(TRUE, Mutant::UnmarkedFirst, alone(Budget::default()));
    }
    #[test]
    fn not_touched() {
        finds(KEPT, Mutant::NotTouched, two(Budget { aborts: 1, ..Budget::default() }));
    }
    #[test]
    fn settled_unbound() {
        finds(TRUE, Mutant::SettledUnbound, alone(Budget::default()));
    }
    #[test]
    fn tombstones_cleared() {
        finds(
            WHOLE,
            Mutant::TombstonesCleared,
            Setting { attempts: 2, ..two(Budget { failures: 2, ..Budget::default() }) },
        );
    }
}

fn try_out(name: &str, setting: Setting) {
    let start = std::time::Instant::now();
    let reach = reach::explore(&setting);
    println!(
        "{name}: {} worlds, {} ends, {} lost, {} broken, {:?}",
        reach.worlds,
        reach.ends,
        reach.lost,
        reach.broken,
        start.elapsed()
    );
    if let Some(example) = reach.example {
        println!("{example}");
    }
    if std::env::var("BOTH").is_ok() || reach.broken > 0 {
        let start = std::time::Instant::now();
        println!("{name}: {} {:?}", holds(setting), start.elapsed());
    }
}

#[test]
fn scratch() {
    let base = Setting::one_claim();
    let _people = Budget {
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
        "people" => {
            let b = base.budget;
            let g = Setting { in_order: true, swift: true, workloads: vec![vec!["a", "b"]], ..base.clone() };
            try_out("two claims", g.clone());
            try_out("two claims abort", Setting { budget: Budget { aborts: 1, ..b }, ..g.clone() });
            try_out("two claims abort w0", Setting { budget: Budget { aborts: 1, ..Budget::default() }, ..g.clone() });
            try_out("two claims fail", Setting { budget: Budget { failures: 1, ..b }, ..g.clone() });
            try_out("two claims scale", Setting { budget: Budget { scale_ups: 1, bare_pods: 1, ..b }, ..g.clone() });
            try_out("two claims 2", Setting { processes: 2, ..g.clone() });
            try_out(
                "two claims 2 abort",
                Setting { processes: 2, budget: Budget { aborts: 1, ..Budget::default() }, ..g.clone() },
            );
            let g = Setting { in_order: true, swift: true, workloads: vec![vec!["a"], vec!["a"]], ..base.clone() };
            try_out("two workloads 2", Setting { processes: 2, ..g.clone() });
            try_out("two workloads", Setting { budget: Budget { aborts: 1, scale_ups: 1, ..b }, ..g.clone() });
            try_out("two workloads2 abort", Setting { processes: 2, budget: Budget { aborts: 1, ..b }, ..g.clone() });
            try_out(
                "two workloads2 scale",
                Setting { processes: 2, budget: Budget { scale_ups: 1, ..b }, ..g.clone() },
            );
            try_out("mixed", Setting { in_order: true, workloads: vec![vec!["a", "b"], vec!["b"]], ..base.clone() });
        }
        "more" => {
            let b = base.budget;
            let t = Setting { processes: 2, in_order: true, swift: true, ..base.clone() };
            try_out("2 jump fail", Setting { attempts: 2, budget: Budget { failures: 1, jumps: 1, ..b }, ..t.clone() });
            try_out("2 scale abort", Setting { budget: Budget { scale_ups: 1, aborts: 1, ..b }, ..t.clone() });
            try_out("2 bare abort", Setting { budget: Budget { bare_pods: 1, aborts: 1, ..b }, ..t.clone() });
            try_out(
                "2 fail abort",
                Setting { attempts: 2, budget: Budget { failures: 2, aborts: 1, ..b }, ..t.clone() },
            );
            try_out("2 temps", Setting { budget: Budget { lost_temps: 1, ..b }, ..t.clone() });
            try_out("2 foreign abort", Setting { budget: Budget { foreign_claims: 1, aborts: 1, ..b }, ..t.clone() });
            try_out(
                "2 warm late abort",
                Setting { warm: true, binds_late: true, budget: Budget { aborts: 1, ..b }, ..t.clone() },
            );
            let c = Setting { caches: true, in_order: true, swift: true, ..base.clone() };
            try_out(
                "c abort scale bare",
                Setting { budget: Budget { aborts: 1, scale_ups: 1, bare_pods: 1, ..b }, ..c.clone() },
            );
            try_out(
                "c fail abort jump",
                Setting { attempts: 2, budget: Budget { aborts: 1, failures: 1, jumps: 1, ..b }, ..c.clone() },
            );
            try_out(
                "c warm temps abort",
                Setting { warm: true, budget: Budget { aborts: 1, lost_temps: 1, ..b }, ..c.clone() },
            );
            try_out("c 2", Setting { processes: 2, budget: b, ..c.clone() });
            try_out("c two claims", Setting { workloads: vec![vec!["a", "b"]], ..c.clone() });
        }
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
