//! `policy test`: runs the cases of policies, once or whenever a file changes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use pvmigrate_policy::Limits;
use pvmigrate_policy_kit::testkit::{ExitMeaning, Instead, Options, Report, Surroundings, TestkitError, Tests};
use pvmigrate_policy_kit::{Note, files};
use regex::Regex;
use tokio::runtime::Handle;

use crate::cli::flags::EnvironmentArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{self, Chain};
use crate::render::policy::test::{self as show, Format, Tested};
use crate::render::{Form, Screen, clean};

mod watch;

/// The flags of `policy test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate policy test                                    all tests below this folder, on the policies they name
  pvmigrate policy test keep.wasm cases                    the same tests on this component
  pvmigrate policy test --environment prod cases           what the policies of pvmigrate.yaml decide there together
  pvmigrate policy test -k 'labelled' -v                   some of them, with what the policy logged
  pvmigrate policy test --report junit=out.xml --min-coverage 100

Exit codes: 0 all passed, 1 a case failed, 2 bad usage or test file, 3 the policy does not load, 4 no tests or too little
coverage, 5 a fault that no case expects, or an answer that differs from run to run.")]
pub struct TestArgs {
    /// Test files, and folders of them (default: this folder). A component (.wasm, oci://...) or `builtin` in front of them
    /// is tested in place of the policy that the files name
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
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
        match file.is_empty() {
            true => Err("the file name is missing".to_owned()),
            false => Ok(Self { format, file: file.into() }),
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

/// Runs test cases and shows what came of each.
///
/// # Errors
/// When a policy does not load, a test file is wrong, or there is nothing to run.
pub(super) async fn run(args: &TestArgs, screen: &Screen) -> Result<Exit, Failure> {
    let command = Command::new(args, screen)?;
    if args.list {
        let cases = command.read().await?.list(&command.options)?;
        match command.format {
            Format::Human => screen.write(&show::listed_text(&cases))?,
            // All other forms are about cases that were run.
            _ => screen.json(&show::listed_json(&cases))?,
        }
        return Ok(Exit::Done);
    }
    if args.update {
        command.update(screen).await?;
    }
    if args.watch {
        return watch::forever(&command, screen).await;
    }
    let tests = command.read().await?;
    command.run(&tests, screen)
}

/// The flags, read and checked.
struct Command<'a> {
    args: &'a TestArgs,
    policy: Option<&'a Path>,
    paths: Vec<PathBuf>,
    options: Options,
    format: Format,
    note: Note,
}

impl<'a> Command<'a> {
    fn new(args: &'a TestArgs, screen: &Screen) -> Result<Self, Failure> {
        let (policy, paths) = args.split();
        let filter = args.only.as_ref().map(|pattern| {
            Regex::new(pattern).map_err(|error| {
                Failure::usage(format!("-k {pattern:?}: invalid regular expression: {}", clean(&error.to_string())))
            })
        });
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = args.jobs.map_or_else(processors, NonZeroUsize::get);
        let form = if screen.form == Form::Json { Format::Json } else { Format::Human };
        Ok(Self {
            args,
            policy,
            paths,
            options: Options { filter: filter.transpose()?, fail_fast: args.fail_fast, jobs },
            format: args.format.map_or(form, Format::from),
            note: screen.note(),
        })
    }

    async fn read(&self) -> Result<Tests, Failure> {
        let instead = match (self.policy, &self.args.environment.name) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage("both a policy and an environment are given")
                    .hint("leave out one of the two: an environment's policies are tested together"));
            }
            (Some(policy), None) => Instead::Policy(chain::open(policy, &self.note).await?),
            (None, Some(environment)) => {
                let links = Chain::of(&[], self.args.environment.named().as_ref(), &self.note).await?.links;
                Instead::Chain { links, environment: environment.clone() }
            }
            (None, None) => Instead::Nothing,
        };
        let note = Arc::clone(&self.note);
        // The testkit reads one file after the other, and waits for what they name.
        let fetch = move |reference: &str| {
            let policy = async { chain::open(Path::new(reference), &note).await };
            let policy = tokio::task::block_in_place(|| Handle::current().block_on(policy));
            policy.map_err(|failure| format!("{:#}", failure.error))
        };
        let surroundings =
            Surroundings { limits: Limits::default(), note: Arc::clone(&self.note), fetch: Arc::new(fetch) };
        Ok(Tests::read(&instead, &self.paths, &surroundings)?)
    }

    /// Takes what comes for what is expected. The cases run once more afterwards, and their result is shown.
    async fn update(&self, screen: &Screen) -> Result<(), Failure> {
        if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            return Err(Failure::usage("--update is refused when CI is set: nobody would review what it accepts")
                .hint("run it on your own machine, review the diff, and commit it"));
        }
        let updated = self.read().await?.update(&self.options)?;
        for file in &updated.files {
            screen.say(&format!("wrote {}", clean(&file.to_string_lossy())));
        }
        if updated.files.is_empty() {
            screen.say("nothing to update");
        }
        Ok(())
    }

    fn run(&self, tests: &Tests, screen: &Screen) -> Result<Exit, Failure> {
        let began = Instant::now();
        let report = tests.run(&self.options)?;
        let mut tested = Tested {
            exit: exit_of(report.meaning()),
            report: &report,
            took: began.elapsed(),
            again: self.again(),
            min_coverage: self.args.min_coverage,
        };
        if tested.exit == Exit::Done && tested.is_short_of_coverage() {
            tested.exit = exit_of(ExitMeaning::NoTests);
        }
        screen.write(&show::text(&tested, self.format, screen))?;
        for to in &self.args.report {
            // In a file there is neither a terminal's width nor colour.
            let text = show::text(&tested, to.format.into(), &screen.plain());
            write(&to.file, &text)?;
        }
        if self.format != Format::Human && tested.exit != Exit::Done {
            screen.say(&in_short(&report));
        }
        Ok(tested.exit)
    }

    /// Returns the words that run the same tests again.
    fn again(&self) -> String {
        let quoted = |path: &Path| {
            let text = path.to_string_lossy().into_owned();
            let plain = |c: char| c.is_alphanumeric() || "/._-+=@%".contains(c);
            if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
        };
        let mut words = vec!["pvmigrate policy test".to_owned()];
        words.extend(self.policy.map(quoted));
        let EnvironmentArgs { name, config } = &self.args.environment;
        for (flag, value) in [("--environment", name.as_ref().map(Path::new)), ("--config", config.as_deref())] {
            words.extend(value.map(|value| format!("{flag} {}", quoted(value))));
        }
        words.extend(self.paths.iter().filter(|path| *path != Path::new(".")).map(|path| quoted(path)));
        words.join(" ")
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    files::replace(file, text.as_bytes()).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot write the report {}", file.display()))
    })
}

fn in_short(report: &Report) -> String {
    let counts = report.counts();
    format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped)
}

/// The numbers are those of the testkit; 4 is "no tests" here, where no cluster can be missing.
fn exit_of(meaning: ExitMeaning) -> Exit {
    match meaning {
        ExitMeaning::Passed => Exit::Done,
        ExitMeaning::CaseFailed => Exit::Finding,
        ExitMeaning::BadUsage => Exit::Usage,
        ExitMeaning::NotLoaded => Exit::PolicyLoad,
        ExitMeaning::NoTests => Exit::Cluster,
        ExitMeaning::Unexpected => Exit::PolicyFault,
    }
}

impl From<TestkitError> for Failure {
    fn from(error: TestkitError) -> Self {
        let exit = exit_of(error.meaning());
        match error {
            TestkitError::Policy(failure) => failure.into(),
            TestkitError::Project(error) => error.into(),
            other => Self::new(exit, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_testkit_are_ours() {
        for meaning in [
            ExitMeaning::Passed,
            ExitMeaning::CaseFailed,
            ExitMeaning::BadUsage,
            ExitMeaning::NotLoaded,
            ExitMeaning::NoTests,
            ExitMeaning::Unexpected,
        ] {
            assert_eq!(exit_of(meaning).code(), meaning.code(), "{meaning:?}");
        }
    }

    #[test]
    fn a_report_has_a_format_and_a_file() {
        let read = |text: &str| text.parse::<ReportTo>();
        assert_eq!(read("junit=a=b.xml"), Ok(ReportTo { format: TestFormat::Junit, file: "a=b.xml".into() }));
        assert!(read("junit").is_err_and(|error| error.contains("junit=out.xml")));
        assert!(read("xml=a").is_err_and(|error| error.contains("json, jsonl, junit, tap, github")));
        assert!(read("tap=").is_err());
    }
}
