//! `policy schema`: what an editor needs to know about settings, test files and the configuration file.

use std::path::PathBuf;

use clap::Args;
use pvmigrate_policy_kit::project::Want;
use pvmigrate_policy_kit::testkit;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::{chain, environment};
use crate::render::Screen;

/// The flags of `policy schema`.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["policy", "test", "of_config"]))]
pub struct SchemaArgs {
    /// Policy: a component (.wasm), a policy's folder, an artifact (oci://...), or `builtin`
    pub policy: Option<PathBuf>,
    /// Print the schema of test files
    #[arg(long)]
    pub test: bool,
    /// Print the schema of the configuration file, pvmigrate.yaml
    #[arg(long = "config")]
    pub of_config: bool,
}

/// Prints a JSON Schema.
///
/// # Errors
/// When the policy does not load, or takes no settings.
pub(super) async fn run(args: &SchemaArgs, screen: &Screen) -> Result<Exit, Failure> {
    match &args.policy {
        Some(policy) => {
            let policy = chain::open(policy, None, Want::Quick, &screen.note()).await?;
            let info = policy.info();
            let Some(schema) = &info.settings_schema else {
                let what = format!("policy {} takes no settings", info.name);
                return Err(Failure::usage(what)
                    .hint("a policy declares its settings with settings-schema in what manifest.describe returns"));
            };
            screen.json(schema)?;
        }
        None if args.test => screen.write(testkit::SCHEMA)?,
        None => screen.write(environment::schema())?,
    }
    Ok(Exit::Done)
}
