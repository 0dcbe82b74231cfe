//! Write pvmigrate policies in Rust: a struct, a trait a decision, and one line that exports them.
//!
//! ```
//! #![cfg_attr(target_arch = "wasm32", no_std)]
//! use pvmigrate_policy_sdk::prelude::*;
//!
//! /// What the user may set; read before any question is asked.
//! #[derive(Settings)]
//! struct Keep {
//!     /// Claims with this label stay.
//!     #[setting(default = "example.com/keep")]
//!     label: String,
//! }
//!
//! #[derive(Codes)]
//! enum Code {
//!     /// the claim is labelled so
//!     Labelled,
//! }
//!
//! impl Policy for Keep {
//!     type Code = Code;
//!     const NAME: &'static str = "keep";
//!     const VERSION: &'static str = "1.0.0";
//!     const SUMMARY: &'static str = "leaves labelled claims where they are";
//! }
//!
//! impl Selection for Keep {
//!     fn vote(&self, _: &Request, volume: &Volume) -> Result<Vote, PolicyError> {
//!         Ok(match volume.label(&self.label) {
//!             Some(_) => Vote::skip(Code::Labelled, format!("it is labelled {}", self.label)),
//!             None => Vote::Abstain,
//!         })
//!     }
//! }
//!
//! pvmigrate_policy_sdk::export!(Keep: Settings, Selection);
//! # fn main() {}
//! ```
//!
//! Rules compile for the machine at hand too, so `cargo test` tests them without WebAssembly; what the host would answer
//! comes from [`testing`] then. A panic stops the call, and its message reaches the user with file and line.
#![cfg_attr(target_arch = "wasm32", no_std)]

pub extern crate alloc;
// The derives name this crate in full, here too.
extern crate self as pvmigrate_policy_sdk;

mod answers;
#[doc(hidden)]
#[allow(missing_docs, reason = "the interface documents its own types")]
pub mod bindings;
#[doc(hidden)]
pub mod glue;
pub mod log;
mod policy;
pub mod prelude;
mod question;
#[cfg(target_arch = "wasm32")]
mod runtime;
mod settings;
pub mod snapshot;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use answers::{pairs, reason};
pub use bindings::access_modes::{Mapping, TargetShape};
pub use bindings::preflight::{Finding, Planned, Severity, Subject};
pub use bindings::selection::{Ballot, Vote};
pub use bindings::settings::Problem;
pub use bindings::types::{
    AccessMode, ClassMode, Consumer, ObjectRef, Pairs, PolicyError, Reason, Request, StorageClass, Volume, VolumeId,
    VolumeMode,
};
pub use policy::*;
pub use pvmigrate_policy_sdk_derive::{Codes, Settings};
pub use question::{get, is_on};
pub use settings::{Bytes, Schema, Setting, Settings};
#[doc(hidden)]
pub use settings::{default_of, read_json};

pub use serde;
pub use serde_json;
