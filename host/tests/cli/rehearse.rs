//! `rehearse` with the real binary: files move, the table is right, bad input is named.

use std::path::Path;

use crate::{Ran, command, finish, path_text, pvmigrate, repository};

const SCENARIO: &str = "tests/embedded/scenarios/one-claim.yaml";

fn rehearse(words: &[&str]) -> Ran {
    let scenario = repository(SCENARIO);
    pvmigrate(&[&["rehearse", path_text(&scenario)], words].concat())
}

/// Makes sure that there is an rsync: without it these tests prove nothing.
#[track_caller]
fn assert_rsync() {
    assert!(pvmigrate_rehearsal::find_rsync().is_ok(), "rsync is missing: run tests/setup rsync");
}

#[test]
fn a_rehearsal_moves_files_and_compares_everything() {
    assert_rsync();
    let ran = rehearse(&["-o", "json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let json = ran.json();
    let claim = &json["groups"][0]["claims"][0];
    assert_eq!(json["groups"][0]["outcome"], "migrated");
    assert_eq!((claim["name"].as_str(), claim["to"].as_str()), (Some("data"), Some("new")));
    assert_eq!(claim["verified"], "byte-by-byte");
    assert!(claim["files"].as_u64() >= Some(12), "{claim}");
    assert_eq!(json["compared"]["changes"], serde_json::json!([]));
    assert_eq!((json["compared"]["claims"].as_u64(), json["compared"]["workloads"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn the_table_is_for_people_and_the_story_on_stderr() {
    assert_rsync();
    let ran = rehearse(&["-v"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let header: Vec<&str> = ran.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["CLAIM", "FROM", "TO", "FILES", "BYTES", "TIME", "DOWN", "VERIFIED"]);
    let row = ran.out.lines().nth(1).unwrap();
    assert!(row.starts_with("app/data") && row.ends_with("rsync + byte by byte"), "{row}");
    for part in
        ["app/data: starting", "stopping Deployment one", "app/data: copied", "app/data: migrated", " requests ("]
    {
        assert!(ran.err.contains(part), "{part} is not in: {}", ran.err);
    }
    assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "no terminal, no colours");
}

#[test]
fn nothing_is_left_behind_on_this_machine() {
    assert_rsync();
    let folder = tempfile::tempdir().unwrap();
    let scenario = repository(SCENARIO);
    let ran = finish(command(&["rehearse", path_text(&scenario)]).env("TMPDIR", folder.path()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn checks_alone_change_nothing_and_find_what_stands_against_it() {
    assert_rsync();
    let ran = rehearse(&["--preflight-validation-only"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("All checks passed: 1 claim in 1 group can be migrated."), "{}", ran.out);
    let ran = rehearse(&["--dest-sc", "nowhere"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for part in ["NAMESPACE", "StorageClass nowhere", "no-such-class"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    assert!(ran.err.contains("hint: no-such-class: "), "{}", ran.err);
}

#[test]
fn a_policy_that_misbehaves_stops_the_run_before_it_begins() {
    assert_rsync();
    let folder = tempfile::tempdir().unwrap();
    let policy = repository("policies/dist/hostile.wasm");
    for (deed, part) in [
        ("select:panic", "panicked"),
        ("select:loop", "fuel"),
        ("select:memory", "memory"),
        ("check:recurse", "in check"),
        ("select:undeclared-code", "does not declare"),
    ] {
        // The hostile policy does what the environment is called.
        let config = folder.path().join("pvmigrate.yaml");
        let text = format!("{{apiVersion: pvmigrate.dev/config/v1, environments: {{\"{deed}\": {{}}}}}}");
        std::fs::write(&config, text).unwrap();
        let environment = ["--environment", deed, "--config", path_text(&config)];
        let ran = rehearse(&[&["--policy", path_text(&policy)], &environment[..]].concat());
        assert_eq!(ran.code, 5, "{deed}: {}", ran.err);
        assert!(ran.err.contains(part) && ran.err.contains("hostile.wasm"), "{deed}: {}", ran.err);
        assert!(!ran.err.contains(": starting"), "{deed}: {}", ran.err);
    }
}

#[test]
fn a_policy_decides_what_moves() {
    assert_rsync();
    let folder = tempfile::tempdir().unwrap();
    let scenario = std::fs::read_to_string(repository(SCENARIO)).unwrap();
    let labelled =
        scenario.replace("labels: {app: one}\n  annotations", "labels: {pvmigrate.dev/keep: \"true\"}\n  annotations");
    assert_ne!(scenario, labelled);
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, labelled).unwrap();
    let policy = repository("policies/dist/keep-and-cap.wasm");
    let ran = pvmigrate(&["rehearse", path_text(&file), "--policy", path_text(&policy)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("Nothing to migrate from old to new."), "{}", ran.out);
}

/// Rehearses with a policy that looks up quotas, after these documents were added to the scenario.
fn with_quotas(quotas: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.yaml");
    let scenario = std::fs::read_to_string(repository(SCENARIO)).unwrap();
    std::fs::write(&file, format!("{scenario}{quotas}")).unwrap();
    let policy = repository("policies/dist/quota-room.wasm");
    pvmigrate(&["rehearse", path_text(&file), "--policy", path_text(&policy)])
}

#[test]
fn a_policy_looks_up_objects_of_the_scenario() {
    assert_rsync();
    let quota = |namespace: &str, size: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: storage, namespace: {namespace}}}, \
             spec: {{hard: {{requests.storage: {size}}}}}}}\n"
        )
    };
    // None at all is an answer too, and so is one of another namespace.
    for (quotas, what) in
        [(String::new(), "none"), (quota("app", "3Gi"), "room"), (quota("other", "1Gi"), "another namespace")]
    {
        let ran = with_quotas(&quotas);
        assert_eq!(ran.code, 0, "{what}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("app/data"), "{what}: {}", ran.out);
    }
    // What is used of it is counted by the embedded cluster: the claim that is there already.
    let ran = with_quotas(&quota("app", "1536Mi"));
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in ["no-room", "quota-room", "storage", "app"] {
        assert!(ran.out.contains(part) || ran.err.contains(part), "{part} is not in: {}{}", ran.out, ran.err);
    }
    assert!(!ran.err.contains(": starting"), "{}", ran.err);
}

fn of_text(name: &str, text: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    pvmigrate(&["rehearse", path_text(&file)])
}

#[test]
fn malformed_yaml_is_named_with_file_and_line() {
    let ran = of_text("mine.yaml", "kind: Pod\nmetadata: {name: [}\n");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("mine.yaml:2:"), "{}", ran.err);
    let ran = pvmigrate(&["rehearse", "/nowhere/mine.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("/nowhere/mine.yaml"), "{}", ran.err);
}

#[test]
fn classes_that_are_not_clear_are_asked_for() {
    let ran = of_text(
        "mine.yaml",
        "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: x}",
    );
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--source-sc"), "{}", ran.err);
}

#[test]
fn without_rsync_the_way_to_get_it_is_named() {
    let scenario = repository(SCENARIO);
    let ran = finish(command(&["rehearse", path_text(&scenario)]).env("PATH", Path::new("/nonexistent")));
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("apt-get install rsync"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_after_the_write_under_way_and_says_how_to_go_on() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};

    assert_rsync();
    let scenario = repository(SCENARIO);
    // Slow enough to be in the middle of the copy: 64 KiB at 4 KiB a second.
    let words = ["rehearse", path_text(&scenario), "--rsync-flags", "--bwlimit=4", "--no-warm", "-o", "json"];
    let mut child = command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("app/data: copying") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended before it copied");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("stopping after the writes in progress") && rest.contains("hint: "), "{rest}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["groups"][0]["outcome"], "interrupted");
    assert_eq!(json["exit"]["code"], 130);
}
