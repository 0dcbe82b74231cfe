//! Mistakes that people make in test files: each is caught, with its line and column, and with what was perhaps meant.
//!
//! Each row stands for a test that would pass unnoticed if the mistake were let through.

use std::path::Path;

use pvmigrate_policy_kit::testkit::{ExitMeaning, Options, TestkitError};

use super::support::{run_loaded, usual};
use super::testkit::{HEAD, one_case, run_text};

/// Returns what is wrong with a test file, as `line:column: what`.
fn place_and_words(error: &TestkitError) -> String {
    assert_eq!(error.meaning(), ExitMeaning::BadUsage, "{error}");
    let message = error.to_string();
    message.split_once("x.test.yaml:").map(|(_, rest)| rest.to_owned()).unwrap_or(message)
}

/// Checks that each mistake in a case (its first line is line 11) gets its message.
fn hold(table: &[(&str, &str)]) {
    for (body, expected) in table {
        let error = one_case("keep-and-cap", body).expect_err(body);
        let message = place_and_words(&error);
        assert!(message.starts_with(expected), "{body}\nexpected {expected}\ngot      {message}");
    }
}

#[test]
fn names_of_nothing() {
    hold(&[
        // volumes, and one in the wrong namespace
        (
            "  given: {app/dta: {size: 1Gi}}\n  expect: {findings: any}\n",
            "11:11: unknown volume app/dta, did you mean app/data?",
        ),
        (
            "  expect:\n    select: {app/data: abstain, app/mor: abstain}\n",
            "12:33: unknown volume app/mor, did you mean app/more?",
        ),
        ("  expect:\n    modes: {ap/data: RWO, rest: any}\n", "12:13: unknown volume ap/data, did you mean app/data?"),
        (
            "  expect:\n    findings: [blocker over-max-size on apps/data]\n",
            "12:16: unknown volume apps/data, did you mean app/data?",
        ),
        ("  expect:\n    select: {rst: abstain}\n", "12:14: unknown volume rst, did you mean rest?"),
        // classes
        (
            "  given: {nev: {provisioner: y}}\n  expect: {findings: any}\n",
            "11:11: unknown class nev, did you mean new?",
        ),
        (
            "  given: {app/data: {class: odl}}\n  expect: {findings: any}\n",
            "11:29: unknown class odl, did you mean old?",
        ),
        (
            "  given: {app/data: {class: elsewhere}}\n  expect: {findings: any}\n",
            "11:29: unknown class elsewhere; one that is missing on purpose is written `classes: {elsewhere: null}`",
        ),
        // objects
        (
            "  given: {Pod app/app-00: null}\n  expect: {findings: any}\n",
            "11:11: unknown object Pod app/app-00, did you mean Pod app/app-0?",
        ),
        (
            "  given: {Pod app-0: null}\n  expect: {findings: any}\n",
            "11:11: Pod app-0 has no namespace, did you mean Pod app/app-0?",
        ),
        // kinds of workloads
        (
            "  given: {app/data: {by: [StatefullSet/x]}}\n  expect: {findings: any}\n",
            "11:27: unknown kind StatefullSet, did you mean StatefulSet?",
        ),
        (
            "  given: {app/data: {facts: {pvmigrate.dev/owner: Statefulset/x}}}\n  expect: {findings: any}\n",
            "11:51: unknown kind Statefulset, did you mean StatefulSet?",
        ),
        // codes
        (
            "  expect:\n    findings: [blocker over-max-sise on plan]\n",
            "12:16: policy keep-and-cap declares no code over-max-sise, did you mean over-max-size?",
        ),
        (
            "  expect:\n    select: {rest: skip keep-lable}\n",
            "12:20: policy keep-and-cap declares no code keep-lable, did you mean keep-label?",
        ),
        (
            "  expect: {fault: undecided max-size-invalit}\n",
            "11:19: policy keep-and-cap declares no code max-size-invalit, did you mean max-size-invalid?",
        ),
        // facts
        (
            "  facts: {pvmigrate.dev/namespac: app}\n  expect: {findings: any}\n",
            "11:11: unknown fact pvmigrate.dev/namespac of a request, did you mean pvmigrate.dev/namespace?",
        ),
        (
            "  given: {app/data: {facts: {pvmigrate.dev/owners: x}}}\n  expect: {findings: any}\n",
            "11:30: unknown fact pvmigrate.dev/owners of a volume, did you mean pvmigrate.dev/owner?",
        ),
        // policies and fixtures
        ("  policy: biltin\n  expect: {findings: any}\n", "11:11: no such policy: "),
        ("  snapshot: x.test.yml\n  expect: {findings: any}\n", "11:13: no such file or folder: "),
        (
            "  policy: [builtin, builtin]\n  expect: {findings: any}\n",
            "11:12: the built-in policy is always the last of a chain",
        ),
    ]);
}

#[test]
fn misspelt_keys_and_words() {
    hold(&[
        ("  expct: {}\n", "11:3: a case has no key expct, did you mean expect?"),
        ("  expect: {slect: any}\n", "11:12: expect has no key slect, did you mean select?"),
        (
            "  given: {app/data: {szie: 1Gi}}\n  expect: {findings: any}\n",
            "11:22: a volume has no key szie, did you mean size?",
        ),
        (
            "  given: {new: {provisoner: y}}\n  expect: {findings: any}\n",
            "11:17: a class has no key provisoner, did you mean provisioner?",
        ),
        ("  expect: {findings: {at-last: []}}\n", "11:23: findings has no key at-last, did you mean at-least?"),
        (
            "  expect: {findings: any, budget: {fuel-per-volum: 1k}}\n",
            "11:36: a budget has no key fuel-per-volum, did you mean fuel-per-volume?",
        ),
        (
            "  expect:\n    select: {rest: skp keep-label}\n",
            "12:20: invalid vote \"skp keep-label\": write migrate, skip, abstain or any, and a code after the first two, did you mean skip?",
        ),
        (
            "  expect:\n    findings: [bloker over-max-size on plan]\n",
            "12:16: unknown severity \"bloker\", did you mean blocker?",
        ),
        ("  expect: {fault: fule}\n", "11:19: unknown fault \"fule\", not one of fuel, time, memory"),
        (
            "  expect: {findings: non}\n",
            "11:22: \"non\" is neither `none`, `any` nor a list of findings, did you mean none?",
        ),
        (
            "  expect: {modes: {rest: no-opinon}}\n",
            "11:26: \"no-opinon\" is neither an access mode nor a word for one, did you mean no-opinion?",
        ),
        ("  expect: goldn\n", "11:11: \"goldn\" is neither `golden` nor a mapping, did you mean golden?"),
        ("  expect: {select: an}\n", "11:20: \"an\" is neither `any` nor a mapping"),
    ]);
}

#[test]
fn values_that_cannot_be_meant() {
    hold(&[
        ("  now: tomorrow\n  expect: {findings: any}\n", "11:8: invalid time \"tomorrow\""),
        ("  given: {app/data: {size: 1gb}}\n  expect: {findings: any}\n", "11:28: \"1gb\" is not a quantity"),
        ("  given: {app/data: {modes: [RWY]}}\n  expect: {findings: any}\n", "11:30: unknown access mode \"RWY\""),
        ("  given: {app/data: {by: [app]}}\n  expect: {findings: any}\n", "11:27: invalid consumer \"app\""),
        (
            "  given: {app/data: {by: [deployment/x]}}\n  expect: {findings: any}\n",
            "11:27: invalid consumer \"deployment/x\"",
        ),
        (
            "  given: {app/data: {labels: {keep: true}}}\n  expect: {findings: any}\n",
            "11:37: keep is a text; write \"true\" in quotes",
        ),
        (
            "  given: {app/data: [size]}\n  expect: {findings: any}\n",
            "11:21: a volume is a mapping, and this is a list",
        ),
        (
            "  given: {app/data: {used: 2Gi}}\n  expect: {findings: any}\n",
            "11:28: 2Gi are used of app/data, which has a size of 1Gi only",
        ),
        (
            "  given: {app/data: {phase: Bond}}\n  expect: {findings: any}\n",
            "11:29: unknown phase \"Bond\", not one of Bound, Pending, Lost, did you mean Bound?",
        ),
        ("  given: {app/data: {created: today}}\n  expect: {findings: any}\n", "11:31: invalid time \"today\""),
        ("  given: {app/data: {size: 0}}\n  expect: {findings: any}\n", "11:28: the size is 0"),
        (
            "  given: {app/data: {modes: []}}\n  expect: {findings: any}\n",
            "11:29: a claim has at least one access mode",
        ),
        (
            "  given: {app/data: {by: [Deployment/app@node-a]}}\n  expect: {findings: any}\n",
            "11:27: pod app/app-0 is described already: it is on node-1",
        ),
        (
            "  given: {old: {reclaimPolicy: retain}}\n  expect: {findings: any}\n",
            "11:32: unknown reclaimPolicy \"retain\", not one of Delete, Retain, did you mean Retain?",
        ),
        ("  expect:\n    modes: {rest: RWY}\n", "12:19: unknown access mode \"RWY\""),
        (
            "  expect: {findings: [warning no-running-consumer on app/data ~ /no (pod/]}\n",
            "11:23: invalid regular expression /no (pod/: unclosed group",
        ),
        ("  expect: {findings: any, budget: {fuel-per-volume: much}}\n", "11:53: invalid amount of fuel \"much\""),
        ("  expect: {findings: any, budget: {memory: 8MB}}\n", "11:44: \"8MB\" is not a quantity"),
        (
            "  matrix: {size: [1Gi]}\n  given: {app/data: {size: $sice}}\n  expect: {findings: any}\n",
            "12:28: the matrix has no $sice, did you mean $size?",
        ),
        ("  matrix: {size: [1Gi]}\n  expect: {findings: any}\n", "11:12: nothing in the case uses $size"),
    ]);
}

#[test]
fn tests_that_hold_nothing() {
    hold(&[
        ("  expect: {}\n", "11:11: the case expects nothing"),
        ("  expect: {fault: fuel, findings: none}\n", "11:19: a case that ends in a fault has no other answer"),
        ("  skip: ''\n  expect: {findings: none}\n", "11:9: a case is skipped for a reason; write it"),
        ("  expect: {findings: {at-least: []}}\n", "11:22: an empty `at-least` always holds"),
        (
            "  expect:\n    select: {app/data: abstain}\n",
            "12:13: volume app/more is not named; name it, or add `rest: any`",
        ),
        (
            "  expect:\n    select: {app/data: abstain, app/more: abstain, rest: any}\n",
            "12:52: every volume is named, so nothing is left for `rest`; remove it",
        ),
        ("  expect: {select: {app/data: abstain, rest: any}}\n", "8:3: no case looks at volume app/more"),
        (
            "  expect: {findings: any}\n- name: one\n  expect: {findings: any}\n",
            "12:9: line 10 has a case with this name already",
        ),
    ]);
}

#[test]
fn mistakes_in_the_head_of_a_file() {
    let table = [
        ("source: old", "source: olt", "2:9: unknown class olt, did you mean old?"),
        ("app/data: {class: old", "app/data: {class: odl", "7:21: unknown class odl, did you mean old?"),
        ("  app/data: {", "  app/data/x: {", "7:3: invalid volume \"app/data/x\"; write namespace/claim"),
        ("  app/data: {", "  app/Data: {", "7:3: \"Data\" cannot be a name in Kubernetes"),
        ("- name: one", "- name: ' '", "10:9: the name of the case is empty"),
        ("by: [Deployment/app]}", "by: [Deploymnt/app]}", "7:31: unknown kind Deploymnt, did you mean Deployment?"),
        ("source: old", "sorce: old", "2:1: a test file has no key sorce, did you mean source?"),
        ("target: new", "target: nev", "3:9: unknown class nev, did you mean new?"),
        ("  new: {p", "  newer: {provisioner: z},\n  new: {p", "5:3: no case uses class newer"),
        ("  app/data: {", "  data: {", "7:3: invalid volume \"data\"; write namespace/claim"),
        ("app/more: {class: old", "app/more: {clas: old", "8:14: a volume has no key clas, did you mean class?"),
        ("policy-test/v1", "policy-test/v11", "1:13: apiVersion \"pvmigrate.dev/policy-test/v11\" is unknown"),
        ("source: old", "source: old\nsource: old", "3:1: "),
        ("source: old", "now: yesterday\nsource: old", "2:6: invalid time \"yesterday\""),
        ("- name: one", "- nme: one", "10:3: a case has no key nme, did you mean name?"),
    ];
    for (right, wrong, expected) in table {
        let text = format!("{HEAD}  expect: {{findings: none}}\n").replacen(right, wrong, 1);
        let message = place_and_words(&run_text("keep-and-cap", &text).expect_err(wrong));
        assert!(message.starts_with(expected), "{wrong}\nexpected {expected}\ngot      {message}");
    }
}

/// Runs the tests of a folder with these files.
fn folder(files: &[(&str, &str)]) -> TestkitError {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new(""))).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
    run_loaded(usual("keep-and-cap").policy(), folder.path(), &Options::default()).expect_err("a mistake")
}

#[test]
fn files_that_no_test_uses() {
    let test = format!("{HEAD}  expect: {{findings: none}}\n");
    let list = "apiVersion: v1\nkind: List\nitems: []\n";
    let error = folder(&[("x.test.yaml", &test), ("shop/left-over.yaml", list), ("tsconfig.json", "{\"a\": 1}")]);
    assert!(matches!(&error, TestkitError::Unused { file } if file.ends_with("shop/left-over.yaml")), "{error}");

    let test = format!("{HEAD}  expect: golden\n");
    let error = folder(&[("x.test.yaml", &test), ("golden/x/on.yaml", "findings: none\n")]);
    assert_eq!(error.meaning(), ExitMeaning::BadUsage);
    let message = error.to_string();
    assert!(message.contains("golden/x/on.yaml, did you mean ") && message.contains("golden/x/one.yaml?"), "{message}");
}

#[test]
fn no_tests_at_all() {
    let none = HEAD.replace("cases:\n- name: one\n", "cases: []\n");
    for files in [&[("x.test.yaml", none.as_str())][..], &[("x.tests.yaml", HEAD)], &[]] {
        let error = folder(files);
        assert_eq!(error.meaning(), ExitMeaning::NoTests, "{error}");
    }
}
