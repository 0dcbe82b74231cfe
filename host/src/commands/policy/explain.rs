//! `policy explain`: how the decision about one claim came about.

use clap::Args;

use super::snapshot::{PolicyArgs, PolicySet, SnapshotArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;
use crate::render::policy::explain as show;

/// The flags of `policy explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Claim to explain: NAMESPACE/NAME
    pub claim: String,
    /// Which policies.
    #[command(flatten)]
    pub policies: PolicyArgs,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Judges a snapshot and shows all that led to the decision about one claim.
///
/// # Errors
/// As `policy run`, and when there is no such claim.
pub(super) async fn run(args: &ExplainArgs, screen: &Screen) -> Result<Exit, Failure> {
    let set = PolicySet::open(&args.policies, &args.snapshot, screen).await?;
    let (assessment, _) = set.assess(&args.snapshot, screen)?;
    let traced = assessment.claim(&args.claim)?;
    screen.result(|| show::text(&traced, screen), &show::json(&traced))?;
    Ok(Exit::Done)
}
