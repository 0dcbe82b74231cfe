//! Policies, and ways to run their tests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use pvmigrate_policy::{Configured, Limits, Policy};
use pvmigrate_policy_kit::testkit::{Instead, Options, Report, Surroundings, TestkitError, Tests};

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

/// Finds a component that `policies/build` made.
pub(crate) fn built(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/dist/{name}.wasm"))
}

/// Loads a component that `policies/build` made, without settings.
pub(crate) fn open(name: &str, limits: &Limits) -> Configured {
    let policy = Policy::open(&built(name), limits).unwrap_or_else(|failure| panic!("{failure}"));
    Configured::bare(Arc::new(policy)).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a component that `policies/build` made, with the usual limits; compiled once for all tests.
pub(crate) fn usual(name: &str) -> &'static Configured {
    static POLICIES: [OnceLock<Configured>; 3] = [const { OnceLock::new() }; 3];
    let at = ["default", "keep-and-cap", "hostile"].iter().position(|known| *known == name);
    POLICIES[at.unwrap_or_else(|| panic!("no policy {name}"))].get_or_init(|| open(name, &Limits::default()))
}
