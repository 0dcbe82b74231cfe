//! `policy test`: runs the cases of policies, once or whenever a file changes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use pvmigrate_policy_kit::project::Want;
use pvmigrate_policy_kit::testkit::Options;
use regex::Regex;

use crate::cli::flags::{EnvironmentArgs, LimitArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::policy::test::{self as show, Format};
use crate::render::{Form, Screen, clean};

mod suite;
mod watch;

use suite::Suite;

/// The flags of `policy test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate policy test                                    all tests below this folder
  pvmigrate policy test keep.wasm cases                    the same tests on this component
  pvmigrate policy test --environment prod cases           the chain of an environment
  pvmigrate policy test -k 'labelled' -v                   some of them, with what the policy logged
  pvmigrate policy test --report junit=out.xml --min-coverage 100

Exit codes: 0 all passed, 1 a case failed, 2 bad usage or test file, 3 the policy does not load, 4 no tests or too little \
coverage, 5 a fault that no case expects, or an answer that differs from run to run.")]
pub struct TestArgs {
    /// Test files, and folders of them (default: this folder). A component (.wasm, oci://...) or `builtin` in front of them
    /// is tested in place of the policy that the files name
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What the policies may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Another test file or folder
    #[arg(long, value_name = "PATH", hide = true)]
    pub fixtures: Vec<PathBuf>,
    /// Run only the cases whose name matches this regular expression
    #[arg(long, short = 'k', value_name = "REGEX")]
    pub only: Option<String>,
    /// List the cases without running them
    #[arg(long, conflicts_with_all = ["watch", "update", "report", "min_coverage"])]
    pub list: bool,
    /// Run again whenever a file changes
    #[arg(long, conflicts_with_all = ["update", "report"])]
    pub watch: bool,
    /// Accept the actual results as expected: write golden files, and edit test files in place
    #[arg(long)]
    pub update: bool,
    /// Test the component that `policy build` makes, not the source (Python and JavaScript)
    #[arg(long)]
    pub built: bool,
    /// Stop at the first case that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// How many cases to run at once (default: one per processor); does not affect the results
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Minimum share of the policy's codes that the cases must expect, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), conflicts_with = "only")]
    pub min_coverage: Option<u8>,
    /// Output format on stdout (default: human, or json with `--output json`)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<TestFormat>,
    /// Also write the result to a file, such as junit=out.xml (repeatable)
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<ReportTo>,
    /// Test what the chain of an environment decides, in place of the policies that the files name.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
}

/// The forms of a test result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people to read.
    Human,
    /// One JSON document.
    Json,
    /// One JSON document a line: one for each case, then one for the whole run.
    Jsonl,
    /// JUnit XML, for CI systems.
    Junit,
    /// Test Anything Protocol, version 14.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

/// Another place for the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTo {
    /// The form.
    pub format: TestFormat,
    /// The file.
    pub file: PathBuf,
}

impl FromStr for ReportTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text.split_once('=').ok_or("write FORMAT=FILE, such as junit=out.xml")?;
        let format = TestFormat::from_str(format, false).map_err(|_| {
            let known: Vec<_> = TestFormat::value_variants().iter().filter_map(TestFormat::to_possible_value).collect();
            let known: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
            format!("unknown format {format:?}; known formats: {}", known.join(", "))
        })?;
        let is_test = [".test.yaml", ".test.yml"].iter().any(|end| file.ends_with(end));
        match (file.is_empty(), is_test) {
            (true, _) => Err("the file name is missing".to_owned()),
            (_, true) => Err(format!("{file} is the name of a test file; give the report another")),
            _ => Ok(Self { format, file: file.into() }),
        }
    }
}

impl From<TestFormat> for Format {
    fn from(format: TestFormat) -> Self {
        match format {
            TestFormat::Human => Self::Human,
            TestFormat::Json => Self::Json,
            TestFormat::Jsonl => Self::Jsonl,
            TestFormat::Junit => Self::Junit,
            TestFormat::Tap => Self::Tap,
            TestFormat::Github => Self::Github,
        }
    }
}

impl TestArgs {
    /// Returns the policy that is named before the paths, if there is one, and the paths.
    pub fn split(&self) -> (Option<&Path>, Vec<PathBuf>) {
        let is_policy = |path: &&PathBuf| {
            let text = path.to_string_lossy();
            let is_component = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("wasm"));
            is_component || text == "builtin" || text.starts_with("oci://") || text.contains("@sha256:")
        };
        let policy = self.paths.first().filter(is_policy);
        let rest = self.paths.iter().skip(usize::from(policy.is_some())).chain(&self.fixtures);
        let mut paths: Vec<_> = rest.cloned().collect();
        if paths.is_empty() {
            paths.push(PathBuf::from("."));
        }
        (policy.map(PathBuf::as_path), paths)
    }
}

/// Runs test cases and shows the result of each.
///
/// # Errors
/// When a policy does not load, a test file is wrong, or there is nothing to run.
pub(super) async fn run(args: &TestArgs, screen: &Screen) -> Result<Exit, Failure> {
    let suite = suite(args, screen)?;
    if args.list {
        let cases = suite.read().await?.list(&suite.options)?;
        match suite.format {
            Format::Human => screen.write(&show::listed_text(&cases))?,
            // All other forms are about cases that were run.
            _ => screen.json(&show::listed_json(&cases))?,
        }
        return Ok(Exit::Done);
    }
    if args.update {
        suite.update(screen).await?;
    }
    if args.watch {
        return watch::forever(&suite, screen).await;
    }
    let tests = suite.read().await?;
    suite.run(&tests, screen)
}

/// Reads and checks the flags.
fn suite(args: &TestArgs, screen: &Screen) -> Result<Suite, Failure> {
    let (policy, paths) = args.split();
    let filter = args.only.as_ref().map(|pattern| {
        Regex::new(pattern).map_err(|error| {
            Failure::usage(format!("-k {pattern:?}: invalid regular expression: {}", clean(&error.to_string())))
        })
    });
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = args.jobs.map_or_else(processors, NonZeroUsize::get);
    let form = if screen.form == Form::Json { Format::Json } else { Format::Human };
    Ok(Suite {
        policy: policy.map(Path::to_owned),
        paths,
        limits: args.limits.given.clone(),
        environment: args.environment.clone(),
        want: if args.built { Want::Built } else { Want::Quick },
        options: Options { filter: filter.transpose()?, fail_fast: args.fail_fast, jobs },
        format: args.format.map_or(form, Format::from),
        reports: args.report.iter().map(|to| (to.format.into(), to.file.clone())).collect(),
        min_coverage: args.min_coverage,
        note: screen.note(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_format_and_a_file() {
        let read = |text: &str| text.parse::<ReportTo>();
        assert_eq!(read("junit=a=b.xml"), Ok(ReportTo { format: TestFormat::Junit, file: "a=b.xml".into() }));
        assert!(read("junit").is_err_and(|error| error.contains("junit=out.xml")));
        assert!(read("xml=a").is_err_and(|error| error.contains("json, jsonl, junit, tap, github")));
        assert!(read("tap=").is_err());
        assert!(read("json=cases/one.test.yaml").is_err_and(|error| error.contains("the name of a test file")));
    }
}
