//! `policy push`, `policy pull` and policies from a registry, with the real binary and a real registry.

use std::path::Path;

use serde_json::Value;

use crate::docker_registry::{Docker, start};
use crate::{Ran, command, finish, path_text, repository};

/// A registry, and a folder to work in that has the caches and the lock file, too.
struct Stage {
    docker: Docker,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { docker: start(false), folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, words: &[&str]) -> Ran {
        let caches = self.folder.path().join("caches");
        finish(command(words).env("XDG_CACHE_HOME", caches).current_dir(self.folder.path()))
    }

    fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(&[words, &["-o", "json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()
    }

    fn push(&self, file: &Path) -> Value {
        self.json(&["policy", "push", path_text(file), &self.by_tag()])
    }

    fn by_tag(&self) -> String {
        format!("oci://{}/policies/it:1", self.docker.host)
    }

    /// Rehearses with one policy; returns the digest of the first of the chain.
    fn rehearse(&self, policy: &str) -> String {
        assert!(pvmigrate_rehearsal::find_rsync().is_ok(), "rsync is missing: run tests/setup rsync");
        let scenario = repository("tests/embedded/scenarios/one-claim.yaml");
        let json = self.json(&["rehearse", path_text(&scenario), "--preflight-validation-only", "--policy", policy]);
        text(&json["policies"][0]["digest"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_policy_goes_to_a_registry_and_judges_from_there() {
    let stage = Stage::new();
    let file = repository("policies/dist/keep-and-cap.wasm");
    let pushed = stage.push(&file);
    assert_eq!(pushed["name"], "keep-and-cap");
    assert_eq!(stage.push(&file), pushed, "the same again is the same");

    let (pinned, component) = (text(&pushed["pinned"]), text(&pushed["component"]));
    assert_eq!(stage.rehearse(&pinned), component);
    assert!(!stage.folder.path().join("pvmigrate.lock").exists(), "a digest needs no lock");

    let pulled = stage.json(&["policy", "pull", &pinned, "--to", "copy.wasm"]);
    assert_eq!(text(&pulled["component"]), component);
    assert_eq!(std::fs::read(stage.folder.path().join("copy.wasm")).unwrap(), std::fs::read(file).unwrap());
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn the_folder_of_a_policy_is_built_and_pushed() {
    let stage = Stage::new();
    let project = stage.folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::copy(repository("policies/dist/keep-and-cap.wasm"), project.join("source.wasm")).unwrap();
    let yaml = "apiVersion: pvmigrate.dev/policy-project/v1\ncommand: [cp, source.wasm, out.wasm]\n\
                inputs: [source.wasm]\noutput: out.wasm\n";
    std::fs::write(project.join("policy.yaml"), yaml).unwrap();
    assert_eq!(stage.push(&project)["name"], "keep-and-cap");
}

const TESTS: &str = r#"
apiVersion: pvmigrate.dev/policy-test/v1
policy: POLICY
source: old
target: new
classes: {old: {}, new: {}}
volumes:
  a/kept: {class: old, labels: {pvmigrate.dev/keep: "true"}}
cases:
- name: stays
  expect: {select: {a/kept: skip keep-label}, findings: none}
"#;

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_test_file_may_name_a_policy_of_a_registry() {
    let stage = Stage::new();
    let pushed = stage.push(&repository("policies/dist/keep-and-cap.wasm"));
    let write = |policy: &str| {
        std::fs::write(stage.folder.path().join("keep.test.yaml"), TESTS.replace("POLICY", policy)).unwrap();
    };
    for policy in [text(&pushed["pinned"]), stage.by_tag()] {
        write(&policy);
        let ran = stage.run(&["policy", "test"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
    let lock = std::fs::read_to_string(stage.folder.path().join("pvmigrate.lock")).unwrap();
    assert!(lock.contains(&text(&pushed["component"])), "a tag means from now on what it meant: {lock}");
    write(&format!("oci://{}/policies/none:1", stage.docker.host));
    let ran = stage.run(&["policy", "test"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("keep.test.yaml:3:9: policy oci://"), "{}", ran.err);
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn a_tag_means_what_it_meant_first_until_it_is_updated() {
    let stage = Stage::new();
    let (first, second) = (repository("policies/dist/keep-and-cap.wasm"), repository("policies/dist/hostile.wasm"));
    let first = text(&stage.push(&first)["component"]);
    assert_eq!(stage.rehearse(&stage.by_tag()), first);
    let lock = || std::fs::read_to_string(stage.folder.path().join("pvmigrate.lock")).unwrap();
    assert!(lock().contains(&first), "{}", lock());

    let second = text(&stage.push(&second)["component"]);
    assert_eq!(stage.rehearse(&stage.by_tag()), first, "the tag has moved, the run has not");
    assert_eq!(text(&stage.json(&["policy", "pull", &stage.by_tag()])["component"]), first);

    let updated = stage.json(&["policy", "pull", &stage.by_tag(), "--update"]);
    assert_eq!((text(&updated["component"]), text(&updated["before"]["component"])), (second.clone(), first.clone()));
    assert!(lock().contains(&second) && !lock().contains(&first), "{}", lock());
}

#[test]
#[ignore = "needs docker-registry: tests/run registry"]
fn what_is_not_a_policy_is_neither_pushed_nor_locked() {
    let stage = Stage::new();
    let file = stage.folder.path().join("text.wasm");
    std::fs::write(&file, "no component").unwrap();
    let ran = stage.run(&["policy", "push", path_text(&file), &stage.by_tag()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let ran = stage.run(&["policy", "pull", &stage.by_tag()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains(" not found") && ran.err.contains("hint: "), "{}", ran.err);
    assert!(!stage.folder.path().join("pvmigrate.lock").exists());
}

#[test]
fn references_are_read_before_anything_is_asked() {
    let file = repository("policies/dist/default.wasm");
    let folder = tempfile::tempdir().unwrap();
    for (words, part) in [
        (["policy", "push", path_text(&file), "oci://localhost:1/x"], "no tag"),
        (["policy", "push", path_text(&file), "localhost:1/x:1"], "does not begin with oci://"),
        (["policy", "pull", "oci://localhost:1/x@sha256:12", "--update"], "64 lower-case hex digits"),
    ] {
        let ran = finish(command(&words).current_dir(folder.path()));
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(part), "{part} is not in: {}", ran.err);
    }
}
