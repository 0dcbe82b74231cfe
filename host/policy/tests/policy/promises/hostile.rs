//! The hostile policy, and how it is asked to misbehave in each of its functions.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use pvmigrate_core::policy::{CallCost, Question, Request};
use pvmigrate_policy::{
    Configured, Function, Limits, Policy, PolicyFailure, QUESTIONS, QuestionKind, SettingsError, SettingsProblem,
};
use serde_json::json;

use super::super::support::{built, open, question, request, volume};

/// Returns the functions that see a request.
pub(super) fn questions() -> impl Iterator<Item = Function> {
    QUESTIONS.iter().map(QuestionKind::function)
}

/// Returns all functions of a policy.
pub(super) fn functions() -> impl Iterator<Item = Function> {
    [Function::DESCRIBE, Function::VALIDATE].into_iter().chain(questions())
}

/// Text that would clear a terminal and forge a line, as it may be shown.
pub(super) const ESCAPED: &str = r"\u{1b}[2Jgone\r\nforged\u{9b}31m\u{202e}";

/// Returns small budgets, so that the tests are quick; the defaults only take longer to reach.
pub(super) fn limits() -> Limits {
    Limits { fuel_base: 20_000_000, memory_bytes: 16 << 20, ..Limits::default() }
}

/// Returns the hostile policy with [`limits`], compiled once for all tests.
pub(super) fn hostile() -> &'static Configured {
    static HOSTILE: OnceLock<Configured> = OnceLock::new();
    HOSTILE.get_or_init(|| open("hostile", &limits()))
}

/// Makes a question over which the policy does this deed.
pub(super) fn misbehaving(function: Function, deed: &str) -> Question {
    question(&Request { environment: format!("{function}:{deed}"), ..request(vec![volume(7, "data")]) })
}

/// Asks one of the [`questions`]; returns what it cost.
pub(super) fn asked(policy: &Configured, function: Function, question: &Question) -> Result<CallCost, PolicyFailure> {
    let kind = QUESTIONS.iter().find(|kind| kind.function() == function);
    let kind = kind.unwrap_or_else(|| panic!("{function} sees no request"));
    Ok(kind.cost(policy, question, &[])?.expect("the hostile policy exports all there is"))
}

/// Loads the policy with a deed for `describe`, which is written into the component.
pub(super) fn described(deed: &str, limits: &Limits) -> Result<Policy, PolicyFailure> {
    const HONEST: &[u8; 32] = b"describe:honest.................";
    let mut bytes = std::fs::read(built("hostile")).expect("policies/build has made it");
    let deed = format!("{:.<32}", format!("describe:{deed}"));
    assert_eq!(deed.len(), HONEST.len(), "{deed} does not fit");
    let at: Vec<_> = bytes.windows(HONEST.len()).enumerate().filter(|(_, window)| window == HONEST).collect();
    let [(at, _)] = at.as_slice() else { panic!("the place for the deed is there {} times", at.len()) };
    let at = *at;
    bytes[at..at + HONEST.len()].copy_from_slice(deed.as_bytes());
    Policy::from_bytes(Path::new("hostile.wasm"), &bytes, &[], limits)
}

/// Gives the policy settings over which `validate` does a deed.
pub(super) fn validated(policy: &Policy, deed: &str) -> Result<String, SettingsError> {
    policy.check_settings(&json!({"deed": deed}))
}

/// Returns the problems that `validate` finds in settings.
pub(super) fn problems(policy: &Policy, deed: &str) -> Vec<SettingsProblem> {
    match validated(policy, deed).expect_err(deed) {
        SettingsError::Wrong { problems, .. } => problems,
        SettingsError::Policy(failure) => panic!("{failure}"),
    }
}

/// Does a deed in one of the [`functions`], which must fail; later calls must not be affected.
pub(super) fn failure(function: Function, deed: &str) -> PolicyFailure {
    let policy = hostile();
    let failure = match function {
        Function::DESCRIBE => described(deed, &limits()).expect_err(deed),
        Function::VALIDATE => match validated(policy.policy(), deed).expect_err(deed) {
            SettingsError::Policy(failure) => failure,
            wrong @ SettingsError::Wrong { .. } => panic!("{wrong}"),
        },
        _ => asked(policy, function, &misbehaving(function, deed)).expect_err(deed),
    };
    // The policy itself is unharmed: each call starts afresh.
    validated(policy.policy(), "nothing").unwrap_or_else(|error| panic!("{error}"));
    for function in questions() {
        asked(policy, function, &misbehaving(function, "nothing")).unwrap_or_else(|failure| panic!("{failure}"));
    }
    failure
}

/// Makes a component that imports as asked, or holds what is asked, and exports nothing.
pub(super) fn component(text: &str) -> Result<Policy, PolicyFailure> {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    Policy::from_bytes(Path::new("x.wasm"), &bytes, &[], &Limits::default())
}

/// Configures a policy that accepts any settings.
pub(super) fn configured(policy: Policy) -> Result<Configured, SettingsError> {
    Configured::bare(Arc::new(policy))
}
