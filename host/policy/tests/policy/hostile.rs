//! Every way in which a policy can misbehave is stopped, by name, and leaves the host as it was.

use std::sync::OnceLock;
use std::time::Duration;

use pvmigrate_core::policy::{LogLevel, PolicyError, Question, Request, VolumeId, Vote};
use pvmigrate_policy::{Call, Configured, Fault, Limits, PolicyFailure};

use super::support::{all, open, question, request, volume};

/// Small budgets, so that the tests are quick; the defaults only take longer to reach.
fn limits() -> Limits {
    Limits { fuel_base: 20_000_000, memory_bytes: 16 << 20, ..Limits::default() }
}

/// The hostile policy with [`limits`], compiled once for all tests.
fn hostile() -> &'static Configured {
    static HOSTILE: OnceLock<Configured> = OnceLock::new();
    HOSTILE.get_or_init(|| open("hostile", &limits()))
}

fn misbehaving(call: Call, deed: &str) -> Question {
    question(&Request { environment: format!("{call}:{deed}"), ..request(vec![volume(7, "data")]) })
}

fn ask(policy: &Configured, call: Call, deed: &str) -> Result<(), PolicyFailure> {
    let request = misbehaving(call, deed);
    match call {
        Call::Select => policy.select(&request).map(|_| ()),
        Call::MapModes => policy.map_modes(&request, &all(&request)).map(|_| ()),
        Call::Check => policy.check(&request, &[]).map(|_| ()),
        Call::Describe | Call::Validate => panic!("{call} sees no request"),
    }
}

fn failure(call: Call, deed: &str) -> PolicyFailure {
    let policy = hostile();
    let failure = ask(policy, call, deed).expect_err(deed);
    assert_eq!(failure.call, Some(call));
    // The policy itself is none the worse: each call starts afresh.
    ask(policy, call, "nothing").unwrap_or_else(|failure| panic!("{failure}"));
    failure
}

const CALLS: [Call; 3] = [Call::Select, Call::MapModes, Call::Check];

#[test]
fn a_loop_runs_out_of_fuel() {
    for call in CALLS {
        let failure = failure(call, "loop");
        let limit = limits().fuel(1);
        assert!(matches!(failure.fault, Fault::Fuel { used, limit: given } if used == limit && given == limit));
        let message = failure.to_string();
        assert!(message.contains(&format!("in {call}: stopped: fuel 22.0M used of 22.0M")), "{message}");
    }
}

#[test]
fn a_loop_with_endless_fuel_runs_out_of_time() {
    let limits = Limits { fuel_base: u64::MAX / 2, wall: Duration::from_millis(100), ..Limits::default() };
    let failure = ask(&open("hostile", &limits), Call::Select, "loop").expect_err("a loop");
    assert!(matches!(failure.fault, Fault::Time { limit } if limit == limits.wall), "{failure}");
    assert!(failure.to_string().ends_with("in select: stopped: not done after 0.1 s"), "{failure}");
}

#[test]
fn endless_recursion_exhausts_the_stack() {
    for call in CALLS {
        let failure = failure(call, "recurse");
        // The guest's own stack lies in its memory and may end first; both are the guest's end, not ours.
        assert!(matches!(failure.fault, Fault::Stack | Fault::Trap { .. }), "{failure:?}");
    }
}

#[test]
fn a_memory_bomb_is_refused() {
    for call in CALLS {
        let failure = failure(call, "memory");
        assert!(
            matches!(failure.fault, Fault::Memory { wanted, limit } if wanted > limit && limit == 16 << 20),
            "{failure:?}"
        );
        assert!(failure.to_string().contains("and 16Mi are allowed"), "{failure}");
    }
}

#[test]
fn a_flood_of_log_lines_ends_the_call() {
    for call in CALLS {
        let failure = failure(call, "log-flood");
        assert!(matches!(failure.fault, Fault::LogFlood { limit: 65_536 }), "{failure:?}");
        assert!(failure.log.len() < 200, "{} lines were kept", failure.log.len());
    }
}

#[test]
fn a_panic_speaks_first() {
    for call in CALLS {
        let failure = failure(call, "panic");
        let message = failure.to_string();
        assert!(message.contains("hostile.wasm panicked at hostile/src/deeds.rs:"), "{message}");
        assert!(message.contains("index out of bounds: the len is 0 but the index is 3"), "{message}");
        assert!(message.ends_with(&format!("(in {call})")), "{message}");
    }
}

#[test]
fn a_trap_without_words_is_named() {
    for call in CALLS {
        let failure = failure(call, "trap");
        assert!(matches!(&failure.fault, Fault::Trap { words: None, .. }), "{failure:?}");
        assert!(failure.to_string().contains("unreachable"), "{failure}");
    }
}

#[test]
fn a_policy_that_cannot_decide_is_quoted() {
    for call in CALLS {
        let failure = failure(call, "error");
        let expected = PolicyError { code: "declared".to_owned(), message: "cannot tell".to_owned(), volume: None };
        assert!(matches!(&failure.fault, Fault::Undecided(error) if *error == expected), "{failure:?}");
        assert!(failure.to_string().ends_with("cannot decide: cannot tell (declared)"), "{failure}");
    }
}

#[test]
fn undeclared_codes_are_refused_wherever_they_stand() {
    for (call, deed) in [
        (Call::Select, "undeclared-code"),
        (Call::Check, "undeclared-code"),
        (Call::Select, "undeclared-error"),
        (Call::MapModes, "undeclared-error"),
    ] {
        let failure = failure(call, deed);
        assert!(matches!(&failure.fault, Fault::UndeclaredCode(code) if code == "undeclared"), "{failure:?}");
    }
}

#[test]
fn answers_about_other_volumes_or_twice_are_refused() {
    for call in [Call::Select, Call::Check] {
        let failure = failure(call, "unasked");
        assert!(matches!(failure.fault, Fault::UnknownVolume(VolumeId(999_999))), "{failure:?}");
    }
    let failure = failure(Call::Select, "twice");
    assert!(matches!(failure.fault, Fault::RepeatedVolume(VolumeId(7))), "{failure:?}");
}

#[test]
fn answers_have_a_size() {
    let long = failure(Call::Select, "long-string");
    assert!(matches!(&long.fault, Fault::OutputTooLarge(what) if what.contains("5000 bytes")), "{long:?}");
    let many = failure(Call::Check, "many-answers");
    assert!(matches!(&many.fault, Fault::OutputTooLarge(what) if what.contains("20000 findings")), "{many:?}");

    // Before the content is looked at, the bytes are counted; this also pins the engine's wording.
    let limits = Limits { answer_bytes: 64 << 10, ..limits() };
    let huge = ask(&open("hostile", &limits), Call::Check, "many-answers").expect_err("too much");
    assert!(matches!(&huge.fault, Fault::OutputTooLarge(what) if what == "more than 64Ki in all"), "{huge:?}");
}

#[test]
fn nothing_is_remembered_between_calls() {
    let policy = hostile();
    let request = misbehaving(Call::Select, "remember");
    for _ in 0..3 {
        let answered = policy.select(&request).expect("an answer").expect("selection is exported");
        let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
        assert_eq!(reason.message, "1", "a count from an earlier call showed up");
    }
}

#[test]
fn text_cannot_steer_a_terminal() {
    let policy = hostile();
    let escaped = r"\u{1b}[2Jgone\r\nforged\u{9b}31m\u{202e}";

    let ballots = policy.select(&misbehaving(Call::Select, "escape")).expect("an answer").expect("exported");
    let Vote::Migrate(reason) = &ballots.items[0].vote else { panic!("{:?}", ballots.items) };
    assert_eq!(reason.message, escaped);

    let findings = policy.check(&misbehaving(Call::Check, "escape"), &[]).expect("an answer").expect("exported");
    assert_eq!(findings.items[0].message, escaped);

    let logged = policy.select(&misbehaving(Call::Select, "log-escape")).expect("an answer").expect("exported");
    let line = &logged.cost.log[0];
    assert_eq!((line.level, line.message.as_str()), (LogLevel::Warn, escaped));
    assert_eq!(line.fields.get(escaped).map(String::as_str), Some(escaped));

    let cut = policy.select(&misbehaving(Call::Select, "log-long-line")).expect("an answer").expect("exported");
    assert!(cut.cost.log[0].message.len() <= 1 << 10 && cut.cost.log[0].message.ends_with('…'));
}

#[test]
fn the_same_question_costs_the_same_fuel() {
    let policy = hostile();
    let cost = || {
        let request = misbehaving(Call::Select, "remember");
        policy.select(&request).expect("an answer").expect("exported").cost
    };
    let first = cost();
    assert!(first.fuel > 0);
    assert_eq!(first, cost());
}
