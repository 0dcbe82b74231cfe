//! Workflow commands of GitHub Actions: a case that did not pass becomes an annotation at its line.

use std::fmt::Write as _;

use pvmigrate_core::text::printable;
use pvmigrate_policy_kit::testkit::{CaseReport, Outcome};

use super::tested::{Tested, coverage_failure, is_bad, reasons};
use crate::render::MESSAGE;

pub(super) fn text(tested: &Tested<'_>) -> String {
    let mut text = String::new();
    for case in &tested.report.cases {
        match &case.outcome {
            Outcome::Skipped { reason } => {
                command(&mut text, "notice", case, case.line, &format!("skipped: {reason}"));
            }
            Outcome::Failed(mismatches) => {
                for (one, words) in mismatches.iter().zip(reasons(case)) {
                    // A golden's own line is in the words; the annotation belongs to the case.
                    let line = if one.at.file == case.file { one.at.line } else { case.line };
                    command(&mut text, "error", case, line, &words);
                }
            }
            _ if is_bad(case) => command(&mut text, "error", case, case.line, &reasons(case).join("\n")),
            _ => {}
        }
    }
    let counts = tested.report.counts();
    if let Some(words) = coverage_failure(tested) {
        let _ = writeln!(text, "::error title=policy test::{}", data(&words));
    }
    let _ = writeln!(
        text,
        "::notice title=policy test::{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    text
}

fn command(text: &mut String, level: &str, case: &CaseReport, line: u64, words: &str) {
    let (file, title) = (property(&case.file.to_string_lossy()), property(&case.name));
    let _ = writeln!(text, "::{level} file={file},line={line},title={title}::{}", data(words));
}

fn data(words: &str) -> String {
    let lines: Vec<_> = words.split('\n').map(|line| printable(line, MESSAGE).replace('%', "%25")).collect();
    lines.join("%0A")
}

fn property(words: &str) -> String {
    data(words).replace(':', "%3A").replace(',', "%2C")
}
