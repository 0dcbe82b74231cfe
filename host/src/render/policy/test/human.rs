//! For people: a line a case, and under the bad ones what differs, where it is written, and what to type next.

use std::fmt::Write as _;

use console::measure_text_width;
use pvmigrate_policy_kit::testkit::{
    CaseReport, Coverage, Listed, Mismatch, Outcome, PolicyCoverage, PolicyHeadroom, Report, Share,
};

use super::tested::{Tested, coverage_failure, fuel_per_volume, is_bad};
use crate::render::policy::bench::left;
use crate::render::units::{bytes, duration};
use crate::render::{Screen, clean};

/// Widest column of case names; longer ones push the fuel aside.
const NAMES: usize = 60;
/// The indent of what is said about a case.
const INDENT: usize = 9;
/// Maximum length of the mark under a difference.
const MARK: usize = 60;

pub(super) fn text(tested: &Tested<'_>, screen: &Screen) -> String {
    let mut text = String::new();
    for policy in &tested.report.policies {
        let purity = if policy.imports.is_empty() { "imports nothing" } else { "no WASI" };
        let _ = writeln!(
            text,
            "policy   {} {}  ({}, {purity})",
            clean(&policy.name),
            clean(&policy.version),
            bytes(policy.bytes as u64)
        );
    }
    let widest = |words: &dyn Fn(&CaseReport) -> String, most: usize| {
        let widths = tested.report.cases.iter().map(|case| measure_text_width(&words(case)));
        widths.filter(|width| *width <= most).max().unwrap_or(0)
    };
    let columns = (widest(&file_name, NAMES), widest(&|case| clean(&case.name), NAMES));
    for case in &tested.report.cases {
        text.push_str(&line(case, columns, screen));
        text.push_str(&why(case, screen));
        if screen.verbose > 0 || matches!(case.outcome, Outcome::Failed(_)) {
            if !case.looked_up.is_empty() {
                let kinds = case.looked_up.iter().map(|(kind, count)| format!("{} x{count}", clean(kind)));
                labelled(&mut text, "looked up", &kinds.collect::<Vec<_>>().join(", "));
            }
            for logged in &case.log {
                labelled(&mut text, "log", &clean(&logged.message));
            }
        }
        if is_bad(case) {
            let again = again(tested, case);
            labelled(&mut text, "again", &format!("{again} -v"));
            if matches!(case.outcome, Outcome::Failed(_)) {
                labelled(&mut text, "accept", &format!("{again} --update"));
            }
        }
    }
    text.push_str(&end(tested, screen));
    text
}

fn line(case: &CaseReport, (files, names): (usize, usize), screen: &Screen) -> String {
    let word = match &case.outcome {
        Outcome::Passed => "PASS".to_owned(),
        Outcome::Skipped { .. } => "SKIP".to_owned(),
        Outcome::Failed(_) => screen.paint.bad("FAIL"),
        Outcome::Fault { .. } => screen.paint.bad("FAULT"),
        Outcome::Unstable { .. } => screen.paint.bad("UNSTABLE"),
    };
    let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(measure_text_width(text)));
    let (file, name) = (file_name(case), clean(&case.name));
    let cost = match &case.outcome {
        Outcome::Skipped { reason } => clean(reason),
        // There was no answer, or nothing was asked.
        _ if case.fuel == 0 => String::new(),
        _ => format!("{} fuel per volume", short(fuel_per_volume(case))),
    };
    let (after_word, after_file, after_name) = (pad(&word, 8), pad(&file, files), pad(&name, names));
    let line = format!("{word}{after_word} {file}{after_file}  {name}{after_name}  {cost}");
    format!("{}\n", line.trim_end())
}

fn file_name(case: &CaseReport) -> String {
    case.file.file_name().map_or_else(String::new, |name| clean(&name.to_string_lossy()))
}

/// Writes fuel in three digits: `980`, `1.9k`, `52.3M`.
fn short(fuel: u64) -> String {
    match fuel {
        0..1_000 => fuel.to_string(),
        1_000..1_000_000 => format!("{}.{}k", fuel / 1_000, fuel / 100 % 10),
        _ => format!("{}.{}M", fuel / 1_000_000, fuel / 100_000 % 10),
    }
}

fn labelled(text: &mut String, label: &str, words: &str) {
    let _ = writeln!(text, "{:INDENT$}{label:<9} {words}", "");
}

fn why(case: &CaseReport, screen: &Screen) -> String {
    let mut text = String::new();
    let place = format!("{}:{}", case.file.display(), case.line);
    match &case.outcome {
        Outcome::Passed | Outcome::Skipped { .. } => {}
        Outcome::Failed(mismatches) => {
            mismatches.iter().for_each(|one| text.push_str(&difference(one, screen)));
        }
        Outcome::Fault { word, message } => {
            labelled(&mut text, "fault", &clean(&format!("{word}: {message}")));
            labelled(&mut text, "at", &clean(&place));
        }
        Outcome::Unstable { message } => {
            labelled(&mut text, "unstable", &clean(message));
            labelled(&mut text, "at", &clean(&place));
        }
    }
    text
}

/// Draws both sides of a mismatch, with a mark under the first difference.
fn difference(one: &Mismatch, screen: &Screen) -> String {
    let mut text = String::new();
    let label = one.what.split(' ').next().unwrap_or_default();
    let about = one.what.strip_prefix(label).unwrap_or_default().trim();
    let about = if about.is_empty() { String::new() } else { format!("{}: ", clean(about)) };
    let hidden = " ".repeat(measure_text_width(&about));
    labelled(&mut text, label, &format!("expected  {about}{}", clean(&one.expected)));
    labelled(&mut text, "", &format!("got       {hidden}{}", clean(&one.got)));
    if let Some(mark) = &one.difference {
        // Marks are counted in characters of the raw text, and an escape is longer than what it stands for.
        let before: String = one.got.chars().take(mark.start).collect();
        let marked: String = one.got.chars().skip(mark.start).take(mark.length).collect();
        let start = measure_text_width(&clean(&before));
        let start = if before.ends_with(' ') && !clean(&before).ends_with(' ') { start + 1 } else { start };
        let length = measure_text_width(&clean(&marked)).clamp(1, MARK);
        let carets = screen.paint.bad(&"^".repeat(length));
        labelled(&mut text, "", &format!("          {hidden}{:start$}{carets} {}", "", mark.part));
    }
    labelled(&mut text, "at", &clean(&one.at.to_string()));
    text
}

/// Returns a command line that runs one case alone.
fn again(tested: &Tested<'_>, case: &CaseReport) -> String {
    // A dash needs no escape where this pattern has one.
    let pattern = format!("^{}$", regex::escape(&case.name).replace("\\-", "-"));
    format!("{} -k '{}'", tested.again, clean(&pattern).replace('\'', "'\\''"))
}

fn end(tested: &Tested<'_>, screen: &Screen) -> String {
    let mut text = String::new();
    let report = tested.report;
    if let Some(coverage) = &report.coverage {
        for policy in &coverage.policies {
            let name = if coverage.policies.len() > 1 { format!("{}: ", clean(&policy.policy)) } else { String::new() };
            let _ = writeln!(text, "coverage {name}{}", covered(policy));
        }
    }
    for headroom in &report.headroom {
        let name = if report.headroom.len() > 1 { format!("{}: ", clean(&headroom.policy)) } else { String::new() };
        let _ = writeln!(text, "limits   {name}{}", limits(headroom, screen));
    }
    let took = duration(jiff::SignedDuration::try_from(tested.took).unwrap_or_default());
    let _ = writeln!(text, "{}   {}{took}", counts(report), report.coverage.as_ref().map_or_else(String::new, percent));
    if let Some(words) = coverage_failure(tested) {
        let _ = writeln!(text, "{}: add cases that expect the codes named above", screen.paint.bad(&words));
    }
    text
}

/// Names the decisions that a limit ends, or the one that comes nearest to it.
fn limits(headroom: &PolicyHeadroom, screen: &Screen) -> String {
    if let Some(fault) = &headroom.fault {
        return screen.paint.bad(&clean(&format!("not measured with a few hundred claims: {fault}")));
    }
    let ending: Vec<_> = headroom.decisions.iter().filter(|one| one.ends.is_some()).collect();
    let nearest = headroom.decisions.iter().max_by_key(|one| one.fuel_percent);
    let shown = if ending.is_empty() { nearest.into_iter().collect() } else { ending };
    shown.into_iter().map(|one| left(one, screen)).collect::<Vec<_>>().join("; ")
}

fn percent(coverage: &Coverage) -> String {
    format!("coverage {} %   ", coverage.percent)
}

fn counts(report: &Report) -> String {
    let counts = report.counts();
    let not_run = if report.not_run > 0 { format!(", {} not run", report.not_run) } else { String::new() };
    format!("{} passed, {} failed, {} skipped{not_run}", counts.passed, counts.failed, counts.skipped)
}

fn covered(policy: &PolicyCoverage) -> String {
    let mut parts = Vec::new();
    if let Some(votes) = policy.votes {
        let word = |name: &str, seen: bool| format!("{name} {}", if seen { "ok" } else { "--" });
        let words = [word("migrate", votes.migrate), word("skip", votes.skip), word("abstain", votes.abstain)];
        parts.push(format!("votes {}", words.join(" ")));
    }
    parts.push(share("codes", &policy.codes, "expected"));
    if policy.settings.of > 0 {
        parts.push(share("settings", &policy.settings, "set"));
    }
    parts.join(" | ")
}

fn share(what: &str, share: &Share, done: &str) -> String {
    let missing: Vec<_> = share.missing.iter().map(|name| clean(name)).collect();
    let missing =
        if missing.is_empty() { String::new() } else { format!(" (not {done} by any case: {})", missing.join(", ")) };
    format!("{what} {}/{}{missing}", share.covered, share.of)
}

pub(super) fn listed(cases: &[Listed]) -> String {
    let mut text = String::new();
    for case in cases {
        let skip = case.skip.as_ref().map_or_else(String::new, |reason| format!("  (skipped: {})", clean(reason)));
        let _ = writeln!(text, "{}:{}  {}{skip}", clean(&case.file.to_string_lossy()), case.line, clean(&case.name));
    }
    text
}
