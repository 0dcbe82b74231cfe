//! Settings that a command line gives to one policy.

use std::path::Path;
use std::sync::Arc;

use pvmigrate_policy::{Configured, Policy};
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::clean;

/// Gives a policy the settings of `--settings`, which is a JSON object or names a file with one; the default is an
/// empty object.
///
/// # Errors
/// When the file cannot be read, or the policy does not accept the settings.
pub(super) fn configured(policy: Arc<Policy>, given: Option<&str>) -> Result<Configured, Failure> {
    let settings = given.map_or_else(|| Ok(Value::Object(Map::new())), read)?;
    Ok(Configured::new(policy, &settings)?)
}

/// Reads a JSON object, or a file with one.
///
/// # Errors
/// When the file cannot be read, or it is neither.
pub(super) fn read(given: &str) -> Result<Value, Failure> {
    if given.trim_start().starts_with('{') {
        return serde_json::from_str(given)
            .map_err(|error| Failure::usage(format!("--settings is not valid JSON: {}", clean(&error.to_string()))));
    }
    let file = Path::new(given);
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot read the settings in {}", file.display()))
    })?;
    pvmigrate_yaml::read(&text, file).map_err(Failure::usage)
}
