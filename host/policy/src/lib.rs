//! Asks WebAssembly policies what a migration may do.
//!
//! A policy is a component that answers three questions about a snapshot; [`Policies`] asks a chain of them and
//! returns one [`Judgement`](pvmigrate_core::policy::Judgement). Policies get no cluster, files, network, clock or
//! randomness: all that they may call is a log and look-ups in objects collected before. The rules by which answers combine are not here but in
//! `pvmigrate_core::policy`, and nothing here prints or touches a cluster.
//!
//! [`project`] makes and builds the folders that policies are written in, and [`testkit`] runs a policy's own tests.

mod answers;
mod audit;
pub mod bench;
mod cache;
mod call;
mod engine;
mod failure;
pub mod files;
pub mod fuzz;
mod limits;
mod load;
mod policies;
pub mod project;
mod settings;
mod since_v0_1;
mod since_v0_2;
pub mod testkit;
mod text;
pub mod yaml_tree;

pub use cache::{cache_folder, cache_warning};
pub use call::Call;
pub use failure::{Fault, NotComponent, Origin, PolicyFailure};
pub use limits::Limits;
pub use load::{Answered, CodeDoc, Policy, PolicyInfo, Scope};
pub use policies::{Configured, Policies};
pub use project::Note;
pub use settings::{SettingsError, SettingsProblem};
