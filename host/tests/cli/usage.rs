//! Bad usage: one clear message, exit 2, nothing on stdout.

use crate::pvmigrate;

#[track_caller]
fn refused(words: &[&str], part: &str) {
    let ran = pvmigrate(words);
    assert_eq!(ran.code, 2, "{words:?}: {}", ran.err);
    assert_eq!(ran.out, "", "{words:?}");
    assert!(ran.err.starts_with("error: "), "{words:?}: {}", ran.err);
    assert!(ran.err.contains(part), "{words:?}: {}", ran.err);
}

#[test]
fn missing_and_wrong_words_are_named() {
    refused(&[], "--source-sc is missing");
    refused(&["--source-sc", "", "--dest-sc", "b"], "--source-sc is empty");
    refused(&["-source-sc", "a"], "--dest-sc is missing");
    refused(&["plan", "--source-sc=a"], "--dest-sc is missing");
    refused(&["--source-sc", "a", "--dest-sc", "b", "--set-defaults=maybe"], "--set-defaults");
    refused(&["--source-sc", "a", "--dest-sc", "b", "--rsync-flags", "--dry-run"], "--dry-run");
    refused(&["--source-sc", "a", "--dest-sc", "b", "--parallel", "0"], "--parallel");
    refused(&["--sourc-sc", "a"], "--source-sc");
    refused(&["nosuch"], "nosuch");
    refused(&["abort"], "--all");
    refused(&["rehearse"], "PATH");
    refused(&["policy"], "policy");
}

#[test]
fn asked_for_json_an_error_is_an_object_too() {
    for words in [["-o", "json", "plan"].as_slice(), &["plan", "--output=json"], &["plan", "--nosuch", "-ojson"]] {
        let ran = pvmigrate(words);
        let json = ran.json();
        assert_eq!(json["exit"]["code"], 2, "{words:?}");
        assert_eq!(json["exit"]["word"], "usage");
        assert!(json["error"]["message"].as_str().is_some_and(|message| message.contains("--")), "{json}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn a_flag_of_clap_that_is_not_a_value_does_not_make_json() {
    let ran = pvmigrate(&["plan", "--nosuch", "x.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
}

#[test]
fn help_and_version_are_data() {
    for words in [["--help"].as_slice(), &["-h"], &["-help"], &["plan", "--help"], &["policy", "test", "-h"]] {
        let ran = pvmigrate(words);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        assert!(ran.out.contains("Usage: pvmigrate"), "{}", ran.out);
    }
    assert_eq!(pvmigrate(&["--version"]).out, concat!("pvmigrate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn each_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = pvmigrate(&["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("source-sc"), "{shell}");
    }
}

#[test]
fn an_invalid_log_filter_is_named() {
    let ran = crate::finish(crate::command(&["policy", "inspect", "builtin"]).env("PVMIGRATE_LOG", "a=b=c"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("PVMIGRATE_LOG"), "{}", ran.err);
}
