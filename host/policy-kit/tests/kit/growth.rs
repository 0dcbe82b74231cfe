//! What may grow between two versions of the interface that policies are told nothing of: `wit/README.md`, "Versions".

use std::path::Path;

use super::support::root;
use wit_component::semver_check;
use wit_parser::Resolve;

/// The digits of a version that stay the same while nothing breaks: `0.2` of 0.2.1, `1` of 1.4.0.
fn track(version: &str) -> &str {
    let end = version.match_indices('.').nth(usize::from(version.starts_with("0."))).map(|(at, _)| at);
    end.map_or(version, |end| &version[..end])
}

/// Checks that a policy which was built for one version can be asked by a host that knows the other.
fn grows(old: &Path, new: &Path) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let mut read = |folder: &Path| {
        let (package, _) = resolve.push_dir(folder).map_err(|error| format!("{error:#}"))?;
        Ok::<_, String>(resolve.packages[package].worlds.clone())
    };
    let (old, new) = (read(old)?, read(new)?);
    for (name, world) in old {
        let same = new.get(&name).ok_or_else(|| format!("the world {name} is gone"))?;
        semver_check(resolve.clone(), world, *same).map_err(|error| format!("{name}: {error:#}"))?;
    }
    Ok(())
}

/// Copies the newest interface as the next version of its track, with one change.
fn changed(file: &str, from: &str, to: &str) -> Result<(), String> {
    let (folder, newest) = (tempfile::tempdir().expect("a folder"), root("wit/0.2.0"));
    for name in ["decisions.wit", "policy.wit", "types.wit"] {
        let text = std::fs::read_to_string(newest.join(name)).expect("a file of the interface");
        assert!(name != file || text.contains(from), "{from} is not in {file}");
        let text = if name == file { text.replacen(from, to, 1) } else { text };
        std::fs::write(folder.path().join(name), text.replace("@0.2.0", "@0.2.1")).expect("a file");
    }
    grows(&newest, folder.path())
}

#[test]
fn versions_of_one_track_grow_by_the_rule() {
    let mut versions: Vec<_> =
        root("wit").read_dir().expect("wit").map(|entry| entry.expect("an entry").path()).collect();
    versions.retain(|path| path.is_dir());
    versions.sort_by_cached_key(|path| {
        let digits = path.file_name().expect("a name").to_string_lossy().into_owned();
        digits.split('.').map(|part| part.parse::<u32>().expect("a number")).collect::<Vec<_>>()
    });
    for pair in versions.windows(2) {
        let [old, new] = pair else { unreachable!("two") };
        let names = [old, new].map(|path| path.file_name().expect("a name").to_string_lossy().into_owned());
        let (same, grew) = (track(&names[0]) == track(&names[1]), grows(old, new));
        // A new track may be compatible with the one before it; so far none is.
        assert_eq!(grew.is_ok(), same, "{} -> {}: {grew:?}", names[0], names[1]);
    }
}

#[test]
fn a_track_is_what_its_versions_share() {
    assert_eq!(["0.1.0", "0.2.0", "0.2.1", "1.0.0", "1.4.2"].map(track), ["0.1", "0.2", "0.2", "1", "1"]);
}

#[test]
fn what_may_grow_grows_and_what_may_not_is_refused() {
    assert_eq!(changed("types.wit", "", ""), Ok(()), "nothing has changed");
    let write = "write: func(level: level, message: string, fields: pairs);";
    let more = format!("{write}\n  flush: func();");
    assert_eq!(changed("policy.wit", write, &more), Ok(()), "a function that policies may call");
    for (file, from, to, what) in [
        ("types.wit", "record consumer {", "record consumer {\n    more: string,", "a field of a record"),
        (
            "types.wit",
            "enum volume-mode { filesystem, block }",
            "enum volume-mode { filesystem, block, tape }",
            "a case",
        ),
        (
            "policy.wit",
            "export manifest; export selection;",
            "export manifest; export selection; export log;",
            "an export",
        ),
        ("policy.wit", "validate: func(", "again: func();\n  validate: func(", "a function of what policies export"),
    ] {
        assert!(changed(file, from, to).is_err(), "{what} was added, and nobody has seen it");
    }
}
