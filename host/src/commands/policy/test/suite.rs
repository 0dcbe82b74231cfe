//! The tests that the flags of `policy test` choose: read, run, and brought up to date.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pvmigrate_policy::Limits;
use pvmigrate_policy_kit::project::Want;
use pvmigrate_policy_kit::testkit::{ExitMeaning, Instead, Options, Report, Surroundings, TestkitError, Tests};
use pvmigrate_policy_kit::{Note, files};
use tokio::runtime::Handle;

use crate::cli::flags::EnvironmentArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{self, Chain, Chosen};
use crate::policies::limits::GivenLimits;
use crate::render::policy::test::{self as show, Format, Tested};
use crate::render::{Screen, clean};

/// A choice of tests, and what to do with their result.
pub(super) struct Suite {
    /// The policy to test in place of those that the files name.
    pub(super) policy: Option<PathBuf>,
    /// Test files, and folders of them.
    pub(super) paths: Vec<PathBuf>,
    /// The limits of the policies, unless they are the usual ones.
    pub(super) limits: Option<GivenLimits>,
    /// The environment whose chain is tested in place of the policies that the files name.
    pub(super) environment: EnvironmentArgs,
    /// Whether policies' folders are built for it.
    pub(super) want: Want,
    /// Which cases, and how.
    pub(super) options: Options,
    /// The form of the result on stdout.
    pub(super) format: Format,
    /// Files that get the result as well.
    pub(super) reports: Vec<(Format, PathBuf)>,
    /// The coverage that is required, in percent.
    pub(super) min_coverage: Option<u8>,
    /// A listener for builds.
    pub(super) note: Note,
}

impl Suite {
    pub(super) async fn read(&self) -> Result<Tests, Failure> {
        let limits = self.limits.as_ref();
        let instead = match (&self.policy, &self.environment.name) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage("both a policy and an environment are given")
                    .hint("leave out one of the two: an environment's policies are tested together"));
            }
            (Some(policy), None) => Instead::Policy(chain::open(policy, limits, self.want, &self.note).await?),
            (None, Some(environment)) => {
                refuse_limits(limits)?;
                let links =
                    Chain::of(&Chosen::nothing(self.want), self.environment.named().as_ref(), &self.note).await?.links;
                Instead::Chain { links, environment: environment.clone() }
            }
            (None, None) => Instead::Nothing,
        };
        let note = Arc::clone(&self.note);
        // The testkit reads one file after another, and waits for what they name.
        let given = self.limits.clone();
        let fetch = move |reference: &str| {
            let policy = async { chain::open(Path::new(reference), given.as_ref(), Want::Built, &note).await };
            let policy = tokio::task::block_in_place(|| Handle::current().block_on(policy));
            policy.map_err(|failure| format!("{:#}", failure.error))
        };
        let limits = limits.map_or_else(Limits::default, |given| given.limits.clone());
        let surroundings =
            Surroundings { limits, want: self.want, note: Arc::clone(&self.note), fetch: Arc::new(fetch) };
        Ok(Tests::read(&instead, &self.paths, &surroundings)?)
    }

    /// Accepts the actual results as expected. The cases run once more afterwards, and their result is shown.
    pub(super) async fn update(&self, screen: &Screen) -> Result<(), Failure> {
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

    pub(super) fn run(&self, tests: &Tests, screen: &Screen) -> Result<Exit, Failure> {
        let from_source: Vec<_> = tests.unbuilt().map(clean).collect();
        if self.format == Format::Human && !from_source.is_empty() {
            let names = from_source.join(", ");
            screen.say(&format!("running {names} from its source; `pvmigrate policy build` makes the component"));
        }
        let began = Instant::now();
        let report = tests.run(&self.options)?;
        let mut tested = Tested {
            exit: exit_of(report.meaning()),
            report: &report,
            took: began.elapsed(),
            again: self.again(),
            min_coverage: self.min_coverage,
        };
        if tested.exit == Exit::Done && tested.is_short_of_coverage() {
            tested.exit = exit_of(ExitMeaning::NoTests);
        }
        screen.write(&show::text(&tested, self.format, screen))?;
        for (format, file) in &self.reports {
            // In a file there is neither a terminal's width nor colour.
            let text = show::text(&tested, *format, &screen.plain());
            write(file, &text)?;
        }
        if self.format != Format::Human && tested.exit != Exit::Done {
            screen.say(&in_short(&report));
        }
        Ok(tested.exit)
    }

    /// Returns the command line that runs the same tests again.
    fn again(&self) -> String {
        let quoted = |path: &Path| {
            let text = path.to_string_lossy().into_owned();
            let plain = |c: char| c.is_alphanumeric() || "/._-+=@%".contains(c);
            if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
        };
        let mut words = vec!["pvmigrate policy test".to_owned()];
        words.extend(self.policy.as_deref().map(quoted));
        words.extend(self.limits.as_ref().map(|limits| format!("--policy-limits {limits}")));
        let EnvironmentArgs { name, config } = &self.environment;
        for (flag, value) in [("--environment", name.as_ref().map(Path::new)), ("--config", config.as_deref())] {
            words.extend(value.map(|value| format!("{flag} {}", quoted(value))));
        }
        words.extend(self.paths.iter().filter(|path| *path != Path::new(".")).map(|path| quoted(path)));
        words.join(" ")
    }
}

/// Refuses limits where no policy would get them.
fn refuse_limits(limits: Option<&GivenLimits>) -> Result<(), Failure> {
    match limits {
        Some(_) => Err(Failure::usage("--policy-limits is given with --environment")
            .hint("an environment's policies have their limits in pvmigrate.yaml")),
        None => Ok(()),
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

/// Returns the exit code with the testkit's number; 4 means "no tests" here, where no cluster is involved.
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
