//! The table of the migration's order, row by row. Each test sets up what the row says is seen and names what follows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod copy;
mod cutover;
pub(crate) mod line;
mod passes;
mod prepare;
mod rollback;
pub(crate) mod scene;
mod settle;
mod warm;
