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
    /// Show what a migration would do, without changing anything
    ///
    /// The plan names the claims (PersistentVolumeClaims) that would move, which workloads would stop, and what is in the way.
    Plan(MigrateArgs),
    /// Migrate (the default when there is no subcommand)
    ///
    /// Every claim (PersistentVolumeClaim) of the source class, or those that your policies select, gets a new volume of the
    /// destination class with the same files, and keeps its name. If a run is interrupted, run the same command again.
    Migrate(MigrateArgs),
    /// Show how every migration on the cluster ended, or what it is waiting for
    ///
    /// There is one record for each group of claims (PersistentVolumeClaims) that move together.
    Status(status::StatusArgs),
    /// Put groups back on their old volumes
    ///
    /// A group is a set of claims (PersistentVolumeClaims) that move together. It can go back until all its copies are
    /// proven; after that it can only go forward.
    Abort(abort::AbortArgs),
    /// Remove what finished migrations left behind
    ///
    /// That is records, temporary claims (PersistentVolumeClaims) and pods of pvmigrate. Volumes are never removed.
    Cleanup(cleanup::CleanupArgs),
    /// Print the manifests of an account with the permissions that pvmigrate needs
    Rbac(rbac::RbacArgs),
    /// Run a migration on an embedded cluster built from YAML files
    ///
    /// The volume of each claim (PersistentVolumeClaim) is filled with generated files, and compared after the migration.
    Rehearse(rehearse::RehearseArgs),
    /// Write, test and inspect policies
    ///
    /// Policies decide which claims (PersistentVolumeClaims) move, with which access modes, and what else must be right before
    /// anything starts.
    #[command(subcommand, arg_required_else_help = false)]
    Policy(policy::Command),
    /// Print a shell completion script
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
