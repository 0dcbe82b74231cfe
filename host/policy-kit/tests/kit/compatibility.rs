//! Policies compiled long ago, against every version of the interface that was ever released: each still loads and still
//! passes the cases it was released with. Samples are added, never rebuilt, and neither they nor released interfaces
//! change: `LOCK` files have their digests. Large samples are compressed with zstd.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pvmigrate_policy_kit::testkit::{ExitMeaning, Options};
use sha2::{Digest as _, Sha256};

use super::support::{root, run};

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the names of the entries of a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Returns all samples, as `<version>-<language>-<policy>`, with the files that they are in.
fn samples() -> Vec<(String, PathBuf)> {
    let corpus = root("policies/compatibility");
    let file = |name: &String| {
        let sample = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".wasm")?.to_owned();
        Some((sample, corpus.join(name)))
    };
    names(&corpus).iter().filter_map(file).collect()
}

/// Asks every sample in a language; returns how many there are.
fn run_all(language: &str) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let of_language = samples().into_iter().filter(|(sample, _)| sample.split('-').nth(1) == Some(language));
    let mut count = 0;
    for (sample, file) in of_language {
        let bytes = match file.extension().is_some_and(|extension| extension == "zst") {
            true => zstd::decode_all(read(&file).as_slice()).expect("compressed as a whole"),
            false => read(&file),
        };
        let policy = folder.path().join(format!("{sample}.wasm"));
        std::fs::write(&policy, bytes).expect("a file");
        let cases = root("policies/compatibility").join(&sample);
        let report = run(&policy, &cases, &Options::default()).unwrap_or_else(|error| panic!("{sample}: {error}"));
        assert_eq!(report.meaning(), ExitMeaning::Passed, "{sample}: {report:#?}");
        let version = sample.split('-').next().expect("a version");
        assert_eq!(report.policies[0].interface, format!("pvmigrate:policy@{version}"));
        count += 1;
    }
    count
}

#[test]
fn samples_in_rust_pass_their_cases() {
    assert!(run_all("rust") >= 5);
}

#[test]
fn samples_in_python_pass_their_cases() {
    assert!(run_all("python") >= 1);
}

#[test]
fn samples_in_javascript_pass_their_cases() {
    assert!(run_all("js") >= 1);
}

#[test]
fn every_version_has_samples_and_every_sample_a_version() {
    let versions: BTreeSet<_> =
        names(&root("wit")).into_iter().filter(|name| root("wit").join(name).is_dir()).collect();
    let sampleed: BTreeSet<_> =
        samples().iter().filter_map(|(sample, _)| Some(sample.split('-').next()?.to_owned())).collect();
    assert_eq!(versions, sampleed);
    let newest = versions.last().expect("a version");
    for language in ["rust", "python", "js"] {
        let prefix = format!("{newest}-{language}-");
        assert!(samples().iter().any(|(sample, _)| sample.starts_with(&prefix)), "no sample {prefix}*");
    }
    let readme = std::fs::read_to_string(root("wit/README.md")).expect("the interface's README");
    for version in &versions {
        assert!(readme.contains(&format!("\n| {version} | ")), "the README does not say what {version} has");
    }
    let known: Vec<_> = samples().into_iter().map(|(sample, _)| sample).collect();
    for name in
        names(&root("policies/compatibility")).iter().filter(|name| root("policies/compatibility").join(name).is_dir())
    {
        assert!(known.contains(name), "{name} are the cases of no sample");
    }
}

/// Collects all files in the folders within a folder, as paths below it.
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
    for (folder, unlocked) in [("wit", &["LOCK", "README.md"][..]), ("policies/compatibility", &["LOCK"])] {
        let folder = root(folder);
        let lock = std::fs::read_to_string(folder.join("LOCK")).expect("a lock");
        let mut locked = BTreeSet::new();
        for line in lock.lines() {
            let (digest, file) = line.split_once("  ").expect("a digest and a file");
            let is: String =
                Sha256::digest(read(&folder.join(file))).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(is, digest, "{file} was released and has changed since");
            locked.insert(file.to_owned());
        }
        let mut found = BTreeSet::new();
        files_within(&folder, "", &mut found);
        found.retain(|file| !unlocked.contains(&file.as_str()));
        assert_eq!(found, locked, "{}: what is there, and what is in LOCK", folder.display());
    }
}
