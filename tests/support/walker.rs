//! Walks a directory and notes everything about it that a copy has to keep. Shares nothing with rsync, whose work it checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// How much more room a copy may take than its original: file systems round in their own ways.
const SLACK: u64 = 256 << 10;

/// Made by the file system itself, or by the node for the new mount: not part of the data.
const NOT_DATA: [&str; 1] = ["security.selinux"];

/// What a directory contained when it was walked, by path below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    entries: BTreeMap<PathBuf, Entry>,
}

/// What is known of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    what: What,
    /// Permissions with set-uid, set-gid and sticky.
    mode: u32,
    owner: (u32, u32),
    /// Seconds and nanoseconds.
    changed: (i64, i64),
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The first name, in order of names, of a file that has several.
    same_as: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    File {
        size: u64,
        digest: [u8; 32],
        /// Bytes on the disk: less than the size where there are holes.
        room: u64,
    },
    Directory,
    Link(PathBuf),
    Fifo,
    Socket,
    Device {
        block: bool,
        number: u64,
    },
}

/// The numbers of what a walk has seen, so that a test can say what it compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regular files.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Of these, in holes.
    pub sparse: u64,
    /// Directories, with the walked one.
    pub directories: usize,
    /// Symbolic links.
    pub links: usize,
    /// Fifos, sockets and devices.
    pub special: usize,
    /// Names of files that have another name.
    pub hard_links: usize,
    /// Extended attributes, ACLs among them.
    pub xattrs: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, bytes, sparse, directories, links, special, hard_links, xattrs } = self;
        write!(
            f,
            "{files} files of {bytes} bytes ({sparse} in holes), {directories} directories, {links} symlinks, {special} \
             special files, {hard_links} further hard links, {xattrs} xattrs and ACLs"
        )
    }
}

impl Walk {
    /// Walks everything below a directory, and the directory itself, following no link and leaving out `lost+found`.
    ///
    /// # Errors
    /// What cannot be read is named.
    pub fn of(root: &Path) -> Result<Self> {
        let mut walk = Self::default();
        let mut open = vec![PathBuf::new()];
        while let Some(path) = open.pop() {
            let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(&path) };
            let metadata = fs::symlink_metadata(&full).with_context(|| format!("cannot look at {full:?}"))?;
            let entry = entry(&full, &metadata).with_context(|| format!("cannot read {full:?}"))?;
            if entry.what == What::Directory {
                let within = fs::read_dir(&full).with_context(|| format!("cannot list {full:?}"))?;
                for child in within {
                    let name = child?.file_name();
                    if !(path.as_os_str().is_empty() && name == *"lost+found") {
                        open.push(path.join(name));
                    }
                }
            }
            walk.entries.insert(path, entry);
        }
        walk.join_names(root)?;
        Ok(walk)
    }

    /// Notes which names are one file.
    fn join_names(&mut self, root: &Path) -> Result<()> {
        let mut first: HashMap<(u64, u64), PathBuf> = HashMap::new();
        for (path, entry) in &mut self.entries {
            if entry.what == What::Directory {
                continue;
            }
            let metadata = fs::symlink_metadata(root.join(path))?;
            if metadata.nlink() > 1 {
                let known = first.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
                entry.same_as = Some(known.clone());
            }
        }
        Ok(())
    }

    /// Forgets a name, such as a file that is meant to change, and the time of the directory it lies in.
    #[must_use]
    pub fn without(mut self, path: impl AsRef<Path>) -> Self {
        self.entries.remove(path.as_ref());
        let parent = path.as_ref().parent().unwrap_or(Path::new(""));
        if let Some(parent) = self.entries.get_mut(parent) {
            parent.changed = (0, 0);
        }
        self
    }

    /// Lists what differs in a copy, a line each; the whole list, however long.
    pub fn differences(&self, copy: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, entry) in &self.entries {
            match copy.entries.get(path) {
                None => found.push(format!("{path:?}: missing")),
                Some(copied) => {
                    let differs = entry.differs(copied);
                    found.extend(differs.into_iter().map(|what| format!("{path:?}: {what}")));
                }
            }
        }
        let extra = copy.entries.keys().filter(|path| !self.entries.contains_key(*path));
        found.extend(extra.map(|path| format!("{path:?}: not in the original")));
        found
    }

    /// Counts what was seen.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (path, entry) in &self.entries {
            counts.xattrs += entry.xattrs.len();
            counts.hard_links += usize::from(entry.same_as.as_ref().is_some_and(|first| first != path));
            match &entry.what {
                What::File { size, room, .. } => {
                    counts.files += 1;
                    counts.bytes += size;
                    counts.sparse += size.saturating_sub(*room);
                }
                What::Directory => counts.directories += 1,
                What::Link(_) => counts.links += 1,
                What::Fifo | What::Socket | What::Device { .. } => counts.special += 1,
            }
        }
        counts
    }
}

impl Entry {
    fn differs(&self, copy: &Self) -> Vec<String> {
        let mut found = Vec::new();
        match (&self.what, &copy.what) {
            (What::File { size, digest, room }, What::File { size: copied, digest: of_copy, room: taken }) => {
                if size != copied {
                    found.push(format!("{size} bytes became {copied}"));
                } else if digest != of_copy {
                    found.push("other content".to_owned());
                }
                if *taken > room + SLACK {
                    found.push(format!("takes {taken} bytes of the disk instead of {room}: holes were filled"));
                }
            }
            (was, is) if was != is => found.push(format!("{was:?} became {is:?}")),
            _ => {}
        }
        let mut told = |what: &str, was: &dyn fmt::Debug, is: &dyn fmt::Debug| {
            found.push(format!("{what} {was:?} became {is:?}"));
        };
        if self.mode != copy.mode {
            told("mode", &format_args!("{:o}", self.mode), &format_args!("{:o}", copy.mode));
        }
        if self.owner != copy.owner {
            told("owner", &self.owner, &copy.owner);
        }
        if self.changed != copy.changed {
            told("time", &self.changed, &copy.changed);
        }
        let attributes: BTreeSet<&Vec<u8>> = self.xattrs.keys().chain(copy.xattrs.keys()).collect();
        for name in attributes {
            let (was, is) = (self.xattrs.get(name), copy.xattrs.get(name));
            if was != is {
                told(&format!("xattr {}", String::from_utf8_lossy(name)), &was, &is);
            }
        }
        if self.same_as != copy.same_as {
            told("hard link to", &self.same_as, &copy.same_as);
        }
        found
    }
}

fn entry(path: &Path, metadata: &Metadata) -> Result<Entry> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        What::File { size: metadata.len(), digest: digest(path)?, room: metadata.blocks() * 512 }
    } else if kind.is_dir() {
        What::Directory
    } else if kind.is_symlink() {
        What::Link(fs::read_link(path)?)
    } else if kind.is_fifo() {
        What::Fifo
    } else if kind.is_socket() {
        What::Socket
    } else {
        What::Device { block: kind.is_block_device(), number: metadata.rdev() }
    };
    Ok(Entry {
        what,
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        changed: (metadata.mtime(), metadata.mtime_nsec()),
        xattrs: xattrs(path)?,
        same_as: None,
    })
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let list = grown(|buffer| rustix::fs::llistxattr(path, buffer))?;
    let mut all = BTreeMap::new();
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if !NOT_DATA.iter().any(|other| other.as_bytes() == name) {
            let value = grown(|buffer| rustix::fs::lgetxattr(path, OsStr::from_bytes(name), buffer))?;
            all.insert(name.to_vec(), value);
        }
    }
    Ok(all)
}

/// Reads into a buffer that holds the largest list or value there can be.
fn grown(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 << 10];
    match read(&mut buffer) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(buffer)
        }
        Err(rustix::io::Errno::NOTSUP) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;

    /// Makes a directory with a little of everything that needs no root.
    fn sample() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("empty")).unwrap();
        fs::write(at("plain"), "text").unwrap();
        fs::hard_link(at("plain"), at("second")).unwrap();
        fs::write(at("other"), "text").unwrap();
        symlink("plain", at("link")).unwrap();
        let hole = File::create(at("hole")).unwrap();
        hole.set_len(8 << 20).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        root
    }

    fn copy(from: &Path) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status().unwrap();
        assert!(done.success());
        to
    }

    #[test]
    fn a_copy_that_keeps_all_has_no_differences() {
        let (one, walk) = (sample(), |at: &tempfile::TempDir| Walk::of(at.path()).unwrap());
        let two = copy(one.path());
        assert_eq!(walk(&one).differences(&walk(&two)), Vec::<String>::new());
        let counts = walk(&one).counts();
        assert_eq!((counts.files, counts.directories, counts.links, counts.special), (4, 2, 1, 1));
        assert_eq!(counts.hard_links, 1);
        assert!(counts.sparse >= 8 << 20, "{counts}");
    }

    #[test]
    fn every_kind_of_loss_is_found() {
        let run = |words: &[&str], at: &Path| {
            assert!(Command::new(words[0]).args(&words[1..]).current_dir(at).status().unwrap().success());
        };
        for (spoil, words) in [
            ("printf TEXT > plain; touch -r other plain", "other content"),
            ("printf longer > plain", "became 6"),
            ("chmod 4711 other", "mode"),
            ("touch -d '2001-02-03 04:05:06.000000007' other", "time"),
            ("rm second; cp -p plain second", "hard link to"),
            ("cp --sparse=never hole full; touch -r hole full; mv full hole", "holes were filled"),
            ("ln -sfn elsewhere link", "Link"),
            ("rm fifo; touch fifo", "Fifo"),
            ("rmdir empty", "missing"),
            ("touch new", "not in the original"),
        ] {
            let one = sample();
            let two = copy(one.path());
            run(&["sh", "-c", spoil], two.path());
            let found = Walk::of(one.path()).unwrap().differences(&Walk::of(two.path()).unwrap());
            assert!(found.iter().any(|line| line.contains(words)), "{spoil}: {found:?}");
        }
    }

    #[test]
    fn a_file_that_is_meant_to_change_is_left_out() {
        let one = sample();
        let before = Walk::of(one.path()).unwrap().without("plain");
        fs::write(one.path().join("plain"), "more").unwrap();
        let after = Walk::of(one.path()).unwrap().without("plain");
        // Its second name is still looked at.
        assert_eq!(before.differences(&after).len(), 2, "{:?}", before.differences(&after));
        let file = one.path().join("other");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o711)).unwrap();
        let later = Walk::of(one.path()).unwrap().without("plain");
        assert_eq!(after.differences(&later).len(), 1);
    }
}
