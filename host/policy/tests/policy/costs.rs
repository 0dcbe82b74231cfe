//! The reported cost of a call: fuel, memory and look-ups, the same every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use pvmigrate_core::policy::{CallCost, Collected, Kind, Question, Request};
use pvmigrate_policy::{Configured, Limits};
use serde_json::json;

use super::support::{open, question, request, usual, volume};

/// Returns a question that makes the hostile policy do something while it selects.
fn doing(deed: &str) -> Question {
    let mut collected = Collected::default();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "app", "name": "settings"}});
    collected.put(Kind::new("v1", "ConfigMap"), vec![object]);
    let request = Request { environment: format!("select:{deed}"), ..request(vec![volume(1, "data")]) };
    Question { request, collected: Arc::new(collected) }
}

fn cost(policy: &Configured, question: &Question) -> CallCost {
    policy.select(question).unwrap_or_else(|failure| panic!("{failure}")).expect("an answer").cost
}

#[test]
fn look_ups_of_declared_kinds_are_counted() {
    let looked_up = |deed: &str| cost(usual("hostile"), &doing(deed)).looked_up;
    let one = BTreeMap::from([("ConfigMap (v1)".to_owned(), 1)]);
    assert_eq!(looked_up("get"), one);
    assert_eq!(looked_up("find"), one);
    assert_eq!(looked_up("nothing"), BTreeMap::new());
    for undeclared in ["get-undeclared", "find-undeclared", "get-other-version"] {
        assert_eq!(looked_up(undeclared), BTreeMap::new(), "{undeclared}");
    }
}

#[test]
fn the_memory_of_a_call_is_that_of_its_largest_batch() {
    let volumes = |count: u32| request((0..count).map(|id| volume(id, &format!("data-{id}"))).collect());
    let (one, many) = (question(&volumes(10)), question(&volumes(1_000)));
    let whole = usual("keep-and-cap");
    assert!(cost(whole, &one).memory >= 64 << 10);
    assert!(cost(whole, &many).memory > cost(whole, &one).memory, "more volumes need more memory");

    let split = open("keep-and-cap", &Limits { batch_volumes: 10, ..Limits::default() });
    let (in_batches, at_once) = (cost(&split, &many), cost(whole, &many));
    assert_eq!(in_batches.memory, cost(whole, &one).memory, "a batch is as large as a question of its size");
    assert!(in_batches.fuel > at_once.fuel / 2 && in_batches.fuel < at_once.fuel * 2, "fuel is that of all batches");
    assert_eq!(in_batches, cost(&split, &many), "and the same again");
}

#[test]
fn what_was_kept_before_memory_was_measured_still_loads() {
    let mut old = serde_json::to_value(cost(usual("hostile"), &doing("nothing"))).expect("JSON");
    assert!(old.get("lookedUp").is_none(), "nothing is written of look-ups that were not made: {old}");
    old.as_object_mut().expect("an object").remove("memory");
    let read: CallCost = serde_json::from_value(old).expect("a cost");
    assert_eq!((read.memory, read.looked_up), (0, BTreeMap::new()));
}
