//! `policy push`: a policy into an OCI registry, together with its own description.

use std::path::{Path, PathBuf};

use clap::Args;
use pvmigrate_policy::{Limits, Policy, PolicyInfo};
use pvmigrate_policy_kit::{Provenance, project};
use pvmigrate_registry::{Artifact, Digest, Reference};
use serde::Serialize;

use crate::cli::flags::RegistryArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::pull;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::{Screen, clean};

/// The flags of `policy push`.
#[derive(Args, Clone, Debug)]
pub struct PushArgs {
    /// Policy to push: a component (.wasm), or a policy's folder
    #[arg(value_name = "POLICY")]
    pub file: PathBuf,
    /// Destination: oci://HOST/REPOSITORY:TAG
    pub reference: String,
    /// How to talk to the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// The pushed policy, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PushedJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    reference: String,
    pinned: String,
    manifest: &'a Digest,
    component: &'a str,
    name: &'a str,
    version: &'a str,
}

/// Pushes a policy, after making sure that it is one.
///
/// # Errors
/// When the file does not load, or the registry does not accept it.
pub(super) async fn run(args: &PushArgs, screen: &Screen) -> Result<Exit, Failure> {
    let reference = target(&args.reference)?;
    let file = project::component(&args.file, &*screen.note())?;
    let (policy, component) = open(&file)?;
    let info = policy.info();
    let artifact = artifact(info, component);
    let manifest = pull::registry(args.registry.plain_http)?.push(&reference, &artifact).await?;
    let pinned = Reference { tag: None, ..reference.at(&manifest) };
    let json = PushedJson {
        schema_version: SCHEMA_VERSION,
        exit: Exit::Done.into(),
        reference: reference.to_string(),
        pinned: pinned.to_string(),
        manifest: &manifest,
        component: &info.digest,
        name: &info.name,
        version: &info.version,
    };
    let text = || {
        let named = clean(&format!("{} {} ({})", info.name, info.version, info.digest));
        format!("pushed {named}\n    as {reference}\n    pinned: {pinned}\n")
    };
    screen.result(text, &json)?;
    Ok(Exit::Done)
}

/// Puts a component together with what it says of itself.
fn artifact(info: &PolicyInfo, component: Vec<u8>) -> Artifact {
    let provenance = Provenance::of(&component);
    let annotations = provenance.annotations().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Artifact {
        component,
        name: info.name.clone(),
        version: info.version.clone(),
        summary: info.summary.clone(),
        interface: info.interface.clone(),
        exports: info.exports.clone(),
        imports: info.imports.clone(),
        annotations,
    }
}

/// Reads where to push to: a tag, because the digest follows from what is pushed.
fn target(text: &str) -> Result<Reference, Failure> {
    let reference: Reference = text.parse().map_err(Failure::usage)?;
    if reference.tag.is_some() && reference.digest.is_none() {
        return Ok(reference);
    }
    let why = if reference.digest.is_some() { "the digest is determined by what is pushed" } else { "it has no tag" };
    Err(Failure::usage(format!("cannot push to {reference}: {why}"))
        .hint("add a tag, such as the policy's version: oci://HOST/REPOSITORY:1.0.0"))
}

/// Loads the policy, and returns the bytes that were loaded.
fn open(file: &Path) -> Result<(Policy, Vec<u8>), Failure> {
    let policy = Policy::open(file, &Limits::default())?;
    let unreadable = |error| Failure::new(Exit::Usage, error).context(format!("cannot read {}", file.display()));
    let bytes = std::fs::read(file).map_err(unreadable)?;
    match Digest::of(&bytes).as_str() == policy.info().digest {
        true => Ok((policy, bytes)),
        false => Err(Failure::usage(format!("{} changed while it was read", file.display()))),
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_a_component_says_of_its_source_is_pushed_with_it() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/dist/keep-and-cap.wasm");
        let (policy, mut component) = open(Path::new(file)).unwrap_or_else(|failure| panic!("{}", failure.error));
        // The section in which tools for WebAssembly write the licence.
        component.extend(b"\x00\x0c\x08licensesMIT");
        let expected = [("org.opencontainers.image.licenses".to_owned(), "MIT".to_owned())].into();
        assert_eq!(artifact(policy.info(), component).annotations, expected);
    }
}
