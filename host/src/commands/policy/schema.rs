//! `policy schema`: what an editor needs to know about settings and test files.

use std::path::Path;

use pvmigrate_policy::testkit;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

/// Prints the JSON Schema of a policy's settings, or of test files.
///
/// # Errors
/// When the policy does not load, or takes no settings.
pub(super) fn run(policy: Option<&Path>, test: bool, screen: &Screen) -> Result<Exit, Failure> {
    let Some(policy) = policy.filter(|_| !test) else {
        screen.write(testkit::SCHEMA)?;
        return Ok(Exit::Done);
    };
    let policy = super::open(policy)?;
    let info = policy.info();
    let Some(schema) = &info.settings_schema else {
        return Err(Failure::usage(format!("policy {} takes no settings, so there is no schema of them", info.name))
            .hint("a policy that takes some says so: settings-schema in what manifest.describe returns"));
    };
    screen.json(schema)?;
    Ok(Exit::Done)
}
