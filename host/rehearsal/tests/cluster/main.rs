//! The embedded cluster, seen through an ordinary `kube::Client`.
//!
//! `conformance` holds what a migration relies on as functions over a client, so that the same list can be run against a
//! real API server; the other modules test what only the embedded cluster has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no users")]

mod binder;
mod conformance;
mod copies;
mod faults;
mod loading;
mod owners;
mod sets;
mod stage;
mod strict;
