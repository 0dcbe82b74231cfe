//! The interface of every kind of answer.

use std::fmt::Debug;
use std::sync::Arc;

use pvmigrate_yaml::{Node, Wrong};

use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::checker::Checker;
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::edit::{Edit, Written};
use crate::testkit::vocabulary::report::Mismatch;

/// What a case expects; `None` when anything will do.
pub(crate) type Read = Result<Option<Arc<dyn Wanted>>, Wrong>;

/// A kind of answer.
pub(crate) struct Kind {
    /// Its key in `expect` and in goldens.
    pub(crate) key: &'static str,
    /// Whether it is about the plan that a whole chain makes, and not about what one policy says.
    pub(crate) of_chain: bool,
    /// Reads what a case expects; `None` when anything will do.
    pub(crate) read: fn(&Checker<'_>, &Node) -> Read,
    /// Writes the actual answers as a golden keeps them.
    pub(crate) write: fn(&Actual, &mut String),
    /// Writes all actual answers, one line each, the subject first: the same question must get the same lines.
    pub(crate) details: fn(&Actual) -> Vec<String>,
}

/// What a case expects of one kind of answer.
pub(crate) trait Wanted: Debug + Send + Sync {
    /// Returns every difference between this and the actual answer.
    fn compare(&self, actual: &Actual) -> Vec<Mismatch>;

    /// Finds the edits that make the case expect the actual answer; empty where it is in a golden only.
    fn edits(&self, written: &Written<'_>, actual: &Actual) -> Vec<Edit>;

    /// Adds what it checks of a policy.
    fn cover(&self, actual: &Actual, covered: &mut Covered);

    /// Returns whether the answer about a volume could make the case fail.
    fn looks_at(&self, claim: &str) -> bool;
}
