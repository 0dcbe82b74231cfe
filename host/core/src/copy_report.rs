//! rsync's output, read into evidence and progress.
//!
//! The flags are ours (`-v --stats --info=progress2`), so the form is known: rsync 3.1 or newer, in the C locale. A user's
//! own flags may change it; then the totals are missing and the copy does not count, rather than being guessed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::Retry;

/// rsync's closing totals of one copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyReport {
    /// Files, directories, links and so on in the source.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
    /// Bytes of all regular files.
    pub bytes: u64,
    /// Regular files that this run sent; the others were there already.
    pub sent_files: u64,
    /// Bytes of those.
    pub sent_bytes: u64,
}

/// The reason why an output that ended with exit code 0 proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoEvidence {
    /// `--dry-run` is among the flags.
    #[error("rsync ran with --dry-run and copied nothing")]
    DryRun,
    /// A total is missing from the output.
    #[error("rsync's closing totals are missing (no line \"{0}\"): it was cut short, or the flags hide them")]
    Missing(&'static str),
}

/// Reads the closing totals from the end of rsync's output.
///
/// # Errors
/// [`NoEvidence`] when they are not all there.
pub fn read(output: &str) -> Result<CopyReport, NoEvidence> {
    let mut report = CopyReport::default();
    let mut files = None;
    let mut found = [None; 3];
    let keys = ["Total file size", "Number of regular files transferred", "Total transferred file size"];
    let mut closing = false;
    for line in lines(output) {
        if line.starts_with("total size is ") {
            if line.contains("(DRY RUN)") {
                return Err(NoEvidence::DryRun);
            }
            closing = true;
        } else if let Some((key, value)) = line.split_once(": ") {
            if key == "Number of files" {
                files = Some(value);
            }
            if let Some(at) = keys.iter().position(|known| *known == key) {
                found[at] = leading_number(value);
            }
        }
    }
    let files = files.ok_or(NoEvidence::Missing("Number of files"))?;
    report.entries = leading_number(files).ok_or(NoEvidence::Missing("Number of files"))?;
    // "1,234 (reg: 1,000, dir: 200, link: 34)"; with no regular file, "reg" is absent.
    report.files = files.split_once("reg: ").and_then(|(_, rest)| leading_number(rest)).unwrap_or(0);
    let total = |at: usize| found[at].ok_or(NoEvidence::Missing(keys[at]));
    report.bytes = total(0)?;
    report.sent_files = total(1)?;
    report.sent_bytes = total(2)?;
    if closing { Ok(report) } else { Err(NoEvidence::Missing("total size is")) }
}

/// How far a running copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Bytes done, of the files rsync knows so far.
    pub bytes: u64,
    /// Per cent of the bytes rsync knows of so far, 0 to 100.
    pub percent: u8,
}

/// Reads one line of `--info=progress2`, such as `  1,048,576  42%  3.10MB/s    0:00:12 (xfr#3, to-chk=5/9)`.
///
/// `None` for every other line (a file's name, say).
pub fn progress(line: &str) -> Option<CopyProgress> {
    let mut words = line.split_whitespace();
    let bytes = whole_number(words.next()?)?;
    let percent = words.next()?.strip_suffix('%')?.parse().ok().filter(|percent| *percent <= 100)?;
    words.next()?.strip_suffix("/s")?;
    Some(CopyProgress { bytes, percent })
}

/// Splits an output into lines. rsync ends a progress line with a carriage return, to write over it.
pub fn lines(output: &str) -> impl Iterator<Item = &str> {
    output.split(['\n', '\r']).map(str::trim_end).filter(|line| !line.is_empty())
}

/// Returns those of `flags` with which rsync would not make a copy, so that they are refused before anything starts.
pub fn refused_flags(flags: &[String]) -> Vec<&str> {
    const WHOLE: [&str; 6] =
        ["--dry-run", "--list-only", "--remove-source-files", "--only-write-batch", "--read-batch", "--daemon"];
    let is_refused = |flag: &&str| {
        let name = flag.split('=').next().unwrap_or(flag);
        let is_short = flag.starts_with('-') && !flag.starts_with("--");
        WHOLE.contains(&name) || (is_short && flag.contains('n'))
    };
    flags.iter().map(String::as_str).filter(is_refused).collect()
}

/// Judges by how a copy's container ended, and by its words, whether another attempt may end differently. Without a code, it
/// was the pod that was lost.
pub fn retry(code: Option<i32>, words: &str) -> Retry {
    let is_full = || ["No space left", "Disk quota exceeded"].iter().any(|full| words.contains(full));
    match code {
        // Wrong flags, files that cannot be selected, protocols that do not fit, no memory.
        Some(1..=4 | 22) => Retry::Never,
        Some(11 | 23) if is_full() => Retry::FromEmpty,
        Some(23) => Retry::Once,
        // Not a program, no such program, a container that could not start.
        Some(126..=128) => Retry::Never,
        // Killed: for want of memory, or by somebody, who may not do it twice.
        Some(137) if words.contains("OOMKilled") => Retry::Never,
        Some(137) => Retry::Once,
        _ => Retry::Again,
    }
}

/// Reads the number that a value begins with; `1,234 bytes` and `1.234` (as other locales group digits) are 1234.
fn leading_number(value: &str) -> Option<u64> {
    let end = value.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.')).unwrap_or(value.len());
    whole_number(value[..end].trim_end_matches([',', '.']))
}

fn whole_number(text: &str) -> Option<u64> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(|c| c.is_ascii_digit() || ",.".contains(c))
    {
        return None;
    }
    text.replace([',', '.'], "").parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
sending incremental file list
./
a
              6 100%    0.00kB/s    0:00:00 \r              6 100%    0.00kB/s    0:00:00 (xfr#1, to-chk=2/4)
sub/
sub/big
      1,048,576  99%  333.33MB/s    0:00:00 (xfr#2, to-chk=0/4)

Number of files: 1,004 (reg: 1,002, dir: 2)
Number of created files: 3 (reg: 2, dir: 1)
Number of deleted files: 0
Number of regular files transferred: 2
Total file size: 1,048,582 bytes
Total transferred file size: 1,048,582 bytes
Literal data: 1,048,582 bytes
Matched data: 0 bytes
File list size: 0
File list generation time: 0.001 seconds
File list transfer time: 0.000 seconds
Total bytes sent: 1,049,047
Total bytes received: 61

sent 1,049,047 bytes  received 61 bytes  2,098,216.00 bytes/sec
total size is 1,048,582  speedup is 1.00
";

    #[test]
    fn a_whole_output_is_evidence() {
        let report = read(OUTPUT).unwrap();
        let expected =
            CopyReport { entries: 1004, files: 1002, bytes: 1_048_582, sent_files: 2, sent_bytes: 1_048_582 };
        assert_eq!(report, expected);
    }

    #[test]
    fn an_empty_source_is_evidence_too() {
        let output = "Number of files: 1 (dir: 1)\nNumber of regular files transferred: 0\nTotal file size: 0 bytes\n\
                      Total transferred file size: 0 bytes\ntotal size is 0  speedup is 0.00\n";
        assert_eq!(read(output).unwrap(), CopyReport { entries: 1, ..CopyReport::default() });
    }

    #[test]
    fn an_output_cut_anywhere_before_its_last_line_is_not_evidence() {
        let last = OUTPUT.find("total size is").unwrap();
        for end in (0..last).filter(|end| OUTPUT.is_char_boundary(*end)) {
            assert!(read(&OUTPUT[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_dry_run_is_not_evidence() {
        let output = OUTPUT.replace("speedup is 1.00", "speedup is 1.00 (DRY RUN)");
        assert_eq!(read(&output), Err(NoEvidence::DryRun));
    }

    #[test]
    fn a_file_named_like_a_total_does_not_replace_it() {
        let output = format!("Total file size: 7\nNumber of files: 9\n{OUTPUT}");
        assert_eq!(read(&output), read(OUTPUT));
    }

    #[test]
    fn progress_lines_are_distinguished_from_names() {
        let found: Vec<CopyProgress> = lines(OUTPUT).filter_map(progress).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], CopyProgress { bytes: 1_048_576, percent: 99 });
        assert_eq!(progress("100% of it.txt"), None);
        assert_eq!(progress("12 monkeys"), None);
    }

    #[test]
    fn what_would_fail_again_is_told_from_what_would_not() {
        let of = |code: i32, words: &str| retry(Some(code), words);
        for code in [1, 2, 3, 4, 22, 126, 127, 128] {
            assert_eq!(of(code, ""), Retry::Never, "{code}");
        }
        for code in [10, 12, 20, 30, 35, 143] {
            assert_eq!(of(code, ""), Retry::Again, "{code}");
        }
        let full = "rsync: [receiver] write failed on \"/dest/a\": No space left on device (28)";
        assert_eq!([of(11, full), of(23, "mkstemp: Disk quota exceeded (122)")], [Retry::FromEmpty; 2]);
        assert_eq!([of(11, "Input/output error"), retry(None, "Evicted")], [Retry::Again; 2]);
        assert_eq!([of(23, "Permission denied (13)"), of(137, "it was killed")], [Retry::Once; 2]);
        assert_eq!(of(137, "rsync ended with exit code 137 (OOMKilled)"), Retry::Never);
    }

    #[test]
    fn flags_that_make_no_copy_are_refused() {
        let flags = ["--dry-run", "-avn", "--bwlimit=10m", "--exclude=node_modules", "--remove-source-files"];
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        assert_eq!(refused_flags(&flags), ["--dry-run", "-avn", "--remove-source-files"]);
    }
}
