//! The command line: its root, and how it is read. The doc comments are the help.
//!
//! The flags of a command live with it in [`crate::commands`]; those that several share are in [`flags`] and
//! [`migration`]. Nothing here touches a file or a cluster.

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

// The root lists the commands, and two of them need the root: `completions` writes a script for all of it, and `rbac` reads
// the command line of the Job that it prints.
use crate::commands::Command;
use crate::render::{Color, Form, Screen};
use migration::MigrateArgs;

pub mod flags;
mod go_flags;
pub mod migration;

/// Move Kubernetes volumes from one StorageClass to another.
///
/// Without a subcommand, pvmigrate migrates: every claim (PersistentVolumeClaim) of the source class, or those that your
/// policies select, gets a new volume of the destination class with the same files, and keeps its name. If a run is
/// interrupted, run the same command again: it carries on from there.
#[derive(Debug, Parser)]
#[command(
    name = "pvmigrate",
    version,
    args_override_self = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:
  pvmigrate --source-sc default --dest-sc mynewsc          migrate
  pvmigrate plan --source-sc default --dest-sc mynewsc     show what would happen, change nothing
  pvmigrate rehearse examples/web-app                      try it on an embedded cluster"
)]
pub struct Cli {
    /// How output looks.
    #[command(flatten)]
    pub display: DisplayArgs,
    /// What to migrate when there is no subcommand.
    #[command(flatten)]
    pub migrate: MigrateArgs,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How output looks; every command takes these.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct DisplayArgs {
    /// Output format on stdout
    #[arg(long, short, global = true, value_name = "FORMAT", default_value = "text")]
    pub output: OutputForm,
    /// Show more detail: -v for steps and request counts, -vv for a debug log
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours (NO_COLOR is honoured)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// The forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people to read.
    Text,
    /// For scripts: one JSON document.
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Cli {
    /// Reads the words of a command line, the program's name first.
    ///
    /// # Errors
    /// clap's, which may also carry the help or the version that was asked for.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        let words = go_flags::normalise(words, &command);
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

impl DisplayArgs {
    /// Makes the screen that output goes to.
    pub fn screen(&self) -> Screen {
        let form = match self.output {
            OutputForm::Text => Form::Text,
            OutputForm::Json => Form::Json,
        };
        let color = match self.color {
            ColorWhen::Auto => Color::Auto,
            ColorWhen::Always => Color::Always,
            ColorWhen::Never => Color::Never,
        };
        Screen::new(form, self.verbose, color)
    }

    /// Returns how output looks when the command line cannot be read: as far as `--output` can be made out.
    pub fn of_unread(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut command = Cli::command();
        command.build();
        let words = go_flags::normalise(words, &command);
        let is_json = |pair: &[OsString]| pair[0] == "-o" && pair[1] == "json";
        let is_joined = |word: &OsString| ["--output=json", "-ojson", "-o=json"].iter().any(|form| word == form);
        let json = words.iter().any(is_joined) || words.windows(2).any(is_json);
        Self { output: if json { OutputForm::Json } else { OutputForm::Text }, verbose: 0, color: ColorWhen::Auto }
    }
}

#[cfg(test)]
mod tests;
