//! P9: What a policy says is shown with all control characters escaped, and gets into no object of the cluster but the
//! record of the migration: the host builds all objects itself.

use pvmigrate_core::policy::{LogLevel, Vote};
use pvmigrate_policy::{FailureKind, Function};

use super::super::support::all;
use super::hostile::{ESCAPED, described, failure, functions, hostile, limits, misbehaving, problems};

#[test]
fn nothing_in_an_answer_can_steer_a_terminal() {
    let policy = hostile();
    let ballots = policy.select(&misbehaving(Function::SELECT, "escape")).expect("an answer").expect("exported");
    let Vote::Migrate(reason) = &ballots.items[0].vote else { panic!("{:?}", ballots.items) };
    assert_eq!(reason.message, ESCAPED);
    assert_eq!(reason.details.iter().next(), Some((&ESCAPED.to_owned(), &ESCAPED.to_owned())));

    let question = misbehaving(Function::MAP_MODES, "escape");
    let mappings = policy.map_modes(&question, &all(&question)).expect("an answer").expect("exported");
    assert_eq!(mappings.items[0].shape.as_ref().map(|shape| shape.why.message.as_str()), Some(ESCAPED));

    let findings = policy.check(&misbehaving(Function::CHECK, "escape"), &[]).expect("an answer").expect("exported");
    let finding = &findings.items[0];
    assert_eq!((finding.message.as_str(), finding.remedy.as_deref()), (ESCAPED, Some(ESCAPED)));
    assert_eq!(finding.details.get(ESCAPED).map(String::as_str), Some(ESCAPED));
    let findings =
        policy.check(&misbehaving(Function::CHECK, "escape-object"), &[]).expect("an answer").expect("exported");
    assert!(!format!("{:?}", findings.items[0].subject).contains('\u{1b}'), "{:?}", findings.items);

    let problem = &problems(policy.policy(), "escape")[0];
    assert_eq!((problem.pointer.as_str(), problem.message.as_str()), (ESCAPED, ESCAPED));
}

#[test]
fn nothing_in_the_log_can_steer_a_terminal() {
    let policy = hostile();
    let logged = policy.select(&misbehaving(Function::SELECT, "log-escape")).expect("an answer").expect("exported");
    let line = &logged.cost.log[0];
    assert_eq!((line.level, line.message.as_str()), (LogLevel::Warn, ESCAPED));
    assert_eq!(line.fields.get(ESCAPED).map(String::as_str), Some(ESCAPED));

    let cut = policy.select(&misbehaving(Function::SELECT, "log-long-line")).expect("an answer").expect("exported");
    assert!(cut.cost.log[0].message.len() <= 1 << 10 && cut.cost.log[0].message.ends_with('…'));
}

#[test]
fn nothing_in_a_failure_can_steer_a_terminal() {
    for call in functions() {
        let message = failure(call, "panic-escape").to_string();
        assert!(message.contains(ESCAPED) && !message.contains(char::is_control), "{message}");
    }
    for call in [Function::SELECT, Function::MAP_MODES, Function::CHECK] {
        let message = failure(call, "escape-error").to_string();
        assert!(message.contains(ESCAPED) && !message.contains(char::is_control), "{message}");
    }
    let message = failure(Function::SELECT, "escape-code").to_string();
    assert!(!message.contains(char::is_control), "{message}");
}

#[test]
fn nothing_that_a_policy_says_of_itself_can_steer_a_terminal() {
    let policy = described("escape", &limits()).unwrap_or_else(|failure| panic!("{failure}"));
    let info = policy.info();
    assert_eq!(info.summary, ESCAPED);
    assert_eq!(info.codes[0].summary, ESCAPED);
    assert_eq!(info.codes[0].docs_url.as_deref(), Some(ESCAPED));
    assert_eq!(info.needs[0].purpose, ESCAPED);
    // What identifies a policy stands in tables, file names and records, so it is plain or the policy is refused.
    for deed in ["name-escape", "version-escape", "code-escape", "need-escape"] {
        let failure = described(deed, &limits()).expect_err(deed);
        assert!(matches!(failure.kind, FailureKind::BadInfo(_)), "{deed}: {failure:?}");
        assert!(!failure.to_string().contains(char::is_control), "{failure}");
    }
}
