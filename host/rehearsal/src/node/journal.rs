//! What the workloads write while they run, and the check that none of it was ever lost.
//!
//! Each claim mounted for writing by a running workload pod gets a `journal.log` of numbered lines. The highest number
//! is remembered outside the volume, so a volume that comes back without its last lines is detected.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The journal's file name inside a volume.
pub(crate) const JOURNAL: &str = "journal.log";

/// The journals of all claims.
#[derive(Debug, Default)]
pub struct Journals {
    claims: Mutex<BTreeMap<(String, String), Journal>>,
}

#[derive(Debug, Default)]
struct Journal {
    /// The highest number ever written for the claim, whichever volume it had.
    highest: u64,
    open: Option<Open>,
    /// What was wrong when a pod opened the journal.
    wrong: Vec<String>,
}

/// The file in use by at least one pod.
#[derive(Debug)]
struct Open {
    file: File,
    pods: u32,
}

impl Journals {
    fn claims(&self) -> MutexGuard<'_, BTreeMap<(String, String), Journal>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a claim's journal for one more pod and writes that pod's first line.
    pub(crate) fn start(&self, namespace: &str, claim: &str, volume: &Path, pod: &str) -> io::Result<()> {
        {
            let mut claims = self.claims();
            let journal = claims.entry((namespace.to_owned(), claim.to_owned())).or_default();
            if let Some(open) = &mut journal.open {
                open.pods += 1;
            } else {
                match last_number(volume) {
                    Ok(last) if last == journal.highest => {}
                    Ok(last) => journal.wrong.push(format!(
                        "{pod} found {JOURNAL} ending at {last}, but {} had been written",
                        journal.highest
                    )),
                    Err(why) => journal.wrong.push(format!("{pod} found {JOURNAL} damaged: {why}")),
                }
                let file = OpenOptions::new().create(true).append(true).open(volume.join(JOURNAL))?;
                journal.open = Some(Open { file, pods: 1 });
            }
        }
        self.write(namespace, claim, pod)
    }

    /// Writes one more line.
    pub(crate) fn write(&self, namespace: &str, claim: &str, pod: &str) -> io::Result<()> {
        let mut claims = self.claims();
        let Some(journal) = claims.get_mut(&(namespace.to_owned(), claim.to_owned())) else { return Ok(()) };
        let Some(open) = &mut journal.open else { return Ok(()) };
        // Counted first: a line that may have been written counts as written.
        journal.highest += 1;
        open.file.write_all(format!("{} {pod}\n", journal.highest).as_bytes())
    }

    /// Writes a pod's last line and closes the file after the last pod.
    pub(crate) fn stop(&self, namespace: &str, claim: &str, pod: &str) -> io::Result<()> {
        let written = self.write(namespace, claim, pod);
        let mut claims = self.claims();
        if let Some(journal) = claims.get_mut(&(namespace.to_owned(), claim.to_owned()))
            && let Some(open) = &mut journal.open
        {
            open.pods -= 1;
            if open.pods == 0 {
                journal.open = None;
            }
        }
        written
    }

    /// Returns the highest number ever written for a claim.
    pub(crate) fn highest(&self, namespace: &str, claim: &str) -> u64 {
        self.claims().get(&(namespace.to_owned(), claim.to_owned())).map_or(0, |journal| journal.highest)
    }

    /// Checks that a volume holds every line ever written for a claim, and returns how many those are.
    pub(crate) fn check(&self, namespace: &str, claim: &str, volume: &Path) -> Result<u64, String> {
        let claims = self.claims();
        let journal = claims.get(&(namespace.to_owned(), claim.to_owned()));
        if let Some(wrong) = journal.and_then(|journal| journal.wrong.first()) {
            return Err(format!("{namespace}/{claim}: {wrong}"));
        }
        let highest = journal.map_or(0, |journal| journal.highest);
        let last = last_number(volume).map_err(|why| format!("{namespace}/{claim}: {JOURNAL}: {why}"))?;
        if last == highest {
            Ok(last)
        } else {
            Err(format!("{namespace}/{claim}: {JOURNAL} ends at {last}, but {highest} had been written"))
        }
    }
}

/// Returns the journal's last number after checking that all before it are there, each once and whole.
fn last_number(volume: &Path) -> Result<u64, String> {
    let text = match std::fs::read_to_string(volume.join(JOURNAL)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.to_string()),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line is torn".to_owned());
    }
    let mut last = 0;
    for line in text.lines() {
        let number = line.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        if number != Some(last + 1) {
            return Err(format!("line {} reads {line:?}", last + 1));
        }
        last += 1;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_volume_without_its_last_lines_is_detected() {
        let volume = tempfile::tempdir().unwrap();
        let journals = Journals::default();
        journals.start("a", "data", volume.path(), "web-0").unwrap();
        journals.stop("a", "data", "web-0").unwrap();
        assert_eq!(journals.check("a", "data", volume.path()), Ok(2));

        std::fs::write(volume.path().join(JOURNAL), "1 web-0\n").unwrap();
        assert!(journals.check("a", "data", volume.path()).unwrap_err().contains("ends at 1, but 2"));
        // A pod that goes on from there hides nothing.
        journals.start("a", "data", volume.path(), "web-0").unwrap();
        assert!(journals.check("a", "data", volume.path()).unwrap_err().contains("web-0 found"));
    }

    #[test]
    fn a_torn_or_missing_line_is_named() {
        let volume = tempfile::tempdir().unwrap();
        std::fs::write(volume.path().join(JOURNAL), "1 a\n3 a\n").unwrap();
        assert!(last_number(volume.path()).unwrap_err().contains("line 2"));
        std::fs::write(volume.path().join(JOURNAL), "1 a\n2").unwrap();
        assert!(last_number(volume.path()).unwrap_err().contains("torn"));
    }
}
