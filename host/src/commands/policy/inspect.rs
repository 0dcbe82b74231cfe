//! `policy inspect`: what a policy says of itself, and what it may use.

use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain;
use crate::render::{self, Screen};

/// Shows what a policy says of itself and what it may use.
///
/// # Errors
/// When it does not load.
pub(super) async fn run(policy: &Path, screen: &Screen) -> Result<Exit, Failure> {
    let policy = chain::open(policy, &screen.note()).await?;
    screen.result(|| render::policy::info_text(policy.info(), screen), &render::policy::info_json(policy.info()))?;
    Ok(Exit::Done)
}
