//! `policy replay`: judges again what a run has saved.

use super::diff::show_changes;
use crate::cli::PolicyReplayArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::Look;
use crate::look::saved::SavedQuestion;
use crate::policies::chain;
use crate::render::Screen;

/// Judges a saved question again and shows what changes.
///
/// # Errors
/// When the file cannot be read, a policy is not to be had, or one fails.
pub(super) async fn run(args: &PolicyReplayArgs, screen: &Screen) -> Result<Exit, Failure> {
    let saved = SavedQuestion::read(&args.file)?;
    let note = screen.note();
    let mut given = Vec::new();
    for policy in &args.policy {
        given.push(chain::open(policy, &note).await?);
    }
    let policies = saved.policies(given, &note).await?;
    let old = saved.look();
    let new = Look::at(saved.question, &policies, &saved.waivers)?;
    show_changes(&old, &new, screen)
}
