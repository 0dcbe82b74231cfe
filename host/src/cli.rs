//! The command line: what may be said, and what it means. The doc comments are the help.
//!
//! Nothing here touches a file or a cluster.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

mod go_flags;
mod look;
mod options;
mod policy_measure;
mod policy_test;
mod project;
mod registry;

pub use look::{PolicyCaptureArgs, PolicyDiffArgs, PolicyExplainArgs, PolicyReplayArgs, PolicyRunArgs, SnapshotArgs};
pub use options::Classes;
pub use policy_measure::{Percent, PolicyBenchArgs, PolicyFuzzArgs, Volumes};
pub use policy_test::{PolicySchemaArgs, PolicyTestArgs, ReportTo, TestFormat};
pub use project::{PolicyBuildArgs, PolicyLanguage, PolicyNewArgs};
pub use registry::{PolicyPullArgs, PolicyPushArgs, RegistryArgs};

/// Moves Kubernetes volumes from one StorageClass to another.
///
/// Without a subcommand it migrates: every claim of the source class, or those that your policies choose, moves with its
/// files to a new volume of the destination class, and keeps its name. Interrupted at any point, the same command goes on.
#[derive(Debug, Parser)]
#[command(
    name = "pvmigrate",
    version,
    args_override_self = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:
  pvmigrate --source-sc default --dest-sc mynewsc          migrate
  pvmigrate plan --source-sc default --dest-sc mynewsc     show what would happen, change nothing
  pvmigrate rehearse examples/web-app                      try it on an embedded cluster"
)]
pub struct Cli {
    /// How output looks.
    #[command(flatten)]
    pub display: DisplayArgs,
    /// What to migrate when there is no subcommand.
    #[command(flatten)]
    pub migrate: MigrateArgs,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Names the subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what a migration would do, and changes nothing
    Plan(MigrateArgs),
    /// Migrates (the same as no subcommand)
    Migrate(MigrateArgs),
    /// Shows what every migration on the cluster has come to, or waits for
    Status(LookArgs),
    /// Takes groups back to their old volumes
    Abort(AbortArgs),
    /// Removes what ended migrations have left behind
    Cleanup(CleanupArgs),
    /// Prints the manifest of an account that may do what pvmigrate does
    Rbac(RbacArgs),
    /// Runs a migration on an embedded cluster made from YAML files
    Rehearse(RehearseArgs),
    /// Tests and inspects policies
    #[command(subcommand, arg_required_else_help = false)]
    Policy(PolicyCommand),
    /// Prints a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Names the subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Makes a folder with a small policy and its tests
    New(PolicyNewArgs),
    /// Builds a policy's folder when something has changed
    Build(PolicyBuildArgs),
    /// Prints the interface between pvmigrate and policies
    Wit,
    /// Runs a policy's test cases
    Test(PolicyTestArgs),
    /// Measures what a policy costs: fuel, memory and time
    Bench(PolicyBenchArgs),
    /// Asks a policy about made-up clusters until an answer breaks a rule
    Fuzz(PolicyFuzzArgs),
    /// Judges a snapshot, and shows what is decided and found
    Run(PolicyRunArgs),
    /// Shows all that led to the decision about one claim of a snapshot
    Explain(PolicyExplainArgs),
    /// Shows what another policy would decide otherwise
    Diff(PolicyDiffArgs),
    /// Judges again what a run has saved, and shows what has changed
    Replay(PolicyReplayArgs),
    /// Writes what policies see of a cluster into a folder, for `policy run` and `policy test`
    Capture(PolicyCaptureArgs),
    /// Prints the JSON Schema of a policy's settings, or of the files that pvmigrate reads
    Schema(PolicySchemaArgs),
    /// Shows what a policy says of itself and what it may use
    Inspect {
        /// A component (.wasm), the folder of a policy, an artifact (oci://...), or `builtin`
        policy: PathBuf,
    },
    /// Pushes a policy to an OCI registry
    Push(PolicyPushArgs),
    /// Pulls a policy from an OCI registry; what its tag means is noted in the lock file
    Pull(PolicyPullArgs),
}

/// Says how output looks; every command takes these.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct DisplayArgs {
    /// Form of the result on stdout
    #[arg(long, short, global = true, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
    /// Say more: -v phases and request counts, -vv a debug log
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Use colours (NO_COLOR is honoured)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// Names the forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people.
    Text,
    /// For scripts: one JSON document.
    Json,
}

/// Says when to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Says which cluster, as kubectl does.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Credentials file (default: the files in KUBECONFIG, ~/.kube/config, or the pod's own)
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Holds the flags of `migrate` and `plan`.
#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// What to migrate.
    #[command(flatten)]
    pub migration: MigrationArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Says what to migrate and how, wherever.
#[derive(Args, Clone, Debug)]
pub struct MigrationArgs {
    /// Which claims.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Whose rules.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// What is checked.
    #[command(flatten)]
    pub checks: CheckArgs,
    /// How files are copied.
    #[command(flatten)]
    pub copy: CopyArgs,
}

/// Says which claims move where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What moves")]
pub struct ScopeArgs {
    /// StorageClass to migrate from
    #[arg(long, value_name = "CLASS")]
    pub source_sc: Option<String>,
    /// StorageClass to migrate to
    #[arg(long, value_name = "CLASS")]
    pub dest_sc: Option<String>,
    /// Only claims in this namespace (default: all)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Make the destination class the default StorageClass at the end
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub set_defaults: bool,
    /// What becomes of the old volumes: delete the object, keep it, or reclaim the disk
    #[arg(long, value_name = "WHAT", default_value = "delete")]
    pub source_volumes: SourceVolumes,
}

/// Names what becomes of source volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceVolumes {
    /// The volume object goes, the disk stays on the backend and is named in the report.
    Delete,
    /// The volume object stays, reserved for its claim.
    Keep,
    /// The original reclaim policy comes back, so that the provisioner may free the disk.
    Reclaim,
}

/// Says whose rules decide.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policies")]
pub struct RuleArgs {
    /// Policy to ask before those of the environment: FILE, FILE@sha256:HEX or oci://HOST/REPOSITORY:TAG (repeatable)
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// Whose policies, settings and waivers.
    #[command(flatten)]
    pub place: EnvironmentArgs,
    /// Keep what the policies were asked and said in this file, for `policy replay`, `policy run` and `policy explain`
    #[arg(long, value_name = "FILE")]
    pub save_question: Option<PathBuf>,
}

/// Says which environment this is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Policies")]
pub struct EnvironmentArgs {
    /// Environment of the configuration file, such as prod: its policies, settings and waivers
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Configuration file of the environments (default: pvmigrate.yaml)
    #[arg(long, value_name = "FILE", requires = "environment")]
    pub config: Option<PathBuf>,
}

/// Says what is checked before anything starts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Checks")]
pub struct CheckArgs {
    /// Run the checks, migrate nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub preflight_validation_only: bool,
    /// Skip the checks on the destination
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_preflight_validation: bool,
    /// The source StorageClass object need not exist
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_source_validation: bool,
    /// Time for a validation pod to become Ready
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub pod_ready_timeout: NonZeroU32,
}

/// Says how files are copied.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Copy")]
pub struct CopyArgs {
    /// Image of the copy pod, with rsync 3.1 or newer on its path
    #[arg(long, value_name = "IMAGE", default_value = "eeacms/rsync:2.3")]
    pub rsync_image: String,
    /// Comma-separated flags handed to rsync before "/source/ /dest"
    #[arg(long, value_name = "FLAGS", default_value = "", hide_default_value = true)]
    pub rsync_flags: String,
    /// Show rsync's output
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub verbose_copy: bool,
    /// Claims copied at once; a group's claims are copied together
    #[arg(long, value_name = "N", default_value = "4")]
    pub parallel: NonZeroUsize,
    /// Copy once beside the running workload first, which makes the pause shorter
    #[arg(long)]
    pub warm_copy: bool,
    /// What a copy that keeps failing leads to
    #[arg(long, value_name = "WHAT", default_value = "roll-back")]
    pub on_failure: OnFailureArg,
    /// Time for as many pods to be Ready again as before the stop; after it the old volumes are kept
    #[arg(long, value_name = "SECONDS", default_value = "900")]
    pub ready_timeout: NonZeroU32,
    /// Time for a temporary claim's volume to go
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub delete_pv_timeout: NonZeroU32,
}

/// Names what a copy that keeps failing leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// The group goes back to its old volumes and runs again.
    RollBack,
    /// The group stays as it is, for a look.
    Hold,
}

/// Holds the flags of `status`.
#[derive(Args, Clone, Debug)]
pub struct LookArgs {
    /// Only this namespace (default: all)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Holds the flags of `abort`.
#[derive(Args, Clone, Debug)]
pub struct AbortArgs {
    /// Records to turn back, as `status` names them
    #[arg(value_name = "RECORD")]
    pub records: Vec<String>,
    /// Turn back every open one
    #[arg(long)]
    pub all: bool,
    /// Where to look.
    #[command(flatten)]
    pub look: LookArgs,
}

/// Holds the flags of `cleanup`.
#[derive(Args, Clone, Debug)]
pub struct CleanupArgs {
    /// Remove without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Where to look.
    #[command(flatten)]
    pub look: LookArgs,
}

/// Holds the flags of `rbac`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate rbac | kubectl apply -f -
  pvmigrate rbac -n shop --job registry.example.com/pvmigrate:1 -- -n shop --source-sc a --dest-sc b
  pvmigrate rbac --policy quota-room.wasm | kubectl apply -f -")]
pub struct RbacArgs {
    /// A namespace to work in (repeatable; default: all)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// The account
    #[arg(long, value_name = "[NAMESPACE/]NAME", default_value = "pvmigrate")]
    pub service_account: String,
    /// Allow what plan and status need, and no more
    #[arg(long)]
    pub read_only: bool,
    /// Allow to make another class the default
    #[arg(long)]
    pub set_defaults: bool,
    /// Allow to remove records of ended migrations
    #[arg(long)]
    pub cleanup: bool,
    /// What will become of the old volumes: only `delete` needs to delete any
    #[arg(long, value_name = "WHAT", default_value = "delete")]
    pub source_volumes: SourceVolumes,
    /// Policy whose look-ups are allowed, too: FILE, a policy's folder, or oci://... (repeatable)
    #[arg(long, value_name = "POLICY", help_heading = "Policies")]
    pub policy: Vec<PathBuf>,
    /// Whose policies' look-ups are allowed, too.
    #[command(flatten)]
    pub place: EnvironmentArgs,
    /// Print a Job, too, that runs this image, which has pvmigrate on its path
    #[arg(long, value_name = "IMAGE")]
    pub job: Option<String>,
    /// The Job's flags
    #[arg(last = true, value_name = "FLAGS")]
    pub words: Vec<String>,
}

/// Holds the flags of `rehearse`.
#[derive(Args, Clone, Debug)]
pub struct RehearseArgs {
    /// YAML or JSON files of Kubernetes objects, or folders of such
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What to migrate.
    #[command(flatten)]
    pub migration: MigrationArgs,
}

/// Reads a boolean in the words Go's `flag` package takes.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("not a boolean: use true or false".to_owned()),
    }
}

impl Cli {
    /// Reads the words of a command line, the program's name first.
    ///
    /// # Errors
    /// clap's, which may also carry the help or the version that was asked for.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        let words = go_flags::normalise(words, &command);
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

impl DisplayArgs {
    /// Returns how output looks when the command line cannot be read: as far as `--output` can be made out.
    pub fn of_unread(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut command = Cli::command();
        command.build();
        let words = go_flags::normalise(words, &command);
        let is_json = |pair: &[OsString]| pair[0] == "-o" && pair[1] == "json";
        let is_joined = |word: &OsString| ["--output=json", "-ojson", "-o=json"].iter().any(|form| word == form);
        let json = words.iter().any(is_joined) || words.windows(2).any(is_json);
        Self { output: if json { OutputForm::Json } else { OutputForm::Text }, verbose: 0, color: ColorWhen::Auto }
    }
}

#[cfg(test)]
mod tests;
