//! What a policy is given with a question.

use std::sync::Arc;

use pvmigrate_core::policy::{Collected, Request, Volume};

/// The input of one call: some of the volumes of a request, with the policy's settings and what it may look up.
pub(crate) struct Input<'a> {
    pub(crate) request: &'a Request,
    pub(crate) volumes: &'a [&'a Volume],
    /// Canonical JSON.
    pub(crate) settings: &'a str,
    pub(crate) collected: &'a Arc<Collected>,
}
