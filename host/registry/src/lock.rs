//! `pvmigrate.lock`: which bytes a tag meant when it was pulled first. Later runs take these, wherever the tag has moved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reference::Reference;
use crate::store::write_whole;

const API_VERSION: &str = "pvmigrate.dev/lock/v1";

/// The lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    file: PathBuf,
    locked: BTreeMap<String, Locked>,
}

/// The bytes that a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Locked {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digest of the component.
    pub component: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    policies: BTreeMap<String, Locked>,
}

/// A lock file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", .file.display())]
pub struct LockError {
    file: PathBuf,
    why: String,
}

impl Lock {
    /// Reads a lock file; a missing one locks nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is not a lock file.
    pub fn read(file: &Path) -> Result<Self, LockError> {
        let wrong = |why: String| LockError { file: file.to_owned(), why };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { file: file.to_owned(), locked: BTreeMap::new() });
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        let read: File = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if read.api_version != API_VERSION {
            return Err(wrong(format!("unknown apiVersion {:?}; expected {API_VERSION}", read.api_version)));
        }
        Ok(Self { file: file.to_owned(), locked: read.policies })
    }

    /// Returns the file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns what a reference stands for.
    pub fn get(&self, reference: &Reference) -> Option<&Locked> {
        self.locked.get(&reference.to_string())
    }

    /// Records what a reference stands for from now on, and writes the file if that has changed. Returns what it was
    /// before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&mut self, reference: &Reference, locked: Locked) -> Result<Option<Locked>, LockError> {
        let before = self.locked.insert(reference.to_string(), locked.clone());
        if before.as_ref() != Some(&locked) {
            self.write()?;
        }
        Ok(before)
    }

    fn write(&self) -> Result<(), LockError> {
        let wrong = |why: String| LockError { file: self.file.clone(), why };
        let file = File { api_version: API_VERSION.to_owned(), policies: self.locked.clone() };
        let mut text = serde_json::to_string_pretty(&file).map_err(|error| wrong(error.to_string()))?;
        text.push('\n');
        write_whole(&self.file, text.as_bytes()).map_err(|error| wrong(format!("cannot be written: {error}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_its_order_is_stable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pvmigrate.lock");
        let mut lock = Lock::read(&file).unwrap();
        let locked = Locked { manifest: Digest::of(b"m"), component: Digest::of(b"c") };
        let [b, a] = ["oci://h/b:1", "oci://h/a:1"].map(|text| text.parse::<Reference>().unwrap());
        assert_eq!(lock.set(&b, locked.clone()).unwrap(), None);
        assert_eq!(lock.set(&a, locked.clone()).unwrap(), None);
        assert_eq!(Lock::read(&file).unwrap(), lock);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.find("h/a:1").unwrap() < text.find("h/b:1").unwrap(), "{text}");
        let moved = Locked { manifest: Digest::of(b"n"), ..locked.clone() };
        assert_eq!(lock.set(&a, moved).unwrap(), Some(locked));
    }

    #[test]
    fn an_invalid_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pvmigrate.lock");
        for text in [
            "",
            "{}",
            r#"{"apiVersion": "v2", "policies": {}}"#,
            r#"{"apiVersion": "pvmigrate.dev/lock/v1", "policies": {"a": {"manifest": "x"}}}"#,
        ] {
            std::fs::write(&file, text).unwrap();
            assert!(Lock::read(&file).unwrap_err().to_string().contains("pvmigrate.lock"), "{text}");
        }
    }
}
