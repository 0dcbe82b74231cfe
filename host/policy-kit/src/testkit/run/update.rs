//! Accepts the actual results as expected: writes goldens, and edits test files in place.
//!
//! Only the words that are wrong change; comments and layout stay. A case that a matrix makes is left alone, since one
//! text stands for all of its combinations, and so is one whose policy faulted, which should not be accepted unseen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pvmigrate_yaml::Node;

use crate::files;
use crate::testkit::read::suite::{Case, Suite};
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::edit::{self, Edit, Written};
use crate::testkit::vocabulary::error::TestkitError;
use crate::testkit::vocabulary::report::Outcome;

/// What an update has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// The files that changed, in order of name.
    pub files: Vec<PathBuf>,
    /// How many cases had expectations changed.
    pub cases: usize,
}

/// The changes to be written.
#[derive(Debug, Default)]
pub(crate) struct Update {
    files: BTreeMap<PathBuf, String>,
    cases: usize,
}

impl Update {
    /// Adds the cases of one file, each with its outcome.
    pub(crate) fn add<'a>(
        &mut self,
        suite: &Suite,
        ran: impl Iterator<Item = (&'a Case, &'a Outcome, &'a Actual)>,
    ) -> Result<(), TestkitError> {
        let mut edits = Vec::new();
        for (case, outcome, actual) in ran {
            let of_case = match (outcome, case.variant || actual.fault.is_some()) {
                (Outcome::Failed(_), false) => case_edits(&suite.text, case, actual),
                _ => Vec::new(),
            };
            let golden = case.golden.as_ref().and_then(|golden| Some((golden, golden.render(actual)?)));
            let golden = golden.filter(|(golden, text)| golden.text.as_ref() != Some(text));
            let golden = golden.filter(|_| !matches!(outcome, Outcome::Passed | Outcome::Unstable { .. }));
            self.cases += usize::from(golden.is_some() || !of_case.is_empty());
            if let Some((golden, text)) = golden {
                self.files.insert(golden.path.clone(), text);
            }
            edits.extend(of_case);
        }
        if edits.is_empty() {
            return Ok(());
        }
        let text = edit::apply(&suite.text, edits);
        // Nothing is written that could not be read again.
        Node::read(&text, &suite.path)?;
        self.files.insert(suite.path.clone(), text);
        Ok(())
    }

    pub(crate) fn write(self) -> Result<Updated, TestkitError> {
        let Self { files, cases } = self;
        for (path, text) in &files {
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = folder.and_then(|()| files::replace(path, text.as_bytes()));
            written.map_err(|source| TestkitError::Unwritable { path: path.clone(), source })?;
        }
        Ok(Updated { files: files.into_keys().collect(), cases })
    }
}

/// Finds the edits that make a case expect the actual answer.
fn case_edits(text: &str, case: &Case, actual: &Actual) -> Vec<Edit> {
    let claims: Vec<_> = case.question.request.volumes.iter().map(|volume| volume.claim()).collect();
    let mut edits = Vec::new();
    for (key, wanted) in &case.expected.answers {
        if let Some((key, node)) = case.expect.entry(key) {
            edits.extend(wanted.edits(&Written { text, key, node, claims: &claims }, actual));
        }
    }
    edits
}
