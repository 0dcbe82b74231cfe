//! The workbench for authors of policies.
//!
//! [`project`] makes and builds the folders that policies are written in, [`testkit`] runs a policy's own tests,
//! [`fuzz`] looks for questions that break one, and [`mod@bench`] measures what one costs. All of them ask policies
//! through the sandbox, `pvmigrate-policy`, with the limits of a real run.

pub mod bench;
#[cfg(test)]
mod boundaries;
pub mod files;
pub mod fuzz;
pub mod project;
mod provenance;
pub mod testkit;

pub use project::Note;
pub use provenance::Provenance;
