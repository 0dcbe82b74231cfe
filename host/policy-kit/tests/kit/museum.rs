//! Policies compiled long ago, against every version of the interface that was ever released: each still loads and still
//! passes the cases it was released with. Exhibits are added, never built anew, and neither they nor released interfaces
//! change: `LOCK` files have their digests. Large exhibits are compressed with zstd.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pvmigrate_policy_kit::testkit::{ExitMeaning, Options};
use sha2::{Digest as _, Sha256};

use super::support::run;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The names of the entries of a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// All exhibits, as `<version>-<language>-<policy>`, with the files that they are in.
fn exhibits() -> Vec<(String, PathBuf)> {
    let museum = root("policies/museum");
    let file = |name: &String| {
        let exhibit = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".wasm")?.to_owned();
        Some((exhibit, museum.join(name)))
    };
    names(&museum).iter().filter_map(file).collect()
}

/// Asks every exhibit in a language; returns how many there are.
fn visit(language: &str) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let of_language = exhibits().into_iter().filter(|(exhibit, _)| exhibit.split('-').nth(1) == Some(language));
    let mut count = 0;
    for (exhibit, file) in of_language {
        let bytes = match file.extension().is_some_and(|extension| extension == "zst") {
            true => zstd::decode_all(read(&file).as_slice()).expect("compressed as a whole"),
            false => read(&file),
        };
        let policy = folder.path().join(format!("{exhibit}.wasm"));
        std::fs::write(&policy, bytes).expect("a file");
        let cases = root("policies/museum").join(&exhibit);
        let report = run(&policy, &cases, &Options::default()).unwrap_or_else(|error| panic!("{exhibit}: {error}"));
        assert_eq!(report.meaning(), ExitMeaning::Passed, "{exhibit}: {report:#?}");
        let version = exhibit.split('-').next().expect("a version");
        assert_eq!(report.policies[0].interface, format!("pvmigrate:policy@{version}"));
        count += 1;
    }
    count
}

#[test]
fn exhibits_in_rust_pass_their_cases() {
    assert!(visit("rust") >= 5);
}

#[test]
fn exhibits_in_python_pass_their_cases() {
    assert!(visit("python") >= 1);
}

#[test]
fn exhibits_in_javascript_pass_their_cases() {
    assert!(visit("js") >= 1);
}

#[test]
fn every_version_has_exhibits_and_every_exhibit_a_version() {
    let versions: BTreeSet<_> =
        names(&root("wit")).into_iter().filter(|name| root("wit").join(name).is_dir()).collect();
    let exhibited: BTreeSet<_> =
        exhibits().iter().filter_map(|(exhibit, _)| Some(exhibit.split('-').next()?.to_owned())).collect();
    assert_eq!(versions, exhibited);
    let newest = versions.last().expect("a version");
    for language in ["rust", "python", "js"] {
        let prefix = format!("{newest}-{language}-");
        assert!(exhibits().iter().any(|(exhibit, _)| exhibit.starts_with(&prefix)), "no exhibit {prefix}*");
    }
    let readme = std::fs::read_to_string(root("wit/README.md")).expect("the interface's README");
    for version in &versions {
        assert!(readme.contains(&format!("\n| {version} | ")), "the README does not say what {version} has");
    }
    let known: Vec<_> = exhibits().into_iter().map(|(exhibit, _)| exhibit).collect();
    for name in names(&root("policies/museum")).iter().filter(|name| root("policies/museum").join(name).is_dir()) {
        assert!(known.contains(name), "{name} are the cases of no exhibit");
    }
}

/// All files in the folders within a folder, as paths below it.
fn files_within(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
    for name in names(&folder.join(below)) {
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        match folder.join(&path).is_dir() {
            true => files_within(folder, &path, found),
            false => drop(found.insert(path)),
        }
    }
}

#[test]
fn what_was_released_has_not_changed() {
    for (folder, unlocked) in [("wit", &["LOCK", "README.md"][..]), ("policies/museum", &["LOCK"])] {
        let folder = root(folder);
        let lock = std::fs::read_to_string(folder.join("LOCK")).expect("a lock");
        let mut locked = BTreeSet::new();
        for line in lock.lines() {
            let (digest, file) = line.split_once("  ").expect("a digest and a file");
            let is: String =
                Sha256::digest(read(&folder.join(file))).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(is, digest, "{file} was released, and is another now");
            locked.insert(file.to_owned());
        }
        let mut found = BTreeSet::new();
        files_within(&folder, "", &mut found);
        found.retain(|file| !unlocked.contains(&file.as_str()));
        assert_eq!(found, locked, "{}: what is there, and what is in LOCK", folder.display());
    }
}
