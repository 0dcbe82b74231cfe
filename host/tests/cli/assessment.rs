//! `policy run`, `explain`, `diff` and `replay`: one snapshot, judged in several ways.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Ran, path_text, pvmigrate, repository};

/// Three claims of one class: a plain one, one that is labelled to stay, one too large for the destination.
const SNAPSHOT: &str = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: old}, provisioner: old.example.com}
- apiVersion: storage.k8s.io/v1
  kind: StorageClass
  metadata: {name: new, annotations: {pvmigrate.dev/max-size: 10Gi}}
  provisioner: new.example.com
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: data, namespace: app}
  spec: {storageClassName: old, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: kept, namespace: app, labels: {pvmigrate.dev/keep: "true"}}
  spec: {storageClassName: old, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: large, namespace: db}
  spec: {storageClassName: old, accessModes: [ReadWriteMany], resources: {requests: {storage: 20Gi}}}
- apiVersion: v1
  kind: Pod
  metadata:
    name: one-0
    namespace: app
    ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: one, uid: u, controller: true}]
  spec: {nodeName: node-7, containers: [{name: c}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}
"#;

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.yaml"), SNAPSHOT).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `policy` with these words and the snapshot with both classes.
    fn run(&self, words: &[&str]) -> Ran {
        let snapshot = self.path("all.yaml");
        let usual = ["--snapshot", path_text(&snapshot), "--source-sc", "old", "--dest-sc", "new"];
        pvmigrate(&[&["policy"][..], words, &usual].concat())
    }
}

fn dist(name: &str) -> String {
    path_text(&repository(&format!("policies/dist/{name}.wasm"))).to_owned()
}

fn verdicts(json: &Value) -> Vec<(String, bool, String)> {
    let verdict = |verdict: &Value| {
        let claim = format!("{}/{}", verdict["namespace"].as_str().unwrap(), verdict["name"].as_str().unwrap());
        let decision = &verdict["decision"];
        let code = decision["reason"]["code"].as_str().unwrap().to_owned();
        (claim, decision["selected"].as_bool().unwrap(), code)
    };
    json["verdicts"].as_array().unwrap().iter().map(verdict).collect()
}

#[test]
fn run_judges_a_snapshot() {
    let scene = Scene::new();
    let ran = scene.run(&["run", &dist("keep-and-cap")]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in ["app/data", "migrate", "app/kept", "skip", "blocker over-max-size", "db/large", "sha256:"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    assert!(ran.err.contains("hint: over-max-size"), "{}", ran.err);
    let ran = scene.run(&["run", &dist("keep-and-cap"), "-o", "json"]);
    let json = ran.json();
    let stays: Vec<_> = verdicts(&json).into_iter().filter(|(_, selected, _)| !selected).collect();
    assert_eq!(stays.len(), 1);
    assert_eq!(stays[0].0, "app/kept");
    assert_eq!(json["findings"][0]["severity"], "blocker");
    assert_eq!(json["exit"]["code"], 1);
}

#[test]
fn run_without_a_policy_asks_the_built_in_one_and_v_shows_costs() {
    let scene = Scene::new();
    let ran = scene.run(&["run", "-v"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("3 of 3 claims") && ran.out.contains("FUEL"), "{}", ran.out);
    let ran = scene.run(&["run", "-n", "db"]);
    assert!(ran.out.contains("1 of 3 claims") && ran.out.contains("other-namespace"), "{}", ran.out);
}

#[test]
fn what_is_missing_or_wrong_is_named_with_what_there_is() {
    let scene = Scene::new();
    let snapshot = scene.path("all.yaml");
    let usual = ["policy", "run", "--snapshot", path_text(&snapshot)];
    for (words, parts) in [
        (&["--dest-sc", "new"][..], ["--source-sc is missing", "new, old"]),
        (&["--source-sc", "old"], ["--dest-sc is missing", "new, old"]),
        (&["--source-sc", "old", "--dest-sc", "nwe"], ["StorageClass nwe not found", "did you mean new?"]),
        (&["--source-sc", "odl", "--dest-sc", "new"], ["StorageClass odl not found", "did you mean old?"]),
    ] {
        let ran = pvmigrate(&[&usual[..], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(parts.iter().all(|part| ran.err.contains(part)), "{}", ran.err);
    }
    let ran = pvmigrate(&["policy", "run", "--snapshot", "/nonexistent", "--source-sc", "a", "--dest-sc", "b"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn a_policy_that_faults_is_not_a_finding() {
    let scene = Scene::new();
    let ran = scene.run(&["run", &dist("hostile"), "--now", "2026-01-01T00:00:00Z"]);
    // Without an environment it does none of its misdeeds.
    assert_ne!(ran.code, 5, "{}", ran.err);
    let config = scene.path("pvmigrate.yaml");
    let text = format!(
        "apiVersion: pvmigrate.dev/config/v1\nenvironments:\n  'select:panic':\n    policies: [{{module: {}}}]\n",
        dist("hostile")
    );
    std::fs::write(&config, text).unwrap();
    let ran = scene.run(&["run", "--environment", "select:panic", "--config", path_text(&config)]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
}

#[test]
fn explain_shows_votes_rule_and_floor_of_one_claim() {
    let scene = Scene::new();
    let ran = scene.run(&["explain", "app/kept", &dist("keep-and-cap")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for part in ["app/kept stays", "one vote to skip is enough", "VOTE", "default", "migrate", "FUEL", "sha256:"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    let ran = scene.run(&["explain", "app/data", &dist("keep-and-cap"), "-o", "json"]);
    let json = ran.json();
    assert_eq!(json["volume"]["consumers"][0]["workload"]["name"], "one");
    assert_eq!(json["verdict"]["decision"]["selected"], true);
    assert_eq!(json["rule"], "built-in");
    let ran = scene.run(&["explain", "app/dta", &dist("keep-and-cap")]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean app/data?"), "{}", ran.err);
}

#[test]
fn diff_shows_what_another_policy_decides_otherwise() {
    let scene = Scene::new();
    let ran = scene.run(&["diff", "builtin", &dist("keep-and-cap")]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in ["1 decision and 2 findings change", "app/kept", "migrate RWO", "skip", "over-max-size", "db/large"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    let same = scene.run(&["diff", &dist("keep-and-cap"), &dist("keep-and-cap"), "-o", "json"]);
    assert_eq!(same.code, 0, "{}{}", same.out, same.err);
    assert_eq!(same.json()["decisions"], serde_json::json!([]));
}

/// Saves a question with `policy run`, as plans do.
fn saved(scene: &Scene, file: &Path) {
    let ran = scene.run(&["run", &dist("keep-and-cap"), "--save-question", path_text(file)]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
}

#[test]
fn replay_of_the_same_policies_changes_nothing_and_of_another_what_it_changes() {
    let scene = Scene::new();
    let file = scene.path("before.json");
    saved(&scene, &file);
    let ran = pvmigrate(&["policy", "replay", path_text(&file)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("No changes"), "{}", ran.out);

    // A policy of another name joins; one of the same name would take the place.
    let ran = pvmigrate(&["policy", "replay", path_text(&file), "--policy", &dist("size-guard"), "-o", "json"]);
    let json = ran.json();
    let names = |side: &str| {
        let policies = json[side].as_array().unwrap();
        policies.iter().map(|policy| policy["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("old"), ["keep-and-cap", "default"]);
    assert_eq!(names("new"), ["size-guard", "keep-and-cap", "default"]);
}

#[test]
fn a_saved_question_is_a_snapshot_that_knows_how_it_was_asked() {
    let scene = Scene::new();
    let file = scene.path("before.json");
    saved(&scene, &file);
    let snapshot = ["--snapshot", path_text(&file)];
    let again = pvmigrate(&[&["policy", "run", &dist("keep-and-cap"), "-o", "json"][..], &snapshot].concat());
    let first = scene.run(&["run", &dist("keep-and-cap"), "-o", "json"]);
    assert_eq!(again.json()["verdicts"], first.json()["verdicts"]);
    assert_eq!(again.json()["findings"], first.json()["findings"]);
    let other = pvmigrate(&[&["policy", "run", "--dest-sc", "third"][..], &snapshot].concat());
    assert_eq!(other.code, 2, "{}", other.err);
    assert!(other.err.contains("new, old"), "{}", other.err);
}

#[test]
fn a_digest_that_is_not_there_is_named() {
    let scene = Scene::new();
    let (policy, file) = (scene.path("cap.wasm"), scene.path("before.json"));
    std::fs::copy(repository("policies/dist/keep-and-cap.wasm"), &policy).unwrap();
    let ran = scene.run(&["run", path_text(&policy), "--save-question", path_text(&file)]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    std::fs::copy(repository("policies/dist/size-guard.wasm"), &policy).unwrap();
    let ran = pvmigrate(&["policy", "replay", path_text(&file)]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("keep-and-cap") && ran.err.contains("sha256:"), "{}", ran.err);
    // The same bytes elsewhere will do.
    let ran = pvmigrate(&["policy", "replay", path_text(&file), "--policy", &dist("keep-and-cap")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn what_is_not_a_saved_question_is_not_replayed() {
    let scene = Scene::new();
    let ran = pvmigrate(&["policy", "replay", path_text(&scene.path("all.yaml"))]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--save-question"), "{}", ran.err);
    let file = scene.path("later.json");
    std::fs::write(&file, r#"{"apiVersion": "pvmigrate.dev/question/v9"}"#).unwrap();
    let ran = pvmigrate(&["policy", "replay", path_text(&file)]);
    assert!(ran.code == 2 && ran.err.contains("question/v9"), "{}", ran.err);
}
