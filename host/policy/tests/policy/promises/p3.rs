//! P3: A policy cannot write: not to the cluster, a disk or the network, and not into what other policies are asked.

use std::sync::Arc;

use pvmigrate_core::policy::{Collected, Kind, Question};
use serde_json::json;

use super::hostile::{asked, hostile, misbehaving, questions};

/// All that a policy can call; the tests of P1 show that nothing else is served.
const FUNCTIONS: [&str; 3] = ["get", "find", "write"];

#[test]
fn it_can_call_two_look_ups_and_a_log() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/0.2.0/policy.wit");
    let text = std::fs::read_to_string(folder).expect("the interface");
    let interface = |name: &str| {
        let (_, body) = text.split_once(&format!("\ninterface {name} {{\n")).unwrap_or_else(|| panic!("no {name}"));
        body.split_once("\n}\n").expect("an end").0
    };
    let functions = ["snapshot", "log"].map(interface).concat();
    let functions: Vec<_> = functions.lines().filter_map(|line| Some(line.split_once(": func(")?.0.trim())).collect();
    assert_eq!(functions, FUNCTIONS);
    for (world, _) in text.split("\nworld ").skip(1).filter_map(|world| world.split_once("\n}")) {
        let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import "));
        for import in imports {
            assert!(["snapshot;", "log;"].contains(&import), "{world}");
        }
    }
}

#[test]
fn what_it_is_asked_about_stays_as_it_is() {
    for call in questions() {
        for deed in ["get", "find", "log-escape", "escape", "remember", "panic"] {
            let mut collected = Collected::default();
            let object = json!({"metadata": {"namespace": "app", "name": "settings"}, "data": {"a": "b"}});
            collected.put(Kind::new("v1", "ConfigMap"), vec![object]);
            let question = Question { collected: Arc::new(collected), ..misbehaving(call, deed) };
            let before = (question.request.clone(), Collected::clone(&question.collected));
            // Whether it answers or fails: what the next policy is asked must be the same.
            let _answer_or_failure = asked(hostile(), call, &question);
            assert_eq!((question.request, Collected::clone(&question.collected)), before, "{call} {deed}");
        }
    }
}
