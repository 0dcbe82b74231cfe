//! The files that projects get from this program, because nothing is published: the interface, and the SDK's source.

use std::path::{Path, PathBuf};

use super::error::ProjectError;

/// A file of a project: where it goes, and what is in it.
pub(super) type Embedded = (&'static str, &'static str);

/// The name of the world that [`write_world`] makes.
pub(super) const WORLD: &str = "project";

/// The interface, as in `wit/`.
pub(super) const INTERFACE: &[Embedded] = &[
    ("decisions.wit", include_str!("../../../../wit/0.2.0/decisions.wit")),
    ("policy.wit", include_str!("../../../../wit/0.2.0/policy.wit")),
    ("types.wit", include_str!("../../../../wit/0.2.0/types.wit")),
];

/// The interface through which an engine loads a source.
pub(super) const LOADER: &[Embedded] = &[("loader.wit", pvmigrate_policy::LOADER_WIT)];

/// The version of [`INTERFACE`].
pub(super) const INTERFACE_VERSION: &str = "0.2.0";

/// Makes the embedded list of a folder under `policies/`, from the names of its files.
macro_rules! folder {
    ($from:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../policies/", $from, "/", $file)))),+]
    };
}

pub(super) const SDK: &[Embedded] = folder!("sdk":
    "Cargo.toml", "src/answers.rs", "src/bindings.rs", "src/glue.rs", "src/lib.rs", "src/log.rs", "src/policy.rs",
    "src/prelude.rs", "src/question.rs", "src/runtime.rs", "src/settings.rs", "src/snapshot.rs", "src/testing.rs");

/// The derives of the Rust SDK.
pub(super) const SDK_DERIVE: &[Embedded] =
    folder!("sdk-derive": "Cargo.toml", "src/codes.rs", "src/lib.rs", "src/settings.rs", "src/text.rs");

/// What a new project in Rust begins with.
pub(super) const RUST: &[Embedded] = folder!("templates/rust":
    "Cargo.toml", "README.md", "cases/cluster.yaml", "cases/keep.test.yaml", "gitignore", "policy.yaml", "src/lib.rs");

/// What a new project in Python begins with.
pub(super) const PYTHON: &[Embedded] = folder!("templates/python":
    "README.md", "cases/cluster.yaml", "cases/keep.test.yaml", "gitignore", "policy.py", "policy.yaml",
    "pvmigrate_policy.py");

/// What a new project in JavaScript begins with.
pub(super) const JS: &[Embedded] = folder!("templates/js":
    "README.md", "cases/cluster.yaml", "cases/keep.test.yaml", "gitignore", "policy.js", "policy.yaml",
    "pvmigrate-policy.js");

/// Returns the newest interface as WIT: the files' names and texts.
pub fn interface() -> &'static [(&'static str, &'static str)] {
    INTERFACE
}

/// Writes a file and the folders that it lies in.
pub(super) fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf, ProjectError> {
    let file = dir.join(name);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(ProjectError::io("make", parent))?;
    }
    std::fs::write(&file, text).map_err(ProjectError::io("write", &file))?;
    Ok(file)
}

/// Writes the interface with a world that imports all of it and exports `manifest` and what is named; for an engine, the
/// loader as well.
pub(super) fn write_world(dir: &Path, exports: &[String], is_engine: bool) -> Result<(), ProjectError> {
    for (name, text) in INTERFACE {
        write(dir, &format!("deps/pvmigrate-policy/{name}"), text)?;
    }
    let line = |what: &str, interface: &str| format!("  {what} pvmigrate:policy/{interface}@{INTERFACE_VERSION};\n");
    let mut world = format!("package pvmigrate:{WORLD};\n\nworld {WORLD} {{\n");
    world.extend(["snapshot", "log"].map(|interface| line("import", interface)));
    world.push_str(&line("export", "manifest"));
    world.extend(exports.iter().map(|interface| line("export", interface)));
    if is_engine {
        for (name, text) in LOADER {
            write(dir, &format!("deps/pvmigrate-engine/{name}"), text)?;
        }
        world.push_str("  export pvmigrate:engine/loader@0.1.0;\n");
    }
    world.push_str("}\n");
    write(dir, "world.wit", &world)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
    use super::*;

    fn files(dir: &Path, below: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir.join(below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => files(dir, &path, found),
                false => found.push(path.to_str().unwrap().to_owned()),
            }
        }
    }

    #[test]
    fn no_file_of_a_folder_is_left_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (folder, embedded) in [
            ("wit/0.2.0", INTERFACE),
            ("policies/sdk", SDK),
            ("policies/sdk-derive", SDK_DERIVE),
            ("policies/templates/rust", RUST),
            ("policies/templates/python", PYTHON),
            ("policies/templates/js", JS),
        ] {
            let mut found = Vec::new();
            files(&root.join(folder), Path::new(""), &mut found);
            found.sort_unstable();
            let mut listed: Vec<_> = embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
            listed.sort_unstable();
            assert_eq!(found, listed, "{folder}");
        }
    }
}
