//! `policy build`: the component of a policy's folder.

use std::path::PathBuf;

use clap::Args;
use pvmigrate_policy_kit::project;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// The flags of `policy build`.
#[derive(Args, Clone, Debug)]
pub struct BuildArgs {
    /// Folder with the policy.yaml
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Build even if nothing has changed
    #[arg(long, alias = "anew")]
    pub force: bool,
}

/// Builds the policy when something has changed.
///
/// # Errors
/// When the folder has no policy, a toolchain is missing, or the source does not compile.
pub(super) fn run(args: &BuildArgs, screen: &Screen) -> Result<Exit, Failure> {
    let built = project::build(&args.dir, args.force, &|note| screen.say(note))?;
    screen.result(|| render::project::built_text(&built), &render::project::built_json(&built))?;
    Ok(Exit::Done)
}
