//! `policy diff`: what another policy, or another version of it, decides otherwise.

use super::run::{Asked, question};
use crate::cli::PolicyDiffArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::Look;
use crate::render::Screen;
use crate::render::policy::changes as show;

/// Judges a snapshot twice and shows what changes.
///
/// # Errors
/// As `policy run`.
pub(super) async fn run(args: &PolicyDiffArgs, screen: &Screen) -> Result<Exit, Failure> {
    let old = Asked::with(&args.old, &args.snapshot, screen).await?;
    let new = Asked::with(&args.new, &args.snapshot, screen).await?;
    let question = question(&args.snapshot, &[&old, &new], screen)?;
    show_changes(&old.look_at(question.clone())?, &new.look_at(question)?, screen)
}

/// Shows what changes from one look to the other.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn show_changes(old: &Look, new: &Look, screen: &Screen) -> Result<Exit, Failure> {
    let changes = old.changes(new);
    let exit = if changes.is_empty() { Exit::Done } else { Exit::Finding };
    let shown = show::Shown { old, new, changes: &changes };
    screen.result(|| show::text(&shown, screen), &show::json(&shown, exit))?;
    Ok(exit)
}
