//! From a core module to a component.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::error::ProjectError;
use super::run;
use crate::Provenance;

/// What cargo knows of a package and those beside it.
#[derive(Deserialize)]
struct Packages {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    license: Option<String>,
    repository: Option<String>,
    homepage: Option<String>,
    authors: Vec<String>,
}

/// Wraps a core module, in which the bindings left the types of its interfaces, into a component. A component stays
/// as it is.
///
/// # Errors
/// When the bytes are neither, or the types do not fit the code.
pub fn wrap(bytes: &[u8]) -> Result<Vec<u8>, ProjectError> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {}
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(bytes.to_vec()),
        _ => return Err(ProjectError::Wrap("it is not WebAssembly".to_owned())),
    }
    let module = Cow::Borrowed(bytes);
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| ProjectError::Wrap(format!("{error:#}")))
}

/// Writes into a component what the package in this folder says of its licence, source and authors.
pub(super) fn described(mut component: Vec<u8>, dir: &Path) -> Result<Vec<u8>, ProjectError> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).args(["metadata", "--no-deps", "--format-version", "1"]);
    let manifest = dir.join("Cargo.toml");
    let unreadable = |what: String| ProjectError::File { file: manifest.clone(), problem: what };
    let found: Packages =
        serde_json::from_str(&run::run(&mut cargo, None)?).map_err(|error| unreadable(error.to_string()))?;
    let here = manifest.canonicalize().map_err(ProjectError::io("read", &manifest))?;
    // A workspace has other packages, too.
    let Some(package) = found.packages.into_iter().find(|package| package.manifest_path == here) else {
        return Ok(component);
    };
    let authors = package.authors.join(", ");
    let provenance = Provenance {
        source: package.repository,
        // Whatever is checked out need not be what was built.
        revision: None,
        homepage: package.homepage,
        licenses: package.license,
        authors: (!authors.is_empty()).then_some(authors),
    };
    provenance.add_to(&mut component);
    Ok(component)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn described_by(manifest: &str) -> Provenance {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/lib.rs"), "").unwrap();
        let manifest = format!("[workspace]\n[package]\nname = \"keep\"\nversion = \"1.0.0\"\n{manifest}");
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let component = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/dist/keep-and-cap.wasm");
        let component = described(std::fs::read(component).unwrap(), folder.path()).unwrap();
        Provenance::of(&component)
    }

    #[test]
    fn what_the_manifest_says_is_in_the_component_and_nothing_else() {
        let found = described_by(
            "license = \"MIT\"\nrepository = \"https://git.example.com/keep\"\nauthors = [\"Ada\", \"Bob\"]\n",
        );
        let expected = Provenance {
            source: Some("https://git.example.com/keep".to_owned()),
            licenses: Some("MIT".to_owned()),
            authors: Some("Ada, Bob".to_owned()),
            ..Provenance::default()
        };
        assert_eq!(found, expected);
        assert_eq!(described_by(""), Provenance::default());
    }
}
