//! `policy replay`: judges again what a run has saved.

use std::path::PathBuf;

use clap::Args;
use pvmigrate_policy_kit::project::Want;

use super::diff::show_changes;
use crate::assessment::Assessment;
use crate::assessment::saved::SavedQuestion;
use crate::cli::flags::LimitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain;
use crate::render::Screen;

/// The flags of `policy replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate plan --source-sc old --dest-sc new --policy keep.wasm --save-question before.json
  pvmigrate policy replay before.json                      the same policies: nothing should change
  pvmigrate policy replay before.json --policy new.wasm    what a new version would decide

Exit codes: 0 no change, 1 a change, 2 bad usage or input, 3 a policy does not load, 5 a policy faults.")]
pub struct ReplayArgs {
    /// File written by --save-question of plan or migrate
    pub file: PathBuf,
    /// Policy to use in place of the saved one of the same name, with its settings; a new name is asked first (repeatable)
    #[arg(long, value_name = "POLICY")]
    pub policy: Vec<PathBuf>,
    /// What they may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Judges a saved question again and shows what changes.
///
/// # Errors
/// When the file cannot be read, a policy cannot be found, or one fails.
pub(super) async fn run(args: &ReplayArgs, screen: &Screen) -> Result<Exit, Failure> {
    let saved = SavedQuestion::read(&args.file)?;
    let note = screen.note();
    let limits = args.limits.given.as_ref();
    if limits.is_some() && args.policy.is_empty() {
        return Err(Failure::usage("--policy-limits is given, but no --policy"));
    }
    let mut given = Vec::new();
    for policy in &args.policy {
        given.push(chain::open(policy, limits, Want::Quick, &note).await?);
    }
    let policies = saved.policies(given, &note).await?;
    let old = saved.assessment();
    let new = Assessment::of(saved.question, &policies, &saved.waivers)?;
    show_changes(&old, &new, screen)
}
