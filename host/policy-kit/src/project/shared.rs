//! What all projects of a user share: toolchains that are fetched, and engines that are built.
//!
//! It lies in the user's cache folder, and two processes fetch it once. What is interrupted is not taken for complete: a
//! folder is complete once it says so, and a file appears whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::ProjectError;
use crate::files;

/// The variable that names another folder.
const VARIABLE: &str = "PVMIGRATE_TOOLS";
/// The file in a tool's folder that is written last.
const COMPLETE: &str = "complete";

/// The folder that projects share.
pub(super) struct Shared<'a> {
    folder: PathBuf,
    note: &'a dyn Fn(&str),
}

impl<'a> Shared<'a> {
    /// Finds the user's folder; without one (no cache is wanted, or it is open to others), that of the project.
    pub(super) fn of_user(hidden: &Path, note: &'a dyn Fn(&str)) -> Self {
        let named = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let cached = || pvmigrate_policy::private_cache_folder("tools");
        Self { folder: named.or_else(cached).unwrap_or_else(|| hidden.join("tools")), note }
    }

    /// Returns the folder of a tool. `fetch` fills it unless it is complete and `works`.
    pub(super) fn tool(
        &self,
        name: &str,
        works: impl Fn(&Path) -> bool,
        fetch: impl FnOnce(&Path) -> Result<(), ProjectError>,
    ) -> Result<PathBuf, ProjectError> {
        let _lock = self.lock(name)?;
        let (home, complete) = (self.folder.join(name), self.folder.join(name).join(COMPLETE));
        if complete.is_file() && works(&home) {
            return Ok(home);
        }
        if home.exists() {
            std::fs::remove_dir_all(&home).map_err(ProjectError::io("remove", &home))?;
        }
        std::fs::create_dir_all(&home).map_err(ProjectError::io("make", &home))?;
        fetch(&home)?;
        std::fs::write(&complete, name).map_err(ProjectError::io("write", &complete))?;
        Ok(home)
    }

    /// Returns the content of a file. `make` makes it if it is not there, with a folder to work in.
    pub(super) fn file(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<Vec<u8>, ProjectError>,
    ) -> Result<Vec<u8>, ProjectError> {
        let path = self.folder.join(name);
        let read = || match std::fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ProjectError::io("read", &path)(error)),
        };
        if let Some(content) = read()? {
            return Ok(content);
        }
        let _lock = self.lock(name)?;
        // Somebody else may have made it meanwhile.
        if let Some(content) = read()? {
            return Ok(content);
        }
        let scratch = tempfile::tempdir_in(&self.folder).map_err(ProjectError::io("make a folder in", &self.folder))?;
        let content = make(scratch.path())?;
        files::replace(&path, &content).map_err(ProjectError::io("write", &path))?;
        Ok(content)
    }

    /// Waits until no other process makes the same; dropping the file releases the lock.
    fn lock(&self, name: &str) -> Result<File, ProjectError> {
        std::fs::create_dir_all(&self.folder).map_err(ProjectError::io("make", &self.folder))?;
        lock(&self.folder.join(format!("{name}.lock")), || {
            (self.note)(&format!("waiting for another pvmigrate, which is making {name}"));
        })
    }
}

/// Locks a file; `waits` hears of it when somebody else has it.
pub(super) fn lock(path: &Path, waits: impl FnOnce()) -> Result<File, ProjectError> {
    let file = File::create(path).map_err(ProjectError::io("write", path))?;
    if file.try_lock().is_err() {
        waits();
        file.lock().map_err(ProjectError::io("lock", path))?;
    }
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn shared(folder: &Path) -> Shared<'static> {
        Shared { folder: folder.to_owned(), note: &|_| () }
    }

    #[test]
    fn what_was_interrupted_is_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(&folder.path().join("tools"));
        let interrupted = |home: &Path| {
            std::fs::write(home.join("half"), "").unwrap();
            Err(ProjectError::Wrap("interrupted".to_owned()))
        };
        shared.tool("tool", |_| true, interrupted).unwrap_err();
        let whole = |home: &Path| {
            assert!(!home.join("half").exists(), "nothing is left of the first try");
            std::fs::write(home.join("whole"), "").map_err(ProjectError::io("write", home))
        };
        let home = shared.tool("tool", |home| home.join("whole").exists(), whole).unwrap();
        assert!(home.join("whole").exists());
        let never = |_: &Path| Err(ProjectError::Wrap("fetched twice".to_owned()));
        assert_eq!(shared.tool("tool", |_| true, never).unwrap(), home);
        std::fs::remove_file(home.join("whole")).unwrap();
        shared.tool("tool", |home| home.join("whole").exists(), never).unwrap_err();

        shared.file("file", |_| Err(ProjectError::Wrap("interrupted".to_owned()))).unwrap_err();
        assert_eq!(shared.file("file", |_| Ok(b"made".to_vec())).unwrap(), b"made");
        assert_eq!(shared.file("file", |_| Ok(b"made twice".to_vec())).unwrap(), b"made");
    }

    #[test]
    fn two_projects_at_once_fetch_once() {
        let folder = tempfile::tempdir().unwrap();
        let (tools, engines) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let shared = shared(folder.path());
            let fetch = |_: &Path| {
                tools.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            shared.tool("tool", |_| true, fetch).unwrap();
            let make = |scratch: &Path| {
                assert!(scratch.is_dir());
                engines.fetch_add(1, Ordering::Relaxed);
                Ok(vec![1])
            };
            shared.file("engine", make).unwrap();
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        assert_eq!((tools.into_inner(), engines.into_inner()), (1, 1));
    }
}
