//! What every kind of answer has.

use std::fmt::Debug;
use std::sync::Arc;

use pvmigrate_yaml::{Node, Wrong};

use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::checker::Checker;
use crate::testkit::vocabulary::coverage::Covered;
use crate::testkit::vocabulary::edit::{Edit, Written};
use crate::testkit::vocabulary::report::Mismatch;

/// What a case expects, or that anything will do.
pub(crate) type Read = Result<Option<Arc<dyn Wanted>>, Wrong>;

/// A kind of answer.
pub(crate) struct Kind {
    /// Its key in `expect` and in goldens.
    pub(crate) key: &'static str,
    /// Whether it is about the plan that a whole chain makes, and not about what one policy says.
    pub(crate) of_chain: bool,
    /// Reads what a case expects; none when anything will do.
    pub(crate) read: fn(&Checker<'_>, &Node) -> Read,
    /// Writes what came as a golden keeps it.
    pub(crate) write: fn(&Actual, &mut String),
    /// Writes all that came, one line an answer, what it is about first: the same question must get the same lines.
    pub(crate) details: fn(&Actual) -> Vec<String>,
}

/// What a case expects of one kind of answer.
pub(crate) trait Wanted: Debug + Send + Sync {
    /// Names every difference between this and what came.
    fn compare(&self, actual: &Actual) -> Vec<Mismatch>;

    /// Finds the edits by which the case expects what came; none where it stands in a golden only.
    fn edits(&self, written: &Written<'_>, actual: &Actual) -> Vec<Edit>;

    /// Adds what it holds a policy to.
    fn cover(&self, actual: &Actual, covered: &mut Covered);

    /// Tells whether the answer about a volume could make the case fail.
    fn looks_at(&self, claim: &str) -> bool;
}
