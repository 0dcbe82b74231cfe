//! `policy capture`: a cluster's objects as a fixture.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use pvmigrate_core::policy::{Kind, Need};
use pvmigrate_policy_kit::files;
use pvmigrate_policy_kit::project::Want;
use pvmigrate_policy_kit::testkit::Capture;
use serde::Serialize;

use crate::cli::flags::ClusterArgs;
use crate::commands::shared;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::units::count;
use crate::render::{Screen, clean};

/// The first line of a captured file, by which an earlier capture is recognised.
const HEADER: &str = "# Captured by pvmigrate policy capture.\n";

/// The flags of `policy capture`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate policy capture --to tests/fixtures/prod --for quota.wasm --anonymize
  pvmigrate policy run quota.wasm --snapshot tests/fixtures/prod --source-sc old --dest-sc new

Of pods, only names, nodes, owners and the claims (PersistentVolumeClaims) they mount are written, unless a policy of --for
looks pods up: what it looks up is written whole, without what containers are started with. Secrets never are.")]
pub struct CaptureArgs {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Policy whose look-ups to capture as well: FILE, a policy's folder, or oci://... (repeatable)
    #[arg(long = "for", value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Only this namespace (default: all namespaces)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Replace namespaces, names, UIDs, nodes and values of labels and annotations, consistently
    #[arg(long)]
    pub anonymize: bool,
    /// Write even if the folder is not empty; files of an earlier capture are removed
    #[arg(long)]
    pub force: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// The written files, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CapturedJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    folder: &'a Path,
    claims: usize,
    files: &'a [String],
    /// Kinds that a policy can do without and that could not be listed.
    missing: Vec<MissingJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MissingJson<'a> {
    #[serde(flatten)]
    kind: &'a Kind,
    why: &'a str,
}

/// Captures a cluster.
///
/// # Errors
/// When the folder is not empty or cannot be written, a policy does not load, or the cluster cannot be read.
pub(super) async fn run(args: &CaptureArgs, screen: &Screen) -> Result<Exit, Failure> {
    may_write(&args.to, args.force)?;
    let mut needs = Vec::new();
    for policy in &args.policies {
        needs.extend(chain::open(policy, None, Want::Quick, &screen.note()).await?.info().needs.clone());
    }
    let warn = |what: &str| screen.say(&format!("{} {}", screen.paint_err.bad("warning:"), clean(what)));
    let connection = shared::connect(&args.cluster).await?;
    let capture = capture(&connection.client, &needs, args).await?;
    for (kind, why) in capture.missing() {
        warn(&format!("cannot list {kind}, so the captured files have none: {why}"));
    }
    let files = write(&capture, &args.to)?;
    let json = CapturedJson {
        schema_version: SCHEMA_VERSION,
        exit: Exit::Done.into(),
        folder: &args.to,
        claims: capture.claims(),
        files: &files,
        missing: capture.missing().map(|(kind, why)| MissingJson { kind, why }).collect(),
    };
    let text = || {
        let (claims, folder) = (count(capture.claims(), "claim"), clean(&args.to.display().to_string()));
        format!("{claims} captured in {folder}: {}\n", files.join(", "))
    };
    screen.result(text, &json)?;
    Ok(Exit::Done)
}

/// Takes from a cluster what the flags ask for.
///
/// # Errors
/// When the cluster cannot be read, or an object of it cannot be understood.
pub async fn capture(client: &kube::Client, needs: &[Need], args: &CaptureArgs) -> Result<Capture, Failure> {
    let namespace = args.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    let collected = pvmigrate_cluster::collect(client, &Capture::needs(needs), namespace).await?;
    let unreadable = |error: String| Failure::new(Exit::Cluster, anyhow::anyhow!(error));
    let mut capture = Capture::of(&collected, needs, namespace).map_err(unreadable)?;
    if args.anonymize {
        capture.anonymize();
    }
    Ok(capture)
}

/// Writes a capture into a folder, and removes what an earlier one left there. Returns the names of the files.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(capture: &Capture, folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error, file: &Path| {
        Failure::new(Exit::Usage, error).context(format!("cannot write {}", file.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(error, folder))?;
    let files = capture.files();
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    for entry in entries.map_err(|error| failed(error, folder))? {
        let file = entry.path();
        let is_ours = std::fs::read(&file).is_ok_and(|bytes| bytes.starts_with(HEADER.as_bytes()));
        if is_ours {
            std::fs::remove_file(&file).map_err(|error| failed(error, &file))?;
        }
    }
    let mut written = Vec::new();
    for (name, objects) in files {
        let file = folder.join(format!("{name}.yaml"));
        let mut text = HEADER.to_owned();
        for object in objects {
            let document = serde_saphyr::to_string(&object).map_err(|error| {
                Failure::new(Exit::Usage, error).context(format!("cannot write {}", file.display()))
            })?;
            text.push_str("---\n");
            text.push_str(&document);
        }
        files::replace(&file, text.as_bytes()).map_err(|error| failed(error, &file))?;
        written.push(format!("{name}.yaml"));
    }
    Ok(written)
}

/// Refuses a folder that has something in it, unless `force` is set.
///
/// # Errors
/// When it is not empty, or is not a folder.
pub fn may_write(folder: &Path, force: bool) -> Result<(), Failure> {
    let is_empty = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => {
            return Err(Failure::new(Exit::Usage, error).context(format!("cannot write {}", folder.display())));
        }
        Ok(mut entries) => entries.next().is_none(),
    };
    if is_empty || force {
        return Ok(());
    }
    Err(Failure::usage(format!("{} is not empty", folder.display())).hint("choose another folder, or use --force"))
}
