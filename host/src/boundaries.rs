//! Checks, by reading the sources, which part of the program may know of which.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// Returns the code of every file below a folder of the repository, by its path within that folder.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut open = vec![root.clone()];
    let mut all = BTreeMap::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            all.insert(path.strip_prefix(&root).unwrap().display().to_string(), text);
        }
    }
    assert!(!all.is_empty(), "no sources below {folder}");
    all
}

/// Returns the sources of the program itself, without tests.
fn own() -> BTreeMap<String, String> {
    let mut all = sources("host/src");
    all.retain(|file, _| !is_test(file));
    for text in all.values_mut() {
        text.truncate(text.find("\nmod tests {").unwrap_or(text.len()));
    }
    all
}

fn is_test(file: &str) -> bool {
    ["boundaries.rs", "samples.rs", "tests.rs"].iter().any(|name| file.ends_with(name)) || file.contains("/tests/")
}

/// Makes sure that no file of these parts contains one of these texts.
#[track_caller]
fn assert_none(parts: &[&str], texts: &[&str]) {
    let own = own();
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
    let own = own();
    let module = |file: &str| file.trim_end_matches(".rs").replace('/', "::");
    let modules: BTreeSet<String> = own.keys().map(|file| module(file)).collect();
    let path_start = Regex::new(r"\b(crate|super)::((?:\w+::)*)(\{[^;]*?\}|\w+)").unwrap();
    let child = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let mut imports = BTreeMap::new();
    for (file, code) in own.iter().filter(|(file, _)| !["lib.rs", "main.rs"].contains(&file.as_str())) {
        let this = module(file);
        let code: String =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let mut named = Vec::new();
        for found in path_start.captures_iter(&code) {
            let above = this.rsplit_once("::").map_or("", |(above, _)| above);
            let root = if &found[1] == "super" && !above.is_empty() { format!("{above}::") } else { String::new() };
            let tails = found[3].trim_matches(['{', '}']).split(',').map(str::trim);
            named.extend(tails.map(|tail| format!("{root}{}{tail}", &found[2])));
        }
        for found in child.captures_iter(&code) {
            let used = Regex::new(&format!(r"(?:^|[^\w:]){}::", &found[1])).unwrap();
            named.extend(used.is_match(&code).then(|| format!("{this}::{}", &found[1])));
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
        ("host/policy/src", &["k8s_openapi", "kube::", "clap::"]),
        ("host/policy-kit/src", &["k8s_openapi", "kube::", "bindgen!", "clap::"]),
        ("host/registry/src", &["k8s_openapi", "kube::", "wasmtime", "clap::"]),
        ("host/yaml/src", &["k8s_openapi", "kube::", "wasmtime", "clap::", "anyhow::"]),
    ] {
        for (file, text) in sources(krate).iter().filter(|(file, _)| !file.ends_with("boundaries.rs")) {
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
        for (file, text) in sources(folder).iter().filter(|(file, _)| !is_test(file)) {
            let lines = text.lines().count();
            assert!(lines <= MOST, "{folder}/{file} has {lines} lines, {MOST} are the most");
        }
    }
}

#[test]
fn main_only_hands_over() {
    let lines = own()["main.rs"].lines().count();
    assert!(lines < 30, "main.rs has {lines} lines");
}
