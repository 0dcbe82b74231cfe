//! Observes and changes a Kubernetes cluster for pvmigrate.
//!
//! Here is everything that talks to an API server, and nothing that decides: a [`ClusterWorld`] shows groups to
//! `pvmigrate_core::decide` and does the steps it returns, a [`RecordStore`] keeps the records, [`survey()`] gathers what a
//! plan is made from. [`preflight`], [`default_class`] and [`cleanup`] serve the commands of those names. Kubernetes'
//! Rust types stop at `pvmigrate_objects` (objects into plain values) and `manifest` (plain values into objects).

#[cfg(test)]
mod boundaries;
mod cache;
mod caches;
mod causes;
pub mod cleanup;
mod collect;
mod connection;
mod copy_log;
pub mod default_class;
mod error;
mod execute;
mod feed;
mod log_stream;
mod manifest;
mod observe;
mod permissions;
pub mod preflight;
mod record_codec;
mod record_store;
mod requests;
mod resources;
mod review;
mod survey;
#[cfg(test)]
#[path = "../../objects/src/testing.rs"]
mod testing;
mod transport;
mod tunnel;
mod used;
mod wake;
mod watched;
mod world;

pub use collect::collect;
pub use connection::{ConnectOptions, Connection, connect, wrap};
pub use error::{Action, Error};
pub use log_stream::CopyLine;
pub use manifest::rbac;
pub use permissions::{Need, Permission, permissions, permissions_for};
pub use record_store::RecordStore;
pub use requests::Requests;
pub use review::{Missing, Reviewed, account, review};
pub use survey::survey;
pub use used::fill_used_bytes;
pub use wake::Wake;
pub use watched::Watched;
pub use world::ClusterWorld;
