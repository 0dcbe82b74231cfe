//! What `policy test` does beyond one case and its answer: tables, goldens, updates, skips, coverage, chains, budgets.

use std::path::PathBuf;
use std::sync::Arc;

use pvmigrate_core::policy::quantity::Bytes;
use pvmigrate_policy::Limits;
use pvmigrate_policy_kit::testkit::{
    CaseReport, ExitMeaning, Instead, Mismatch, Options, Outcome, Report, Surroundings, Tests, Updated,
};
use regex::Regex;

use super::support::{built, tests, usual};
use super::testkit::HEAD;

/// A folder of test files on the worked example.
struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes a folder with a test file of these cases.
    fn of(cases: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        let head = HEAD.strip_suffix("- name: one\n").expect("a head");
        folder.write("x.test.yaml", &format!("{head}{cases}"));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn tests(&self) -> Tests {
        tests(usual("keep-and-cap").policy(), self.0.path()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn run(&self) -> Report {
        self.tests().run(&Options::default()).expect("a report")
    }

    fn update(&self) -> Updated {
        self.tests().update(&Options::default()).expect("an update")
    }
}

fn names(report: &Report) -> Vec<&str> {
    report.cases.iter().map(|case| case.name.as_str()).collect()
}

fn mismatches(case: &CaseReport) -> &[Mismatch] {
    match &case.outcome {
        Outcome::Failed(mismatches) => mismatches,
        other => panic!("{}: {other:?}", case.name),
    }
}

const TABLE: &str = "
- name: labels
  matrix: {value: ['true', 'false', perhaps], vote: [skip keep-label]}
  given: {app/data: {labels: {pvmigrate.dev/keep: $value}}}
  expect: {select: {app/data: $vote, app/more: abstain}}
";

#[test]
fn a_matrix_makes_a_case_of_each_combination() {
    let report = Folder::of(TABLE).run();
    assert_eq!(
        names(&report),
        [
            "labels [value: true, vote: skip keep-label]",
            "labels [value: false, vote: skip keep-label]",
            "labels [value: perhaps, vote: skip keep-label]",
        ]
    );
    assert_eq!(report.cases[0].outcome, Outcome::Passed);
    assert_eq!(mismatches(&report.cases[1])[0].got, "abstain");
    assert_eq!(mismatches(&report.cases[2])[0].got, "skip keep-label-unclear");
}

#[test]
fn a_golden_is_written_once_and_held_to_from_then_on() {
    let given = "
- name: Claims that stay
  given: {app/data: {labels: {pvmigrate.dev/keep: 'true'}, by: []}, app/more: {by: []}}
  expect: golden
";
    let folder = Folder::of(given);
    let report = folder.run();
    assert_eq!(report.meaning(), ExitMeaning::CaseFailed);
    assert_eq!(mismatches(&report.cases[0])[0].what, "golden");

    let golden = "golden/x/claims-that-stay.yaml";
    assert_eq!(folder.update(), Updated { files: vec![folder.path(golden)], cases: 1 });
    let text = folder.text(golden);
    assert!(text.starts_with("select:\n  app/data: skip keep-label\n  app/more: abstain\nmodes:\n"), "{text}");
    assert!(text.contains("\n- warning no-running-consumer on app/more ~ no running pod uses it\n"), "{text}");
    let before = folder.text("x.test.yaml");
    assert_eq!((folder.run().meaning(), before.as_str()), (ExitMeaning::Passed, folder.text("x.test.yaml").as_str()));
    assert_eq!(folder.update(), Updated::default(), "a second update has nothing to do");

    // The whole message counts, and the place is the golden's.
    folder.write(golden, &text.replace("pod uses it", "pod uses"));
    let report = folder.run();
    let wrong = &mismatches(&report.cases[0])[0];
    assert_eq!((wrong.at.file.as_path(), wrong.at.line), (folder.path(golden).as_path(), 8), "{wrong:?}");

    // A golden that does not fit the case any more fails it, and does not prevent an update.
    folder.write(golden, "select: {app/dta: abstain}\nmodes: any\nfindings: none\n");
    let report = folder.run();
    assert_eq!(mismatches(&report.cases[0])[0].expected, "unknown volume app/dta, did you mean app/data?");
    folder.update();
    assert_eq!(folder.text(golden), text);
}

#[test]
fn single_expectations_may_be_golden() {
    let cases = "
- name: one
  expect: {select: {rest: abstain}, findings: golden, plan: golden}
";
    let folder = Folder::of(cases);
    folder.update();
    let text = folder.text("golden/x/one.yaml");
    assert!(text.starts_with("findings: none\nplan:\n  claims:\n    app/data: "), "{text}");
    assert!(text.contains("migrate source-class by default"), "{text}");
    assert_eq!(folder.run().meaning(), ExitMeaning::Passed);
}

#[test]
fn an_update_changes_the_words_that_are_wrong_and_nothing_else() {
    let wrong = "
- name: votes # the first
  given: {app/data: {labels: {pvmigrate.dev/keep: 'true'}}}
  expect:
    select:
      # what is labelled stays
      app/data: migrate   # by its label
      rest: skip keep-label
    modes: {app/data: RWX, rest: any}
- name: a rest that is right for some
  given: {app/more: {labels: {pvmigrate.dev/keep: 'true'}}}
  expect: {select: {rest: abstain}}
- name: findings
  given: {app/data: {by: []}, app/more: {by: []}}
  expect:
    findings:
    # in this order
    - blocker no-running-consumer on app/data ~ running pod   # too hard
    - blocker over-max-size on plan
- name: none of them
  given: {app/data: {by: []}}
  expect: {findings: none, modes: any}
- name: too many
  expect: {findings: [blocker over-max-size on plan, \"blocker over-max-size on app/data\"]}
- name: at least this
  given: {app/data: {by: []}}
  expect: {findings: {at-least: [info no-running-consumer on app/data]}}
";
    let right = "
- name: votes # the first
  given: {app/data: {labels: {pvmigrate.dev/keep: 'true'}}}
  expect:
    select:
      # what is labelled stays
      app/data: skip keep-label   # by its label
      rest: abstain
    modes: {app/data: no-opinion, rest: any}
- name: a rest that is right for some
  given: {app/more: {labels: {pvmigrate.dev/keep: 'true'}}}
  expect: {select: {app/more: skip keep-label, rest: abstain}}
- name: findings
  given: {app/data: {by: []}, app/more: {by: []}}
  expect:
    findings:
    # in this order
    - warning no-running-consumer on app/data ~ running pod   # too hard
    - warning no-running-consumer on app/more ~ no running pod uses it
- name: none of them
  given: {app/data: {by: []}}
  expect: {findings: [warning no-running-consumer on app/data ~ no running pod uses it], modes: any}
- name: too many
  expect: {findings: none}
- name: at least this
  given: {app/data: {by: []}}
  expect: {findings: {at-least: [warning no-running-consumer on app/data]}}
";
    let folder = Folder::of(wrong);
    assert_eq!(folder.update(), Updated { files: vec![folder.path("x.test.yaml")], cases: 6 });
    let text = folder.text("x.test.yaml");
    let (_, cases) = text.split_once("cases:\n").expect("cases");
    assert_eq!(cases, right);
    assert_eq!(folder.run().meaning(), ExitMeaning::Passed);
}

#[test]
fn an_update_leaves_tables_and_faults_alone() {
    let folder = Folder::of(TABLE);
    assert_eq!(folder.update(), Updated::default());

    let fault = "
- name: a cap that cannot be read
  given: {new: {annotations: {pvmigrate.dev/max-size: plenty}}}
  expect: {findings: none}
- name: no fault
  expect: {fault: fuel}
";
    let folder = Folder::of(fault);
    assert_eq!(folder.run().meaning(), ExitMeaning::Unexpected);
    assert_eq!(folder.update(), Updated::default());
}

#[test]
fn a_golden_may_hold_a_fault() {
    let fault = "
- name: plenty
  given: {new: {annotations: {pvmigrate.dev/max-size: plenty}}}
  expect: golden
";
    let folder = Folder::of(fault);
    folder.update();
    assert_eq!(folder.text("golden/x/plenty.yaml"), "fault: undecided max-size-invalid\n");
    assert_eq!(folder.run().meaning(), ExitMeaning::Passed);
}

#[test]
fn a_skipped_case_is_checked_and_counted_apart() {
    let skipped = "
- name: later
  skip: waits for 12
  expect: {select: {rest: skip keep-label}}
";
    let passed = "- name: now\n  expect: {select: {rest: abstain}}\n";
    let report = Folder::of(&format!("{skipped}{passed}")).run();
    assert_eq!(report.cases[0].outcome, Outcome::Skipped { reason: "waits for 12".to_owned() });
    let counts = report.counts();
    assert_eq!((counts.passed, counts.failed, counts.skipped), (1, 0, 1));
    assert_eq!(report.meaning(), ExitMeaning::Passed);
    assert_eq!(Folder::of(skipped).run().meaning(), ExitMeaning::NoTests, "all are skipped, so none was run");
}

#[test]
fn coverage_counts_what_a_passing_case_expects_by_name() {
    let coverage = |cases: &str| {
        let report = Folder::of(cases).run();
        let coverage = report.coverage.expect("all cases were run");
        let [policy] = coverage.policies.as_slice() else { panic!("{coverage:?}") };
        (policy.votes.expect("it votes"), policy.codes.missing.join(" "), coverage.percent)
    };
    let all = "keep-label keep-label-unclear over-max-size max-size-invalid no-running-consumer";
    let given = "given: {app/data: {labels: {pvmigrate.dev/keep: 'true'}}}";
    // A code that no case names is not covered, nor is one that only a failing case expects.
    let (votes, missing, percent) =
        coverage(&format!("- name: a\n  {given}\n  expect: {{select: {{app/data: skip, rest: abstain}}}}\n"));
    assert_eq!((votes.migrate, votes.skip, votes.abstain, percent), (false, true, true, 0));
    assert_eq!(missing.split(' ').count(), all.split(' ').count(), "{missing}");
    let (_, _, percent) = coverage("- name: a\n  expect: {select: {rest: skip keep-label}}\n");
    assert_eq!(percent, 0);

    let (_, missing, percent) = coverage(&format!(
        "- name: a\n  {given}\n  expect: {{select: {{app/data: skip keep-label, rest: any}}}}
- name: b\n  given: {{app/data: {{by: []}}}}\n  expect: {{findings: [warning no-running-consumer on app/data]}}
- name: c\n  given: {{new: {{annotations: {{pvmigrate.dev/max-size: x}}}}}}\n  expect: {{fault: undecided max-size-invalid}}
"
    ));
    assert!(!missing.contains("keep-label ") && missing.contains("over-max-size"), "{missing}");
    assert_eq!(percent, 50, "three codes, and neither the other two nor the setting: {missing}");
}

#[test]
fn a_part_of_the_cases_has_no_coverage() {
    let folder = Folder::of("- name: a\n  expect: {findings: none}\n- name: b\n  expect: {select: {rest: abstain}}\n");
    let options = Options { filter: Some(Regex::new("^a$").expect("a pattern")), ..Options::default() };
    let report = folder.tests().run(&options).expect("a report");
    assert_eq!((names(&report), &report.coverage), (vec!["a"], &None));
}

#[test]
fn the_first_failure_may_be_the_last_case() {
    let cases: String = (0..20)
        .map(|at| {
            let vote = if at % 10 == 5 { "skip" } else { "abstain" };
            format!("- name: case {at}\n  expect: {{select: {{rest: {vote}}}}}\n")
        })
        .collect();
    let folder = Folder::of(&cases);
    let plain = |report: Report| {
        let cases = report.cases.into_iter().map(|case| CaseReport { millis: 0, ..case }).collect::<Vec<_>>();
        (cases, report.not_run, report.coverage)
    };
    let run =
        |fail_fast, jobs| plain(folder.tests().run(&Options { filter: None, fail_fast, jobs }).expect("a report"));
    assert_eq!(run(false, 1), run(false, 4));
    assert_eq!(run(true, 1), run(true, 4));
    let (cases, not_run, coverage) = run(true, 3);
    assert_eq!((cases.len(), not_run, coverage), (6, 14, None));
}

#[test]
fn a_list_of_policies_is_a_chain_whose_decisions_count() {
    let file = built("keep-and-cap");
    let cases = format!(
        "
- name: whole chain
  policy: [{0}, builtin]
  given: {{app/data: {{labels: {{pvmigrate.dev/keep: 'true'}}}}}}
  expect:
    select: {{app/data: skip keep-label, app/more: migrate source-class}}
    modes: {{app/data: no-opinion, app/more: RWO}}
    findings: none
    plan: golden
- name: the built-in alone
  policy: builtin
  expect: {{select: {{rest: migrate source-class}}}}
",
        file.display()
    )
    .replace("'true'", "\"true\"");
    let text = format!("{}{cases}", HEAD.replace("- name: one\n", ""));
    let folder = Folder::of("");
    folder.write("x.test.yaml", &text);
    folder.update();
    let report = folder.run();
    assert_eq!(report.meaning(), ExitMeaning::Passed, "{:?}", report.cases);
    let golden = folder.text("golden/x/whole-chain.yaml");
    assert!(golden.contains("app/data: skip keep-label by keep-and-cap\n"), "{golden}");
    assert!(golden.contains("app/more: 'migrate source-class by default, [RWO] Filesystem'\n"), "{golden}");
    assert!(report.cases[0].fuel > report.cases[1].fuel, "all policies of a chain count");
}

#[test]
fn a_budget_is_held() {
    let case =
        |budget: &str| Folder::of(&format!("- name: a\n  expect: {{findings: none, budget: {{{budget}}}}}\n")).run();
    let fine = case("fuel-per-volume: 2M, memory: 8Mi");
    assert_eq!(fine.meaning(), ExitMeaning::Passed, "{fine:?}");
    let used = fine.cases[0].memory;
    assert!(used >= 64 << 10, "{used}");
    for (budget, expected, got) in [
        ("fuel-per-volume: 10", "at most 10 fuel a volume", (fine.cases[0].fuel / 2).to_string()),
        ("memory: 64Ki", "at most 64Ki of memory", Bytes(used).to_string()),
    ] {
        let report = case(budget);
        let [wrong] = mismatches(&report.cases[0]) else { panic!("{report:?}") };
        let plain = (wrong.what.as_str(), wrong.expected.as_str(), wrong.got.as_str(), wrong.at.line);
        assert_eq!(plain, ("budget", expected, got.as_str(), 11));
    }
    assert_eq!(case(&format!("memory: {used}")).meaning(), ExitMeaning::Passed, "exactly as much is within it");
}

#[test]
fn files_may_name_their_policy() {
    let text = HEAD.replace("source: old", &format!("policy: {}\nsource: old", built("keep-and-cap").display()));
    let folder = Folder::of("");
    folder.write("x.test.yaml", &format!("{text}  expect: {{findings: none}}\n"));
    let read = |instead| Tests::read(&instead, &[folder.path("")], &Surroundings::offline(&Limits::default()));
    let named = |tests: Tests| tests.run(&Options::default()).expect("a report").policies[0].name.clone();
    assert_eq!(named(read(Instead::Nothing).expect("tests")), "keep-and-cap");
    assert_eq!(
        named(read(Instead::Policy(Arc::clone(usual("hostile").policy()))).expect("tests")),
        "hostile",
        "the command line goes before the file"
    );

    folder.write("x.test.yaml", &format!("{HEAD}  expect: {{findings: none}}\n"));
    let error = read(Instead::Nothing).err().expect("no policy");
    assert!(error.to_string().contains("x.test.yaml:1:1: which policy is tested?"), "{error}");
}

#[test]
fn findings_may_be_matched_by_a_pattern() {
    let case = |pattern: &str| {
        let given = "given: {app/data: {by: []}}";
        let expect = format!("{{findings: ['warning no-running-consumer on app/data ~ {pattern}']}}");
        Folder::of(&format!("- name: a\n  {given}\n  expect: {expect}\n")).run().meaning()
    };
    assert_eq!(case("/no .* pod uses/"), ExitMeaning::Passed);
    assert_eq!(case("/^uses/"), ExitMeaning::CaseFailed);
}
