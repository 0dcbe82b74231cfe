//! The flags of the commands that speak to registries.

use std::path::PathBuf;

use clap::Args;

/// Holds the flags of `policy push`.
#[derive(Args, Clone, Debug)]
pub struct PolicyPushArgs {
    /// A component (.wasm)
    pub file: PathBuf,
    /// Where to: oci://HOST/REPOSITORY:TAG
    pub reference: String,
    /// How the registry is spoken to.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Holds the flags of `policy pull`.
#[derive(Args, Clone, Debug)]
pub struct PolicyPullArgs {
    /// Which: oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST
    pub reference: String,
    /// Write the component to this file
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Take what the tag means now, instead of what it meant when it was pulled first
    #[arg(long)]
    pub update: bool,
    /// The lock file
    #[arg(long, value_name = "FILE", default_value = crate::policies::chain::LOCK_FILE)]
    pub lock: PathBuf,
    /// How the registry is spoken to.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Says how a registry is spoken to.
#[derive(Args, Clone, Copy, Debug)]
pub struct RegistryArgs {
    /// Speak plain HTTP, which anybody on the way can read and change (this machine is always spoken to so)
    #[arg(long)]
    pub plain_http: bool,
}
