//! Runs a policy's own tests: fixtures of ordinary Kubernetes YAML, cases that patch them, expected answers.
//!
//! [`run`] finds the files `*.test.yaml` in a folder, makes a request of each case, asks the policy with all the
//! limits of a real run, and returns a [`Report`]. Nothing is printed here. Whatever could pass unnoticed is an error
//! instead: an unknown name, a case without expectations, a fixture that no test uses, no tests at all.
//!
//! Each case runs twice, and must cost and answer the same to the byte; once more with the volumes shuffled; and,
//! when the policy says that it looks at volumes one by one, volume by volume.
//!
//! # Test file
//!
//! ```yaml
//! apiVersion: pvmigrate.dev/policy-test/v1
//! policy: ../keep.wasm         # or `builtin`; a list is a chain, whose decisions count; a command line goes before it
//! source: gp2                  # --source-sc; without such a class the request has no source class
//! target: fast-ssd             # --dest-sc; the class must be in the fixture
//! now: 2026-01-01T00:00:00Z    # optional, as are environment, facts and budget
//! snapshot: fixtures/prod      # a folder or file of Kubernetes YAML, and/or:
//! classes:
//!   fast-ssd: {provisioner: rbd.csi.ceph.com, modes: [RWO, "Block:RWX"], annotations: {}}
//!   gone: null                 # claims have it, and it is not there
//! volumes:                     # namespace/claim: a bound claim, its volume, and the pods that mount it with what owns them
//!   db/data-pg-0: {class: gp2, modes: [RWO], size: 100Gi, by: sts/pg, labels: {app: pg}, created: 2026-01-01T00:00:00Z}
//! settings: {label: keep}      # of the policy; a case may change them
//! objects:                     # beside those of the snapshot
//!   ResourceQuota db/storage: {spec: {hard: {requests.storage: 1Ti}}}
//! cases:
//! - name: labelled claims stay
//!   given: {db/data-pg-0: {labels: {keep: "true"}}}   # merged into a volume, a class or any object; null removes
//!   expect:
//!     select: {db/data-pg-0: skip keep-label}         # every volume by name, or `rest: any`, or just `any`
//!     modes: {db/data-pg-0: no-opinion}               # or RWX, or [RWO, ROX]
//!     findings:                                       # all of them; or `none`, `any`, `{at-least: [...]}`
//!     - blocker over-max-size on db/data-pg-0 ~ 100Gi # a part of the message may follow the `~`, or a /pattern/
//!     budget: {fuel-per-volume: 60k}
//! - name: a loop is stopped
//!   expect: {fault: fuel}                             # or `undecided CODE`
//! - name: a typo in the settings
//!   settings: {lable: keep}
//!   expect: {settings-error: {at: /lable}}            # and perhaps a part of its `message`
//! - name: each size
//!   matrix: {size: [1Gi, 20Ti]}                       # one case for each combination of values
//!   given: {db/data-pg-0: {size: $size}}
//!   expect: golden                                    # golden/<file>/<case>.yaml; or `plan: golden`, and so on
//! - name: not yet
//!   skip: waits for the next release                  # counted apart
//!   expect: {findings: none}
//! ```
//!
//! Rows are short for objects: a claim with the volume that it is bound to, its pods on their nodes, the workloads that own
//! them. `phase`, `volume`, `driver`, `effectiveModes` and `facts` change those objects. What a policy is told of a row and
//! what it finds when it looks is therefore what it would be told of the same objects in a snapshot. A case takes away what
//! it names with null, and adds an object by naming it with what it holds: `ResourceQuota db/more: {spec: {...}}`. One
//! whose name is nearly that of another is taken for a mistake, unless it says its `apiVersion`.
//!
//! Expectations about one policy are about its own votes, shapes and findings. It is asked as part of a chain with the
//! built-in policy, so `modes` and `findings` are about what that chain selects. Expectations about a chain are about
//! its decisions.
//!
//! # Inside
//!
//! Three layers, each of which knows only those below it: `vocabulary` has expectations and actual results, `read`
//! turns files into cases, and `run` turns cases into a report.

mod capture;
mod read;
mod run;
mod vocabulary;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub use capture::Capture;
pub use read::chain::{Fetch, Surroundings};
pub use read::fixture::Fixture;
pub use read::schema::SCHEMA;
pub(crate) use run::made_up::MadeUp;
pub(crate) use run::probe::Probed;
pub use run::update::Updated;
pub use vocabulary::coverage::{Coverage, PolicyCoverage, Share, VotesSeen};
pub use vocabulary::difference::Difference;
pub use vocabulary::error::TestkitError;
pub use vocabulary::report::{CaseReport, Counts, ExitMeaning, Mismatch, Outcome, PolicyHeadroom, Report};

use pvmigrate_policy::Configured;
use pvmigrate_policy::Policy;
use pvmigrate_yaml::did_you_mean;
use read::chain::{Chain, Id, Opened};
use read::suite::{Case, Given, Suite};
use regex::Regex;
use run::case::Ran;
use run::update::Update;

/// Which cases are run, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only cases whose name matches this.
    pub filter: Option<Regex>,
    /// Whether to stop at the first case that does not pass.
    pub fail_fast: bool,
    /// How many cases run at once; 0 means one. The result does not depend on it.
    pub jobs: usize,
}

/// What is tested in place of the policies that test files name; those that single cases name stay.
#[derive(Clone, Debug)]
pub enum Instead {
    /// Nothing else: what the files name.
    Nothing,
    /// One policy by itself.
    Policy(Arc<Policy>),
    /// What a whole chain decides; the built-in policy is its last, named or not.
    Chain {
        /// Its policies.
        links: Vec<Configured>,
        /// The environment that it stands for: the label of requests where the tests have none.
        environment: String,
    },
}

/// The tests of some files and folders, read and checked, with every policy they name opened.
pub struct Tests {
    opened: Opened,
    suites: Vec<Suite>,
}

/// One case of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The test file.
    pub file: PathBuf,
    /// The line of the case's name.
    pub line: u64,
    /// The case's name.
    pub name: String,
    /// Why it is not run; `None` when it is.
    pub skip: Option<String>,
}

impl Tests {
    /// Reads the tests in some files and folders.
    ///
    /// # Errors
    /// When a policy does not load, a test file is wrong, or there is no test; [`TestkitError::meaning`] says which
    /// exit code that is.
    pub fn read(instead: &Instead, paths: &[PathBuf], surroundings: &Surroundings) -> Result<Self, TestkitError> {
        let mut opened = Opened::new(surroundings)?;
        let given = match instead {
            Instead::Nothing => None,
            Instead::Policy(policy) => {
                Some(Given { chain: Chain::of(opened.add(Arc::clone(policy))), environment: None })
            }
            Instead::Chain { links, environment } => {
                Some(Given { chain: opened.add_chain(links), environment: Some(environment.clone()) })
            }
        };
        let mut files = Vec::new();
        for path in paths {
            files.extend(read::find::tests(path)?);
        }
        files.sort_unstable();
        files.dedup();
        let suites =
            files.iter().map(|file| Suite::read(file, &mut opened, given.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if suites.iter().all(|suite| suite.cases.is_empty()) {
            return Err(TestkitError::NoTests { folders: paths.to_owned() });
        }
        // When a single file is named, its neighbours are not checked.
        let folders: Vec<_> = files.into_iter().filter(|file| !paths.contains(file)).collect();
        nothing_left_over(&folders, &suites)?;
        Ok(Self { opened, suites })
    }

    /// Lists the cases that would run.
    ///
    /// # Errors
    /// When there is none.
    pub fn list(&self, options: &Options) -> Result<Vec<Listed>, TestkitError> {
        let listed = |(suite, case): (&Suite, &Case)| Listed {
            file: suite.path.clone(),
            line: case.line,
            name: case.name.clone(),
            skip: case.skip.clone(),
        };
        Ok(self.chosen(options)?.into_iter().map(listed).collect())
    }

    /// Runs the cases. Failing cases are not an error: they are in the report.
    ///
    /// # Errors
    /// When there is nothing to run.
    pub fn run(&self, options: &Options) -> Result<Report, TestkitError> {
        let chosen = self.chosen(options)?;
        let ran = self.ran(&chosen, options);
        let all = ran.len() == self.suites.iter().map(|suite| suite.cases.len()).sum::<usize>();
        let cases = || chosen.iter().map(|(_, case)| *case).zip(&ran);
        let coverage = all.then(|| run::coverage::of(&self.opened, cases()));
        let headroom =
            if all { run::headroom::of(&self.opened, chosen.iter().map(|(_, case)| *case)) } else { Vec::new() };
        let tested: BTreeSet<Id> = chosen.iter().flat_map(|(_, case)| case.chain.subjects()).collect();
        Ok(Report {
            policies: self.opened.infos(&tested.into_iter().collect::<Vec<_>>()),
            not_run: chosen.len() - ran.len(),
            coverage,
            headroom,
            cases: ran.into_iter().map(|ran| ran.report).collect(),
        })
    }

    /// Runs the cases and accepts the actual results as expected; writes goldens and test files.
    ///
    /// # Errors
    /// When there is nothing to run, or a file cannot be written.
    pub fn update(&self, options: &Options) -> Result<Updated, TestkitError> {
        let chosen = self.chosen(options)?;
        let ran = self.ran(&chosen, &Options { fail_fast: false, ..options.clone() });
        let mut update = Update::default();
        for suite in &self.suites {
            let of_suite = chosen.iter().zip(&ran).filter(|((other, _), _)| other.path == suite.path);
            let of_suite =
                of_suite.filter_map(|((_, case), ran)| Some((*case, &ran.report.outcome, ran.actual.as_ref()?)));
            update.add(suite, of_suite)?;
        }
        update.write()
    }

    /// Lists the files and folders that the outcome depends on.
    pub fn sources(&self) -> Vec<PathBuf> {
        let tests = self.suites.iter().map(|suite| read::find::folder_of(&suite.path).to_owned());
        let fixtures = self.suites.iter().flat_map(|suite| suite.used.iter().cloned());
        let mut all: Vec<_> = tests.chain(fixtures).chain(self.opened.files()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Names the policies that are not built, but run from their source.
    pub fn unbuilt(&self) -> impl Iterator<Item = &str> {
        self.opened.unbuilt()
    }

    fn chosen(&self, options: &Options) -> Result<Vec<(&Suite, &Case)>, TestkitError> {
        let all = self.suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
        let wanted = |name: &str| options.filter.as_ref().is_none_or(|filter| filter.is_match(name));
        let chosen: Vec<_> = all.clone().filter(|(_, case)| wanted(&case.name)).collect();
        match (&options.filter, chosen.is_empty()) {
            (Some(filter), true) => {
                Err(TestkitError::NoMatch { filter: filter.as_str().to_owned(), found: all.count() })
            }
            _ => Ok(chosen),
        }
    }

    fn ran(&self, chosen: &[(&Suite, &Case)], options: &Options) -> Vec<Ran> {
        let fails = |ran: &Ran| options.fail_fast && ran.report.outcome.meaning() != ExitMeaning::Passed;
        run::jobs::run(chosen, options.jobs, |(suite, case)| run::case::run(&self.opened, &suite.path, case), fails)
    }
}

/// Finds fixtures and goldens beside the tests that no test uses.
fn nothing_left_over(tests: &[PathBuf], suites: &[Suite]) -> Result<(), TestkitError> {
    let beside = read::find::beside(tests)?;
    let used: BTreeSet<_> = suites.iter().flat_map(|suite| &suite.used).collect();
    if let Some(file) = beside.fixtures.into_iter().find(|file| !used.contains(file)) {
        return Err(TestkitError::Unused { file });
    }
    let goldens = || suites.iter().flat_map(|suite| &suite.cases).filter_map(|case| case.golden.as_ref());
    match beside.goldens.into_iter().find(|file| !goldens().any(|golden| golden.path == *file)) {
        Some(file) => {
            let missing = goldens().filter(|golden| golden.text.is_none()).map(|golden| golden.path.to_string_lossy());
            let missing: Vec<_> = missing.collect();
            let near = did_you_mean(&file.to_string_lossy(), missing.iter().map(AsRef::as_ref));
            Err(TestkitError::UnusedGolden { file, near })
        }
        None => Ok(()),
    }
}
