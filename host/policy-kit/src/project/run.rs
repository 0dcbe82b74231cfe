//! Running the commands of toolchains.

use std::process::{Command, Stdio};

use super::error::ProjectError;

/// Maximum number of lines shown of a failed command's output.
const LINES: usize = 60;

/// What to install when a program is missing.
pub(super) struct Missing {
    pub(super) what: &'static str,
    pub(super) install: &'static str,
}

/// Runs a command to its end and returns what it wrote to stdout.
pub(super) fn run(command: &mut Command, missing: Option<&Missing>) -> Result<String, ProjectError> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| match missing {
        Some(missing) if error.kind() == std::io::ErrorKind::NotFound => {
            ProjectError::Toolchain { what: missing.what.to_owned(), install: missing.install.to_owned() }
        }
        _ => ProjectError::Command {
            command: words(command),
            how: "it does not start".to_owned(),
            output: pvmigrate_policy::text::escape(&error.to_string()),
        },
    })?;
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&done.stderr);
    // Some tools complain on stdout.
    let output = if stderr.trim().is_empty() { &*stdout } else { &*stderr };
    Err(ProjectError::Command { command: words(command), how: done.status.to_string(), output: tail(output) })
}

/// Returns whether a command runs and succeeds; its output is ignored.
pub(super) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Writes a command as a user would type it, without its folders.
pub(super) fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let mut shown: Vec<_> = lines[from..].iter().map(|line| pvmigrate_policy::text::escape(line)).collect();
    if from > 0 {
        shown.insert(0, format!("({from} lines before)"));
    }
    shown.join("\n")
}
