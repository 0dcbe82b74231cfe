//! Tests of the policy host on real components: the built-in policy, the worked example, and the hostile one.

mod chain;
mod default_policy;
mod hostile;
mod refused;
mod support;
mod testkit;
