//! Every byte that is shown: data on stdout, everything else on stderr, meaning never by colour alone.
//!
//! The modules below turn values into text or JSON and do nothing else; [`Screen`] is the only thing that writes. All text
//! that comes from a cluster or a policy passes [`clean`] on its way.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use console::Term;
use pvmigrate_policy_kit::Note;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;

pub mod consulted;
pub mod failure;
pub mod findings;
pub mod json;
pub mod left_out;
pub mod leftovers;
pub mod lines;
pub mod not_played;
mod paint;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod project;
pub mod records;
pub mod report;
#[cfg(test)]
pub(crate) mod samples;
pub mod table;
pub mod terminal;
mod unclaimed;
pub mod units;

pub use paint::Paint;
pub(crate) use paint::{MESSAGE, clean};
use terminal::Terminal;

/// The forms of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For scripts: one JSON document.
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Stdout and stderr, with the form of output that the user asked for.
#[derive(Clone, Debug)]
pub struct Screen {
    /// The form of results.
    pub form: Form,
    /// How much is shown beside them, see `-v`.
    pub verbose: u8,
    /// Columns of stdout, when it is a terminal.
    pub width: Option<u16>,
    /// Paints stdout.
    pub paint: Paint,
    /// Paints stderr.
    pub paint_err: Paint,
    /// Stderr, shared with the progress lines.
    pub terminal: Terminal,
}

impl Screen {
    /// Takes stdout and stderr as they are, and what the user wants of them.
    pub fn new(form: Form, verbose: u8, color: Color) -> Self {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let on = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && allowed && !console::is_dumb(),
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        console::set_colors_enabled_stderr(on(err));
        Self {
            form,
            verbose,
            width: Term::stdout().size_checked().filter(|_| out).map(|(_, columns)| columns),
            paint: Paint { on: on(out) },
            paint_err: Paint { on: on(err) },
            terminal: Terminal::new(err && !console::is_dumb()),
        }
    }

    /// Writes a result: `text` for people, or `json` for scripts, whichever was asked for.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that has gone away (`| head`) is not an error.
    pub fn result(&self, text: impl FnOnce() -> String, json: &impl Serialize) -> Result<(), Failure> {
        match self.form {
            Form::Text => self.write(&text()),
            Form::Json => self.json(json),
        }
    }

    /// Writes a result for scripts, whatever was asked for.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn json(&self, json: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(json)
            .map_err(|error| Failure::new(Exit::Usage, error).context("cannot write the result as JSON"))?;
        self.write(&format!("{}\n", json::escaped(&text)))
    }

    /// Returns the same screen for a file: without colours, and of any width.
    pub(crate) fn plain(&self) -> Self {
        Self { width: None, paint: Paint::PLAIN, ..self.clone() }
    }

    /// Writes text to stdout as it is, such as a completion script.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        let written = self.terminal.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Usage, error).context("cannot write to stdout"))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes a message to stderr.
    pub fn say(&self, text: &str) {
        self.terminal.line(text);
    }

    /// Returns a function that writes messages to stderr, for code that knows nothing of screens.
    pub fn note(&self) -> Note {
        let terminal = self.terminal.clone();
        Arc::new(move |text| terminal.line(text))
    }

    /// Writes what to do next to stderr.
    pub fn hint(&self, text: &str) {
        self.say(&format!("{} {}", self.paint_err.hint("hint:"), clean(text)));
    }

    /// Writes a message to stderr when `-v` was given.
    pub fn detail(&self, text: impl FnOnce() -> String) {
        if self.verbose > 0 {
            self.say(&text());
        }
    }

    /// Shows why the command ended early: text on stderr, and with `--output json` an object on stdout too.
    pub fn failure(&self, failure: &Failure) {
        self.say(&failure::text(failure, self.paint_err));
        if self.form == Form::Json {
            // If stdout cannot be written, the failure is on stderr already.
            let _ = self.result(String::new, &failure::json(failure));
        }
    }
}
