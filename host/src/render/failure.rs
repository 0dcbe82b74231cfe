//! A failure: words for people, an object for scripts.

use serde::Serialize;

use super::json::{ExitJson, SCHEMA_VERSION};
use super::paint::{Paint, clean};
use crate::failure::Failure;

/// Returns the failure as lines, without the last line end.
pub fn text(failure: &Failure, paint: Paint) -> String {
    let messages = messages(&failure.error);
    let mut lines = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        if at == 0 {
            lines.push(format!("{} {}", paint.bad("error:"), clean(message)));
        } else {
            lines.push(format!("  because: {}", clean(message)));
        }
    }
    lines.extend(failure.notes.iter().map(|note| format!("note: {}", clean(note))));
    lines.extend(failure.hints.iter().map(|hint| format!("{} {}", paint.hint("hint:"), clean(hint))));
    lines.join("\n")
}

/// Returns the error and its causes, without those that the message before them already contains.
pub(crate) fn messages(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let message = cause.to_string();
        if messages.last().is_none_or(|last| !last.contains(&message)) {
            messages.push(message);
        }
    }
    messages
}

/// A failure for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureJson {
    schema_version: u32,
    exit: ExitJson,
    error: ErrorJson,
}

/// The error within it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorJson {
    message: String,
    causes: Vec<String>,
    notes: Vec<String>,
    hints: Vec<String>,
}

impl From<&Failure> for ErrorJson {
    fn from(failure: &Failure) -> Self {
        let mut causes: Vec<String> = messages(&failure.error).iter().map(|message| clean(message)).collect();
        let message = if causes.is_empty() { String::new() } else { causes.remove(0) };
        let notes = failure.notes.iter().map(|note| clean(note)).collect();
        Self { message, causes, notes, hints: failure.hints.iter().map(|hint| clean(hint)).collect() }
    }
}

/// Returns the failure as an object.
pub fn json(failure: &Failure) -> FailureJson {
    FailureJson { schema_version: SCHEMA_VERSION, exit: failure.exit.into(), error: failure.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Failure {
        let error =
            anyhow::anyhow!("connection refused").context("cannot reach https://10.0.0.1:6443: connection refused");
        let mut failure = Failure::new(crate::exit::Exit::Cluster, error.context("cannot list claims\u{1b}[2J"));
        failure.notes.push("tried for 15m 00s".to_owned());
        failure.hint("see whether kubectl works: kubectl get nodes")
    }

    #[test]
    fn words() {
        insta::assert_snapshot!(text(&sample(), Paint::PLAIN));
    }

    #[test]
    fn object() -> Result<(), serde_json::Error> {
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&sample()))?);
        Ok(())
    }
}
