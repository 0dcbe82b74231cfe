//! Test Anything Protocol, version 14: a line a case, and YAML under the bad ones.

use std::fmt::Write as _;

use pvmigrate_core::text::printable;
use pvmigrate_policy_kit::testkit::{CaseReport, Outcome};
use serde_json::{Value, json};

use super::tested::{Tested, coverage_failure, fuel_per_volume, is_bad, outcome, reasons};
use crate::render::{MESSAGE, json};

pub(super) fn text(tested: &Tested<'_>) -> String {
    let cases = &tested.report.cases;
    let coverage = coverage_failure(tested);
    let mut text = format!("TAP version 14\n1..{}\n", cases.len() + usize::from(coverage.is_some()));
    for (case, number) in cases.iter().zip(1..) {
        let not = if is_bad(case) { "not " } else { "" };
        let name = described(&format!("{}: {}", case.file.to_string_lossy(), case.name));
        let skip = match &case.outcome {
            Outcome::Skipped { reason } => format!(" # SKIP {}", described(reason)),
            _ => String::new(),
        };
        let _ = writeln!(text, "{not}ok {number} - {name}{skip}");
        text.push_str(&block(&details(case)));
    }
    if let Some(words) = coverage {
        let _ = writeln!(text, "not ok {} - {}", cases.len() + 1, described(&words));
    }
    text
}

/// Returns one line, in which neither a `#` nor a backslash means anything.
fn described(words: &str) -> String {
    printable(words, MESSAGE).replace('\\', "\\\\").replace('#', "\\#")
}

fn details(case: &CaseReport) -> Value {
    let mut details = json!({
        "at": {"file": case.file.to_string_lossy(), "line": case.line},
        "outcome": outcome(&case.outcome),
        "fuelPerVolume": fuel_per_volume(case),
    });
    let reasons = reasons(case);
    if !reasons.is_empty() {
        details["message"] = json!(reasons.join("\n"));
    }
    details
}

/// Writes details as JSON, which is YAML and needs no second set of quoting rules.
fn block(details: &Value) -> String {
    let mut text = String::from("  ---\n");
    for (key, value) in details.as_object().into_iter().flatten() {
        let _ = writeln!(text, "  {key}: {}", json::escaped(&value.to_string()));
    }
    text.push_str("  ...\n");
    text
}
