//! The words of test files: what is expected, what came, and how the two differ.

pub(crate) mod answer;
pub(crate) mod budget;
pub(crate) mod difference;
pub(crate) mod error;
pub(crate) mod expect;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod words;
