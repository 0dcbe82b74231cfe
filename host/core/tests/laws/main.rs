//! Laws that hold for every record and every observation, not only for those that a migration meets.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod arbitrary;
mod underway;

use jiff::Timestamp;
use proptest::prelude::*;
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::forecast::{End, Line, forecast};
use pvmigrate_core::observation::Observation;
use pvmigrate_core::record::{Evidence, Fact, Goal, Outcome, Record};
use pvmigrate_core::step::Step;

fn steps(record: &Record, seen: &Observation, now: Timestamp) -> Vec<Step> {
    match decide(record, seen, now) {
        Decision::Act(steps) => steps,
        Decision::Wait(_) | Decision::Blocked(_) | Decision::Finished(_) => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn decide_always_says_something((record, seen, now) in underway::situation()) {
        match decide(&record, &seen, now) {
            Decision::Act(steps) => prop_assert!(!steps.is_empty()),
            Decision::Wait(waits) => prop_assert!(!waits.is_empty()),
            Decision::Blocked(blockers) => prop_assert!(!blockers.is_empty()),
            Decision::Finished(ended) => prop_assert_eq!(Some(ended), record.ended),
        }
    }

    #[test]
    fn nothing_is_done_once_the_record_has_ended((record, seen, now) in underway::situation()) {
        let ended = pvmigrate_core::record::Ended { at: now, how: Outcome::Migrated };
        let record = Record { ended: Some(ended.clone()), ..record };
        prop_assert_eq!(decide(&record, &seen, now), Decision::Finished(ended));
    }

    #[test]
    fn the_fence_stands_only_behind_kept_volumes_and_a_quiet_group((record, seen, now) in underway::at_the_fence()) {
        let steps = steps(&record, &seen, now);
        if steps.iter().any(|step| matches!(step, Step::DeleteOriginalClaim { .. })) {
            prop_assert_eq!(&record.goal, &Goal::Forward);
            for (name, claim) in record.claims.iter().filter(|(_, claim)| claim.evidence.is_none()) {
                let seen = seen.claims.get(name).expect("a fenced claim's group is seen whole");
                let kept = [&seen.source_volume, &seen.destination_volume];
                prop_assert!(kept.iter().all(|volume| volume.as_ref().is_some_and(|volume| volume.is_retained())));
                let is_original = seen.named.as_ref().is_some_and(|named| Some(&named.uid) == claim.uid.as_ref());
                prop_assert!(!is_original || seen.users.is_empty(), "users of {}", name);
            }
            for workload in record.workloads.iter().filter_map(|recorded| seen.workloads.get(&recorded.workload)) {
                prop_assert!(workload.replicas == 0 && workload.pods == 0 && workload.mark.is_some());
            }
        }
    }

    #[test]
    fn a_group_turned_back_gets_neither_a_copy_nor_a_new_claim((record, seen, now) in underway::situation()) {
        let record = Record { goal: Goal::Back("why".to_owned()), ended: None, ..record };
        for step in steps(&record, &seen, now) {
            let is_forward = match &step {
                // What the reference tool has swapped has no way back.
                Step::CreateFinalClaim { claim } => record.claims[claim].evidence != Some(Evidence::Adopted),
                step => matches!(
                    step,
                    Step::DeleteOriginalClaim { .. } | Step::StartPod { .. } | Step::DeleteSourceVolume { .. }
                        | Step::Note(Fact::Copied { .. } | Fact::TurnedBack { .. })
                ),
            };
            prop_assert!(!is_forward, "{:?}", step);
        }
    }

    #[test]
    fn every_fact_decided_is_taken_by_the_record((record, seen, now) in underway::situation()) {
        let mut record = record;
        for step in steps(&record, &seen, now) {
            if let Step::Note(fact) = step {
                record = record.with(fact).expect("decide notes nothing that its record refuses");
            }
        }
    }

    #[test]
    fn turning_back_and_proving_exclude_each_other(record in arbitrary::record(), at in arbitrary::moment()) {
        let record = Record { ended: None, ..record };
        let turned = record.clone().with(Fact::TurnedBack { why: "why".to_owned() });
        prop_assert_eq!(turned.is_ok(), record.goal == Goal::Forward && !record.proven());
        let claims = record.claims.clone();
        let proofs = claims.keys().try_fold(turned.unwrap_or(record), |record, claim| {
            let evidence = Evidence::Copied { attempt: 1, report: Default::default(), at };
            record.with(Fact::Copied { claim: claim.clone(), evidence })
        });
        if let Ok(proven) = proofs {
            prop_assert_eq!(proven.goal, Goal::Forward);
        }
    }

    #[test]
    fn a_record_comes_back_from_json_as_it_was(record in arbitrary::record()) {
        let json = serde_json::to_string(&record).expect("records are plain data");
        prop_assert_eq!(serde_json::from_str::<Record>(&json).expect("what was written"), record);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_forecast_from_anywhere_returns((record, seen, now) in underway::situation()) {
        let forecast = forecast(&record, &seen, now);
        if record.ended.is_some() {
            prop_assert!(forecast.lines.is_empty());
        }
    }

    #[test]
    fn a_forecast_from_the_beginning_ends_migrated(
        begun in underway::begun(),
    ) {
        let (record, seen) = begun;
        let forecast = forecast(&record, &seen, record.begun);
        let is_migrated = matches!(&forecast.ends, End::Finished(ended) if ended.how == Outcome::Migrated);
        prop_assert!(is_migrated, "{:#?}", forecast);
        for claim in record.claims.keys() {
            let does = |which: fn(&Step) -> bool| {
                let is_it = |line: &&Line| matches!(line, Line::Do(step) if which(step) && step.claim() == Some(claim));
                forecast.lines.iter().filter(is_it).count()
            };
            prop_assert_eq!(does(|step| matches!(step, Step::DeleteOriginalClaim { .. })), 1);
            prop_assert_eq!(does(|step| matches!(step, Step::CreateFinalClaim { .. })), 1);
        }
    }
}

/// Records of released versions. They are never changed, and a new one is added with every new format.
#[test]
fn old_records_still_load() {
    for (name, json) in [
        ("format 1, begun", include_str!("records/1-begun.json")),
        ("format 1, turned back", include_str!("records/1-turned-back.json")),
        ("format 1, ended", include_str!("records/1-ended.json")),
    ] {
        let record: Record = serde_json::from_str(json).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(record.format, 1, "{name}");
        assert!(!record.claims.is_empty(), "{name}");
    }
}
