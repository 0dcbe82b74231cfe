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
    /// Create a folder with a small policy and its tests
    New(new::NewArgs),
    /// Build a policy's folder, if anything in it has changed
    Build(build::BuildArgs),
    /// Print the interface between pvmigrate and policies
    Wit,
    /// Run a policy's test cases
    Test(test::TestArgs),
    /// Measure what a policy costs: fuel, memory and time
    Bench(bench::BenchArgs),
    /// Run a policy on generated clusters until an answer breaks a rule
    Fuzz(fuzz::FuzzArgs),
    /// Run policies on a snapshot, and show their decisions and findings
    ///
    /// For each claim (PersistentVolumeClaim), the output shows whether it would move, which policy decided so, and why.
    Run(run::RunArgs),
    /// Explain the decision about one claim of a snapshot
    ///
    /// Shows each policy's vote on the claim (PersistentVolumeClaim), the rule that decided, and the policies' logs.
    Explain(explain::ExplainArgs),
    /// Show what another policy would decide differently
    ///
    /// Both are run on the same snapshot, and the claims (PersistentVolumeClaims) decided differently are listed.
    Diff(diff::DiffArgs),
    /// Run policies again on a saved question, and show what has changed
    Replay(replay::ReplayArgs),
    /// Write what policies see of a cluster to a folder, for `policy run` and `policy test`
    Capture(capture::CaptureArgs),
    /// Print the JSON Schema of a policy's settings, or of the files that pvmigrate reads
    Schema(schema::SchemaArgs),
    /// Show how a policy describes itself and what it may use
    Inspect(inspect::InspectArgs),
    /// Push a policy to an OCI registry
    Push(push::PushArgs),
    /// Pull a policy from an OCI registry, and pin its tag in the lock file
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
