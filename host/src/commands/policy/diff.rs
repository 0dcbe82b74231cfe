//! `policy diff`: what another policy, or another version of it, decides differently.

use std::path::PathBuf;

use clap::Args;
use pvmigrate_policy_kit::project::Want;

use super::snapshot::{PolicySet, SnapshotArgs, question};
use crate::assessment::Assessment;
use crate::cli::flags::LimitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::Chosen;
use crate::render::Screen;
use crate::render::policy::changes as show;

/// The flags of `policy diff`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Each policy takes the place of the environment's policy of the same name, with that one's settings.

Exit codes: 0 no change, 1 a change, 2 bad usage or input, 3 a policy does not load, 5 a policy faults."
)]
pub struct DiffArgs {
    /// Current policy: FILE, a policy's folder, oci://... or `builtin`
    pub old: PathBuf,
    /// New policy
    pub new: PathBuf,
    /// What they may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Judges a snapshot twice and shows what changes.
///
/// # Errors
/// As `policy run`.
pub(super) async fn run(args: &DiffArgs, screen: &Screen) -> Result<Exit, Failure> {
    let limits = args.limits.given.as_ref();
    Chosen::bare(&[args.old.clone(), args.new.clone()], limits, Want::Quick).limits_apply()?;
    let old = PolicySet::with(&args.old, limits, &args.snapshot, screen).await?;
    let new = PolicySet::with(&args.new, limits, &args.snapshot, screen).await?;
    let (question, _) = question(&args.snapshot, &[&old, &new], screen)?;
    show_changes(&old.answer(question.clone())?, &new.answer(question)?, screen)
}

/// Shows what changes from one assessment to the other.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn show_changes(old: &Assessment, new: &Assessment, screen: &Screen) -> Result<Exit, Failure> {
    let changes = old.changes(new);
    let exit = if changes.is_empty() { Exit::Done } else { Exit::Finding };
    let shown = show::Shown { old, new, changes: &changes };
    screen.result(|| show::text(&shown, screen), &show::json(&shown, exit))?;
    Ok(exit)
}
