//! A folder of what was pulled, by digest. Only what matches its digest is taken from it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::artifact::Manifest;
use crate::digest::Digest;
use crate::error::Error;
use crate::http::SMALL;
use crate::reference::Reference;
use crate::registry::Pulled;

/// The manifests and components of earlier pulls.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Uses a folder; it is created when something is stored in it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Returns an earlier pull of this manifest, if both it and its component are there and whole. What is damaged is
    /// removed.
    ///
    /// # Errors
    /// When the manifest is there, but it is not a component's, or the component is too large.
    pub fn find(&self, reference: &Reference, manifest: &Digest, most: usize) -> Result<Option<Pulled>, Error> {
        let Some(manifest_bytes) = self.get(manifest, SMALL) else { return Ok(None) };
        let (_, component, size) = Manifest::read(&manifest_bytes, &reference.to_string(), most)?;
        let Some(bytes) = self.get(&component, size) else { return Ok(None) };
        let (manifest, manifest_bytes, bytes) = (manifest.clone(), manifest_bytes.into(), bytes.into());
        Ok(Some(Pulled { manifest, manifest_bytes, component, bytes }))
    }

    /// Keeps what was pulled.
    ///
    /// # Errors
    /// When the folder cannot be written. Nothing depends on that.
    pub fn keep(&self, pulled: &Pulled) -> io::Result<()> {
        self.put(&pulled.component, &pulled.bytes)?;
        self.put(&pulled.manifest, &pulled.manifest_bytes)
    }

    fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        write_whole(&self.path(digest), bytes)
    }

    fn get(&self, digest: &Digest, most: usize) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        fs::File::open(&path).ok()?.take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
        if Digest::of(&bytes) == *digest {
            return Some(bytes);
        }
        tracing::warn!(path = %path.display(), "thrown away: other bytes than its digest says");
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove it");
        }
        None
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }
}

/// Writes a file so that readers see all of it or none.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_not_given_out_but_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("new"));
        let digest = Digest::of(b"bytes");
        assert_eq!(store.get(&digest, 100), None);
        store.put(&digest, b"bytes").unwrap();
        assert_eq!(store.get(&digest, 100).unwrap(), b"bytes");
        fs::write(store.path(&digest), b"other").unwrap();
        assert_eq!(store.get(&digest, 100), None);
        assert!(!store.path(&digest).exists());
    }
}
