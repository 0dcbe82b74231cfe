//! The commands about policies alone, without a cluster: one file a command, and the match that picks one.

use std::path::Path;
use std::sync::Arc;

use pvmigrate_policy::{Limits, Policy, project};

use crate::cli::PolicyCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

mod build;
mod inspect;
mod new;
mod pull;
mod push;
mod schema;
mod test;
mod wit;

/// The word that stands for the built-in policy where a file is asked for.
const BUILT_IN: &str = "builtin";

/// Runs the command that was asked for.
///
/// # Errors
/// What ended it early.
pub async fn run(command: &PolicyCommand, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::New(args) => new::run(args, screen),
        PolicyCommand::Build(args) => build::run(args, screen),
        PolicyCommand::Wit => wit::run(screen),
        PolicyCommand::Test(args) => test::run(args, screen),
        PolicyCommand::Schema { policy, test } => schema::run(policy.as_deref(), *test, screen),
        PolicyCommand::Inspect { policy } => inspect::run(policy, screen),
        PolicyCommand::Push(args) => push::run(args, screen).await,
        PolicyCommand::Pull(args) => pull::run(args, screen).await,
    }
}

fn open(policy: &Path) -> Result<Arc<Policy>, Failure> {
    if policy == Path::new(BUILT_IN) {
        return Ok(Policy::built_in()?);
    }
    let file = match project::is_project(policy) {
        true => project::artifact(policy)?.file,
        false => policy.to_owned(),
    };
    Ok(Arc::new(Policy::open(&file, &Limits::default())?))
}
