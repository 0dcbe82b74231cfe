//! The commands about policies, most of them without a cluster: the one list of them, and which file runs each.

use clap::Subcommand;

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
mod snapshot;
mod test;
mod wit;

/// The subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a folder with a small policy and its tests
    New(new::NewArgs),
    /// Builds a policy's folder when something has changed
    Build(build::BuildArgs),
    /// Prints the interface between pvmigrate and policies
    Wit,
    /// Runs a policy's test cases
    Test(test::TestArgs),
    /// Measures what a policy costs: fuel, memory and time
    Bench(bench::BenchArgs),
    /// Asks a policy about made-up clusters until an answer breaks a rule
    Fuzz(fuzz::FuzzArgs),
    /// Judges a snapshot, and shows what is decided and found
    Run(run::RunArgs),
    /// Shows all that led to the decision about one claim of a snapshot
    Explain(explain::ExplainArgs),
    /// Shows what another policy would decide otherwise
    Diff(diff::DiffArgs),
    /// Judges again what a run has saved, and shows what has changed
    Replay(replay::ReplayArgs),
    /// Writes what policies see of a cluster into a folder, for `policy run` and `policy test`
    Capture(capture::CaptureArgs),
    /// Prints the JSON Schema of a policy's settings, or of the files that pvmigrate reads
    Schema(schema::SchemaArgs),
    /// Shows what a policy says of itself and what it may use
    Inspect(inspect::InspectArgs),
    /// Pushes a policy to an OCI registry
    Push(push::PushArgs),
    /// Pulls a policy from an OCI registry; what its tag means is noted in the lock file
    Pull(pull::PullArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What ended it early.
    pub async fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        match self {
            Self::New(args) => new::run(args, screen),
            Self::Build(args) => build::run(args, screen),
            Self::Wit => wit::run(screen),
            Self::Test(args) => test::run(args, screen).await,
            Self::Bench(args) => bench::run(args, screen).await,
            Self::Fuzz(args) => fuzz::run(args, screen).await,
            Self::Run(args) => run::run(args, screen).await,
            Self::Explain(args) => explain::run(args, screen).await,
            Self::Diff(args) => diff::run(args, screen).await,
            Self::Replay(args) => replay::run(args, screen).await,
            Self::Capture(args) => capture::run(args, screen).await,
            Self::Schema(args) => schema::run(args, screen).await,
            Self::Inspect(args) => inspect::run(args, screen).await,
            Self::Push(args) => push::run(args, screen).await,
            Self::Pull(args) => pull::run(args, screen).await,
        }
    }
}
