//! Settings and objects for look-ups in test files: checked against what the policy accepts and looks up.

use super::support::built;
use super::testkit::{HEAD, one_case, run_text};
use pvmigrate_policy_kit::testkit::ExitMeaning;

/// Returns what is wrong with a test file of the worked example, which looks nothing up.
fn wrong(text: &str) -> String {
    let error = run_text("keep-and-cap", text).expect_err(text);
    assert_eq!(error.meaning(), ExitMeaning::BadUsage, "{error}");
    error.to_string().split_once("x.test.yaml:").map(|(_, rest)| rest.to_owned()).expect("a place")
}

#[test]
fn settings_that_a_policy_does_not_take_are_named_with_their_place() {
    let text = format!("{HEAD}  settings: {{lable: keep}}\n  expect: {{findings: none}}\n");
    let message = wrong(&text);
    assert_eq!(
        message,
        "11:14: policy keep-and-cap does not take the settings: /lable: unknown setting lable, did you mean label?"
    );
    let far = wrong(&text.replace("lable", "keepers"));
    assert!(far.ends_with("/keepers: unknown setting keepers; known: label"), "{far}");
    let text =
        text.replace("  settings: {lable: keep}\n", "").replace("source: old", "source: old\nsettings: {lable: keep}");
    assert!(wrong(&text).starts_with("3:"), "{}", wrong(&text));
}

#[test]
fn a_case_may_expect_that_settings_are_refused() {
    let meaning = |expect: &str| {
        let body = format!("  settings: {{lable: keep}}\n  expect: {{settings-error: {{{expect}}}}}\n");
        one_case("keep-and-cap", &body).unwrap_or_else(|error| panic!("{error}")).meaning()
    };
    assert_eq!(meaning("at: /lable"), ExitMeaning::Passed);
    for another in ["at: ''", "at: /label"] {
        assert_eq!(meaning(another), ExitMeaning::CaseFailed, "{another}");
    }
    let taken = one_case("keep-and-cap", "  expect: {settings-error: {at: /x}}\n").expect("a report");
    assert_eq!(taken.meaning(), ExitMeaning::CaseFailed, "settings that are taken are no error");
}

#[test]
fn mistakes_around_settings_and_objects() {
    let file = built("keep-and-cap");
    let list = format!("[{{policy: {}, setings: {{}}}}]", file.display());
    let table = [
        ("  settings: [a]\n  expect: {findings: none}\n".to_owned(), "11:13: settings is a mapping"),
        ("  expect: {settings-error: {a: /x}}\n".to_owned(), "11:29: settings-error has no key a, did you mean at?"),
        ("  expect: {settings-error: {at: x.y}}\n".to_owned(), "11:33: invalid JSON Pointer \"x.y\"; write /x/y"),
        (
            "  expect: {settings-error: {at: /x}, findings: none}\n".to_owned(),
            "11:28: a policy that does not take its settings has no other answer",
        ),
        (format!("  policy: {list}\n  expect: {{findings: none}}\n"), "11:"),
        (
            "  given: {Node a: {spec: {}}}\n  expect: {findings: none}\n".to_owned(),
            "11:11: no policy that is tested here looks anything up",
        ),
    ];
    for (body, expected) in table {
        let message = wrong(&format!("{HEAD}{body}"));
        assert!(message.starts_with(expected), "{body}\nexpected {expected}\ngot      {message}");
    }
    let text =
        format!("{HEAD}  expect: {{findings: none}}\n").replace("cases:", "objects:\n  Node a: {spec: {}}\ncases:");
    let message = wrong(&text);
    assert!(message.starts_with("10:3: no policy that is tested here looks anything up"), "{message}");
}
