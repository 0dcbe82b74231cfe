//! `policy wit`: the interface, as built into this program.

use pvmigrate_policy_kit::project;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// Prints the newest interface.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn run(screen: &Screen) -> Result<Exit, Failure> {
    let files = project::interface();
    screen.result(|| render::project::interface_text(files), &render::project::interface_json(files))?;
    Ok(Exit::Done)
}
