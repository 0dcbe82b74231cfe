//! `policy test`: the worked policies' own cases pass, and errors in a test file are reported with their place.

use std::path::{Path, PathBuf};

use pvmigrate_policy_kit::testkit::{ExitMeaning, Options, Outcome, Report, TestkitError};

use pvmigrate_yaml::Mistake;
use regex::Regex;

use super::support::{built, run, run_loaded, usual};

fn cases(policy: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/{policy}/cases"))
}

/// Runs one test file with the given body on a policy.
pub(crate) fn run_text(policy: &str, text: &str) -> Result<Report, TestkitError> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.test.yaml"), text).expect("a file");
    run_loaded(usual(policy).policy(), folder.path(), &Options::default())
}

pub(crate) const HEAD: &str = "\
apiVersion: pvmigrate.dev/policy-test/v1
source: old
target: new
classes: {old: {provisioner: o},
  new: {provisioner: x}}
volumes:
  app/data: {class: old, by: [Deployment/app]}
  app/more: {class: old, by: [Deployment/app]}
cases:
- name: one
";

pub(crate) fn one_case(policy: &str, body: &str) -> Result<Report, TestkitError> {
    run_text(policy, &format!("{HEAD}{body}"))
}

#[test]
fn the_cases_of_the_worked_policies_pass() {
    for (policy, least) in [("default", 10), ("keep-and-cap", 9)] {
        let report = run(&built(policy), &cases(policy), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        for case in &report.cases {
            assert_eq!(case.outcome, Outcome::Passed, "{}:{} {}", case.file.display(), case.line, case.name);
            assert!(case.line > 0);
        }
        assert!(report.cases.len() >= least, "{policy} has {} cases", report.cases.len());
        assert_eq!(report.meaning(), ExitMeaning::Passed);
    }
}

#[test]
fn a_wrong_answer_shows_both_sides() {
    let body = "  expect:
    select: {app/data: skip keep-label, app/more: abstain}
    findings: [blocker over-max-size on app/data]
";
    let report = one_case("keep-and-cap", body).expect("a report");
    assert_eq!(report.meaning(), ExitMeaning::CaseFailed);
    let Outcome::Failed(mismatches) = &report.cases[0].outcome else { panic!("{report:?}") };
    let plain: Vec<_> = mismatches
        .iter()
        .map(|one| (one.what.as_str(), one.at.line, one.expected.as_str(), one.got.as_str()))
        .collect();
    assert_eq!(
        plain,
        [
            ("select app/data", 12, "skip keep-label", "abstain"),
            ("findings", 13, "blocker over-max-size on app/data", "no such finding"),
        ]
    );
}

#[test]
fn a_finding_that_was_not_expected_fails_the_case() {
    let body = "  given: {app/data: {by: []}}
  expect: {findings: none}
";
    let report = one_case("keep-and-cap", body).expect("a report");
    let Outcome::Failed(mismatches) = &report.cases[0].outcome else { panic!("{report:?}") };
    assert_eq!(mismatches[0].got, "warning no-running-consumer on app/data ~ no running pod uses it");
}

#[test]
fn at_least_leaves_the_others_alone() {
    let body = "  given: {app/data: {by: []}, app/more: {by: []}}
  expect: {findings: {at-least: [warning no-running-consumer on app/data]}}
";
    assert_eq!(one_case("keep-and-cap", body).expect("a report").meaning(), ExitMeaning::Passed);
}

#[test]
fn an_empty_suite_is_an_error() {
    let no_cases = HEAD.replace("cases:\n- name: one\n", "cases: []\n");
    let error = run_text("keep-and-cap", &no_cases).expect_err("no cases");
    assert_eq!(error.meaning(), ExitMeaning::NoTests, "{error}");

    let folder = tempfile::tempdir().expect("a folder");
    let error = run_loaded(usual("default").policy(), folder.path(), &Options::default()).expect_err("no files");
    assert!(matches!(error, TestkitError::NoTests { .. }), "{error}");

    let options = Options { filter: Some(Regex::new("nothing is called so").unwrap()), ..Options::default() };
    let error = run_loaded(usual("default").policy(), &cases("default"), &options).expect_err("no match");
    assert_eq!(error.meaning(), ExitMeaning::NoTests, "{error}");
}

#[test]
fn a_filter_runs_what_it_names() {
    let options = Options { filter: Some(Regex::new("invalid .* mode").unwrap()), ..Options::default() };
    let report = run_loaded(usual("default").policy(), &cases("default"), &options).expect("a report");
    assert_eq!(report.cases.len(), 1);
}

#[test]
fn an_unused_fixture_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = format!("{HEAD}  expect: {{findings: none}}\n");
    std::fs::write(folder.path().join("x.test.yaml"), test).expect("a file");
    std::fs::write(folder.path().join("left-over.yaml"), "kind: List\nitems: []\n").expect("a file");
    let error = run_loaded(usual("keep-and-cap").policy(), folder.path(), &Options::default()).expect_err("unused");
    assert!(matches!(&error, TestkitError::Unused { file } if file.ends_with("left-over.yaml")), "{error}");
}

#[test]
fn a_policy_that_does_not_load_is_exit_3() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = run(&folder.path().join("x.wasm"), folder.path(), &Options::default()).expect_err("no policy");
    assert_eq!((error.meaning(), error.meaning().code()), (ExitMeaning::NotLoaded, 3));
}

#[test]
fn faults_are_expected_by_name_or_exit_5() {
    let deed = |deed: &str, expect: &str| {
        let body = format!("  environment: {deed}\n  expect: {{{expect}}}\n");
        one_case("hostile", &body).expect("a report")
    };
    assert_eq!(deed("select:panic", "fault: trap").meaning(), ExitMeaning::Passed);
    assert_eq!(deed("check:log-flood", "fault: log").meaning(), ExitMeaning::Passed);
    assert_eq!(deed("select:error", "fault: undecided declared").meaning(), ExitMeaning::Passed);
    assert_eq!(deed("select:panic", "fault: fuel").meaning(), ExitMeaning::CaseFailed);
    assert_eq!(deed("select:nothing", "fault: fuel").meaning(), ExitMeaning::CaseFailed);

    let report = deed("select:panic", "findings: none");
    assert_eq!(report.meaning(), ExitMeaning::Unexpected);
    let Outcome::Fault { word, message } = &report.cases[0].outcome else { panic!("{report:?}") };
    assert!(word == "trap" && message.contains("panicked at"), "{message}");
}

/// The hostile policy votes on the first volume it sees, so another order gives another answer.
#[test]
fn an_answer_that_depends_on_the_order_is_exit_5() {
    let body = "  environment: select:remember\n  expect: {select: any, findings: none}\n";
    let report = one_case("hostile", body).expect("a report");
    assert_eq!(report.meaning(), ExitMeaning::Unexpected);
    assert!(
        matches!(&report.cases[0].outcome, Outcome::Unstable { message } if message.contains("another order")),
        "{report:?}"
    );
}

#[test]
fn malformed_yaml_has_a_place() {
    let error = run_text("default", "apiVersion: [\n").expect_err("malformed");
    let TestkitError::Wrong(Mistake { place, .. }) = &error else { panic!("{error}") };
    assert!(place.line > 0, "{error}");
    let newer = format!("{HEAD}  expect: {{findings: any}}\n").replace("policy-test/v1", "policy-test/v2");
    let error = run_text("default", &newer).expect_err("another version");
    assert!(error.to_string().contains(":1:13: apiVersion"), "{error}");
}
