//! Policies, and ways to run their tests.

#[path = "../../../policy/tests/support/components.rs"]
mod components;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use components::{built, usual};
use pvmigrate_policy::{Limits, Policy};
use pvmigrate_policy_kit::testkit::{Instead, Options, Report, Surroundings, TestkitError, Tests};

/// Finds a file of the repository.
pub(crate) fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Reads the tests of a policy, in a folder or file.
pub(crate) fn tests(policy: &Arc<Policy>, cases: &Path) -> Result<Tests, TestkitError> {
    Tests::read(
        &Instead::Policy(Arc::clone(policy)),
        &[cases.to_owned()],
        &Surroundings::offline(&policy.info().limits),
    )
}

/// Runs the tests of a policy that is loaded.
pub(crate) fn run_loaded(policy: &Arc<Policy>, cases: &Path, options: &Options) -> Result<Report, TestkitError> {
    tests(policy, cases)?.run(options)
}

/// Loads a policy, and runs its tests.
pub(crate) fn run(policy: &Path, cases: &Path, options: &Options) -> Result<Report, TestkitError> {
    run_loaded(&Arc::new(Policy::open(policy, &Limits::default())?), cases, options)
}
