//! Running the commands of toolchains.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::ProjectError;

/// Maximum number of lines shown of a failed command's output.
const LINES: usize = 60;

/// A shell script that runs a command in a group of processes of its own, and ends all of them when its standard input does:
/// whoever holds the other end of that pipe is then gone, in whatever way.
const GUARD: &str = include_str!("run/guard.sh");

/// What to install when a program is missing.
pub(super) struct Missing {
    pub(super) what: &'static str,
    pub(super) install: &'static str,
}

/// Runs a command to its end and returns what it wrote to stdout. The command ends with this process.
pub(super) fn run(command: &mut Command, missing: Option<&Missing>) -> Result<String, ProjectError> {
    if let Some(missing) = missing.filter(|_| !is_installed(command)) {
        return Err(ProjectError::Toolchain { what: missing.what.to_owned(), install: missing.install.to_owned() });
    }
    let done = guarded(command).map_err(|error| ProjectError::Command {
        command: words(command),
        how: "it does not start".to_owned(),
        output: pvmigrate_policy::text::escape(&error.to_string()),
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

fn guarded(command: &Command) -> std::io::Result<Output> {
    let mut child = guard(command).spawn()?;
    let alive = child.stdin.take();
    let done = child.wait_with_output();
    drop(alive);
    done
}

/// Puts a command under the guard.
fn guard(command: &Command) -> Command {
    use std::os::unix::process::CommandExt as _;

    let mut guard = Command::new("sh");
    guard.args(["-c", GUARD, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guard.env(name, value),
            None => guard.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        guard.current_dir(dir);
    }
    guard.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    guard
}

/// Returns whether a command's program is there: by its path, or on the search path.
fn is_installed(command: &Command) -> bool {
    let program = Path::new(command.get_program());
    let own = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path.map(ToOwned::to_owned));
    let search = own.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let folders: Vec<PathBuf> = match program.components().count() {
        1 => std::env::split_paths(&search).collect(),
        _ => vec![PathBuf::new()],
    };
    folders.iter().any(|folder| folder.join(program).is_file())
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::{Duration, Instant};

    use super::*;

    /// Returns whether a process runs; one that has ended and was not asked for its result does not.
    fn runs(process: &str) -> bool {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
        let state = status.rsplit(')').next().unwrap().trim_start().chars().next();
        state != Some('Z')
    }

    #[test]
    fn whatever_a_command_has_started_ends_with_us() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; sleep 1000"]);
        let mut child = guard(&command).spawn().unwrap();
        let mut process = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut process).unwrap();
        assert!(runs(process.trim()));
        // As when this process is killed.
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let until = Instant::now() + Duration::from_secs(10);
        while runs(process.trim()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!runs(process.trim()), "process {process} still runs");
    }

    #[test]
    fn output_code_folder_and_variables_are_the_commands_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo $WORD; pwd; cat; echo bad >&2; exit $CODE"]).env("WORD", "a b").env("CODE", "0");
        let said = run(command.current_dir(folder.path()), None).unwrap();
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(said, format!("a b\n{}\n", real.display()));
        let error = run(command.env("CODE", "7"), None).unwrap_err();
        assert_eq!((error.output(), error.to_string().contains("exit status: 7")), (Some("bad"), true));
    }

    #[test]
    fn a_program_that_is_missing_is_named_with_what_to_install() {
        let missing = Missing { what: "the tool", install: "install it" };
        let error = run(&mut Command::new("no-such-tool"), Some(&missing)).unwrap_err();
        assert_eq!(error.to_string(), "the tool is missing; install it");
        run(Command::new("true").env("PATH", "/nowhere"), Some(&missing)).unwrap_err();
        run(&mut Command::new("true"), Some(&missing)).unwrap();
    }
}
