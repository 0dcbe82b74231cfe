//! Bad input from outside the command line: kubeconfigs and API servers that are not there.

use crate::{Ran, command, finish, path_text, pvmigrate};

const CLASSES: [&str; 4] = ["--source-sc", "a", "--dest-sc", "b"];

fn with_kubeconfig(text: &str, words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, text).unwrap();
    finish(command(words).env("KUBECONFIG", &file))
}

/// Port 1 is reserved, and nobody listens on it.
const NOBODY: &str = "
apiVersion: v1
kind: Config
clusters: [{name: one, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: one, context: {cluster: one}}]
current-context: one
";

#[track_caller]
fn assert_cluster(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert_eq!(ran.out, "");
    for part in parts {
        assert!(ran.err.contains(part), "{part} is not in: {}", ran.err);
    }
    assert!(ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn a_missing_kubeconfig_is_named() {
    let words = ["--kubeconfig", "/nowhere/kubeconfig"];
    assert_cluster(&pvmigrate(&[&CLASSES[..], &words].concat()), &["/nowhere/kubeconfig"]);
    assert_cluster(&pvmigrate(&["status", "-kubeconfig=/nowhere/kubeconfig"]), &["/nowhere/kubeconfig"]);
}

#[test]
fn no_kubeconfig_at_all_says_where_it_looked() {
    assert_cluster(&pvmigrate(&CLASSES), &["KUBECONFIG", "--kubeconfig"]);
}

#[test]
fn an_invalid_kubeconfig_is_an_error() {
    assert_cluster(&with_kubeconfig("clusters: [", &["plan", "--source-sc=a", "--dest-sc=b"]), &["kubeconfig"]);
}

#[test]
fn a_context_that_does_not_exist_is_named() {
    assert_cluster(&with_kubeconfig(NOBODY, &["status", "--context", "other"]), &["other"]);
}

#[test]
fn an_api_server_that_does_not_answer_is_named_by_every_command() {
    for words in [
        ["--source-sc=a", "--dest-sc=b"].as_slice(),
        &["plan", "--source-sc=a", "--dest-sc=b"],
        &["status"],
        &["abort", "--all"],
        &["cleanup"],
    ] {
        assert_cluster(&with_kubeconfig(NOBODY, words), &["http://127.0.0.1:1", "kubectl get --raw /readyz"]);
    }
}

#[test]
fn a_policy_is_read_before_the_cluster_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.wasm");
    std::fs::write(&file, "no component").unwrap();
    let ran = with_kubeconfig(NOBODY, &[&CLASSES[..], &["--policy", path_text(&file)]].concat());
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("text.wasm"), "{}", ran.err);
}
