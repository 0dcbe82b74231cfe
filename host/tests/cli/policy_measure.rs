//! `policy bench` and `policy fuzz`: what a policy costs, and what breaks it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::{path_text, pvmigrate, repository};

#[test]
fn what_a_policy_costs_is_kept_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.json");
    let policy = repository("policies/dist/keep-and-cap.wasm");
    let bench =
        |more: &[&str]| pvmigrate(&[&["policy", "bench", path_text(&policy), "--volumes", "10,20"], more].concat());

    let ran = bench(&["--save", path_text(&base)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["keep-and-cap 0.2.0", "compile", "instantiate", "FUEL PER VOLUME", "select", "check", "growth"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    assert!(!ran.out.contains("native"), "only the built-in policy has a twin: {}", ran.out);

    let again = bench(&["--compare", path_text(&base), "--threshold", "0%"]);
    assert_eq!(again.code, 0, "the same policy costs the same to the last unit: {}{}", again.out, again.err);

    let kept = std::fs::read_to_string(&base).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let fuel = value["rows"][0]["fuel"].as_u64().unwrap();
    value["rows"][0]["fuel"] = (fuel * 100 / 105).into();
    std::fs::write(&base, value.to_string()).unwrap();
    let grown = bench(&["--compare", path_text(&base), "--threshold", "2%", "-o", "json"]);
    assert_eq!(grown.code, 1, "{}", grown.err);
    let json = grown.json();
    assert_eq!(json["compared"]["grown"].as_array().map(Vec::len), Some(1));
    assert_eq!((&json["exit"]["code"], &json["compared"]["grown"][0]["what"]), (&1.into(), &"fuel".into()));
    assert_eq!(bench(&["--compare", path_text(&base), "--threshold", "6%"]).code, 0);

    let other = pvmigrate(&["policy", "bench", path_text(&policy), "--volumes", "30", "--compare", path_text(&base)]);
    assert_eq!(other.code, 2, "{}", other.err);
    assert!(other.err.contains("nothing to compare"), "{}", other.err);
}

#[test]
fn bench_says_what_is_wrong_with_its_input() {
    let policy = repository("policies/dist/keep-and-cap.wasm");
    let bench =
        |more: &[&str]| pvmigrate(&[&["policy", "bench", path_text(&policy), "--volumes", "10"], more].concat());
    for (words, code, part) in [
        (["--settings", r#"{"lable": "x"}"#], 2, "did you mean label?"),
        (["--settings", "{"], 2, "--settings is not valid JSON"),
        (["--settings", "/nonexistent/x.yaml"], 2, "/nonexistent/x.yaml"),
        (["--compare", "/nonexistent/base.json"], 2, "/nonexistent/base.json"),
    ] {
        let ran = bench(&words);
        assert_eq!(ran.code, code, "{words:?}: {}", ran.err);
        assert!(ran.err.contains(part), "{words:?}: {}", ran.err);
    }
    assert_eq!(pvmigrate(&["policy", "bench", path_text(&policy), "--volumes", "0"]).code, 2);
    assert_eq!(pvmigrate(&["policy", "bench", path_text(&repository("README.md"))]).code, 3);
}

#[test]
fn fuzz_keeps_what_it_finds_where_policy_test_finds_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).unwrap();
    let policy = folder.path().join("hostile.wasm");
    std::fs::copy(repository("policies/dist/hostile.wasm"), &policy).unwrap();
    let file = cases.join("found.test.yaml");
    let fuzz = |deed: &str, more: &[&str]| {
        let words = ["policy", "fuzz", path_text(&policy), "--environment", deed, "--runs", "20", "--seed", "3"];
        pvmigrate(&[&words, more].concat())
    };
    let ran = fuzz("select:remember", &["--write", path_text(&file)]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("order: ") && ran.out.contains("--environment 'select:remember' --seed 3"), "{}", ran.out);

    let tested = pvmigrate(&["policy", "test", path_text(&file)]);
    assert_eq!(tested.code, 5, "the file names its policy and fails: {}{}", tested.out, tested.err);
    assert!(tested.out.contains("UNSTABLE"), "{}", tested.out);

    let again = fuzz("select:remember", &["--write", path_text(&file)]);
    assert_eq!(again.code, 2, "a file is never overwritten: {}", again.err);

    let fault = fuzz("check:panic", &["-o", "json"]);
    assert_eq!(fault.code, 5, "{}", fault.err);
    let json = fault.json();
    assert_eq!((&json["found"]["broken"]["rule"], &json["found"]["reproduced"]), (&"fault".into(), &true.into()));

    let shown = fuzz("check:panic", &[]).out;
    assert!(shown.contains("\n  old: {}\n") && shown.contains("panicked at"), "the file is shown as it is: {shown}");
    assert_eq!(fuzz("select:nothing", &[]).code, 0);
}

#[test]
fn fuzz_says_what_is_wrong_with_its_input() {
    let policy = repository("policies/dist/keep-and-cap.wasm");
    let fuzz = |more: &[&str]| pvmigrate(&[&["policy", "fuzz", path_text(&policy), "--runs", "1"], more].concat());
    for (words, part) in [
        (["--settings", r#"{"lable": "x"}"#], "did you mean label?"),
        (["--write", "found.yaml"], "ends in .test.yaml"),
        (["--for", "soon"], "--for"),
    ] {
        let ran = fuzz(&words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.err);
        assert!(ran.err.contains(part), "{words:?}: {}", ran.err);
    }
    assert_eq!(pvmigrate(&["policy", "fuzz", path_text(&repository("README.md"))]).code, 3);
}

/// An hour of searching is worth knowing about, even when nobody waits for its end.
#[test]
fn a_search_that_is_interrupted_says_what_it_has_done() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pvmigrate"))
        .args(["policy", "fuzz", "builtin", "--for", "10m", "--seed", "7"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("searching with seed 7") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended before it searched");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("with seed 7") && said.contains("stopped    interrupted"), "{said}");
}
