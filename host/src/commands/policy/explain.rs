//! `policy explain`: how the decision about one claim came about.

use std::path::PathBuf;

use clap::Args;

use super::snapshot::{PolicySet, SnapshotArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;
use crate::render::policy::explain as show;

/// The flags of `policy explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Claim to explain: NAMESPACE/NAME
    pub claim: String,
    /// Policies to ask before the environment's own: FILE, a policy's folder, or oci://...
    #[arg(value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Judges a snapshot and shows all that led to the decision about one claim.
///
/// # Errors
/// As `policy run`, and when there is no such claim.
pub(super) async fn run(args: &ExplainArgs, screen: &Screen) -> Result<Exit, Failure> {
    let assessment = PolicySet::open(&args.policies, &args.snapshot, screen).await?.assess(&args.snapshot, screen)?;
    let traced = assessment.claim(&args.claim)?;
    screen.result(|| show::text(&traced, screen), &show::json(&traced))?;
    Ok(Exit::Done)
}
