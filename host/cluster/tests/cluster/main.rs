//! The crate on the embedded cluster: an ordinary client, real watches, real rsync.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp, reason = "tests")]

mod cleanup;
mod collect;
mod default_class;
mod drive;
mod errors;
mod migration;
mod preflight;
mod proxies;
mod records;
mod reviews;
mod stage;
mod steps;
mod surveys;
mod users;
