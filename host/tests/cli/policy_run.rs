//! `policy run` and `policy explain`: settings of the command line, the log, and what of a snapshot nothing uses.

use crate::causes::{CLASS_A, CLASS_B, on};
use crate::{path_text, repository};

const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: ns, labels: {stays: 'true'}}
spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";

const RUN: [&str; 7] = ["--snapshot", "FILE", "--source-sc", "a", "--dest-sc=b", "-o", "json"];

#[test]
fn a_policy_gets_the_settings_of_the_command_line() {
    let file = repository("policies/dist/keep-and-cap.wasm");
    let run = |words: &[&str]| {
        let words: Vec<&str> = ["policy", "run", path_text(&file)].iter().chain(words).chain(&RUN).copied().collect();
        on(&[CLASS_A, CLASS_B, CLAIM], &words)
    };
    let code = |words: &[&str]| {
        let ran = run(words);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.json()["verdicts"][0]["decision"]["reason"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&[]), "source-class");
    assert_eq!(code(&["--settings", "{\"label\": \"stays\"}"]), "keep-label");
    let settings = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(settings.path(), "label: stays\n").unwrap();
    assert_eq!(code(&["--settings", path_text(settings.path())]), "keep-label");
    for (words, part) in [
        (&["--settings", "{\"lable\": \"stays\"}"][..], "did you mean label?"),
        (&["--settings", "{\"label\": 1}"], "/label"),
        (&["--settings", "{label"], "--settings is not valid JSON"),
        (&["--settings", "no/such.yaml"], "cannot read the settings in no/such.yaml"),
        (&["builtin", "--settings", "{}"], "--settings is for one policy, and 2 are named"),
    ] {
        let ran = run(words);
        assert!(ran.code == 2 && ran.err.contains(part), "{part}: {} {}", ran.code, ran.err);
    }
    let words = ["policy", "explain", "ns/data", path_text(&file), "--settings", "{\"label\": \"stays\"}"];
    let ran = on(&[CLASS_A, CLASS_B, CLAIM], &words.iter().chain(&RUN[..5]).copied().collect::<Vec<_>>());
    assert!(ran.code == 0 && ran.out.contains("keep-label"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_nothing_uses_is_counted_and_named() {
    let further = "
{apiVersion: v1, kind: List, items: [
{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: ns}},
{apiVersion: v1, kind: ConfigMap, metadata: {name: z, namespace: ns}},
{apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: ns}},
{apiVersion: v1, kind: Node, metadata: {name: node-a}}]}
";
    let file = repository("policies/dist/quota-room.wasm");
    let run = |policy: &str, words: &[&str]| {
        let all: Vec<&str> = ["policy", "run", policy].iter().chain(&RUN[..5]).chain(words).copied().collect();
        on(&[CLASS_A, CLASS_B, CLAIM, further], &all)
    };
    let ran = run("builtin", &[]);
    assert!(ran.out.contains("Not used: 2 ConfigMap (v1), 1 ResourceQuota (v1)\n"), "{}{}", ran.out, ran.err);
    let ran = run("builtin", &["-v"]);
    assert!(ran.out.contains("2 ConfigMap (v1): ns/x ns/z"), "{}", ran.out);
    // What a policy looks up is used.
    let ran = run(path_text(&file), &["-o", "json"]);
    assert_eq!(ran.json()["notUsed"][0]["objects"][0], "ns/x", "{}", ran.out);
    assert_eq!(ran.json()["notUsed"].as_array().unwrap().len(), 1, "{}", ran.out);
}
