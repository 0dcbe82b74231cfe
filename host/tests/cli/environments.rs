//! `--environment`: the chain, settings, limits and waivers of a configuration file, in a rehearsal.

use std::path::{Path, PathBuf};

use crate::{Ran, command, finish, path_text, pvmigrate, repository};

/// Writes a scenario with a class that takes nothing as large as the one claim there is, by the policy keep-and-cap.
fn scenario(folder: &Path) -> PathBuf {
    let scenario = std::fs::read_to_string(repository("tests/embedded/scenarios/one-claim.yaml")).unwrap();
    let capped =
        scenario.replace("metadata: {name: new}", "metadata: {name: new, annotations: {pvmigrate.dev/max-size: 1Mi}}");
    assert_ne!(scenario, capped);
    let file = folder.join("mine.yaml");
    std::fs::write(&file, capped).unwrap();
    file
}

/// Returns a folder with the scenario, a policy beside it, and this configuration of the environment `prod`.
fn folder(prod: &str) -> tempfile::TempDir {
    assert!(pvmigrate_rehearsal::find_rsync().is_ok(), "rsync is missing: run tests/setup rsync");
    let folder = tempfile::tempdir().unwrap();
    scenario(folder.path());
    std::fs::copy(repository("policies/dist/keep-and-cap.wasm"), folder.path().join("cap.wasm")).unwrap();
    let indented: String = prod.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("apiVersion: pvmigrate.dev/config/v1\nenvironments:\n  prod:\n{indented}");
    std::fs::write(folder.path().join("pvmigrate.yaml"), text).unwrap();
    folder
}

/// Rehearses from another folder, so that paths are those of the file.
fn rehearse(folder: &Path, words: &[&str]) -> Ran {
    let (scenario, config) = (folder.join("mine.yaml"), folder.join("pvmigrate.yaml"));
    let usual = ["rehearse", path_text(&scenario), "--environment", "prod", "--config", path_text(&config)];
    pvmigrate(&[&usual[..], words].concat())
}

const CAP: &str = "policies:\n- module: cap.wasm\n";

fn waiver(until: &str) -> String {
    let named = "code: over-max-size, policy: keep-and-cap, subject: app/data";
    format!("{CAP}waivers:\n- {{{named}, until: {until}, reason: grows later}}\n")
}

fn digest(file: &Path) -> String {
    let ran = pvmigrate(&["policy", "inspect", path_text(file), "-o", "json"]);
    ran.json()["policy"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn the_policies_of_the_environment_judge() {
    let folder = folder(CAP);
    let ran = rehearse(folder.path(), &["-o", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let json = ran.json();
    assert_eq!(json["blockers"][0]["code"], "policy-blocker", "{json}");
    let digest = digest(&folder.path().join("cap.wasm"));
    assert_eq!(json["policies"][0]["digest"], digest.as_str(), "every report names the bytes: {json}");
    assert_eq!(json["policies"][1]["name"], "default");
}

#[test]
fn a_waived_finding_blocks_nothing_and_stands_in_the_report() {
    let folder = folder(&waiver("2999-12-31"));
    let ran = rehearse(folder.path(), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for part in ["1 finding waived:", "blocker over-max-size", "2999-12-31", "grows later", "sha256:"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    let json = rehearse(folder.path(), &["-o", "json"]).json();
    assert_eq!(json["groups"][0]["outcome"], "migrated");
    assert_eq!(json["waived"][0]["finding"]["code"], "over-max-size");
    assert_eq!(json["waived"][0]["waiver"]["until"], "2999-12-31");
    assert_eq!(json["warnings"], serde_json::json!([]));
}

#[test]
fn an_expired_waiver_waives_nothing_and_says_so() {
    let folder = folder(&waiver("2020-12-31"));
    let ran = rehearse(folder.path(), &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("warning waiver-expired"), "{}", ran.out);
    assert!(ran.out.contains("policy-blocker"), "{}", ran.out);
}

#[test]
fn a_waiver_that_nothing_needs_is_a_warning() {
    let folder = folder(&waiver("2999-12-31").replace("app/data", "app/date"));
    let ran = rehearse(folder.path(), &["-o", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.json()["warnings"][0]["code"], "waiver-unused");
}

#[test]
fn another_file_than_the_digest_says_is_refused_before_it_runs() {
    let other = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let pinned = folder(&format!("{CAP}  digest: {other}\n"));
    let ran = rehearse(pinned.path(), &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    for part in ["pvmigrate.yaml:5:15", "cap.wasm", other, &digest(&pinned.path().join("cap.wasm"))] {
        assert!(ran.err.contains(part), "{part} is not in: {}", ran.err);
    }
    let folder = folder("policies: []\n");
    let (scenario, policy) = (folder.path().join("mine.yaml"), folder.path().join("cap.wasm"));
    let rehearse = |digest: &str| {
        pvmigrate(&["rehearse", path_text(&scenario), "--policy", &format!("{}@{digest}", policy.display())])
    };
    let ran = rehearse(other);
    assert!(ran.code == 3 && ran.err.contains(other), "{}", ran.err);
    assert_eq!(rehearse(&digest(&policy)).code, 1, "the right one is asked, and blocks");
}

#[test]
fn settings_that_a_policy_does_not_take_are_shown_where_they_stand() {
    let folder = folder(&format!("{CAP}  settings: {{most: 1}}\n"));
    let ran = rehearse(folder.path(), &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let wrong = "pvmigrate.yaml:6:18: settings /most of policy keep-and-cap: unknown setting most; known: label";
    assert!(ran.err.contains(wrong), "{}", ran.err);

    let folder = self::folder(&format!("{CAP}  settings: {{lable: acme.io/keep}}\n"));
    let ran = rehearse(folder.path(), &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let wrong = "settings /lable of policy keep-and-cap: unknown setting lable, did you mean label?";
    assert!(ran.err.contains("pvmigrate.yaml:6:18: ") && ran.err.contains(wrong), "{}", ran.err);
}

#[test]
fn misspelt_keys_of_the_file_are_shown_where_they_stand_with_what_was_meant() {
    let folder = folder(CAP);
    let file = folder.path().join("pvmigrate.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    for (right, wrong, place, meant) in [
        ("environments:", "enviroments:", ":2:1: ", "did you mean environments?"),
        ("    policies:", "    polices:", ":4:5: ", "did you mean policies?"),
        ("- module:", "- modul:", ":5:7: ", "did you mean module?"),
        ("  prod:", "  prd:", ":3:3: ", "did you mean prd?"),
    ] {
        std::fs::write(&file, good.replace(right, wrong)).unwrap();
        let ran = rehearse(folder.path(), &[]);
        assert_eq!(ran.code, 2, "{wrong} {}", ran.err);
        assert!(ran.err.contains(&format!("pvmigrate.yaml{place}")) && ran.err.contains(meant), "{wrong} {}", ran.err);
        assert!(!ran.err.contains(": starting"), "{wrong} {}", ran.err);
    }
}

#[test]
fn the_limits_of_the_environment_hold() {
    let folder = folder(&format!("{CAP}  limits: {{fuel: 1, fuelPerVolume: 1}}\n"));
    let ran = rehearse(folder.path(), &[]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("fuel"), "{}", ran.err);
}

#[test]
fn limits_of_the_command_line_are_those_of_the_policies_it_names() {
    let folder = folder(CAP);
    let (cap, scenario) = (folder.path().join("cap.wasm"), folder.path().join("mine.yaml"));
    let (cap, scenario) = (path_text(&cap), path_text(&scenario));
    let run = ["policy", "run", cap, "--snapshot", scenario, "--source-sc", "old", "--dest-sc", "new"];
    let little = ["--policy-limits", "fuel=1,fuelPerVolume=1"];
    for words in [&["rehearse", scenario, "--policy", cap][..], &run, &["policy", "bench", cap, "--volumes", "10"]] {
        let ran = pvmigrate(&[words, &little].concat());
        assert_eq!(ran.code, 5, "{words:?} {}", ran.err);
        assert!(ran.err.contains("--policy-limits fuel=400M,fuelPerVolume=4M"), "{}", ran.err);
    }
    // They are no limits of an environment's policies or of the built-in one, and a slip is named.
    for (words, says) in [
        (vec!["rehearse", scenario, "--policy-limits", "fuel=1"], "no policy that takes limits is named"),
        (vec!["policy", "bench", "builtin", "--policy-limits", "fuel=1"], "no policy that takes limits is named"),
        ([&run[..], &["--policy-limits", "fuell=1"]].concat(), "did you mean fuel?"),
    ] {
        let ran = pvmigrate(&words);
        assert!(ran.code == 2 && ran.err.contains(says), "{words:?} {}", ran.err);
    }
}

#[test]
fn a_missing_file_or_environment_is_an_error() {
    let folder = folder(CAP);
    let scenario = folder.path().join("mine.yaml");
    let ran = finish(
        command(&["rehearse", path_text(&scenario), "--environment", "prod"]).current_dir(repository("policies")),
    );
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("cannot read pvmigrate.yaml") && ran.err.contains("--config"), "{}", ran.err);

    let here = |words: &[&str]| {
        let words = [&["rehearse", path_text(&scenario)], words].concat();
        finish(command(&words).current_dir(folder.path()))
    };
    let ran = here(&["--environment", "prd"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("pvmigrate.yaml:3:3: ") && ran.err.contains("did you mean prod?"), "{}", ran.err);
    assert_eq!(here(&["--environment", "prod"]).code, 1, "the file in the folder is the usual one");
    let ran = here(&["--config", "pvmigrate.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("--environment"), "{}", ran.err);
}

#[test]
fn the_file_in_the_readme_is_one() {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\napiVersion: pvmigrate.dev/config/v1\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pvmigrate.yaml");
    std::fs::write(&file, format!("apiVersion: pvmigrate.dev/config/v1\n{text}")).unwrap();
    let prod = pvmigrate::policies::environment::Environment::read(&file, "prod").unwrap();
    assert_eq!((prod.policies.len(), prod.waivers.len()), (2, 1));
}
