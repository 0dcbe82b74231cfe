//! P5: A policy cannot hang or exhaust the host: compiling, loops, memory, logs, look-ups and answers have limits, and what
//! reaches one ends with its name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pvmigrate_core::policy::{Collected, Kind, Question, VolumeId, Vote};
use pvmigrate_policy::{FailureKind, Function, Limits, Policy, PolicyFailure, SettingsError};
use serde_json::json;

use super::super::support::{built, open};
use super::hostile::{
    asked, component, configured, described, failure, functions, hostile, limits, misbehaving, problems, questions,
    validated,
};

/// More such shapes are in `src/bound/tests.rs`.
#[test]
fn what_would_take_too_long_to_compile_is_not_compiled() {
    let nested = "local.get 0 if ".repeat(20_000) + &"end ".repeat(20_000);
    let failure = policy_with(&format!("(core module (func (param i32) {nested}))"));
    assert!(matches!(failure.kind, FailureKind::TooComplex(_)), "{failure:?}");
    assert_eq!(failure.function, None);
    let said = "x.wasm would take too much to compile: function 0 has 40000 branches, and at most 20000 are accepted";
    assert!(failure.to_string().contains(said), "{failure}");
}

#[test]
fn a_loop_runs_out_of_fuel() {
    for call in functions() {
        let failure = failure(call, "loop");
        let limit = match call {
            Function::DESCRIBE => limits().describe_fuel,
            Function::VALIDATE => limits().fuel(0),
            _ => limits().fuel(1),
        };
        assert!(
            matches!(failure.kind, FailureKind::Fuel { used, limit: given } if used == limit && given == limit),
            "{failure}"
        );
        let amount = limit / 1_000_000;
        assert!(failure.to_string().contains(&format!("in {call}: stopped: fuel {amount}.0M used of {amount}.0M")));
    }
}

#[test]
fn a_loop_with_endless_fuel_runs_out_of_time() {
    let limits = Limits { fuel_base: u64::MAX / 2, wall: Duration::from_millis(100), ..Limits::default() };
    let question = misbehaving(Function::SELECT, "loop");
    let failure = asked(&open("hostile", &limits), Function::SELECT, &question).expect_err("a loop");
    assert!(matches!(failure.kind, FailureKind::Time { limit } if limit == limits.wall), "{failure}");
    assert!(failure.to_string().ends_with("in select: stopped: not finished after 0.1 s"), "{failure}");
}

#[test]
fn endless_recursion_exhausts_the_stack() {
    for call in functions() {
        let failure = failure(call, "recurse");
        // The guest's own stack lies in its memory and ends first.
        assert!(matches!(failure.kind, FailureKind::Stack), "{failure:?}");
        assert!(failure.to_string().contains("call stack exhausted; it calls itself without end"), "{failure}");
    }
}

#[test]
fn a_memory_bomb_is_refused() {
    for call in functions() {
        let failure = failure(call, "memory");
        assert!(
            matches!(failure.kind, FailureKind::Memory { wanted, limit } if wanted > limit && limit == 16 << 20),
            "{failure:?}"
        );
        assert!(failure.to_string().contains("and 16Mi are allowed"), "{failure}");
    }
}

/// Tables are the host's memory, not part of the guest's.
#[test]
fn tables_have_a_limit_in_all() {
    let tables = "(table 400000 funcref)".repeat(2);
    let failure = policy_with(&format!(
        "(core module $m {tables}) (core instance (instantiate $m)) (core instance (instantiate $m))"
    ));
    assert!(matches!(failure.kind, FailureKind::Trap { .. }), "{failure:?}");
    assert!(failure.to_string().contains("table"), "{failure}");
    let failure =
        policy_with(&format!("(core module $m {}) (core instance (instantiate $m))", "(table 1 funcref)".repeat(101)));
    assert!(matches!(failure.kind, FailureKind::Trap { .. } | FailureKind::NotAComponent(_)), "{failure:?}");
}

/// Loads a component with this in it that otherwise looks like a policy, up to its first call.
fn policy_with(body: &str) -> PolicyFailure {
    let text = format!(
        "(component {body} (instance $i)
        (core module $f (func (export \"f\") (result i32) unreachable) (memory (export \"m\") 1))
        (core instance $c (instantiate $f))
        (func $f (canon lift (core func $c \"f\")))
        (instance $manifest (export \"describe\" (func $f)))
        (export \"pvmigrate:policy/manifest@0.2.0\" (instance $manifest))
        (instance $selection (export \"select\" (func $f)))
        (export \"pvmigrate:policy/selection@0.2.0\" (instance $selection)))"
    );
    component(&text.replace("(result i32) unreachable", "")).expect_err(body)
}

#[test]
fn a_flood_of_log_lines_ends_the_call() {
    for call in functions() {
        for (deed, most) in [("log-flood", 200), ("log-empty", 1 << 16)] {
            let failure = failure(call, deed);
            assert!(matches!(failure.kind, FailureKind::LogFlood { limit: 65_536 }), "{failure:?}");
            assert!(failure.log.len() <= most, "{} lines were kept", failure.log.len());
        }
    }
}

#[test]
fn a_panic_speaks_first_wherever_it_happens() {
    for call in functions() {
        let message = failure(call, "panic").to_string();
        assert!(message.contains("hostile.wasm panicked at hostile/src/deeds.rs:"), "{message}");
        assert!(message.contains("index out of bounds: the len is 0 but the index is 3"), "{message}");
        assert!(message.ends_with(&format!("(in {call})")), "{message}");
    }
}

#[test]
fn a_trap_without_words_is_named() {
    for call in functions() {
        let failure = failure(call, "trap");
        assert_eq!(failure.function, Some(call));
        assert!(matches!(&failure.kind, FailureKind::Trap { words: None, .. }), "{failure:?}");
        let said = failure.to_string();
        assert!(
            said.contains("unreachable") && said.ends_with("it left no message"),
            "no guesses about a system: {said}"
        );
    }
}

/// Messages quote what anybody may write into an object, so that is not the policy's fault.
#[test]
fn what_is_said_to_people_is_cut() {
    let policy = hostile();
    let votes = policy.select(&misbehaving(Function::SELECT, "long-string")).expect("an answer").expect("votes").items;
    let Vote::Migrate(why) = &votes[0].vote else { panic!("{votes:?}") };
    let found =
        policy.check(&misbehaving(Function::CHECK, "long-string"), &[]).expect("an answer").expect("findings").items;
    let undecided = failure(Function::SELECT, "long-error");
    let FailureKind::Undecided(error) = &undecided.kind else { panic!("{undecided:?}") };
    let problems = problems(policy.policy(), "long-string");
    for message in [&why.message, &found[0].message, &error.message, &problems[0].message] {
        assert!(message.len() <= limits().string_bytes && message.ends_with("x…"), "{} bytes", message.len());
    }
}

#[test]
fn answers_have_a_size() {
    for (call, deed, words) in [
        (Function::SELECT, "many-details", "20000 details"),
        (Function::MAP_MODES, "many-modes", "20000 access modes"),
        (Function::CHECK, "many-answers", "20000 findings"),
        (Function::VALIDATE, "many-answers", "20000 problems"),
    ] {
        let failure = failure(call, deed);
        assert!(matches!(&failure.kind, FailureKind::OutputTooLarge(what) if what.contains(words)), "{failure:?}");
    }
    for deed in ["many-codes", "many-needs", "long-summary"] {
        let limits = Limits { describe_fuel: 1_000_000_000, ..limits() };
        let failure = described(deed, &limits).expect_err(deed);
        assert!(
            matches!(&failure.kind, FailureKind::BadInfo(_) | FailureKind::OutputTooLarge(_)),
            "{deed}: {failure:?}"
        );
    }

    // Before the content is looked at, the bytes are counted; this also pins the engine's wording.
    let limits = Limits { answer_bytes: 64 << 10, ..limits() };
    let question = misbehaving(Function::CHECK, "many-answers");
    let huge = asked(&open("hostile", &limits), Function::CHECK, &question).expect_err("too much");
    assert!(matches!(&huge.kind, FailureKind::OutputTooLarge(what) if what == "more than 64Ki in all"), "{huge:?}");
}

/// A policy that answers about what it was not asked has lost track.
#[test]
fn answers_about_other_volumes_or_twice_or_with_other_codes_are_refused() {
    for call in questions() {
        let unasked = failure(call, "unasked");
        assert!(matches!(unasked.kind, FailureKind::UnknownVolume(VolumeId(999_999))), "{unasked:?}");
        let unasked = failure(call, "unasked-error");
        assert!(matches!(unasked.kind, FailureKind::UnknownVolume(VolumeId(999_999))), "{unasked:?}");
        for deed in ["undeclared-code", "undeclared-error"] {
            let undeclared = failure(call, deed);
            assert!(
                matches!(&undeclared.kind, FailureKind::UndeclaredCode { code, .. } if code == "undeclared"),
                "{undeclared:?}"
            );
            let message = undeclared.to_string();
            assert!(message.contains("\"undeclared\", which it does not declare, did you mean declared?"), "{message}");
        }
    }
    for call in [Function::SELECT, Function::MAP_MODES] {
        let twice = failure(call, "twice");
        assert!(matches!(twice.kind, FailureKind::RepeatedVolume(VolumeId(7))), "{twice:?}");
    }
}

#[test]
fn look_ups_are_counted_and_timed() {
    let mut collected = Collected::default();
    let data: serde_json::Map<_, _> = (0..500).map(|at| (format!("k{at}"), json!("x".repeat(200)))).collect();
    let object = |at: usize| json!({"metadata": {"namespace": "app", "name": format!("c{at}")}, "data": data.clone()});
    collected.put(Kind::new("v1", "ConfigMap"), (0..20).map(object).collect());
    let collected = Arc::new(collected);
    let limits = Limits { lookups: 1_000, lookup_bytes: 1 << 20, wall: Duration::from_secs(10), ..Limits::default() };
    let policy = open("hostile", &limits);
    let ask = |deed: &str| {
        let question = Question { collected: Arc::clone(&collected), ..misbehaving(Function::SELECT, deed) };
        let began = Instant::now();
        let answered = policy.select(&question);
        assert!(began.elapsed() < Duration::from_secs(20), "{deed} took {:?}", began.elapsed());
        let answered = answered?.expect("it votes");
        let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
        Ok::<_, PolicyFailure>(reason.message.clone())
    };
    for (deed, words) in [("many-look-ups", "more than 1000 look-ups"), ("many-finds", "more than 1Mi")] {
        let failure = ask(deed).expect_err(deed);
        assert!(matches!(&failure.kind, FailureKind::Lookups(what) if what == words), "{failure:?}");
    }
    for (deed, words) in [
        ("get-many-fields", "refused: 20000 fields are too many"),
        ("find-long-selector", "refused: a label selector of 400000 bytes is too long"),
        ("find-bad-selector", "refused: invalid term \"a in (b\" in the label selector"),
        ("get-bad-field", "refused: the field \"data..x\" has an empty part"),
    ] {
        let answer = ask(deed).unwrap_or_else(|failure| panic!("{deed}: {failure}"));
        assert!(answer.starts_with(words), "{deed}: {answer}");
    }
}

#[test]
fn schemas_cannot_be_bombs() {
    for deed in [
        "schema-huge",
        "schema-deep",
        "schema-endless",
        "schema-doubling",
        "schema-tree",
        "schema-remote",
        "schema-file",
        "schema-no-json",
        "schema-no-schema",
    ] {
        let began = Instant::now();
        let limits = Limits { describe_fuel: 1_000_000_000, ..Limits::default() };
        let failure = described(deed, &limits).expect_err(deed);
        assert!(matches!(&failure.kind, FailureKind::BadInfo(why) if why.contains("schema")), "{deed}: {failure:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{deed} took {:?}", began.elapsed());
    }
    // Patterns take time in proportion to the text, whatever they are.
    let policy = described("schema-catastrophic", &limits()).unwrap_or_else(|failure| panic!("{failure}"));
    let began = Instant::now();
    let wrong = validated(&policy, &format!("{}b", "a".repeat(100_000))).expect_err("it does not match");
    assert!(matches!(wrong, SettingsError::Wrong { .. }) && began.elapsed() < Duration::from_secs(5));
    let policy = described("honest", &limits()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(problems(&policy, "problem").len(), 1, "a good schema, and a policy that has its own say");
}

#[test]
fn components_have_a_size() {
    let limits = Limits { component_bytes: 1_000, ..Limits::default() };
    let large = Policy::open(&built("default"), &limits).expect_err("too large");
    assert!(matches!(large.kind, FailureKind::TooLarge { limit: 1_000, .. }), "{large}");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.wasm");
    let sparse = std::fs::File::create(&file).expect("a file");
    sparse.set_len((32 << 20) + 1).expect("a length");
    let large = Policy::open(&file, &Limits::default()).expect_err("too large");
    assert!(large.to_string().contains("is too large: 33554433 bytes, and at most 32Mi are accepted"), "{large}");
    // A file without a length, and without an end.
    let endless = Policy::open(std::path::Path::new("/dev/zero"), &Limits::default()).expect_err("too large");
    assert!(matches!(endless.kind, FailureKind::TooLarge { .. }), "{endless}");
}

#[test]
fn a_policy_that_fails_over_its_settings_is_not_configured() {
    let policy = described("schema-catastrophic", &limits()).unwrap_or_else(|failure| panic!("{failure}"));
    configured(policy).unwrap_or_else(|error| panic!("{error}"));
    let failed = validated(hostile().policy(), "loop").expect_err("a loop");
    assert!(matches!(failed, SettingsError::Policy(_)), "{failed}");
}
