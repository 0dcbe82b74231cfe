//! `policy fuzz`: what it finds is small, and the testkit finds it again.

use std::sync::Arc;
use std::time::Duration;

use pvmigrate_policy::{Limits, Policy};
use pvmigrate_policy_kit::fuzz::{Found, Fuzzed, Options, run};
use pvmigrate_policy_kit::testkit::{self, ExitMeaning, Instead, Outcome, Surroundings, Tests};

use super::support::{built, usual};

fn fuzz(policy: &str, options: &Options) -> Fuzzed {
    run(usual(policy).policy(), options).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes the hostile policy do something whenever it is asked, and fuzzes it.
fn misbehaving(deed: &str, seed: u64) -> Found {
    let options = Options { runs: Some(50), seed, environment: Some(deed.to_owned()), ..Options::default() };
    fuzz("hostile", &options).found.unwrap_or_else(|| panic!("nothing was found of {deed}"))
}

/// Runs a test file that was written, as `policy test` does.
fn tested(text: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("found.test.yaml");
    std::fs::write(&file, text).expect("a file");
    let instead = Instead::Policy(Arc::clone(usual("hostile").policy()));
    let tests = Tests::read(&instead, &[file], &Surroundings::offline(&Limits::default()));
    let report =
        tests.and_then(|tests| tests.run(&testkit::Options::default())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.cases.len(), 1);
    report.cases[0].outcome.clone()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn a_fault_is_found_and_nothing_that_it_does_not_need_is_left() {
    let found = misbehaving("check:panic", 1);
    assert!(found.broken.is_fault() && found.reproduced, "{found:?}");
    assert_eq!(
        lines(&found.test),
        [
            "apiVersion: pvmigrate.dev/policy-test/v1",
            "source: old",
            "target: new",
            "environment: \"check:panic\"",
            "classes:",
            "  old: {}",
            "  new: {}",
            "cases:",
            &format!("- name: \"fault, seed 1, run {}\"", found.run),
            "  expect: {select: any, findings: any}",
        ]
    );
    assert!(matches!(tested(&found.test), Outcome::Fault { word, .. } if word == "trap"));
}

/// Neither the key nor the value is among those that are tried with every policy: both are literals of the component, the
/// value even one that its compiler has turned into numbers. Without them it would not be found.
#[test]
fn a_fault_that_depends_on_a_literal_is_found_and_the_literal_is_what_is_left() {
    for seed in [1, 2] {
        let options =
            Options { runs: Some(300), seed, environment: Some("select:literal".to_owned()), ..Options::default() };
        let found = fuzz("hostile", &options).found.unwrap_or_else(|| panic!("nothing was found with seed {seed}"));
        assert!(found.broken.is_fault() && found.reproduced, "{found:?}");
        let labelled: Vec<_> = lines(&found.test).into_iter().filter(|line| line.contains("labels")).collect();
        let [labelled] = labelled[..] else { panic!("{}", found.test) };
        assert!(labelled.ends_with(": {labels: {acme.io/poison: \"yes\"}}"), "{}", found.test);
    }
}

#[test]
fn a_fault_that_takes_nine_volumes_is_found_with_nine() {
    for seed in [1, 2] {
        let options =
            Options { runs: Some(100), seed, environment: Some("select:crowd".to_owned()), ..Options::default() };
        let found = fuzz("hostile", &options).found.unwrap_or_else(|| panic!("nothing was found with seed {seed}"));
        assert!(found.broken.is_fault() && found.reproduced, "{found:?}");
        let volumes = lines(&found.test).into_iter().skip_while(|line| *line != "volumes:").skip(1);
        assert_eq!(volumes.take_while(|line| line.starts_with(' ')).count(), 9, "{}", found.test);
    }
}

/// It votes on the first volume that it sees: it takes two volumes to see that.
#[test]
fn an_answer_that_depends_on_the_order_is_found_with_two_volumes() {
    for seed in [1, 2, 3] {
        let found = misbehaving("select:remember", seed);
        assert_eq!((found.broken.rule, found.reproduced), ("order", true), "{found:?}");
        let volumes: Vec<_> = lines(&found.test)
            .into_iter()
            .skip_while(|line| *line != "volumes:")
            .skip(1)
            .take_while(|line| line.starts_with(' '))
            .collect();
        assert_eq!(volumes.len(), 2, "{}", found.test);
        assert!(volumes.iter().all(|line| line.ends_with(": {}")), "{}", found.test);
        assert!(matches!(tested(&found.test), Outcome::Unstable { message } if message.contains("another order")));
    }
}

#[test]
fn the_same_seed_makes_up_the_same() {
    let options = |seed| Options { runs: Some(40), seed, ..Options::default() };
    let counts = |seed| {
        let fuzzed = fuzz("keep-and-cap", &options(seed));
        assert_eq!(fuzzed.found, None);
        (fuzzed.runs, fuzzed.refused, fuzzed.undecided)
    };
    assert_eq!(counts(5), counts(5));
    assert_eq!(misbehaving("check:panic", 9), misbehaving("check:panic", 9));
    assert_ne!(misbehaving("check:panic", 9).test, misbehaving("check:panic", 10).test, "the seed is in the name");
}

/// Cannot-decide is an answer: it stops a run, as it should, and is counted.
#[test]
fn a_policy_that_cannot_decide_breaks_no_rule() {
    let options = Options { runs: Some(5), environment: Some("select:error".to_owned()), ..Options::default() };
    let fuzzed = fuzz("hostile", &options);
    assert_eq!((fuzzed.found, fuzzed.runs, fuzzed.undecided), (None, 5, 5));
}

#[test]
fn nothing_tried_is_not_nothing_found() {
    let none = fuzz("default", &Options { time: Some(Duration::ZERO), ..Options::default() });
    assert_eq!((none.runs, none.tried_nothing()), (1, false), "a run is made, however short the time");
    assert!(Fuzzed { refused: 1, ..none }.tried_nothing());
}

#[test]
fn our_own_policies_stand_some_of_it() {
    for name in ["default", "size-guard", "mode-map", "quota-room"] {
        let policy = Arc::new(Policy::open(&built(name), &Limits::default()).expect(name));
        let fuzzed = run(&policy, &Options { runs: Some(40), seed: 11, ..Options::default() }).expect(name);
        assert_eq!(fuzzed.found, None, "{name}");
        assert!(fuzzed.refused < fuzzed.runs, "{name} took none of the settings made up for it");
    }
}

#[test]
fn a_test_file_of_a_finding_fails_until_the_policy_is_fixed() {
    let found = misbehaving("select:trap", 4);
    let mended = found.test.replace("select:trap", "select:nothing");
    assert_ne!(tested(&found.test).meaning(), ExitMeaning::Passed);
    assert_eq!(tested(&mended).meaning(), ExitMeaning::Passed);
}

#[test]
fn a_search_that_is_stopped_says_what_it_has_done() {
    let options = Options { runs: Some(1_000_000), seed: 3, ..Options::default() };
    options.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let fuzzed = fuzz("default", &options);
    assert!(fuzzed.interrupted && fuzzed.found.is_none(), "{fuzzed:?}");
    assert_eq!((fuzzed.runs, fuzzed.seed), (1, 3), "the run that it is in is finished");
}
