//! `policy inspect` and `policy test`.

use crate::{path_text, pvmigrate, repository};

#[test]
fn the_built_in_policy_is_a_component_like_any_other() {
    let ran = pvmigrate(&["policy", "inspect", "builtin", "-o", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let built_in = ran.json();
    let file = repository("policies/dist/default.wasm");
    let from_file = pvmigrate(&["policy", "inspect", path_text(&file), "-o", "json"]).json();
    assert_eq!(built_in["policy"]["digest"], from_file["policy"]["digest"]);
    assert_eq!(built_in["policy"]["name"], "default");
    for interface in ["selection", "access-modes", "preflight"] {
        let exports = built_in["policy"]["exports"].to_string();
        assert!(exports.contains(interface), "{exports}");
    }
}

#[test]
fn inspect_says_what_a_policy_may_do() {
    let file = repository("policies/dist/keep-and-cap.wasm");
    let ran = pvmigrate(&["policy", "inspect", path_text(&file)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["keep-and-cap 0.2.0", "purity", "digest", "sha256:", "interface", "limits", "fuel", "CODE"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
}

#[test]
fn what_is_not_a_policy_does_not_load() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let nested = "local.get 0 if ".repeat(20_000) + &"end ".repeat(20_000);
    let bomb = wat::parse_str(format!("(component (core module (func (param i32) {nested})))")).unwrap();
    let table = [
        (write("bomb.wasm", &bomb), 3, "would take too much to compile: function 0 has 40000 branches"),
        (write("empty.wasm", b""), 3, "empty"),
        (write("text.wasm", b"hello"), 3, "not a WebAssembly component"),
        (write("core.wasm", b"\0asm\x01\0\0\0"), 3, "core module"),
        (folder.path().join("none.wasm"), 2, "cannot be read"),
    ];
    for (file, code, part) in table {
        let ran = pvmigrate(&["policy", "inspect", path_text(&file)]);
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(part) && ran.err.contains(path_text(&file)), "{}", ran.err);
    }
}

#[test]
fn the_cases_of_our_policies_pass() {
    for name in ["default", "keep-and-cap"] {
        let (policy, cases) = (format!("policies/dist/{name}.wasm"), format!("policies/{name}/cases"));
        let (policy, cases) = (repository(&policy), repository(&cases));
        let ran = pvmigrate(&["policy", "test", path_text(&policy), path_text(&cases)]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains(" passed, 0 failed"), "{}", ran.out);
    }
}

const CASE: &str = "
apiVersion: pvmigrate.dev/policy-test/v1
source: old
target: new
classes:
  old: {provisioner: old.example.com}
  new: {provisioner: new.example.com}
volumes:
  app/data: {class: old, modes: [RWO], size: 1Gi}
cases:
- name: it stays
  ENVIRONMENT
  expect: {select: {app/data: skip kept}, modes: any, findings: any}
";

fn test_of(policy: &str, case: &str) -> crate::Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.test.yaml"), case).unwrap();
    let policy = repository(policy);
    pvmigrate(&["policy", "test", path_text(&policy), path_text(folder.path())])
}

#[test]
fn a_case_that_fails_shows_both_sides_and_the_line() {
    let ran =
        test_of("policies/dist/keep-and-cap.wasm", &CASE.replace("skip kept", "migrate").replace("ENVIRONMENT", ""));
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in ["FAIL", "it stays", "expected", "migrate", "got", "one.test.yaml:"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
}

#[test]
fn a_policy_that_misbehaves_is_a_fault_and_not_a_failed_case() {
    let case = CASE.replace("skip kept", "migrate").replace("ENVIRONMENT", "environment: 'select:panic'");
    let ran = test_of("policies/dist/hostile.wasm", &case);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("FAULT"), "{}", ran.out);
}

#[test]
fn a_malformed_test_file_is_named_with_its_line() {
    let ran = test_of("policies/dist/default.wasm", "apiVersion: pvmigrate.dev/policy-test/v1\nsurce: old\n");
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("one.test.yaml:2:"), "{}", ran.err);
}

#[test]
fn no_tests_do_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let ran = pvmigrate(&["policy", "test", "builtin", path_text(folder.path())]);
    assert_eq!(ran.code, 4, "{}", ran.err);
}
