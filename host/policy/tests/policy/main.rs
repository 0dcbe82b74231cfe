//! Tests of the policy host on real components: the built-in policy, the worked example, and the hostile one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod chain;
mod default_policy;
mod hostile;
mod refused;
mod support;
mod testkit;
