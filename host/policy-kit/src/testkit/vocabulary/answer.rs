//! The kinds of answers that cases may expect: one file each, and [`KINDS`], the table that everything else reads.

mod by_volume;
mod findings;
pub(crate) mod kind;
mod modes;
mod plan;
mod votes;

use kind::Kind;

#[cfg(test)]
pub(crate) use findings::AT_LEAST;

/// Every kind of answer, in the order in which goldens have them.
pub(crate) const KINDS: &[Kind] = &[votes::KIND, modes::KIND, findings::KIND, plan::KIND];
