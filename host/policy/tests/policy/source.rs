//! A policy as source, with an engine that loads it: here one that does what the main file's name begins with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pvmigrate_core::policy::CallCost;
use pvmigrate_policy::{Configured, FailureKind, Function, Limits, Policy, PolicyFailure, Source};

use super::support::{question, request, volume};

/// A component that answers as the smallest of policies, and a loader in front of it. Loading writes down that it has been
/// called, and `select` traps where that is not so.
const ENGINE: &str = include_str!("source/engine.wat");

fn engine() -> Vec<u8> {
    wat::parse_str(ENGINE).expect("component text")
}

fn source(main: &str) -> Source {
    Source { files: [(main.to_owned(), "text".to_owned())].into(), main: main.to_owned() }
}

fn open(main: &str, limits: &Limits) -> Result<Policy, PolicyFailure> {
    Policy::from_source(Path::new("keep"), &engine(), &source(main), limits)
}

/// Asks an opened policy about one claim.
fn select(policy: Policy) -> CallCost {
    let policy = Configured::bare(Arc::new(policy)).expect("no settings");
    let question = question(&request(vec![volume(1, "a")]));
    policy.select(&question).expect("an answer").expect("it selects").cost
}

#[test]
fn a_source_is_loaded_before_each_call_and_that_fuel_is_not_the_calls() {
    let policy = open("good", &Limits::default()).expect("a policy");
    assert!(policy.is_source());
    assert_eq!((policy.info().name.as_str(), policy.info().bytes), ("tiny", "goodtext".len()));
    assert!(policy.info().exports.iter().all(|name| !name.contains("loader")), "{:?}", policy.info().exports);
    let cost = select(policy);
    let busy = select(open("busy", &Limits { describe_fuel: 10_000, ..Limits::default() }).expect("enough fuel"));
    assert!(cost.fuel > 0 && cost.fuel == busy.fuel, "{} and {}", cost.fuel, busy.fuel);
}

#[test]
fn the_digest_is_that_of_the_engine_and_the_source() {
    let digest = |main: &str| open(main, &Limits::default()).expect("a policy").info().digest.clone();
    assert_eq!(digest("good"), digest("good"));
    assert_ne!(digest("good"), digest("goods"));
}

#[test]
fn a_problem_is_told_with_its_place_first() {
    let failure = open("problem", &Limits::default()).expect_err("a problem");
    assert_eq!(failure.to_string(), r"policy.py:12:5: SyntaxError: no \u{1b}[2J");
    assert_eq!((failure.kind.as_str(), failure.function), ("source", Some(Function::LOAD)));
}

#[test]
fn a_load_that_does_not_end_is_ended() {
    let failure = open("endless", &Limits::default()).expect_err("no end");
    let is_fuel = matches!(failure.kind, FailureKind::Fuel { .. });
    assert!(is_fuel && failure.function == Some(Function::LOAD), "{failure:?}");
    assert!(failure.to_string().starts_with("policy keep in load: stopped: fuel"), "{failure}");
    let failure = open("endless", &Limits { wall: Duration::ZERO, ..Limits::default() }).expect_err("no time");
    assert!(matches!(failure.kind, FailureKind::Time { .. }), "{failure:?}");
}

#[test]
fn an_engine_is_no_policy_and_a_policy_no_engine() {
    let limits = Limits::default();
    let refused = |opened: Result<Policy, PolicyFailure>, words: &str| {
        let failure = opened.expect_err("refused");
        assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains(words)), "{failure:?}");
    };
    refused(Policy::from_bytes(Path::new("x.wasm"), &engine(), &[], &limits), "it is an engine without a policy");
    let whole = std::fs::read(super::support::built("default")).expect("the built-in policy");
    refused(Policy::from_source(Path::new("keep"), &whole, &source("good"), &limits), "cannot load a policy's source");
    let other = ENGINE.replace(r#"(field "column" u32)"#, r#"(field "column" s32)"#);
    let other = wat::parse_str(other).expect("component text");
    refused(Policy::from_source(Path::new("keep"), &other, &source("good"), &limits), "type mismatch");
}

#[test]
fn a_source_that_is_too_large_is_refused() {
    let mut source = source("good");
    source.files.insert("large".to_owned(), "x".repeat(33 << 20));
    let opened = Policy::from_source(Path::new("keep"), &engine(), &source, &Limits::default());
    let kind = opened.expect_err("too large").kind;
    assert!(matches!(kind, FailureKind::TooLarge { .. }), "{kind:?}");
}
