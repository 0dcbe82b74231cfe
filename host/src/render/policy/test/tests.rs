//! One result in all its forms.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pvmigrate_core::policy::{LogLevel, LogLine};
use pvmigrate_policy_kit::bench::{End, Headroom};
use pvmigrate_policy_kit::testkit::{
    CaseReport, Difference, Mismatch, Outcome, PolicyCoverage, PolicyHeadroom, Report, Share, VotesSeen,
};
use pvmigrate_yaml::Place;

use super::*;
use crate::exit::Exit;
use crate::render::samples;

fn case(name: &str, outcome: Outcome) -> CaseReport {
    CaseReport {
        file: "cases/keep.test.yaml".into(),
        line: 12,
        name: name.to_owned(),
        outcome,
        fuel: 5_000,
        memory: 1_179_648,
        looked_up: std::collections::BTreeMap::new(),
        volumes: 2,
        log: Vec::new(),
        millis: 3,
    }
}

fn failed() -> Outcome {
    let place = |line| Place { file: "cases/keep.test.yaml".into(), line, column: 20 };
    Outcome::Failed(vec![
        Mismatch {
            what: "select db/data".to_owned(),
            at: place(17),
            expected: "skip keep-label".to_owned(),
            got: "skip\u{1b}[2J other".to_owned(),
            difference: Some(Difference { start: 9, length: 5, part: "code" }),
        },
        Mismatch {
            what: "findings".to_owned(),
            at: place(19),
            expected: "blocker rwx on web/uploads ~ /3 pods on \\d+ nodes/".to_owned(),
            got: "warning rwx on web/uploads ~ 3 pods on <&2> nodes, 50% of all".to_owned(),
            difference: Some(Difference { start: 0, length: 7, part: "severity" }),
        },
        Mismatch {
            what: "golden".to_owned(),
            at: Place { file: "cases/golden/keep/others.yaml".into(), line: 0, column: 0 },
            expected: "a golden".to_owned(),
            got: "none".to_owned(),
            difference: None,
        },
    ])
}

fn report() -> Report {
    let mut bad = case("others: 'move', 100%", failed());
    bad.looked_up.extend([("Node (v1)".to_owned(), 2), ("ResourceQuota (v1)".to_owned(), 1)]);
    bad.log.push(LogLine {
        level: LogLevel::Warn,
        message: "rwx on <rbd>: \u{7}warn".to_owned(),
        fields: pvmigrate_core::policy::Pairs::new(),
    });
    let mut elsewhere = case("dice # 6", Outcome::Unstable { message: "in another order it said another".to_owned() });
    elsewhere.file = "cases/more.test.yaml".into();
    let fault = Outcome::Fault { word: "fuel".to_owned(), message: "stopped: fuel 50.0M used of 50.0M".to_owned() };
    Report {
        policies: vec![crate::render::policy::tests::info()],
        cases: vec![
            case("labelled claims stay", Outcome::Passed),
            bad,
            case("a loop", fault),
            case("later", Outcome::Skipped { reason: "waits for #12".to_owned() }),
            elsewhere,
        ],
        not_run: 0,
        headroom: headroom(),
        coverage: Some(pvmigrate_policy_kit::testkit::Coverage {
            policies: vec![PolicyCoverage {
                policy: "keep".to_owned(),
                votes: Some(VotesSeen { migrate: true, skip: true, abstain: false }),
                codes: Share { covered: 3, of: 4, missing: vec!["quota-near".to_owned()] },
                settings: Share { covered: 0, of: 0, missing: Vec::new() },
            }],
            percent: 75,
        }),
    }
}

fn shown(format: Format, min_coverage: Option<u8>) -> String {
    let report = report();
    let tested = Tested {
        report: &report,
        exit: Exit::PolicyFault,
        took: std::time::Duration::from_millis(310),
        again: "pvmigrate policy test cases".to_owned(),
        min_coverage,
    };
    text(&tested, format, &samples::screen(None))
}

#[test]
fn for_people() {
    insta::assert_snapshot!(shown(Format::Human, Some(80)));
}

#[test]
fn junit() {
    let text = shown(Format::Junit, Some(80));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn tap() {
    insta::assert_snapshot!(shown(Format::Tap, None));
}

#[test]
fn github() {
    let text = shown(Format::Github, Some(80));
    assert!(text.lines().all(|line| line.starts_with("::")), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn for_scripts() {
    let json: serde_json::Value = serde_json::from_str(&shown(Format::Json, None)).unwrap();
    assert_eq!((&json["exit"]["code"], &json["counts"]["skipped"]), (&5.into(), &1.into()));
    assert_eq!(json["cases"][1]["outcome"]["failed"][0]["expected"], "skip keep-label");
    assert_eq!(json["cases"][1]["outcome"]["failed"][1]["difference"]["part"], "severity");
    assert_eq!(json["coverage"]["policies"][0]["codes"]["missing"][0], "quota-near");

    let text = shown(Format::Jsonl, None);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["begin", "case", "case", "case", "case", "case", "end"]);
    assert_eq!((&lines[1]["name"], &lines[6]["exit"]["code"]), (&"labelled claims stay".into(), &5.into()));
}

#[test]
fn enough_coverage_is_not_a_failure() {
    for (least, short) in [(None, false), (Some(75), false), (Some(76), true)] {
        for format in [Format::Human, Format::Junit, Format::Tap, Format::Github] {
            assert_eq!(shown(format, least).contains("less than the required"), short, "{format:?} {least:?}");
        }
    }
}

fn headroom() -> Vec<PolicyHeadroom> {
    let decision = |call: &str, fuel_percent, ends| Headroom { call: call.to_owned(), fuel_percent, ends };
    let ends = End { volumes: 1_334, limit: "fuel".to_owned() };
    let decisions = vec![decision("select", 99, Some(ends)), decision("check", 12, None)];
    vec![PolicyHeadroom { policy: "keep".to_owned(), decisions, fault: None }]
}
