//! `completions`: a script that completes the command line in a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;

/// The flags of `completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// Shell to complete for
    pub shell: Shell,
}

/// Prints the script for a shell.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &CompletionsArgs, screen: &Screen) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "pvmigrate", &mut script);
    screen.write(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
