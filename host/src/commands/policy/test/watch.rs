//! Runs tests again whenever a file that they depend on changes, until the user ends it.
//!
//! Files are looked at twice a second. That costs less than one case, works on every file system, and needs no
//! list of the ways in which editors save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::suite::Suite;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

const PAUSE: Duration = Duration::from_millis(500);

/// Folders that builds fill; a build of ours must not start the next one.
const BUILT: [&str; 3] = ["target", "node_modules", "__pycache__"];

pub(super) async fn forever(suite: &Suite, screen: &Screen) -> Result<Exit, Failure> {
    // What the tests depend on is known once they can be read; until then, the folders that were named.
    let mut sources = suite.paths.clone();
    sources.extend(suite.policy.clone());
    sources.extend(suite.environment.config.clone());
    loop {
        let seen = Seen::of(&sources);
        match suite.read().await {
            Ok(tests) => {
                sources.extend(tests.sources());
                sources.sort_unstable();
                sources.dedup();
                suite.run(&tests, screen).map(|_| ())?;
            }
            Err(failure) => screen.failure(&failure),
        }
        screen.say("waiting for a file to change; press Ctrl-C to stop");
        // A change during the run counts, so the files are compared with what they were before it.
        let seen = if seen.is_of(&sources) { seen } else { Seen::of(&sources) };
        while !seen.has_changed(&sources) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The files below some paths, with their times and sizes.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    sources: Vec<PathBuf>,
    files: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
}

impl Seen {
    fn of(sources: &[PathBuf]) -> Self {
        let mut seen = Self { sources: sources.to_owned(), files: BTreeMap::new() };
        sources.iter().for_each(|source| seen.add(source));
        seen
    }

    fn is_of(&self, sources: &[PathBuf]) -> bool {
        self.sources == sources
    }

    fn has_changed(&self, sources: &[PathBuf]) -> bool {
        *self != Self::of(sources)
    }

    /// Adds a file, or all in a folder. What cannot be read counts as absent: the next run reports it.
    fn add(&mut self, path: &Path) {
        let Ok(metadata) = std::fs::metadata(path) else { return };
        if !metadata.is_dir() {
            self.files.insert(path.to_owned(), (metadata.modified().ok(), metadata.len()));
            return;
        }
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link to a folder may lead into a cycle.
            let is_ring = entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir();
            if !(is_ring || name.starts_with('.') || BUILT.contains(&name.as_str())) {
                self.add(&entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_change_below_a_folder_is_seen_and_one_of_a_build_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [folder.path().to_owned()];
        for inner in ["cases", "target"] {
            std::fs::create_dir(folder.path().join(inner)).unwrap();
        }
        let file = folder.path().join("cases/x.test.yaml");
        std::fs::write(&file, "a").unwrap();
        let seen = Seen::of(&sources);
        assert!(!seen.has_changed(&sources));
        std::fs::write(folder.path().join("target/x"), "").unwrap();
        assert!(!seen.has_changed(&sources));
        std::fs::write(&file, "ab").unwrap();
        assert!(seen.has_changed(&sources));
        let seen = Seen::of(&sources);
        std::fs::remove_file(&file).unwrap();
        assert!(seen.has_changed(&sources));
    }
}
