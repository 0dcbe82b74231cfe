//! `policy pull`: a policy from an OCI registry, by what its tag means in the lock file or by digest.

use std::path::{Path, PathBuf};

use clap::Args;
use pvmigrate_policy::{Limits, Policy};
use pvmigrate_policy_kit::files;
use pvmigrate_registry::{Digest, Locked, Reference};
use serde::Serialize;

use crate::cli::flags::RegistryArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::LOCK_FILE;
use crate::policies::pull::Puller;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::{Screen, clean};

/// The flags of `policy pull`.
#[derive(Args, Clone, Debug)]
pub struct PullArgs {
    /// Policy to pull: oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST
    pub reference: String,
    /// Write the component to this file
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Take what the tag refers to now, and pin that in the lock file
    #[arg(long)]
    pub update: bool,
    /// Lock file
    #[arg(long, value_name = "FILE", default_value = LOCK_FILE)]
    pub lock: PathBuf,
    /// How to talk to the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// The pulled policy, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PulledJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    reference: String,
    pinned: String,
    manifest: &'a Digest,
    component: &'a Digest,
    name: &'a str,
    version: &'a str,
    /// What the tag referred to before, if that was something else.
    before: Option<&'a Locked>,
}

/// Pulls a policy. Anything else is neither locked nor written.
///
/// # Errors
/// When it cannot be pulled, is not a policy, or a file cannot be written.
pub(super) async fn run(args: &PullArgs, screen: &Screen) -> Result<Exit, Failure> {
    let reference: Reference = args.reference.parse().map_err(Failure::usage)?;
    let limits = Limits::default();
    let mut puller = Puller::new(&args.lock, args.registry.plain_http);
    let pulled = match args.update {
        true => puller.newest(&reference, limits.component_bytes).await?,
        false => puller.locked(&reference, limits.component_bytes).await?,
    };
    let policy = Policy::from_bytes(Path::new(&reference.to_string()), &pulled.bytes, &[], &limits)?;
    let before = puller.lock(&reference, &pulled)?;
    if let Some(file) = &args.to {
        files::replace(file, &pulled.bytes)
            .map_err(|error| Failure::new(Exit::Usage, error).context(format!("cannot write {}", file.display())))?;
    }
    let info = policy.info();
    let pinned = Reference { tag: None, ..reference.at(&pulled.manifest) };
    let json = PulledJson {
        schema_version: SCHEMA_VERSION,
        exit: Exit::Done.into(),
        reference: reference.to_string(),
        pinned: pinned.to_string(),
        manifest: &pulled.manifest,
        component: &pulled.component,
        name: &info.name,
        version: &info.version,
        before: before.as_ref(),
    };
    let text = || {
        let mut text = format!("pulled {}\n", clean(&format!("{} {} ({})", info.name, info.version, info.digest)));
        text.push_str(&format!("    pinned: {pinned}\n"));
        if let Some(before) = &before {
            text.push_str(&format!("    {} was {} before\n", reference, before.component));
        }
        text
    };
    screen.result(text, &json)?;
    Ok(Exit::Done)
}
