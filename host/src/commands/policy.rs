//! The commands about policies, most of them without a cluster: one file a command, and the match that picks one.

use crate::cli::PolicyCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

mod bench;
mod build;
pub mod capture;
mod diff;
mod explain;
mod fuzz;
mod inspect;
mod new;
mod pull;
mod push;
mod replay;
mod run;
mod schema;
mod settings;
mod test;
mod wit;

/// Runs the command that was asked for.
///
/// # Errors
/// What ended it early.
pub async fn run(command: &PolicyCommand, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::New(args) => new::run(args, screen),
        PolicyCommand::Build(args) => build::run(args, screen),
        PolicyCommand::Wit => wit::run(screen),
        PolicyCommand::Test(args) => test::run(args, screen).await,
        PolicyCommand::Bench(args) => bench::run(args, screen).await,
        PolicyCommand::Fuzz(args) => fuzz::run(args, screen).await,
        PolicyCommand::Run(args) => run::run(args, screen).await,
        PolicyCommand::Explain(args) => explain::run(args, screen).await,
        PolicyCommand::Diff(args) => diff::run(args, screen).await,
        PolicyCommand::Replay(args) => replay::run(args, screen).await,
        PolicyCommand::Capture(args) => capture::run(args, screen).await,
        PolicyCommand::Schema(args) => schema::run(args, screen).await,
        PolicyCommand::Inspect { policy } => inspect::run(policy, screen).await,
        PolicyCommand::Push(args) => push::run(args, screen).await,
        PolicyCommand::Pull(args) => pull::run(args, screen).await,
    }
}
