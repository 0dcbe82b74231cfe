//! Compares two directory trees without rsync, so that a copy is not judged by the tool that made it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// One way in which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path below both roots; empty for the roots themselves.
    pub path: PathBuf,
    /// What differs: `only in the first`, `size`, `bytes`, `mode`, `owner`, `modified`, `target`, `hard links`,
    /// `sparseness`, and so on.
    pub what: &'static str,
    /// Both sides, as text.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.as_os_str().is_empty() { Path::new(".") } else { &self.path };
        write!(f, "{}: {}", path.display(), self.what)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// A copy may take this much more room than the original before it counts as no longer sparse: file systems differ in
/// block sizes.
const SPARSE_SLACK: u64 = 256 * 1024;

/// Compares types, sizes, contents, modes, numeric owners, modification times (nanoseconds), link targets, groups of
/// hard links and sparseness. The roots' own times are left out: they are not a volume's contents on every file system.
///
/// # Errors
///
/// Fails when something cannot be read.
pub fn compare(first: &Path, second: &Path) -> io::Result<Vec<Difference>> {
    let (left, right) = (Tree::read(first)?, Tree::read(second)?);
    let mut found = Vec::new();
    for path in left.entries.keys().filter(|path| !right.entries.contains_key(*path)) {
        found.push(difference(path, "only in the first", String::new()));
    }
    for path in right.entries.keys().filter(|path| !left.entries.contains_key(*path)) {
        found.push(difference(path, "only in the second", String::new()));
    }
    for (path, a) in &left.entries {
        if let Some(b) = right.entries.get(path) {
            compare_entry((first, a), (second, b), path, &mut found)?;
            if left.link_group(path) != right.link_group(path) {
                let detail = format!("{:?} and {:?}", left.link_group(path), right.link_group(path));
                found.push(difference(path, "hard links", detail));
            }
        }
    }
    found.sort_by(|a, b| (&a.path, a.what).cmp(&(&b.path, b.what)));
    Ok(found)
}

fn difference(path: &Path, what: &'static str, detail: String) -> Difference {
    Difference { path: path.to_owned(), what, detail }
}

struct Tree {
    entries: BTreeMap<PathBuf, Metadata>,
    /// The names of each file that has several.
    links: BTreeMap<u64, Vec<PathBuf>>,
}

impl Tree {
    fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self { entries: BTreeMap::new(), links: BTreeMap::new() };
        tree.entries.insert(PathBuf::new(), fs::symlink_metadata(root)?);
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder))? {
                let path = folder.join(entry?.file_name());
                let metadata = fs::symlink_metadata(root.join(&path))?;
                if metadata.is_dir() {
                    folders.push(path.clone());
                } else if metadata.nlink() > 1 {
                    tree.links.entry(metadata.ino()).or_default().push(path.clone());
                }
                tree.entries.insert(path, metadata);
            }
        }
        for names in tree.links.values_mut() {
            names.sort();
        }
        Ok(tree)
    }

    /// Returns all names of the file at a path, when it has several in this tree.
    fn link_group(&self, path: &Path) -> &[PathBuf] {
        let inode = self.entries.get(path).map_or(0, |metadata| metadata.ino());
        self.links
            .get(&inode)
            .filter(|names| names.len() > 1 && names.iter().any(|name| name == path))
            .map_or(&[], |n| n)
    }
}

fn compare_entry(
    (first, a): (&Path, &Metadata),
    (second, b): (&Path, &Metadata),
    path: &Path,
    found: &mut Vec<Difference>,
) -> io::Result<()> {
    if type_of(a) != type_of(b) {
        found.push(difference(path, "type", format!("{} and {}", type_of(a), type_of(b))));
        return Ok(());
    }
    let mut differ = |what, a: String, b: String| {
        if a != b {
            found.push(difference(path, what, format!("{a} and {b}")));
        }
    };
    differ("owner", format!("{}:{}", a.uid(), a.gid()), format!("{}:{}", b.uid(), b.gid()));
    if !a.is_symlink() {
        differ("mode", format!("{:o}", a.mode()), format!("{:o}", b.mode()));
    }
    if !path.as_os_str().is_empty() {
        let time = |metadata: &Metadata| format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        differ("modified", time(a), time(b));
    }
    if a.is_symlink() {
        let target = |root: &Path| fs::read_link(root.join(path)).map(|target| format!("{target:?}"));
        differ("target", target(first)?, target(second)?);
    } else if a.is_file() {
        differ("size", a.len().to_string(), b.len().to_string());
        if a.len() == b.len() {
            if let Some(at) = first_difference(&first.join(path), &second.join(path))? {
                found.push(difference(path, "bytes", format!("from byte {at} on")));
            }
            let (room, more) = (a.blocks() * 512, b.blocks() * 512);
            if room.abs_diff(more) > SPARSE_SLACK {
                found.push(difference(path, "sparseness", format!("{room} and {more} bytes on disk")));
            }
        }
    } else if !a.is_dir() {
        differ("device", a.rdev().to_string(), b.rdev().to_string());
    }
    Ok(())
}

fn type_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => "file",
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "symbolic link",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() => "block device",
        () => "character device",
    }
}

/// Returns where the contents of two files of one size begin to differ.
fn first_difference(first: &Path, second: &Path) -> io::Result<Option<u64>> {
    let (mut a, mut b) = (File::open(first)?, File::open(second)?);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut at = 0u64;
    loop {
        let read = a.read(&mut left)?;
        if read == 0 {
            return Ok(None);
        }
        b.read_exact(&mut right[..read])?;
        // Whole buffers first: byte by byte is a fifth of a test run's time in a debug build.
        if left[..read] != right[..read] {
            let offset = left[..read].iter().zip(&right[..read]).take_while(|(a, b)| a == b).count();
            return Ok(Some(at + offset as u64));
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::{Fill, fill};

    fn kinds_of(first: &Path, second: &Path) -> Vec<&'static str> {
        compare(first, second).unwrap().into_iter().map(|difference| difference.what).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_tree() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let contents = fill(a.path(), 7, Fill::default()).unwrap();
        assert_eq!(fill(b.path(), 7, Fill::default()).unwrap(), contents);
        assert_eq!(compare(a.path(), b.path()).unwrap(), []);
        assert_eq!(fill(b.path(), 7, Fill::default()).unwrap(), contents, "filling again changes nothing");
        assert_eq!(compare(a.path(), b.path()).unwrap(), []);
        fill(b.path(), 8, Fill::default()).unwrap();
        assert!(!compare(a.path(), b.path()).unwrap().is_empty());
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for root in [a.path(), b.path()] {
            fs::write(root.join("f"), "same").unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 5);
            File::open(root.join("f")).unwrap().set_modified(time).unwrap();
        }
        assert_eq!(kinds_of(a.path(), b.path()), [] as [&str; 0]);

        fs::set_permissions(b.path().join("f"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(kinds_of(a.path(), b.path()), ["mode"]);
        fs::write(b.path().join("f"), "sama").unwrap();
        assert_eq!(kinds_of(a.path(), b.path()), ["bytes", "mode", "modified"]);
        fs::hard_link(a.path().join("f"), a.path().join("g")).unwrap();
        fs::copy(b.path().join("f"), b.path().join("g")).unwrap();
        assert!(kinds_of(a.path(), b.path()).contains(&"hard links"));
        symlink("x", a.path().join("l")).unwrap();
        symlink("y", b.path().join("l")).unwrap();
        assert!(kinds_of(a.path(), b.path()).contains(&"target"));
        fs::write(a.path().join("only"), "").unwrap();
        assert!(kinds_of(a.path(), b.path()).contains(&"only in the first"));
    }

    #[test]
    fn a_sparse_file_that_was_filled_up_is_found() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        File::create(a.path().join("f")).unwrap().set_len(4 << 20).unwrap();
        fs::write(b.path().join("f"), vec![0; 4 << 20]).unwrap();
        assert!(kinds_of(a.path(), b.path()).contains(&"sparseness"));
    }
}
