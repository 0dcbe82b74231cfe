//! Asks WebAssembly policies what a migration may do.
//!
//! A policy is a component that answers three questions about a snapshot; [`Policies`] asks a chain of them and
//! returns one [`Judgement`](pvmigrate_core::policy::Judgement). Policies get no cluster, files, network, clock or
//! randomness: all that they may call is a log and look-ups in objects collected before. The rules by which answers combine are not here but in
//! `pvmigrate_core::policy`, and nothing here prints or touches a cluster.
//!
//! This crate is the sandbox only; what authors of policies work with is `pvmigrate-policy-kit`.

mod answers;
mod audit;
mod audited;
mod bound;
mod cache;
mod call;
mod configured;
mod engine;
mod failure;
mod function;
mod info;
mod input;
mod interface;
mod limits;
mod load;
mod policies;
mod policy;
mod question;
mod settings;
mod source;
pub mod text;

pub use bound::Excess;
pub use cache::{cache_folder, cache_warning, private_cache_folder};
pub use configured::Configured;
pub use failure::{FailureKind, NotComponent, Origin, PolicyFailure};
pub use function::Function;
pub use info::{CodeDoc, PolicyInfo, Scope};
pub use limits::Limits;
pub use policies::Policies;
pub use policy::{Answered, Policy};
pub use question::{QUESTIONS, QuestionKind};
pub use settings::{SettingsError, SettingsProblem};
pub use source::{LOADER_WIT, Source, SourceProblem};
