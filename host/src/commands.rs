//! The subcommands: the one list of them, and which file runs each.

use clap::Subcommand;

use crate::cli::migration::MigrateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

pub mod abort;
pub mod cleanup;
pub mod completions;
pub mod migrate;
pub mod plan;
pub mod policy;
pub mod rbac;
pub mod rehearse;
mod shared;
pub mod status;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what a migration would do, and changes nothing
    Plan(MigrateArgs),
    /// Migrates (the same as no subcommand)
    Migrate(MigrateArgs),
    /// Shows what every migration on the cluster has come to, or waits for
    Status(status::StatusArgs),
    /// Takes groups back to their old volumes
    Abort(abort::AbortArgs),
    /// Removes what ended migrations have left behind
    Cleanup(cleanup::CleanupArgs),
    /// Prints the manifest of an account that may do what pvmigrate does
    Rbac(rbac::RbacArgs),
    /// Runs a migration on an embedded cluster made from YAML files
    Rehearse(rehearse::RehearseArgs),
    /// Tests and inspects policies
    #[command(subcommand, arg_required_else_help = false)]
    Policy(policy::Command),
    /// Prints a completion script
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What ended it early.
    pub async fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match self {
            Self::Plan(args) => plan::run(args, screen).await,
            Self::Migrate(args) => migrate::run(args, screen).await,
            Self::Status(args) => status::run(args, screen).await,
            Self::Abort(args) => abort::run(args, screen).await,
            Self::Cleanup(args) => cleanup::run(args, screen).await,
            Self::Rbac(args) => rbac::run(args, screen).await,
            Self::Rehearse(args) => rehearse::run(args, screen).await,
            Self::Policy(command) => command.run(screen).await,
            Self::Completions(args) => completions::run(args, screen),
        }
    }
}
