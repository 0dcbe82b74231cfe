//! The real `pvmigrate`, as a process.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::real::Real;

/// How a process ended.
#[derive(Debug)]
pub struct Exited {
    /// Its code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Exited {
    /// Reads the report of a run with `--output json`.
    ///
    /// # Errors
    /// When stdout is something else.
    pub fn report(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no report: {self}"))
    }
}

impl std::fmt::Display for Exited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?} after {:?}\n{}\n{}", self.code, self.took, self.stdout, self.stderr)
    }
}

/// A process that runs.
pub struct Tool {
    child: Child,
    began: Instant,
}

/// Returns the binary that was built with this test: two folders above it, or where `PVMIGRATE_BINARY` says.
///
/// # Errors
/// When it is not there.
pub fn binary() -> Result<PathBuf> {
    let found = match std::env::var_os("PVMIGRATE_BINARY") {
        Some(path) => PathBuf::from(path),
        None => {
            let this = std::env::current_exe()?;
            let folder = this.parent().context("this program lies in no folder")?;
            let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
            folder.join("pvmigrate")
        }
    };
    ensure!(found.is_file(), "{} is missing; build it with: cargo build -p pvmigrate", found.display());
    Ok(found)
}

impl Tool {
    /// Starts it with these words, on the cluster and with the copy image of the tests.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn migrate(real: &Real, from: &str, to: &str, words: &[&str]) -> Result<Self> {
        let classes = ["--source-sc", from, "--dest-sc", to, "--rsync-image", &real.tools];
        Self::start(&[&classes, words].concat())
    }

    /// Starts it with these words.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(words: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(Self { child: command.spawn().context("cannot start pvmigrate")?, began: Instant::now() })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub async fn end(self) -> Result<Exited> {
        let began = self.began;
        let output = self.child.wait_with_output().await?;
        Ok(exited(began, output.status, &output.stdout, &output.stderr))
    }

    /// Kills it after a while, as `kill -9` does; it may have ended by itself before.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub async fn killed_after(mut self, while_: Duration) -> Result<Exited> {
        if tokio::time::timeout(while_, self.child.wait()).await.is_err() {
            self.child.start_kill()?;
        }
        self.end().await
    }

    /// Returns whether it still runs.
    ///
    /// # Errors
    /// The operating system's.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

fn exited(began: Instant, status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Exited {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Exited { code: status.code(), stdout: text(stdout), stderr: text(stderr), took: began.elapsed() }
}
