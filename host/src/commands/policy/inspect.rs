//! `policy inspect`: what a policy says about itself, and what it may use.

use std::path::PathBuf;

use clap::Args;
use pvmigrate_policy_kit::Provenance;
use pvmigrate_policy_kit::project::Want;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain;
use crate::render::{self, Screen};

/// The flags of `policy inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// Policy: a component (.wasm), a policy's folder, an artifact (oci://...), or `builtin`
    pub policy: PathBuf,
}

/// Shows what a policy says about itself and what it may use.
///
/// # Errors
/// When it does not load.
pub(super) async fn run(args: &InspectArgs, screen: &Screen) -> Result<Exit, Failure> {
    let policy = chain::open(&args.policy, None, Want::Built, &screen.note()).await?;
    // A file that has gone meanwhile has nothing more to say.
    let provenance = policy.bytes().map(|bytes| Provenance::of(&bytes)).unwrap_or_default();
    let info = policy.info();
    let json = render::policy::info_json(info, &provenance);
    screen.result(|| render::policy::info_text(info, &provenance, screen), &json)?;
    Ok(Exit::Done)
}
