//! P6: The same inputs give the same bytes: the same answers, logs and fuel, on every machine.

use pvmigrate_core::policy::Request;
use pvmigrate_policy::{FailureKind, Function, NotComponent};

use super::super::support::{question, request, usual, volume};
use super::hostile::{asked, component, hostile, misbehaving, questions};

#[test]
fn the_same_question_costs_the_same_and_says_the_same() {
    for call in questions() {
        for deed in ["remember", "log-escape", "find", "escape"] {
            let cost =
                || asked(hostile(), call, &misbehaving(call, deed)).unwrap_or_else(|failure| panic!("{failure}"));
            let first = cost();
            assert!(first.fuel > 0);
            assert_eq!(first, cost(), "{call} {deed}");
        }
    }
}

#[test]
fn answers_do_not_depend_on_who_was_asked_before() {
    let many = request((0..50).map(|id| volume(id, &format!("data-{id}"))).collect());
    for policy in ["default", "keep-and-cap"].map(usual) {
        let ask = |request: &Request| {
            let question = question(request);
            let votes = policy.select(&question).unwrap_or_else(|failure| panic!("{failure}"));
            (votes, policy.check(&question, &[]).unwrap_or_else(|failure| panic!("{failure}")))
        };
        let first = ask(&many);
        asked(hostile(), Function::SELECT, &misbehaving(Function::SELECT, "loop")).expect_err("a loop");
        ask(&request(vec![volume(3, "other")]));
        assert_eq!(ask(&many), first);
    }
}

/// Policies cannot use instructions that processors may carry out differently.
#[test]
fn instructions_that_differ_between_machines_are_refused() {
    let relaxed = "(component (core module (func (param v128 v128 v128) (result v128)
        (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))))";
    let failure = component(relaxed).expect_err("relaxed SIMD");
    assert!(matches!(failure.kind, FailureKind::NotAComponent(NotComponent::Invalid(_))), "{failure}");
}
