//! `policy build`: the component of a policy's folder.

use pvmigrate_policy_kit::project;

use crate::cli::PolicyBuildArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// Builds the policy when something has changed.
///
/// # Errors
/// When the folder has no policy, a toolchain is missing, or the source does not compile.
pub(super) fn run(args: &PolicyBuildArgs, screen: &Screen) -> Result<Exit, Failure> {
    let built = project::build(&args.dir, args.anew, &|note| screen.say(note))?;
    screen.result(|| render::project::built_text(&built), &render::project::built_json(&built))?;
    Ok(Exit::Done)
}
