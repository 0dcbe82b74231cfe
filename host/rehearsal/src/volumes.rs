//! The storage backend: each volume is a directory, found by the handle in the volume's source.
//!
//! The backend knows handles, not PersistentVolumes: data outlive the object that named them, and a new object with the
//! same handle finds them again.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::object;

/// The directories of all volumes.
#[derive(Debug)]
pub struct Volumes {
    root: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the PersistentVolume's name; kept when the object is deleted, so that a test can look at what was left.
    directories: BTreeMap<String, PathBuf>,
    discarded: u64,
}

impl Volumes {
    /// Makes the folders for volumes and for what is being deleted.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        for part in ["volumes", "discarded", "scratch"] {
            std::fs::create_dir_all(root.join(part))?;
        }
        Ok(Self { root: std::path::absolute(root)?, known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the directory of a volume by its PersistentVolume's name, whether or not either still exists.
    pub fn directory_of(&self, volume: &str) -> Option<PathBuf> {
        self.known().directories.get(volume).cloned()
    }

    /// Makes a volume's directory when it is missing, and remembers it.
    ///
    /// # Errors
    ///
    /// Fails when the file system refuses.
    pub fn open(&self, volume: &Value) -> io::Result<PathBuf> {
        let directory = self.root.join("volumes").join(file_name(&handle(volume)));
        std::fs::create_dir_all(&directory)?;
        self.known().directories.insert(object::name(volume).to_owned(), directory.clone());
        Ok(directory)
    }

    /// Gives up a volume's data: it is gone from its place at once; returns where it lies until removed.
    ///
    /// # Errors
    ///
    /// Fails when the file system refuses.
    pub fn discard(&self, volume: &Value) -> io::Result<Option<PathBuf>> {
        let directory = self.root.join("volumes").join(file_name(&handle(volume)));
        if !directory.try_exists()? {
            return Ok(None);
        }
        let number = {
            let mut known = self.known();
            known.discarded += 1;
            known.discarded
        };
        let away = self.root.join("discarded").join(number.to_string());
        std::fs::rename(directory, &away)?;
        Ok(Some(away))
    }

    /// Returns the folder in which processes start.
    pub(crate) fn scratch_root(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Returns a place for a pod's volumes that are not claims.
    pub(crate) fn scratch(&self, pod_uid: &str, volume: &str) -> io::Result<PathBuf> {
        let directory = self.root.join("scratch").join(pod_uid).join(file_name(volume));
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }
}

/// Returns what the backend knows a volume by.
fn handle(volume: &Value) -> String {
    let places = [
        "/spec/csi/volumeHandle",
        "/spec/local/path",
        "/spec/hostPath/path",
        "/spec/nfs/path",
        "/spec/awsElasticBlockStore/volumeID",
        "/spec/gcePersistentDisk/pdName",
        "/spec/azureDisk/diskName",
    ];
    let found = places.iter().find_map(|place| object::text(volume, place));
    found.unwrap_or_else(|| object::name(volume)).to_owned()
}

/// Turns any text into one file name: what is unusual is replaced, and told apart by a hash.
fn file_name(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .take(120)
        .collect();
    if plain == text && !plain.is_empty() && !plain.starts_with('.') {
        return plain;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("v{plain}-{:08x}", hasher.finish() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_never_leaves_the_folder() {
        for handle in ["../../etc", "/data/a", ".", "..", ""] {
            let name = file_name(handle);
            assert!(!name.contains('/') && name.starts_with('v'), "{handle} became {name}");
        }
        assert_ne!(file_name("/data/a"), file_name("_data_a"));
    }
}
