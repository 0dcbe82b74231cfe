//! `policy test` and `policy inspect`: policies alone, without a cluster.

use std::path::Path;
use std::time::Instant;

use pvmigrate_policy::testkit::{self, ExitMeaning, TestkitError};
use pvmigrate_policy::{Limits, Policy};

use crate::cli::PolicyTestArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// The word that stands for the built-in policy where a file is asked for.
const BUILT_IN: &str = "builtin";

/// Runs a policy's test cases and shows what came of each.
///
/// # Errors
/// When the policy does not load, a test file is wrong, or there is nothing to run.
pub fn test(args: &PolicyTestArgs, screen: &Screen) -> Result<Exit, Failure> {
    let began = Instant::now();
    let policy = open(&args.policy)?;
    let report = testkit::run_loaded(&policy, &args.fixtures, &testkit::Options::default())?;
    let exit = exit_of(report.meaning());
    let took = began.elapsed();
    screen.result(|| render::policy::test_text(&report, took, screen), &render::policy::test_json(&report, exit))?;
    Ok(exit)
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
            other => Self::new(exit, other),
        }
    }
}

/// Shows what a policy says of itself and what it may use.
///
/// # Errors
/// When it does not load.
pub fn inspect(policy: &Path, screen: &Screen) -> Result<Exit, Failure> {
    let policy = open(policy)?;
    screen.result(|| render::policy::info_text(policy.info(), screen), &render::policy::info_json(policy.info()))?;
    Ok(Exit::Done)
}

/// Holds a policy that was opened, or the one built in.
enum Asked {
    File(Box<Policy>),
    BuiltIn(&'static Policy),
}

impl std::ops::Deref for Asked {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        match self {
            Self::File(policy) => policy,
            Self::BuiltIn(policy) => policy,
        }
    }
}

fn open(policy: &Path) -> Result<Asked, Failure> {
    if policy == Path::new(BUILT_IN) {
        return Ok(Asked::BuiltIn(Policy::built_in()?));
    }
    Ok(Asked::File(Box::new(Policy::open(policy, &Limits::default())?)))
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
