//! Runs a container's `rsync` as a real process on the volumes' directories.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    sync::watch,
};

use super::log::{Cutter, Log};

/// A place inside a container and the directory that is mounted there.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) path: String,
    pub(crate) directory: PathBuf,
    pub(crate) read_only: bool,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) reason: &'static str,
    pub(crate) message: Option<String>,
}

impl Exit {
    pub(crate) fn with_code(code: i32) -> Self {
        Self { code, reason: if code == 0 { "Completed" } else { "Error" }, message: None }
    }

    /// Returns what a container runtime says when the binary is not there.
    fn not_found() -> Self {
        let why = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc \
                   create failed: unable to start container process: error during container init: exec: \"rsync\": \
                   executable file not found in $PATH";
        Self { code: 128, reason: "StartError", message: Some(why.to_owned()) }
    }
}

/// A process to run.
#[derive(Debug)]
pub(crate) struct Job {
    /// The local binary.
    pub(crate) rsync: PathBuf,
    /// The arguments as the container has them.
    pub(crate) arguments: Vec<String>,
    pub(crate) mounts: Vec<Mount>,
    /// Where the process is started.
    pub(crate) directory: PathBuf,
    /// KiB a second, handed to rsync as `--bwlimit`.
    pub(crate) bandwidth: Option<u64>,
    /// A fault: the process is killed after this long.
    pub(crate) kill_after: Option<Duration>,
}

/// Runs the process to its end, or kills it when `stop` says so.
pub(crate) async fn run(job: Job, log: Arc<Log>, mut stop: watch::Receiver<bool>) -> Exit {
    if let Some((line, code)) = refuse(&job) {
        log.line(&line);
        return Exit::with_code(code);
    }
    let mut command = Command::new(&job.rsync);
    if let Some(limit) = job.bandwidth {
        command.arg(format!("--bwlimit={limit}"));
    }
    command.args(job.arguments.iter().map(|argument| translate(argument, &job.mounts)));
    command
        .current_dir(&job.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Exit::not_found(),
        Err(error) => {
            return Exit { code: 128, reason: "StartError", message: Some(format!("exec: \"rsync\": {error}")) };
        }
    };
    let group = Group::of(&child);
    let pumps = futures::future::join(
        pump(child.stdout.take(), Cutter::new(Arc::clone(&log))),
        pump(child.stderr.take(), Cutter::new(Arc::clone(&log))),
    );
    let deadline = async {
        match job.kill_after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let mut finished = std::pin::pin!(async {
        // The outputs end when the last process of the group has closed them, so nothing writes any more.
        pumps.await;
        child.wait().await
    });
    let ended = tokio::select! {
        ended = &mut finished => Some(ended),
        _ = stop.wait_for(|stop| *stop) => None,
        () = deadline => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            group.kill();
            finished.await
        }
    };
    group.forget();
    ended.map_or_else(|error| Exit { message: Some(error.to_string()), ..Exit::with_code(255) }, exit_of)
}

fn exit_of(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    // A shell and a container runtime both show a signal as 128 and its number.
    Exit::with_code(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

async fn pump(output: Option<impl AsyncRead + Unpin>, mut cutter: Cutter) {
    let Some(mut output) = output else { return };
    let mut buffer = vec![0; 8192];
    loop {
        match output.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => cutter.write(&buffer[..read]),
        }
    }
    cutter.finish();
}

/// The process and its children; killed together when nothing waits for them any more.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self(pid)
    }

    fn kill(&self) {
        if let Some(pid) = self.0
            && let Err(error) = kill_process_group(pid, Signal::KILL)
        {
            tracing::debug!(%error, "rsync had ended before it could be killed");
        }
    }

    /// Forgets the group, which has ended: its number may soon belong to others.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds the mount an argument lies in: the longest path wins.
fn mount_of<'a>(argument: &str, mounts: &'a [Mount]) -> Option<(&'a Mount, String)> {
    mounts
        .iter()
        .filter_map(|mount| {
            let rest = argument.strip_prefix(mount.path.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (mount, rest.to_owned()))
        })
        .max_by_key(|(mount, _)| mount.path.len())
}

/// Puts the volume's directory in place of the mount path; a trailing slash stays, because it matters to rsync.
fn translate(argument: &str, mounts: &[Mount]) -> OsString {
    let Some((mount, rest)) = mount_of(argument, mounts) else { return argument.into() };
    let mut translated = mount.directory.clone().into_os_string();
    translated.push(rest);
    translated
}

/// Options by which rsync runs programs, or reads and writes files that are not arguments. A dump from elsewhere may
/// hold a pod with any of them, and here they would act on this machine.
const REACHING_OUT: [&str; 17] = [
    "--rsh",
    "--rsync-path",
    "--log-file",
    "--files-from",
    "--include-from",
    "--exclude-from",
    "--password-file",
    "--temp-dir",
    "--backup-dir",
    "--partial-dir",
    "--compare-dest",
    "--copy-dest",
    "--link-dest",
    "--write-batch",
    "--only-write-batch",
    "--read-batch",
    "--daemon",
];

fn reaches_out(argument: &str) -> bool {
    let name = argument.split('=').next().unwrap_or(argument);
    let is_bundle = argument.starts_with('-') && !argument.starts_with("--");
    REACHING_OUT.contains(&name) || (is_bundle && argument.contains(['e', 'T']))
}

/// Refuses what a container could not do, so that nothing outside the volumes is read or written: a target that is
/// mounted read-only or not at all, paths that only this machine has, and options that reach out.
fn refuse(job: &Job) -> Option<(String, i32)> {
    if job.arguments == ["--version"] {
        return None;
    }
    if let Some(argument) = job.arguments.iter().find(|argument| reaches_out(argument)) {
        return Some((format!("rsync: {argument}: not in a rehearsal, where it would reach this machine's files"), 1));
    }
    let target = job.arguments.last()?;
    match mount_of(target, &job.mounts) {
        Some((mount, _)) if mount.read_only => {
            return Some((format!("rsync: [Receiver] mkdir {target:?} failed: Read-only file system (30)"), 11));
        }
        Some(_) => {}
        None => return Some((format!("rsync: [Receiver] mkdir {target:?} failed: No such file or directory (2)"), 11)),
    }
    let mut before = "";
    for argument in &job.arguments {
        let is_option_value = before.starts_with('-') && !before.contains('=');
        let remote = !argument.starts_with('-') && argument.contains(':') && !argument.starts_with('/');
        let elsewhere = argument.starts_with('/') && mount_of(argument, &job.mounts).is_none();
        if !is_option_value && (remote || elsewhere) {
            let line = format!("rsync: [sender] change_dir {argument:?} failed: No such file or directory (2)");
            return Some((line, 23));
        }
        before = argument;
    }
    None
}

/// Finds the `rsync` binary on the PATH.
pub fn find_rsync() -> Result<PathBuf, crate::Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("rsync"))
        .find(|candidate| is_executable(candidate))
        .ok_or(crate::Error::NoRsync)
}

fn is_executable(candidate: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    candidate.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts() -> Vec<Mount> {
        let mount = |path: &str, directory: &str| Mount {
            path: path.to_owned(),
            directory: directory.into(),
            read_only: path == "/source",
        };
        vec![mount("/source", "/v/a"), mount("/dest", "/v/b"), mount("/dest/inner", "/v/c")]
    }

    #[test]
    fn the_longest_mount_wins_and_slashes_stay() {
        let mounts = mounts();
        assert_eq!(translate("/source/", &mounts), "/v/a/");
        assert_eq!(translate("/dest", &mounts), "/v/b");
        assert_eq!(translate("/dest/inner/x", &mounts), "/v/c/x");
        assert_eq!(translate("/destination", &mounts), "/destination");
        assert_eq!(translate("--exclude=/dest", &mounts), "--exclude=/dest");
    }

    fn job(arguments: &[&str]) -> Job {
        Job {
            rsync: "/nowhere/rsync".into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            mounts: mounts(),
            directory: std::env::temp_dir(),
            bandwidth: None,
            kill_after: None,
        }
    }

    #[test]
    fn nothing_outside_the_writable_mounts_is_touched() {
        let code = |arguments: &[&str]| refuse(&job(arguments)).map(|(_, code)| code);
        assert_eq!(code(&["-a", "/source/", "/dest"]), None);
        assert_eq!(code(&["-a", "--exclude", "/lost+found", "/source/", "/dest"]), None);
        assert_eq!(code(&["-a", "/dest/", "/source"]), Some(11));
        assert_eq!(code(&["-a", "/source/", "/home"]), Some(11));
        assert_eq!(code(&["-a", "--delete=x", "/etc/", "/dest"]), Some(23));
        assert_eq!(code(&["--a=b", "host:/etc/", "/dest"]), Some(23));
        assert_eq!(code(&["--version"]), None);
        assert_eq!(code(&["-a", "--rsh=sh", "/source/", "/dest"]), Some(1));
        assert_eq!(code(&["-a", "--log-file=/etc/x", "/source/", "/dest"]), Some(1));
        assert_eq!(code(&["-ae", "sh", "/source/", "/dest"]), Some(1));
        assert_eq!(code(&["-a", "-v", "-P", "--delete", "--exclude=/lost+found", "/source/", "/dest"]), None);
    }

    #[tokio::test]
    async fn a_missing_binary_is_a_start_error() {
        let job = job(&["-a", "/source/", "/dest"]);
        let (_sender, stop) = watch::channel(false);
        let exit = run(job, Log::new(), stop).await;
        assert_eq!((exit.code, exit.reason), (128, "StartError"));
        assert!(exit.message.is_some_and(|why| why.contains("exec: \"rsync\": executable file not found in $PATH")));
    }
}
