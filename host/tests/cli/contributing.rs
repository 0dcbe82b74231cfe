//! Compares the lists of CONTRIBUTING.md with the sources: the files of a command, a blocker, a question to policies.

#[path = "../../../tests/support/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

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

/// Returns the code of the crates, by its path in the repository.
fn code() -> BTreeMap<String, String> {
    let folders = ["host", "policies/sdk", "policies/sdk-derive"].into_iter();
    let files = |folder: &'static str| {
        sources::code(folder).into_iter().map(move |(file, code)| (format!("{folder}/{file}"), code))
    };
    folders.flat_map(files).collect()
}

#[test]
fn the_lists_name_every_file() {
    let sources = code();
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
        let mentioned = |file: &&String| sources.get(*file).is_some_and(|code| code.contains(&needle));
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
