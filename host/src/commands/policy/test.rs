//! `policy test`: runs the cases of a policy.

use std::time::Instant;

use pvmigrate_policy::testkit::{self, ExitMeaning, TestkitError};

use crate::cli::PolicyTestArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// Runs a policy's test cases and shows what came of each.
///
/// # Errors
/// When the policy does not load, a test file is wrong, or there is nothing to run.
pub(super) fn run(args: &PolicyTestArgs, screen: &Screen) -> Result<Exit, Failure> {
    let began = Instant::now();
    let policy = super::open(&args.policy)?;
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
