//! Mutants: each breaks one rule of the migration's order, around an unchanged `decide`.
//!
//! A mutant lies about the observation (that something is done already), rearranges the steps, or weakens the
//! precondition of a write. Its test asserts that the checker finds what goes wrong.

use pvmigrate_core::imagined::Imagined;
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::Record;
use pvmigrate_core::step::Step;

/// Names a broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {}

impl Mutant {
    /// Lies about what is seen.
    pub fn distort(self, _record: &Record, _seen: &mut Observation) {
        match self {}
    }

    /// Filters, replaces or reorders the steps decided.
    pub fn rearrange(self, _record: &Record, _seen: &Observation, _steps: Vec<Step>) -> Vec<Step> {
        match self {}
    }

    /// Does a step under weaker preconditions, or with another effect.
    pub fn execute(self, cluster: &mut Imagined, record: &Record, step: &Step) -> Done {
        cluster.execute(record, step)
    }
}
