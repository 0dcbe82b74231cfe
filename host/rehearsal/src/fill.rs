//! Fills a directory with files of the kinds that copies get wrong.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde_json::Value;

use crate::{
    object::{annotation, bytes_of_quantity},
    random::Random,
};

/// How much to write into a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// How many regular files, besides the special ones.
    pub files: u32,
    /// How many bytes these files have together, about.
    pub bytes: u64,
}

impl Default for Fill {
    fn default() -> Self {
        Self { files: 24, bytes: 256 * 1024 }
    }
}

/// The maximum that is written, whatever a claim's annotations say.
const MOST: Fill = Fill { files: 100_000, bytes: 16 << 30 };

impl Fill {
    /// Reads a claim's annotations `rehearsal.pvmigrate.dev/files` (a number) and `.../bytes` (a quantity).
    ///
    /// The claim's size does not matter: a rehearsal of large volumes stays small. A value that is neither counts as
    /// not given.
    pub fn of_claim(claim: &Value) -> Self {
        let given = |name: &str| annotation(claim, name).and_then(bytes_of_quantity);
        let default = Self::default();
        let files = given("rehearsal.pvmigrate.dev/files").and_then(|files| u32::try_from(files).ok());
        let bytes = given("rehearsal.pvmigrate.dev/bytes").and_then(|bytes| u64::try_from(bytes).ok());
        Self {
            files: files.unwrap_or(default.files).min(MOST.files),
            bytes: bytes.unwrap_or(default.bytes).min(MOST.bytes),
        }
    }
}

/// The length of the sparse file, nearly all of it a hole.
const SPARSE_BYTES: u64 = 4 << 20;

/// The counts of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Names that are not directories: regular files, further hard links and symbolic links.
    pub files: u64,
    /// Directories below the volume's root.
    pub directories: u64,
    /// The lengths of all regular files, each hard-linked one once, holes included.
    pub bytes: u64,
}

/// Writes a tree that depends only on the seed and the size: nested and empty directories, files of many sizes, odd
/// names and modes, symbolic and hard links, a sparse file, and, for root, other owners.
///
/// # Errors
///
/// Fails when the file system refuses.
pub fn fill(directory: &Path, seed: u64, size: Fill) -> io::Result<Contents> {
    fs::create_dir_all(directory)?;
    let mut filler = Filler::new(directory, seed);
    filler.make_folders()?;
    filler.make_files(size)?;
    filler.make_special()?;
    filler.give_modes_and_times()?;
    Ok(filler.contents)
}

/// The folders that every filled volume has; those of `empty` stay without files.
const FOLDERS: [&str; 7] = ["a", "a/b", "a/b/c", "with space", "empty", "empty/inner", "Ünïcode-数据"];

struct Filler {
    root: PathBuf,
    random: Random,
    contents: Contents,
    files: Vec<PathBuf>,
    links: Vec<PathBuf>,
}

impl Filler {
    fn new(root: &Path, seed: u64) -> Self {
        Self {
            root: root.to_owned(),
            random: Random::new(seed),
            contents: Contents::default(),
            files: Vec::new(),
            links: Vec::new(),
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.random.below(from.len() as u64)).unwrap_or(0)]
    }

    fn make_folders(&mut self) -> io::Result<()> {
        for folder in FOLDERS {
            fs::create_dir_all(self.root.join(folder))?;
            self.contents.directories += 1;
        }
        Ok(())
    }

    fn make_files(&mut self, size: Fill) -> io::Result<()> {
        let mut left = size.bytes;
        for number in 0..size.files {
            let share = left / u64::from(size.files - number);
            let length = if number + 1 == size.files { left } else { self.random.below(share * 2 + 1).min(left) };
            left -= length;
            let folder = self.pick(&["", "a", "a/b", "a/b/c", "with space", "Ünïcode-数据"]);
            self.make_file(&Path::new(folder).join(format!("file-{number:05}")), length)?;
        }
        Ok(())
    }

    fn make_file(&mut self, name: &Path, length: u64) -> io::Result<()> {
        let path = self.make_room(name)?;
        let mut file = io::BufWriter::new(File::create(&path)?);
        let mut left = length;
        while left > 0 {
            let word = self.random.next().to_le_bytes();
            let count = usize::try_from(left.min(8)).unwrap_or(8);
            file.write_all(&word[..count])?;
            left -= count as u64;
        }
        file.flush()?;
        self.files.push(path);
        self.contents.bytes += length;
        Ok(())
    }

    fn make_special(&mut self) -> io::Result<()> {
        for name in ["line\nbreak", " leading space", "-dash", "quote'\"\\"] {
            let length = self.random.below(100) + 1;
            self.make_file(&Path::new("with space").join(name), length)?;
        }
        self.make_file(Path::new("empty file"), 0)?;
        self.make_sparse_file()?;
        for (name, target) in [("a/link-to-folder", "b/c"), ("a/dangling", "../nowhere"), ("absolute", "/etc/hostname")]
        {
            let path = self.make_room(name)?;
            symlink(target, &path)?;
            self.links.push(path);
        }
        for name in ["a/hard-link", "a/b/other-hard-link"] {
            let path = self.make_room(name)?;
            fs::hard_link(&self.files[0], path)?;
        }
        Ok(())
    }

    fn make_sparse_file(&mut self) -> io::Result<()> {
        let path = self.make_room("a/sparse")?;
        let mut file = File::create(&path)?;
        file.write_all(b"start")?;
        file.seek(SeekFrom::Start(SPARSE_BYTES - 3))?;
        file.write_all(b"end")?;
        self.files.push(path);
        self.contents.bytes += SPARSE_BYTES;
        Ok(())
    }

    /// Takes away what an earlier filling left under a name, and counts the new one.
    fn make_room(&mut self, name: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = self.root.join(name);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        self.contents.files += 1;
        Ok(path)
    }

    /// Gives everything a mode, an owner and a time of its own; last, because making a file changes its folder's time.
    fn give_modes_and_times(&mut self) -> io::Result<()> {
        let is_root = rustix::process::geteuid().is_root();
        for path in std::mem::take(&mut self.files) {
            if is_root {
                let (user, group) = (self.pick(&[0, 1000, 1001]), self.pick(&[0, 2000]));
                std::os::unix::fs::chown(&path, Some(user), Some(group))?;
            }
            let mode = self.pick(&[0o644, 0o600, 0o755, 0o640, 0o444, 0o4711]);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            self.give_time(&path)?;
        }
        for path in std::mem::take(&mut self.links) {
            self.give_time(&path)?;
        }
        for folder in FOLDERS.iter().rev() {
            let path = self.root.join(folder);
            let mode = self.pick(&[0o755, 0o750, 0o2775, 0o700]);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            self.give_time(&path)?;
        }
        Ok(())
    }

    /// Sets a time within 2024, to the nanosecond; a link's own, not its target's.
    fn give_time(&mut self, path: &Path) -> io::Result<()> {
        let seconds = 1_704_067_200 + self.random.below(31_000_000);
        let time = Timespec {
            tv_sec: i64::try_from(seconds).unwrap_or(0),
            tv_nsec: i64::try_from(self.random.below(1_000_000_000)).unwrap_or(0),
        };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}
