//! Credential helpers: programs that keep passwords, and print the one for a server when they are asked.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::login::Login;

/// What a helper prints when it has nothing for a server. docker's own helpers and its client share this text; any other
/// failure is one.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// Maximum number of characters shown of what a helper says.
const MOST_SHOWN: usize = 300;

/// How a helper failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The program was not found.
    Missing,
    /// It did not do what it is for.
    Failed(String),
}

/// The answer to `get`. The address of the server is in it, too, and nobody looks at that.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks a helper for the login at a server; `None` when it has none. It has until `limit`, and is ended then: it may ask the
/// user to unlock something.
pub(super) async fn ask(program: &OsStr, server: &str, limit: Duration) -> Result<Option<Login>, Fault> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        _ => Fault::Failed(format!("it cannot be started: {error}")),
    })?;
    let input = child.stdin.take();
    let exchange = async {
        if let Some(mut input) = input {
            // A helper that does not read has its reasons, and its answer says which.
            let _unread = input.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(limit, exchange)
        .await
        .map_err(|_elapsed| Fault::Failed(format!("it did not answer within {} s", limit.as_secs())))?
        .map_err(|error| Fault::Failed(error.to_string()))?;
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // The protocol has errors on standard output; what a shell or a loader complains about is on the other.
        let said =
            [said.trim(), complaint.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or("it says nothing");
        return if said == NOT_FOUND { Ok(None) } else { Err(Fault::Failed(shown(&output.status.to_string(), said))) };
    }
    // serde's message could quote the password.
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| Fault::Failed("its answer is not the JSON of a login".into()))?;
    Ok(Login::of(answer.username, answer.secret))
}

fn shown(status: &str, said: &str) -> String {
    let said = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_SHOWN);
    format!("{status}: {}", said.collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    /// Asks a helper that does this for the login at `r.example.com`.
    async fn helper(does: &str, limit: Duration) -> Result<Option<Login>, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let (text, program) = (folder.path().join("text"), folder.path().join("docker-credential-it"));
        std::fs::write(&text, format!("#!/bin/sh\n{does}\n")).unwrap();
        // Written by another process: what this one has open for writing, a test beside this one could hand to its own
        // child for a moment, and a file that is open for writing cannot be run.
        let installed = std::process::Command::new("install").args(["-m", "700"]).args([&text, &program]).status();
        assert!(installed.unwrap().success());
        ask(program.as_os_str(), "r.example.com", limit).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_helper_gets_the_server_on_its_input_and_prints_the_login() {
        let does = r#"[ "$1" = get ] && printf '{"ServerURL":"x","Username":"me","Secret":"%s"}' "$(cat)""#;
        let login = Login::Password { name: "me".to_owned(), password: "r.example.com".to_owned() };
        assert_eq!(helper(does, LONG).await.unwrap(), Some(login));
        let does = r#"printf '{"Username":"<token>","Secret":"t0ken"}'"#;
        assert_eq!(helper(does, LONG).await.unwrap(), Some(Login::IdentityToken("t0ken".to_owned())));
    }

    #[tokio::test]
    async fn only_what_helpers_say_of_an_unknown_server_means_that_there_is_no_login() {
        assert_eq!(helper(&format!("echo '{NOT_FOUND}'; exit 1"), LONG).await.unwrap(), None);
        assert_eq!(helper(r#"echo '{"ServerURL":"x","Username":"","Secret":""}'"#, LONG).await.unwrap(), None);
        for (does, why) in [
            ("echo locked; exit 1", "exit status: 1: locked"),
            ("echo 'no\tdisplay' >&2; exit 2", "exit status: 2: no display"),
            ("exit 3", "exit status: 3: it says nothing"),
            ("kill -9 $$", "signal: 9 (SIGKILL): it says nothing"),
            ("echo secret", "its answer is not the JSON of a login"),
            ("", "its answer is not the JSON of a login"),
        ] {
            assert_eq!(helper(does, LONG).await.unwrap_err(), Fault::Failed(why.to_owned()), "{does}");
        }
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_ended_and_one_that_is_not_there_is_told_apart() {
        let fault = helper("exec sleep 600", Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(fault, Fault::Failed("it did not answer within 0 s".to_owned()));
        let nowhere = ask(OsStr::new("/nonexistent/docker-credential-it"), "r.example.com", LONG).await;
        assert_eq!(nowhere.unwrap_err(), Fault::Missing);
    }
}
