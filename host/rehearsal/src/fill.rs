//! Fills a directory with files of the kinds that copies get wrong.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    object::{annotation, bytes_of_quantity},
    random::Random,
};

/// Says how much to write into a volume.
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

/// More than this is not written, whatever a claim's annotations say.
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

/// Counts what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Names that are no directories: regular files, further hard links and symbolic links.
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
    let mut filler = Filler { random: Random::new(seed), contents: Contents::default() };
    fs::create_dir_all(directory)?;
    let folders = filler.folders(directory)?;
    let mut files = Vec::new();
    let mut left = size.bytes;
    for number in 0..size.files {
        let share = left / u64::from(size.files - number).max(1);
        let length = if number + 1 == size.files { left } else { filler.random.below(share * 2 + 1).min(left) };
        left -= length;
        let folder = &folders[usize::try_from(filler.random.below(folders.len() as u64)).unwrap_or(0)];
        let path = folder.join(format!("file-{number:05}"));
        filler.file(&path, length)?;
        files.push(path);
    }
    filler.special(directory, files.first())?;
    filler.modes_and_times(&folders, &files)?;
    Ok(filler.contents)
}

struct Filler {
    random: Random,
    contents: Contents,
}

impl Filler {
    fn folders(&mut self, root: &Path) -> io::Result<Vec<PathBuf>> {
        let mut folders = vec![root.to_owned()];
        for path in ["a", "a/b", "a/b/c", "with space", "empty", "empty/inner", "Ünïcode-数据"] {
            let folder = root.join(path);
            if !folder.try_exists()? {
                fs::create_dir(&folder)?;
                self.contents.directories += 1;
            }
            if !path.starts_with("empty") {
                folders.push(folder);
            }
        }
        Ok(folders)
    }

    fn file(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let mut file = io::BufWriter::new(File::create(path)?);
        let mut left = length;
        while left > 0 {
            let word = self.random.next().to_le_bytes();
            let count = usize::try_from(left.min(8)).unwrap_or(8);
            file.write_all(&word[..count])?;
            left -= count as u64;
        }
        file.flush()?;
        self.contents.files += 1;
        self.contents.bytes += length;
        Ok(())
    }

    fn special(&mut self, root: &Path, linked: Option<&PathBuf>) -> io::Result<()> {
        for name in ["line\nbreak", " leading space", "-dash", "quote'\"\\", "empty file"] {
            let length = if name == "empty file" { 0 } else { self.random.below(100) + 1 };
            self.file(&root.join("with space").join(name), length)?;
        }
        if let Some(linked) = linked {
            self.replace_by(&root.join("a/hard-link"), |path| fs::hard_link(linked, path))?;
            self.replace_by(&root.join("a/b/other-hard-link"), |path| fs::hard_link(linked, path))?;
        }
        self.replace_by(&root.join("a/link-to-folder"), |path| symlink("b/c", path))?;
        self.replace_by(&root.join("a/dangling"), |path| symlink("../nowhere", path))?;
        self.replace_by(&root.join("absolute"), |path| symlink("/etc/hostname", path))?;
        let sparse = root.join("a/sparse");
        let mut file = File::create(&sparse)?;
        file.write_all(b"start")?;
        file.seek(SeekFrom::Start((4 << 20) - 3))?;
        file.write_all(b"end")?;
        self.contents.files += 1;
        self.contents.bytes += 4 << 20;
        Ok(())
    }

    fn replace_by(&mut self, path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.contents.files += 1;
        make(path)
    }

    /// Gives everything a mode, an owner and a time of its own; last, because writing changes times.
    fn modes_and_times(&mut self, folders: &[PathBuf], files: &[PathBuf]) -> io::Result<()> {
        let root_user = rustix::process::geteuid().is_root();
        for path in files {
            let modes = [0o644, 0o600, 0o755, 0o640, 0o444, 0o4711];
            let mode = modes[usize::try_from(self.random.below(6)).unwrap_or(0)];
            if root_user {
                let owner = 1000 + u32::try_from(self.random.below(3)).unwrap_or(0);
                std::os::unix::fs::chown(path, Some(owner), Some(2000 + owner % 3))?;
            }
            self.set_time(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        for folder in folders.iter().skip(1).rev() {
            let mode = [0o755, 0o750, 0o2775, 0o700][usize::try_from(self.random.below(4)).unwrap_or(0)];
            fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
            self.set_time(folder)?;
        }
        Ok(())
    }

    /// Sets a time within 2024, to the nanosecond.
    fn set_time(&mut self, path: &Path) -> io::Result<()> {
        let seconds = 1_704_067_200 + self.random.below(31_000_000);
        let nanos = u32::try_from(self.random.below(1_000_000_000)).unwrap_or(0);
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
        File::open(path)?.set_modified(time)
    }
}
