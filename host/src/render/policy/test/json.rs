//! For scripts: one document, or one a line.

use std::time::Duration;

use pvmigrate_policy::PolicyInfo;
use pvmigrate_policy_kit::testkit::{CaseReport, Counts, Coverage, Listed, PolicyHeadroom, Report};
use serde::Serialize;

use super::tested::Tested;
use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION, escaped};

/// The result of a test run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    counts: Counts,
    millis: u64,
    #[serde(flatten)]
    report: &'a Report,
}

/// One line of the stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
enum Line<'a> {
    Begin {
        schema_version: u32,
        policies: &'a [PolicyInfo],
    },
    Case(&'a CaseReport),
    End {
        exit: ExitJson,
        counts: Counts,
        not_run: usize,
        coverage: Option<&'a Coverage>,
        headroom: &'a [PolicyHeadroom],
        millis: u64,
    },
}

/// The cases that would run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    cases: &'a [Listed],
}

/// Returns the cases that would run, for scripts.
pub fn listed(cases: &[Listed]) -> ListJson<'_> {
    ListJson { schema_version: SCHEMA_VERSION, exit: Exit::Done.into(), cases }
}

pub(super) fn text(tested: &Tested<'_>) -> String {
    let report = tested.report;
    let document = TestJson {
        schema_version: SCHEMA_VERSION,
        exit: tested.exit.into(),
        counts: report.counts(),
        millis: millis(tested.took),
        report,
    };
    written(serde_json::to_string_pretty(&document))
}

pub(super) fn lines(tested: &Tested<'_>) -> String {
    let report = tested.report;
    let begin = Line::Begin { schema_version: SCHEMA_VERSION, policies: &report.policies };
    let end = Line::End {
        exit: tested.exit.into(),
        counts: report.counts(),
        not_run: report.not_run,
        coverage: report.coverage.as_ref(),
        headroom: &report.headroom,
        millis: millis(tested.took),
    };
    let cases = report.cases.iter().map(Line::Case);
    let all = std::iter::once(begin).chain(cases).chain([end]);
    all.map(|line| written(serde_json::to_string(&line))).collect()
}

/// Returns a document as text. Writing cannot fail: every map has texts for keys.
fn written(text: serde_json::Result<String>) -> String {
    text.map_or_else(|error| format!("{{\"error\": {:?}}}\n", error.to_string()), |text| escaped(&text) + "\n")
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
