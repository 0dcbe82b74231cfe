//! `policy run`: what policies say about a snapshot.

use std::path::PathBuf;

use clap::Args;

use super::snapshot::{PolicyArgs, PolicySet, SnapshotArgs};
use crate::assessment::saved::SavedQuestion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;
use crate::render::policy::assessment as show;

/// The flags of `policy run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl get ns,no,sc,pv,pvc,pods,deploy,sts,rs,ds,jobs,cj,quota,limits -A -o yaml > all.yaml
  pvmigrate policy run keep.wasm --snapshot all.yaml --source-sc old --dest-sc new
  pvmigrate policy run --snapshot all.yaml --source-sc old --dest-sc new --environment prod

Exit codes: 0 no blocker, 1 a blocker was found, 2 bad usage or input, 3 a policy does not load, 5 a policy faults.")]
pub struct RunArgs {
    /// Which policies.
    #[command(flatten)]
    pub policies: PolicyArgs,
    /// Save what the policies were asked and answered to this file, for `policy replay`
    #[arg(long, value_name = "FILE")]
    pub save_question: Option<PathBuf>,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Judges a snapshot and shows the judgement.
///
/// # Errors
/// On bad usage, when the snapshot cannot be read, or when a policy does not load or fails.
pub(super) async fn run(args: &RunArgs, screen: &Screen) -> Result<Exit, Failure> {
    let set = PolicySet::open(&args.policies, &args.snapshot, screen).await?;
    let (assessment, unused) = set.assess(&args.snapshot, screen)?;
    if let Some(file) = &args.save_question {
        SavedQuestion::of(assessment.clone(), &set.policies, &set.waivers)?.write(file)?;
    }
    let exit = if assessment.judgement.blockers().next().is_some() { Exit::Finding } else { Exit::Done };
    screen.result(|| show::text(&assessment, &unused, screen), &show::json(&assessment, &unused, exit))?;
    show::hints(&assessment.judgement, screen);
    Ok(exit)
}
