//! Runs a policy's own tests: fixtures of ordinary Kubernetes YAML, cases that patch them, expected answers.
//!
//! [`run`] finds the files `*.test.yaml` in a folder, makes a request of each case, asks the policy with all the
//! limits of a real run, and returns a [`Report`]. Nothing is printed here. Whatever could pass in silence is an
//! error instead: an unknown name, a case without expectations, a fixture that nothing uses, no tests at all.
//!
//! Each case runs twice, and must cost and answer the same to the byte; once more with the volumes shuffled; and,
//! when the policy says that it looks at volumes one by one, volume by volume.
//!
//! # Test file
//!
//! ```yaml
//! apiVersion: pvmigrate.dev/policy-test/v1
//! source: gp2                  # --source-sc; without such a class the request has no source class
//! target: fast-ssd             # --dest-sc; the class must be in the fixture
//! now: 2026-01-01T00:00:00Z    # optional, as are environment and facts
//! snapshot: fixtures/prod      # a folder or file of Kubernetes YAML, and/or:
//! classes:
//!   fast-ssd: {provisioner: rbd.csi.ceph.com, modes: [RWO, "Block:RWX"], annotations: {}}
//! volumes:                     # namespace/claim: a bound claim
//!   db/data-pg-0: {class: gp2, modes: [RWO], size: 100Gi, by: [StatefulSet/pg], labels: {app: pg}}
//! cases:
//! - name: labelled claims stay
//!   given: {db/data-pg-0: {labels: {keep: "true"}}}   # merged into the volume or class; null removes
//!   expect:
//!     select: {db/data-pg-0: skip keep-label}         # every volume by name, or `rest: any`, or just `any`
//!     modes: {db/data-pg-0: no-opinion}               # or RWX, or [RWO, ROX]
//!     findings:                                       # all of them; or `none`, `any`, `{at-least: [...]}`
//!     - blocker over-max-size on db/data-pg-0 ~ 100Gi # a part of the message may follow the `~`
//! - name: a loop is stopped
//!   expect: {fault: fuel}                             # or `undecided CODE`
//! ```
//!
//! What is expected are the policy's own votes, shapes and findings. It is asked as part of a chain with the
//! built-in policy, so `modes` and `findings` are about what that chain selects.

mod case;
mod compare;
mod error;
mod expect;
mod objects;
mod patch;
mod report;
mod snapshot;
mod suite;
mod yaml;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use error::{Place, TestkitError};
pub use report::{CaseReport, ExitMeaning, Mismatch, Outcome, Report};

use crate::limits::Limits;
use crate::load::Policy;
use suite::Suite;

/// Chooses what is run, and under which limits.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Runs only cases whose name contains this.
    pub filter: Option<String>,
    /// The budgets of the policy.
    pub limits: Limits,
}

/// Loads the policy and runs the tests in `fixtures` (a folder, or one test file) on it.
///
/// # Errors
/// When the policy does not load, a test file is wrong, or there is nothing to run; [`TestkitError::meaning`] says
/// which exit code that is. Failing cases are no error: they are in the report.
pub fn run(policy: &Path, fixtures: &Path, options: &Options) -> Result<Report, TestkitError> {
    let policy = Policy::open(policy, &options.limits)?;
    run_loaded(&policy, fixtures, options)
}

/// Runs the tests in `fixtures` on a policy that is loaded already, under the limits it was loaded with.
///
/// # Errors
/// As [`run`].
pub fn run_loaded(policy: &Policy, fixtures: &Path, options: &Options) -> Result<Report, TestkitError> {
    let built_in = Policy::built_in()?;
    let files = files(fixtures)?;
    let mut used = BTreeSet::new();
    let mut cases = Vec::new();
    let mut found = 0;
    for file in files.iter().filter(|file| is_test(file)) {
        let suite = Suite::read(file, policy.info())?;
        used.extend(suite.used.iter().cloned());
        found += suite.cases.len();
        let wanted = |name: &str| options.filter.as_ref().is_none_or(|filter| name.contains(filter));
        for case in suite.cases.iter().filter(|case| wanted(&case.name)) {
            cases.push(case::run(policy, built_in, file, case));
        }
    }
    if found == 0 {
        return Err(TestkitError::NoTests { folder: fixtures.to_owned() });
    }
    if let (true, Some(filter)) = (cases.is_empty(), &options.filter) {
        return Err(TestkitError::NoMatch { filter: filter.clone(), found });
    }
    match files.into_iter().find(|file| !is_test(file) && !used.contains(file)) {
        Some(file) => Err(TestkitError::Unused { file }),
        None => Ok(Report { policy: policy.info().clone(), cases }),
    }
}

fn is_test(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Lists the YAML and JSON files below a path, in order of name.
fn files(path: &Path) -> Result<Vec<PathBuf>, TestkitError> {
    let unreadable = |source| TestkitError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .map_err(unreadable)?;
    entries.sort_unstable();
    let mut found = Vec::new();
    for entry in entries {
        let hidden = entry.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('.'));
        let wanted = entry.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        if entry.is_dir() && !hidden {
            found.extend(files(&entry)?);
        } else if wanted && !hidden {
            found.push(entry);
        }
    }
    Ok(found)
}
