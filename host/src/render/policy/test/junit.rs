//! `JUnit` XML: one suite a test file, in the order of the run.
//!
//! No standard defines it; this is the part that Jenkins, GitLab and GitHub's actions agree on.

use std::fmt::Write as _;

use pvmigrate_policy_kit::testkit::{CaseReport, Outcome};

use super::tested::{Tested, coverage_failure, fuel_per_volume, reasons};

pub(super) fn text(tested: &Tested<'_>) -> String {
    let cases: Vec<&CaseReport> = tested.report.cases.iter().collect();
    let suites: Vec<&[&CaseReport]> = cases.chunk_by(|a, b| a.file == b.file).collect();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let took = tested.took.as_secs_f64();
    let coverage = coverage_failure(tested);
    let mut sums = Sums::of(&cases);
    sums.tests += usize::from(coverage.is_some());
    sums.failures += usize::from(coverage.is_some());
    let _ = writeln!(text, "<testsuites name=\"pvmigrate policy test\" {sums} time=\"{took:.3}\">");
    for suite in suites {
        text.push_str(&suite_text(suite));
    }
    if let Some(words) = coverage {
        let name = attribute("coverage");
        let _ = writeln!(text, "  <testsuite name={name} tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\">");
        let _ = writeln!(text, "    <testcase classname={name} name={name}>");
        let _ = writeln!(text, "      <failure message={} type=\"coverage\"/>", attribute(&words));
        text.push_str("    </testcase>\n  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite_text(suite: &[&CaseReport]) -> String {
    let Some(first) = suite.first() else { return String::new() };
    let file = attribute(&first.file.to_string_lossy());
    let millis: u64 = suite.iter().map(|case| case.millis).sum();
    let time = format!("{}.{:03}", millis / 1000, millis % 1000);
    let mut text = format!("  <testsuite name={file} file={file} {} time=\"{time}\">\n", Sums::of(suite));
    for case in suite {
        text.push_str(&case_text(case, &file));
    }
    text.push_str("  </testsuite>\n");
    text
}

fn case_text(case: &CaseReport, file: &str) -> String {
    let name = attribute(&case.name);
    let time = format!("{}.{:03}", case.millis / 1000, case.millis % 1000);
    let mut text =
        format!("    <testcase classname={file} name={name} file={file} line=\"{}\" time=\"{time}\">\n", case.line);
    let _ = writeln!(text, "      <properties>");
    let used = [
        ("fuel", case.fuel),
        ("fuel-per-volume", fuel_per_volume(case)),
        ("memory", case.memory),
        ("volumes", case.volumes as u64),
    ];
    for (name, value) in used {
        let _ = writeln!(text, "        <property name=\"{name}\" value=\"{value}\"/>");
    }
    let _ = writeln!(text, "      </properties>");
    let all = reasons(case);
    let first = attribute(all.first().map_or("", String::as_str));
    let _ = match &case.outcome {
        Outcome::Passed => Ok(()),
        Outcome::Skipped { reason } => writeln!(text, "      <skipped message={}/>", attribute(reason)),
        Outcome::Failed(_) => {
            writeln!(text, "      <failure message={first} type=\"expectation\">{}</failure>", content(&all.join("\n")))
        }
        Outcome::Fault { word, .. } => {
            writeln!(text, "      <error message={first} type={}>{}</error>", attribute(word), content(&all.join("\n")))
        }
        Outcome::Unstable { .. } => {
            writeln!(text, "      <error message={first} type=\"unstable\">{}</error>", content(&all.join("\n")))
        }
    };
    if !case.log.is_empty() {
        let lines: Vec<_> = case.log.iter().map(|line| line.message.as_str()).collect();
        let _ = writeln!(text, "      <system-out>{}</system-out>", content(&lines.join("\n")));
    }
    text.push_str("    </testcase>\n");
    text
}

/// Counts of a suite, as attributes.
struct Sums {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Sums {
    fn of(cases: &[&CaseReport]) -> Self {
        let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count();
        Self {
            tests: cases.len(),
            failures: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            errors: count(|outcome| matches!(outcome, Outcome::Fault { .. } | Outcome::Unstable { .. })),
            skipped: count(|outcome| matches!(outcome, Outcome::Skipped { .. })),
        }
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped } = self;
        write!(f, "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

fn attribute(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('\n', "&#10;"))
}

fn content(text: &str) -> String {
    escaped(text)
}

/// Escapes what XML gives a meaning. XML 1.0 cannot carry other control characters at all, so they are spelt out, as
/// are the marks that change the text direction.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push('\n'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}
