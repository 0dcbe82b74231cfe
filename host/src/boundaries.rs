//! Checks, by reading the sources, which part of the program may know of which.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../tests/support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use sources::{code, files};

const HERE: &str = "host/src";

/// Makes sure that no file of these parts contains one of these texts.
#[track_caller]
fn assert_none(parts: &[&str], texts: &[&str]) {
    let own = code(HERE);
    for part in parts {
        let folder = format!("{}/", part.trim_end_matches(".rs"));
        let files: Vec<_> = own.iter().filter(|(file, _)| file == part || file.starts_with(&folder)).collect();
        assert!(!files.is_empty(), "{part} does not exist");
        for (file, code) in files {
            for text in texts {
                assert!(!code.contains(text), "{file} names {text}");
            }
        }
    }
}

#[test]
fn what_is_shown_knows_neither_commands_nor_flags() {
    assert_none(&["render.rs"], &["crate::commands", "crate::cli", "clap"]);
}

#[test]
fn a_run_and_the_policies_know_no_command_line() {
    let parts = ["run.rs", "driver.rs", "schedule.rs", "plan.rs", "report.rs", "options.rs", "policies.rs"];
    assert_none(&parts, &["crate::commands", "crate::cli", "clap", "crate::render"]);
}

#[test]
fn a_migration_writes_no_file() {
    assert_none(&["run.rs", "driver.rs", "plan.rs"], &["std::fs", "tokio::fs", "saved::"]);
}

/// Returns which modules each module of the program names, by their paths without `crate::`.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let own = code(HERE);
    let module = |file: &str| file.trim_end_matches(".rs").replace('/', "::");
    let modules: BTreeSet<String> = own.keys().map(|file| module(file)).collect();
    let path_start = Regex::new(r"\b(crate|super)::((?:\w+::)*)(\{[^;]*?\}|\w+)").unwrap();
    let child = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let mut imports = BTreeMap::new();
    for (file, code) in own.iter().filter(|(file, _)| !["lib.rs", "main.rs"].contains(&file.as_str())) {
        let this = module(file);
        let mut named = Vec::new();
        for found in path_start.captures_iter(code) {
            let above = this.rsplit_once("::").map_or("", |(above, _)| above);
            let root = if &found[1] == "super" && !above.is_empty() { format!("{above}::") } else { String::new() };
            let tails = found[3].trim_matches(['{', '}']).split(',').map(str::trim);
            named.extend(tails.map(|tail| format!("{root}{}{tail}", &found[2])));
        }
        for found in child.captures_iter(code) {
            let used = Regex::new(&format!(r"(?:^|[^\w:]){}::", &found[1])).unwrap();
            named.extend(used.is_match(code).then(|| format!("{this}::{}", &found[1])));
        }
        let nearest = |path: &String| {
            let parts: Vec<&str> = path.split("::").collect();
            (1..=parts.len()).rev().map(|count| parts[..count].join("::")).find(|path| modules.contains(path))
        };
        let named: BTreeSet<String> = named.iter().filter_map(nearest).filter(|other| *other != this).collect();
        imports.insert(this, named);
    }
    imports
}

/// The list of commands and the root of the command line name each other; two commands are why, see `cli.rs`.
#[test]
fn only_completions_and_rbac_close_a_circle() {
    let imports = imports();
    let reaches_itself = |from: &&String| {
        let (mut open, mut seen) = (vec![*from], BTreeSet::new());
        while let Some(module) = open.pop() {
            open.extend(imports.get(module).into_iter().flatten().filter(|other| seen.insert(*other)));
        }
        seen.contains(*from)
    };
    let circle: Vec<&String> = imports.keys().filter(reaches_itself).collect();
    assert_eq!(circle, ["cli", "commands", "commands::completions", "commands::rbac"]);
}

#[test]
fn types_of_other_worlds_stop_at_their_gate() {
    for (krate, foreign) in [
        ("host/src", &["k8s_openapi", "wasmtime", "bindgen!"][..]),
        ("host/core/src", &["k8s_openapi", "kube::", "wasmtime", "bindgen!", "clap::", "anyhow::", "tokio::"]),
        ("host/cluster/src", &["wasmtime", "bindgen!", "clap::", "anyhow::"]),
        ("host/objects/src", &["kube::", "wasmtime", "bindgen!", "clap::", "anyhow::", "tokio::"]),
        ("host/policy/src", &["k8s_openapi", "kube::", "clap::"]),
        ("host/policy-kit/src", &["k8s_openapi", "kube::", "bindgen!", "clap::"]),
        ("host/proxy/src", &["k8s_openapi", "kube::", "wasmtime", "clap::", "anyhow::"]),
        ("host/registry/src", &["k8s_openapi", "kube::", "wasmtime", "clap::"]),
        ("host/yaml/src", &["k8s_openapi", "kube::", "wasmtime", "clap::", "anyhow::"]),
    ] {
        for (file, text) in files(krate).iter().filter(|(file, _)| !file.ends_with("boundaries.rs")) {
            for name in foreign {
                assert!(!text.contains(name), "{krate}/{file} names {name}");
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_read_in_one_go() {
    const MOST: usize = 400;
    for folder in ["host", "tests", "policies"] {
        for (file, text) in files(folder) {
            let lines = text.lines().count();
            assert!(lines <= MOST, "{folder}/{file} has {lines} lines, {MOST} are the most");
        }
    }
}

#[test]
fn main_only_hands_over() {
    let lines = files(HERE)["main.rs"].lines().count();
    assert!(lines < 30, "main.rs has {lines} lines");
}
