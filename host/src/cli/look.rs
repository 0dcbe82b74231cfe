//! The flags of the commands that ask policies about a snapshot.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{ClusterArgs, EnvironmentArgs};

/// Says what is asked about.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is asked")]
pub struct SnapshotArgs {
    /// Folder or file of Kubernetes objects (kubectl get pvc,pv,sc,pods,rs -A -o yaml), or a file of --save-question
    #[arg(long, value_name = "DIR|FILE")]
    pub snapshot: PathBuf,
    /// StorageClass to migrate from (default: that of a saved question)
    #[arg(long, value_name = "CLASS")]
    pub source_sc: Option<String>,
    /// StorageClass to migrate to (default: that of a saved question)
    #[arg(long, value_name = "CLASS")]
    pub dest_sc: Option<String>,
    /// Only claims in this namespace (default: all, or that of a saved question)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The time that policies see, such as 2026-01-31T12:00:00Z (default: now, or that of a saved question)
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// Whose policies, settings and waivers.
    #[command(flatten)]
    pub place: EnvironmentArgs,
}

/// Holds the flags of `policy run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  kubectl get pvc,pv,sc,pods,rs -A -o yaml > all.yaml
  pvmigrate policy run keep.wasm --snapshot all.yaml --source-sc old --dest-sc new
  pvmigrate policy run --snapshot all.yaml --source-sc old --dest-sc new --environment prod

Exit codes: 0 nothing is blocked, 1 a blocker was found, 2 bad usage or input, 3 a policy does not load, 5 a policy faults.")]
pub struct PolicyRunArgs {
    /// Policies, asked before those of the environment: FILE, a policy's folder, or oci://...
    #[arg(value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
    /// Keep what the policies were asked and said in this file, for `policy replay`
    #[arg(long, value_name = "FILE")]
    pub save_question: Option<PathBuf>,
}

/// Holds the flags of `policy explain`.
#[derive(Args, Clone, Debug)]
pub struct PolicyExplainArgs {
    /// The claim: NAMESPACE/NAME
    pub claim: String,
    /// Policies, asked before those of the environment: FILE, a policy's folder, or oci://...
    #[arg(value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Holds the flags of `policy diff`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Each of the two takes the place of the environment's policy of the same name, with its settings.

Exit codes: 0 nothing changes, 1 something does, 2 bad usage or input, 3 a policy does not load, 5 a policy faults."
)]
pub struct PolicyDiffArgs {
    /// The policy as it is: FILE, a policy's folder, oci://... or `builtin`
    pub old: PathBuf,
    /// The policy as it would be
    pub new: PathBuf,
    /// What they are asked about.
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

/// Holds the flags of `policy replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate plan --source-sc old --dest-sc new --policy keep.wasm --save-question before.json
  pvmigrate policy replay before.json                      the same policies: nothing may change
  pvmigrate policy replay before.json --policy new.wasm    what a new version would have decided

Exit codes: 0 nothing changes, 1 something does, 2 bad usage or input, 3 a policy does not load, 5 a policy faults.")]
pub struct PolicyReplayArgs {
    /// A file that --save-question of plan or migrate wrote
    pub file: PathBuf,
    /// Policy to ask in place of the saved one of the same name, with its settings, or before all others (repeatable)
    #[arg(long, value_name = "POLICY")]
    pub policy: Vec<PathBuf>,
}

/// Holds the flags of `policy capture`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate policy capture --to tests/fixtures/prod --for quota.wasm --anonymize
  pvmigrate policy run quota.wasm --snapshot tests/fixtures/prod --source-sc old --dest-sc new

Of pods only names, nodes, owners and mounts of claims are written. Secrets never are.")]
pub struct PolicyCaptureArgs {
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Policy whose look-ups are captured, too: FILE, a policy's folder, or oci://... (repeatable)
    #[arg(long = "for", value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Only this namespace (default: all)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Give namespaces, names, uids, nodes and the values of labels and annotations other names, the same everywhere
    #[arg(long)]
    pub anonymize: bool,
    /// Write into a folder that is not empty; what an earlier capture left there goes
    #[arg(long)]
    pub force: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}
