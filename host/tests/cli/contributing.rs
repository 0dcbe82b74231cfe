//! Compares the lists of CONTRIBUTING.md with the sources: the files of a command, a blocker, a question to policies.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// A list of files, and what a file that belongs to it mentions.
struct Recipe {
    heading: String,
    needle: String,
    most: usize,
    files: BTreeSet<String>,
}

/// Reads the lists: `<!-- files that mention NEEDLE, at most N -->`, and the items below it, each with its path first.
fn recipes() -> Vec<Recipe> {
    let text = fs::read_to_string(repository("CONTRIBUTING.md")).unwrap();
    let mut recipes: Vec<Recipe> = Vec::new();
    let (mut heading, mut is_list) = (String::new(), false);
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            (heading, is_list) = (title.to_owned(), false);
        } else if let Some(rest) = line.strip_prefix("<!-- files that mention ") {
            let (needle, most) = rest.trim_end_matches(" -->").split_once(", at most ").unwrap();
            let (heading, needle, most) = (heading.clone(), needle.to_owned(), most.parse().unwrap());
            recipes.push(Recipe { heading, needle, most, files: BTreeSet::new() });
            is_list = true;
        } else if is_list {
            let items = line.split(". `").skip(1).map(|item| item.split_once('`').unwrap().0.to_owned());
            recipes.last_mut().unwrap().files.extend(items);
        }
    }
    recipes
}

/// Returns the code of every source file without tests and comments, by its path in the repository.
fn sources() -> Vec<(String, String)> {
    let root = repository("");
    let mut open: Vec<PathBuf> = vec![root.join("host"), root.join("policies/sdk"), root.join("policies/sdk-derive")];
    let mut all = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "target", "snapshots", "benches"].contains(&name.as_str()) {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if is_source(&path) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = lines.collect::<Vec<_>>().join("\n");
            all.push((path.strip_prefix(&root).unwrap().display().to_string(), code));
        }
    }
    all
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    path.is_file() && name.ends_with(".rs") && !["tests.rs", "testing.rs", "samples.rs"].contains(&name.as_ref())
}

#[test]
fn the_lists_name_every_file() {
    let sources = sources();
    assert!(sources.len() > 100, "the sources were not found");
    let recipes = recipes();
    assert!(recipes.len() >= 4, "CONTRIBUTING.md has lost its lists");
    for Recipe { heading, needle, most, files } in recipes {
        for file in &files {
            assert!(repository(file).is_file(), "{heading}: {file} does not exist");
        }
        assert!(files.len() <= most, "{heading}: {} files, more than {most}", files.len());
        let mentions = sources.iter().filter(|(_, code)| code.contains(&needle)).map(|(file, _)| file.clone());
        let unlisted: Vec<String> = mentions.filter(|file| !files.contains(file)).collect();
        assert!(unlisted.is_empty(), "{heading}: {unlisted:?} mention {needle} as well");
        let mentioned = |file: &&String| sources.iter().any(|(path, code)| path == *file && code.contains(&needle));
        assert!(files.iter().any(|file| mentioned(&file)), "{heading}: nothing mentions {needle}");
    }
}

/// The table of layers is what `tests/run` knows.
#[test]
fn the_layers_are_those_of_the_script() {
    let page = fs::read_to_string(repository("CONTRIBUTING.md")).unwrap();
    let table = page.split_once("<!-- layers: begin").unwrap().1.split_once("<!-- layers: end").unwrap().0;
    let rows: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let script = fs::read_to_string(repository("tests/run")).unwrap();
    let layers = script.split_once("readonly layers=(").unwrap().1.split_once(')').unwrap().0;
    assert_eq!(rows, layers.split_whitespace().collect::<Vec<_>>());
}
