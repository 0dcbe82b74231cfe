//! Test files that were made up on the spot: read and asked as any other, without a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::case::{self, Ran};
use super::probe::{Probed, probe};
use crate::testkit::read::chain::{Chain, Opened, Surroundings};
use crate::testkit::read::suite::{Given, Suite};
use crate::testkit::vocabulary::error::TestkitError;
use crate::testkit::vocabulary::report::Outcome;
use pvmigrate_policy::Policy;

/// A policy that made-up test files are about.
pub(crate) struct MadeUp {
    opened: Opened,
    given: Given,
    path: PathBuf,
}

impl MadeUp {
    pub(crate) fn new(policy: &Arc<Policy>) -> Result<Self, TestkitError> {
        let mut opened = Opened::new(&Surroundings::offline(&policy.info().limits))?;
        let chain = Chain::of(opened.add(Arc::clone(policy)));
        Ok(Self { opened, given: Given { chain, environment: None }, path: Path::new("made-up.test.yaml").to_owned() })
    }

    fn read(&mut self, text: &str) -> Result<Suite, TestkitError> {
        Suite::of_text(&self.path, text.to_owned(), &mut self.opened, Some(&self.given))
    }

    /// Asks about the one case of a test file.
    pub(crate) fn probe(&mut self, text: &str) -> Result<Probed, TestkitError> {
        let suite = self.read(text)?;
        let probed = suite.cases.first().and_then(|case| probe(&self.opened, case));
        probed.ok_or_else(|| TestkitError::MadeUp("there is nothing to ask".to_owned()))
    }

    /// Runs the one case of a test file as `policy test` does.
    pub(crate) fn run(&mut self, text: &str) -> Result<Outcome, TestkitError> {
        let suite = self.read(text)?;
        let ran: Option<Ran> = suite.cases.first().map(|case| case::run(&self.opened, &self.path, case));
        ran.map(|ran| ran.report.outcome).ok_or_else(|| TestkitError::MadeUp("there is nothing to run".to_owned()))
    }
}
