//! Where compiled code is kept for the next run, and when such a folder is not used.
//!
//! Compiled code runs outside the sandbox's checks, so the folder is as good as the program itself: it must belong to the
//! user, nobody else may write into it, and nobody else may put another one in its place. A folder that was open to others
//! is not closed and used, because something may lie in it already. Code that a user hands over is never taken: see
//! [`NotComponent::Precompiled`](crate::NotComponent).

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use wasmtime::{Cache, CacheConfig};

/// `off` switches all caches off.
const SWITCH: &str = "PVMIGRATE_CACHE";
/// Another folder than the user's usual one.
const FOLDER: &str = "PVMIGRATE_CACHE_DIR";

/// Where compiled code lies in the cache folder.
const COMPILED: &str = "compiled";

/// The reason why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It cannot be made or looked at.
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Others could have put code there.
    #[error("{} {why}", .path.display())]
    Unsafe { path: PathBuf, why: &'static str },
    /// The engine does not accept it.
    #[error("{0}")]
    Engine(String),
}

/// Returns the folder for files that can be recreated: `PVMIGRATE_CACHE_DIR`, or `pvmigrate` in the user's cache folder
/// (XDG). `None` when `PVMIGRATE_CACHE=off`, or no home folder is known.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if set(SWITCH).is_some_and(|value| value == "off") {
        return None;
    }
    if let Some(folder) = set(FOLDER) {
        return std::path::absolute(folder).ok();
    }
    // The XDG specification says to ignore a relative path in this variable.
    let user = set("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let user = user.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")).filter(|folder| folder.is_absolute()));
    user.map(|folder| folder.join("pvmigrate"))
}

/// Returns a folder within [`cache_folder`] for what is run later, made if needed; `None` without one, or when others could
/// have put something there.
pub fn private_cache_folder(name: &str) -> Option<PathBuf> {
    let folder = cache_folder()?.join(name);
    private(&folder).inspect_err(|error| tracing::debug!("nothing is kept: {error}")).ok()
}

/// Returns why the user's cache of compiled code is not used, when others could have put code there.
pub fn cache_warning() -> Option<String> {
    let folder = cache_folder()?.join(COMPILED);
    let found = folder.exists().then(|| private(&folder));
    match found {
        Some(Err(error @ Unusable::Unsafe { .. })) => Some(format!(
            "compiled policies are not kept: {error}; remove that folder, set {FOLDER} to another, or {SWITCH}=off"
        )),
        _ => None,
    }
}

/// Opens the user's cache of compiled code. Without one everything works, only slower.
pub(crate) fn of_user() -> Option<Cache> {
    let folder = cache_folder()?.join(COMPILED);
    below(&folder).inspect_err(|error| tracing::debug!("compiled policies are not kept: {error}")).ok()
}

/// Opens the cache in a folder, and creates the folder if needed.
pub(crate) fn below(folder: &Path) -> Result<Cache, Unusable> {
    let folder = private(folder)?;
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).map_err(|error| Unusable::Engine(format!("{error:#}")))
}

/// Creates a folder that belongs to the user alone, or checks that it does; returns its real path.
fn private(folder: &Path) -> Result<PathBuf, Unusable> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Unusable::Io { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
    let real = folder.canonicalize().map_err(io(folder))?;
    let me = rustix::process::geteuid().as_raw();
    for (above, path) in real.ancestors().enumerate() {
        let found = std::fs::metadata(path).map_err(io(path))?;
        if let Some(why) = objection(&found, me, above == 0) {
            return Err(Unusable::Unsafe { path: path.to_owned(), why });
        }
    }
    Ok(real)
}

/// Returns what is wrong with the folder itself, or with one above it: its owner could put another in its place.
fn objection(found: &Metadata, me: u32, itself: bool) -> Option<&'static str> {
    const GROUP_AND_OTHERS: u32 = 0o077;
    const WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let (owner, mode) = (found.uid(), found.mode());
    match itself {
        true if owner != me => Some("belongs to another user"),
        true if mode & GROUP_AND_OTHERS != 0 => Some("is open to other users"),
        false if owner != me && owner != 0 => Some("belongs to another user"),
        false if mode & WRITE != 0 && mode & STICKY == 0 => Some("can be written by other users"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_folder_is_the_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let real = private(&folder.path().join("a/b")).unwrap();
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o700);
        assert_eq!(private(&real).unwrap(), real, "and is used again");
    }

    #[test]
    fn a_folder_that_was_open_to_others_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        for open in [0o770, 0o707, 0o750, 0o701] {
            let inner = folder.path().join(format!("{open:o}"));
            fs::create_dir(&inner).unwrap();
            mode(&inner, open);
            assert!(matches!(private(&inner), Err(Unusable::Unsafe { why: "is open to other users", .. })), "{open:o}");
        }
    }

    #[test]
    fn a_folder_that_others_could_replace_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (above, inner) = (folder.path().join("above"), folder.path().join("above/inner"));
        private(&inner).unwrap();
        mode(&above, 0o777);
        assert!(matches!(private(&inner), Err(Unusable::Unsafe { path, .. }) if path.ends_with("above")));
        mode(&above, 0o1777);
        assert!(private(&inner).is_ok(), "as in /tmp, only the owner replaces what is in it");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        mode(&inner, 0o777);
        assert!(private(&link).is_err(), "what counts is where a link leads");
    }

    #[test]
    fn a_folder_of_another_user_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let found = fs::metadata(folder.path()).unwrap();
        let other = found.uid() + 1;
        assert_eq!(objection(&found, other, true), Some("belongs to another user"));
        let above = objection(&found, other, false);
        assert_eq!(above.is_some(), found.uid() != 0, "what root owns is root's to replace");
    }
}
