//! `policy test`: runs the cases of policies, once or whenever a file changes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pvmigrate_policy::Limits;
use pvmigrate_policy_kit::testkit::{ExitMeaning, Instead, Options, Report, Surroundings, TestkitError, Tests};
use pvmigrate_policy_kit::{Note, files};
use regex::Regex;
use tokio::runtime::Handle;

use crate::cli::{OutputForm, PolicyTestArgs, TestFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{self, Chain};
use crate::render::policy::test::{self as show, Tested};
use crate::render::{Screen, clean};

mod watch;

/// Runs test cases and shows what came of each.
///
/// # Errors
/// When a policy does not load, a test file is wrong, or there is nothing to run.
pub(super) async fn run(args: &PolicyTestArgs, screen: &Screen) -> Result<Exit, Failure> {
    let command = Command::new(args, screen)?;
    if args.list {
        let cases = command.read().await?.list(&command.options)?;
        match command.format {
            TestFormat::Human => screen.write(&show::listed_text(&cases))?,
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

/// What the flags ask for.
struct Command<'a> {
    args: &'a PolicyTestArgs,
    policy: Option<&'a Path>,
    paths: Vec<PathBuf>,
    options: Options,
    format: TestFormat,
    note: Note,
}

impl<'a> Command<'a> {
    fn new(args: &'a PolicyTestArgs, screen: &Screen) -> Result<Self, Failure> {
        let (policy, paths) = args.split();
        let filter = args.only.as_ref().map(|pattern| {
            Regex::new(pattern).map_err(|error| {
                Failure::usage(format!("-k {pattern:?} is no regular expression: {}", clean(&error.to_string())))
            })
        });
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = args.jobs.map_or_else(processors, NonZeroUsize::get);
        let form = if screen.form == OutputForm::Json { TestFormat::Json } else { TestFormat::Human };
        Ok(Self {
            args,
            policy,
            paths,
            options: Options { filter: filter.transpose()?, fail_fast: args.fail_fast, jobs },
            format: args.format.unwrap_or(form),
            note: screen.note(),
        })
    }

    async fn read(&self) -> Result<Tests, Failure> {
        let instead = match (self.policy, &self.args.place.environment) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage("the policies to test are named twice: a policy, and an environment")
                    .hint("an environment's chain is tested as a whole; leave one of the two out"));
            }
            (Some(policy), None) => Instead::Policy(chain::open(policy, &self.note).await?),
            (None, Some(environment)) => {
                let links = Chain::of(&[], &self.args.place, &self.note).await?.links;
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
            return Err(Failure::usage("--update is refused where CI is set: nobody would look at what it accepts")
                .hint("run it on your own machine, look at the difference, and commit it"));
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
            let text = show::text(&tested, to.format, &screen.plain());
            write(&to.file, &text)?;
        }
        if self.format != TestFormat::Human && tested.exit != Exit::Done {
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
        let place = &self.args.place;
        for (flag, value) in
            [("--environment", place.environment.as_ref().map(Path::new)), ("--config", place.config.as_deref())]
        {
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
}
