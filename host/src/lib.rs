//! The command `pvmigrate`: wiring and words. What a migration does next is decided in `pvmigrate_core`.
//!
//! [`run`] is one run on any cluster, [`driver`] its loop; [`commands`] has a file a command; [`render`] is the only place
//! that writes to stdout and stderr.

use std::ffi::OsString;
use std::process::ExitCode;

pub mod assessment;
#[cfg(test)]
mod boundaries;
pub mod cli;
pub mod commands;
pub mod driver;
pub mod exit;
pub mod failure;
pub mod options;
pub mod plan;
pub mod policies;
pub mod render;
pub mod report;
pub mod run;
pub mod schedule;
pub mod stop;
pub mod trace;

use cli::{Cli, DisplayArgs};
use exit::Exit;
use failure::Failure;
use render::Screen;

/// Runs the command line (the program's name first), and returns the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let cli = match Cli::read(words.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return unread(&error, &words),
    };
    let screen = cli.display.screen();
    let result =
        trace::start(&screen).and_then(|()| runtime()).and_then(|runtime| runtime.block_on(run_command(&cli, &screen)));
    let exit = result.unwrap_or_else(|failure| {
        screen.failure(&failure);
        failure.exit
    });
    exit.into()
}

async fn run_command(cli: &Cli, screen: &Screen) -> Result<Exit, Failure> {
    match &cli.command {
        None => commands::migrate::run(&cli.migrate, screen).await,
        Some(command) => command.run(screen).await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Usage, error).context("cannot start the runtime"))
}

/// Shows what clap has to say: the help, the version, or what is wrong with the command line.
fn unread(error: &clap::Error, words: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // A reader of the help that has gone away is not an error.
        let _ = error.print();
        return Exit::Done.into();
    }
    let screen = DisplayArgs::of_unread(words.iter().cloned()).screen();
    screen.failure(&usage(&error.to_string()));
    Exit::Usage.into()
}

/// Takes clap's words apart: what is wrong up to the first empty line, then tips and the usage.
fn usage(text: &str) -> Failure {
    let (wrong, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let wrong: Vec<&str> = wrong.lines().map(str::trim).collect();
    let wrong = wrong.join(" ");
    let mut failure = Failure::usage(wrong.strip_prefix("error: ").unwrap_or(&wrong));
    failure.hints.extend(rest.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned));
    failure.hint("see all flags: pvmigrate --help, or pvmigrate COMMAND --help")
}
