//! The words of test files: what a case expects, what it got, and how the two differ.
//!
//! Nothing here looks for files or asks policies.

pub(crate) mod actual;
pub(crate) mod answer;
pub(crate) mod block;
pub(crate) mod budget;
pub(crate) mod checker;
pub(crate) mod coverage;
pub(crate) mod difference;
pub(crate) mod edit;
pub(crate) mod error;
pub(crate) mod expected;
pub(crate) mod parse;
pub(crate) mod report;
pub(crate) mod settings_error;
