//! What `policy inspect` and `policy test` show.

use std::fmt::Write as _;
use std::time::Duration;

use pvmigrate_policy::testkit::{CaseReport, Outcome, Report};
use pvmigrate_policy::{PolicyInfo, Scope};
use serde::Serialize;

use super::json::{ExitJson, SCHEMA_VERSION};
use super::lines::hanging;
use super::table::Table;
use super::units::{bytes, duration};
use super::{Screen, clean};
use crate::exit::Exit;

/// Returns all there is to know about a policy, for people.
pub fn info_text(info: &PolicyInfo, screen: &Screen) -> String {
    let scope = match info.scope {
        Scope::PerVolume => "looks at volumes one by one",
        Scope::WholeBatch => "looks at all volumes together",
    };
    let purity = if info.imports.is_empty() {
        "proven: it imports nothing, so it can reach nothing".to_owned()
    } else {
        format!("proven: all it can call is {}", info.imports.join(", "))
    };
    let file = info.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string());
    let mut text = format!("{}\n", screen.paint.title(&clean(&format!("{} {}", info.name, info.version))));
    let limits = &info.limits;
    let wall = duration(jiff::SignedDuration::try_from(limits.wall).unwrap_or_default());
    let budget = format!(
        "{} fuel + {} a volume, {} memory, {wall} a call, {} log, {} findings",
        limits.fuel_base,
        limits.fuel_per_volume,
        bytes(limits.memory_bytes as u64),
        bytes(limits.log_bytes as u64),
        limits.findings,
    );
    for (label, words) in [
        ("summary", &info.summary),
        ("scope", &scope.to_owned()),
        ("file", &file),
        ("size", &bytes(info.bytes as u64)),
        ("digest", &info.digest),
        ("interface", &info.interface),
        ("exports", &info.exports.join(", ")),
        ("purity", &purity),
        ("limits", &budget),
    ] {
        text.push_str(&hanging(&format!("  {label:<11}"), &clean(words), screen.width));
    }
    if !info.codes.is_empty() {
        let mut table = Table::new(&["CODE", "MEANING"], &[]);
        for code in &info.codes {
            table.row(&[code.code.clone(), code.summary.clone()]);
        }
        text.push('\n');
        text.push_str(&table.text(screen.width));
    }
    text
}

/// All there is to know about a policy, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InfoJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    policy: &'a PolicyInfo,
}

/// Returns all there is to know about a policy, for scripts.
pub fn info_json(policy: &PolicyInfo) -> InfoJson<'_> {
    InfoJson { schema_version: SCHEMA_VERSION, exit: ExitJson::from(Exit::Done), policy }
}

/// Returns what came of each test case, for people; what came of passed ones in one line each.
pub fn test_text(report: &Report, took: Duration, screen: &Screen) -> String {
    let policy = &report.policy;
    let mut text =
        format!("policy   {} {} ({})\n", clean(&policy.name), clean(&policy.version), bytes(policy.bytes as u64));
    let mut passed = 0;
    for case in &report.cases {
        let word = match &case.outcome {
            Outcome::Passed => {
                passed += 1;
                "PASS".to_owned()
            }
            Outcome::Failed(_) => screen.paint.bad("FAIL"),
            Outcome::Fault { .. } => screen.paint.bad("FAULT"),
            Outcome::Unstable { .. } => screen.paint.bad("UNSTABLE"),
        };
        let each = case.fuel / (case.volumes.max(1) as u64);
        let _ = writeln!(text, "{word:<8} {}  {} ({each} fuel a volume)", file_name(case), clean(&case.name));
        text.push_str(&why(case));
        for line in case.log.iter().filter(|_| screen.verbose > 0) {
            let _ = writeln!(text, "         log       {}", clean(&line.message));
        }
    }
    let (failed, took) = (report.cases.len() - passed, jiff::SignedDuration::try_from(took).unwrap_or_default());
    let _ = writeln!(text, "{passed} passed, {failed} failed   {}", duration(took));
    text
}

fn file_name(case: &CaseReport) -> String {
    case.file.file_name().map_or_else(String::new, |name| clean(&name.to_string_lossy()))
}

fn why(case: &CaseReport) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        let _ = writeln!(text, "         {label:<9} {}", clean(words));
    };
    match &case.outcome {
        Outcome::Passed => return text,
        Outcome::Failed(mismatches) => {
            for mismatch in mismatches {
                line("about", &mismatch.what);
                line("expected", &mismatch.expected);
                line("got", &mismatch.got);
                line("at", &format!("{}:{}", case.file.display(), mismatch.line));
            }
        }
        Outcome::Fault { word, message } => {
            line("fault", &format!("{word}: {message}"));
            line("at", &format!("{}:{}", case.file.display(), case.line));
        }
        Outcome::Unstable { message } => {
            line("unstable", message);
            line("at", &format!("{}:{}", case.file.display(), case.line));
        }
    }
    text
}

/// What came of each test case, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    #[serde(flatten)]
    report: &'a Report,
}

/// Returns what came of each test case, for scripts.
pub fn test_json(report: &Report, exit: Exit) -> TestJson<'_> {
    TestJson { schema_version: SCHEMA_VERSION, exit: exit.into(), report }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use pvmigrate_policy::testkit::Mismatch;

    use super::*;
    use crate::render::samples;

    fn info() -> PolicyInfo {
        PolicyInfo {
            file: Some("keep.wasm".into()),
            name: "keep".to_owned(),
            version: "1.2.3".to_owned(),
            summary: "keeps claims\u{1b}[2J".to_owned(),
            scope: Scope::PerVolume,
            digest: "sha256:0123".to_owned(),
            bytes: 26_000,
            interface: "pvmigrate:policy@0.1.0".to_owned(),
            exports: vec!["pvmigrate:policy/selection@0.1.0".to_owned()],
            imports: Vec::new(),
            codes: vec![pvmigrate_policy::CodeDoc {
                code: "keep-label".to_owned(),
                summary: "the claim is labelled so".to_owned(),
                docs_url: None,
            }],
            limits: pvmigrate_policy::Limits::default(),
        }
    }

    fn report() -> Report {
        let case = |name: &str, outcome| CaseReport {
            file: "cases/keep.test.yaml".into(),
            line: 12,
            name: name.to_owned(),
            outcome,
            fuel: 5_000,
            volumes: 2,
            log: Vec::new(),
        };
        let mismatch = Mismatch {
            what: "select db/data".to_owned(),
            line: 17,
            expected: "skip keep-label".to_owned(),
            got: "migrate".to_owned(),
        };
        let fault = Outcome::Fault { word: "fuel".to_owned(), message: "stopped: fuel 50.0M used of 50.0M".to_owned() };
        let unstable = Outcome::Unstable { message: "asked in another order it answered differently".to_owned() };
        Report {
            policy: info(),
            cases: vec![
                case("labelled claims stay", Outcome::Passed),
                case("others move", Outcome::Failed(vec![mismatch])),
                case("a loop", fault),
                case("dice", unstable),
            ],
        }
    }

    #[test]
    fn a_policy() {
        insta::assert_snapshot!(info_text(&info(), &samples::screen(None)));
    }

    #[test]
    fn a_policy_for_scripts() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&info_json(&info())).unwrap());
    }

    #[test]
    fn test_cases() {
        insta::assert_snapshot!(test_text(&report(), Duration::from_millis(310), &samples::screen(None)));
    }

    #[test]
    fn test_cases_for_scripts() {
        let json = serde_json::to_value(test_json(&report(), Exit::PolicyFault)).unwrap();
        assert_eq!(json["exit"]["code"], 5);
        assert_eq!(json["schemaVersion"], SCHEMA_VERSION);
        assert_eq!(json["cases"][1]["outcome"]["failed"][0]["expected"], "skip keep-label");
    }
}
