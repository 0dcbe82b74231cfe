//! `policy test` as its users meet it: forms of output, choices of cases, updates, exit codes.

use std::path::Path;

use crate::{Ran, command, finish, path_text, pvmigrate, repository};

const CASES: &str = "
apiVersion: pvmigrate.dev/policy-test/v1
source: old
target: new
classes: {old: {provisioner: old.example.com},
  new: {provisioner: new.example.com}}
volumes:
  app/data: {class: old, by: deploy/app}
cases:
- name: it stays (with a \"label\")
  given: {app/data: {labels: {pvmigrate.dev/keep: 'true'}}}
  expect: {select: {app/data: skip keep-label}}
- name: it moves
  expect: {select: {app/data: migrate}}
";

/// A folder with one test file, and the worked example to test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(cases: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.0.path().join("one.test.yaml"), cases).unwrap();
        folder
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let policy = repository("policies/dist/keep-and-cap.wasm");
        let mut all = vec!["policy", "test", path_text(&policy), path_text(self.0.path())];
        all.extend(words);
        let mut command = command(&all);
        command.env_remove("CI");
        command
    }

    fn test(&self, words: &[&str]) -> Ran {
        finish(&mut self.command(words))
    }
}

#[test]
fn a_failure_shows_both_sides_the_place_and_what_to_type() {
    let folder = Folder::new(CASES);
    let ran = folder.test(&[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let lines: Vec<_> = ran.out.lines().map(str::trim).collect();
    let at = lines
        .iter()
        .position(|line| line.ends_with("expected  app/data: migrate"))
        .unwrap_or_else(|| panic!("{}", ran.out));
    assert!(lines[at + 1].ends_with("got                 abstain"), "{}", ran.out);
    assert!(lines[at + 2].ends_with("^^^^^^^ vote"), "{}", ran.out);
    assert!(lines[at + 3].contains("one.test.yaml:14:31"), "{}", ran.out);
    assert!(ran.out.contains("1 passed, 1 failed, 0 skipped"), "{}", ran.out);
    assert!(ran.out.contains("coverage votes migrate -- skip ok abstain -- | codes 1/5"), "{}", ran.out);

    // The command that it shows runs the case alone.
    let again = lines.iter().find_map(|line| line.strip_prefix("again")).unwrap().trim();
    let ran = std::process::Command::new("sh")
        .args(["-c", &again.replacen("pvmigrate", env!("CARGO_BIN_EXE_pvmigrate"), 1)])
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.code() == Some(1) && out.contains("0 passed, 1 failed, 0 skipped"), "{out}");
}

#[test]
fn the_words_that_run_a_case_again_may_hold_anything() {
    let folder = Folder::new(&CASES.replace("it moves", "it's $HOME (or `id`), [1-2]"));
    let ran = folder.test(&[]);
    let again = ran.out.lines().find_map(|line| line.trim().strip_prefix("again")).unwrap().trim().to_owned();
    let ran = std::process::Command::new("sh")
        .args(["-c", &again.replacen("pvmigrate", env!("CARGO_BIN_EXE_pvmigrate"), 1)])
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(out.contains("0 passed, 1 failed, 0 skipped"), "{again}\n{out}");
}

#[test]
fn stdout_is_the_form_that_was_asked_for_and_nothing_else() {
    let folder = Folder::new(CASES);
    let json = folder.test(&["--format", "json"]);
    assert_eq!((json.code, json.json()["counts"]["failed"].as_u64()), (1, Some(1)));
    assert!(json.err.contains("1 passed, 1 failed"), "{}", json.err);
    assert_eq!(folder.test(&["-o", "json"]).json()["exit"]["code"], 1);

    let lines = folder.test(&["--format", "jsonl"]);
    assert!(lines.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{}", lines.out);
    let junit = folder.test(&["--format", "junit"]);
    assert!(junit.out.starts_with("<?xml") && junit.out.trim_end().ends_with("</testsuites>"), "{}", junit.out);
    let tap = folder.test(&["--format", "tap"]);
    assert!(tap.out.starts_with("TAP version 14\n1..2\n") && tap.out.contains("\nnot ok 2 - "), "{}", tap.out);
    let github = folder.test(&["--format", "github"]);
    assert!(github.out.lines().all(|line| line.starts_with("::")), "{}", github.out);
}

#[test]
fn reports_are_written_beside_what_is_shown() {
    let folder = Folder::new(CASES);
    let file = |name: &str| folder.0.path().join(name);
    let (junit, json) = (format!("junit={}", file("a.xml").display()), format!("json={}", file("a.out").display()));
    let ran = folder.test(&["--report", &junit, "--report", &json]);
    assert!(ran.out.contains("1 passed, 1 failed"), "{}{}", ran.out, ran.err);
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    assert!(read("a.xml").contains("name=\"it stays (with a &quot;label&quot;)\""), "{}", read("a.xml"));
    assert!(serde_json::from_str::<serde_json::Value>(&read("a.out")).is_ok());

    let ran = folder.test(&["--report", "xml=a"]);
    assert!(ran.code == 2 && ran.err.contains("unknown format"), "{}", ran.err);
    let within_a_file = format!("json={}", file("a.xml/b").display());
    let ran = folder.test(&["--report", &within_a_file]);
    assert!(ran.code == 2 && ran.err.contains("a.xml/b"), "{}", ran.err);
}

#[test]
fn cases_are_chosen_by_a_pattern_and_listed() {
    let folder = Folder::new(CASES);
    let ran = folder.test(&["-k", "^it st"]);
    assert!(ran.code == 0 && ran.out.contains("1 passed, 0 failed"), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("coverage"), "a part of the cases says nothing of coverage: {}", ran.out);
    assert_eq!(folder.test(&["-k", "nothing"]).code, 4);
    let ran = folder.test(&["-k", "it ("]);
    assert!(ran.code == 2 && ran.err.contains("invalid regular expression"), "{}", ran.err);

    let ran = folder.test(&["--list"]);
    assert!(ran.code == 0 && ran.out.lines().count() == 2, "{}", ran.out);
    assert!(ran.out.contains("one.test.yaml:13  it moves"), "{}", ran.out);
    assert_eq!(folder.test(&["--list", "-o", "json"]).json()["cases"][1]["name"], "it moves");
}

#[test]
fn too_little_coverage_is_exit_4() {
    let passing = CASES.replace("app/data: migrate", "app/data: abstain");
    let folder = Folder::new(&passing);
    assert_eq!(folder.test(&["--min-coverage", "16"]).code, 0);
    let ran = folder.test(&["--min-coverage", "17"]);
    assert_eq!(ran.code, 4, "{}", ran.out);
    assert!(ran.out.contains("coverage is 16 %, less than the required 17 %"), "{}", ran.out);
    assert_eq!(Folder::new(CASES).test(&["--min-coverage", "100"]).code, 1, "a failed case goes before");
    assert_eq!(folder.test(&["--min-coverage", "101"]).code, 2);
    assert_eq!(folder.test(&["--min-coverage", "1", "-k", "it"]).code, 2);
}

#[test]
fn an_update_is_for_people_and_not_for_ci() {
    let folder = Folder::new(CASES);
    let refused = finish(folder.command(&["--update"]).env("CI", "true"));
    assert!(refused.code == 2 && refused.err.contains("CI is set"), "{}", refused.err);
    let file = folder.0.path().join("one.test.yaml");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), CASES);

    let ran = folder.test(&["--update"]);
    assert!(ran.code == 0 && ran.out.contains("2 passed"), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("wrote ") && ran.err.contains("one.test.yaml"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), CASES.replace("app/data: migrate", "app/data: abstain"));
    assert!(folder.test(&["--update"]).err.contains("nothing to update"));
}

#[test]
fn without_words_the_tests_of_this_folder_run() {
    let folder = Folder::new(&CASES.replace(
        "source: old",
        &format!("policy: {}\nsource: old", repository("policies/dist/keep-and-cap.wasm").display()),
    ));
    let test = |folder: &Path| finish(command(&["policy", "test"]).current_dir(folder));
    let ran = test(folder.0.path());
    assert!(ran.code == 1 && ran.out.contains("1 passed, 1 failed"), "{}{}", ran.out, ran.err);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(test(empty.path()).code, 4);
}

#[test]
fn the_schema_of_test_files_is_json() {
    let ran = pvmigrate(&["policy", "schema", "--test"]);
    assert_eq!((ran.code, ran.json()["$defs"]["file"]["required"][0].as_str()), (0, Some("apiVersion")));
    assert_eq!(pvmigrate(&["policy", "schema"]).code, 2);
    let ran = pvmigrate(&["policy", "schema", "builtin"]);
    assert!(ran.code == 2 && ran.err.contains("takes no settings"), "{}", ran.err);
}

#[test]
fn the_former_flag_for_the_folder_still_works() {
    let (policy, cases) = (repository("policies/dist/keep-and-cap.wasm"), repository("policies/keep-and-cap/cases"));
    let ran = pvmigrate(&["policy", "test", path_text(&policy), "--fixtures", path_text(&cases), "--jobs", "3"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn the_chain_of_an_environment_is_tested_with_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::copy(repository("policies/dist/keep-and-cap.wasm"), folder.path().join("cap.wasm")).unwrap();
    write(
        "pvmigrate.yaml",
        "apiVersion: pvmigrate.dev/config/v1\nenvironments:\n  prod:\n    policies:\n    - module: cap.wasm\n      \
         settings: {label: stays}\n",
    );
    std::fs::create_dir(folder.path().join("cases")).unwrap();
    let cases = CASES.replace("pvmigrate.dev/keep", "stays");
    write("cases/one.test.yaml", &cases);
    let test = |words: &[&str]| {
        let mut command = command(&[&["policy", "test"], words].concat());
        finish(command.current_dir(folder.path()).env_remove("CI"))
    };
    let ran = test(&["--environment", "prod", "cases"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for part in ["keep-and-cap 0.2.0", "default 0.2.0", "2 passed"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }

    write("cases/one.test.yaml", &cases.replace("app/data: migrate", "app/data: abstain"));
    let ran = test(&["--environment", "prod", "cases"]);
    assert!(ran.code == 2 && ran.err.contains("a whole chain never abstains"), "{}", ran.err);
    write("cases/one.test.yaml", &cases.replace("app/data: migrate", "app/data: skip outside-namespace"));
    let ran = test(&["--environment", "prod", "cases"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("pvmigrate policy test --environment prod cases -k '^it moves$' -v"), "{}", ran.out);

    for (words, part) in [
        (&["cap.wasm", "--environment", "prod", "cases"][..], "both a policy and an environment"),
        (&["--environment", "pord", "cases"], "did you mean prod?"),
        (&["--config", "pvmigrate.yaml", "cases"], "--environment"),
    ] {
        let ran = test(words);
        assert!(ran.code == 2 && ran.err.contains(part), "{part}: {}", ran.err);
    }
}

#[test]
fn schemas_are_printed_for_all_that_is_written_by_hand() {
    for (words, title) in [(["--test"], "*.test.yaml"), (["--config"], "pvmigrate.yaml")] {
        let ran = pvmigrate(&[&["policy", "schema"][..], &words].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.json()["title"].as_str().unwrap().contains(title), "{}", ran.out);
    }
    let ran = pvmigrate(&["policy", "schema", "--test", "--config"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let file = repository("policies/dist/keep-and-cap.wasm");
    let ran = pvmigrate(&["policy", "schema", path_text(&file)]);
    assert_eq!(ran.json()["properties"]["label"]["default"], "pvmigrate.dev/keep", "{}", ran.out);
}

/// A report beside the tests, or in the folder of their snapshot, is neither a fixture nor a mistake.
#[test]
fn a_report_in_the_folder_of_the_tests_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("shop")).unwrap();
    let class = |name: &str| {
        format!("{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: {name}}}, provisioner: p}}\n")
    };
    write("shop/all.yaml", &format!("{}---\n{}", class("old"), class("new")));
    let cases = "apiVersion: pvmigrate.dev/policy-test/v1\nsource: old\ntarget: new\nsnapshot: shop\ncases:\n\
                 - name: nothing moves\n  expect: {select: any, findings: any}\n";
    write("one.test.yaml", cases);
    let policy = repository("policies/dist/quota-room.wasm");
    let mut words = vec!["policy", "test", path_text(&policy), "."];
    for report in ["json=a.json", "json=shop/b.json", "jsonl=c.json", "jsonl=shop/d.json", "junit=e.xml", "tap=f.tap"] {
        words.extend(["--report", report]);
    }
    for _ in 0..2 {
        let ran = finish(command(&words).current_dir(folder.path()).env_remove("CI"));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
}
