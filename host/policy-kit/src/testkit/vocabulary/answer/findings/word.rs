//! A finding in the words of test files: `SEVERITY CODE on SUBJECT ~ MESSAGE`.

use pvmigrate_core::policy::{Judged, Severity};
use pvmigrate_yaml::{Node, Wrong, did_you_mean};
use regex::Regex;

/// A finding that is expected, `SEVERITY CODE on SUBJECT ~ MESSAGE`.
#[derive(Clone, Debug)]
pub(crate) struct FindingWord {
    /// As written.
    pub(crate) text: String,
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) about: String,
    pub(crate) message: Message,
}

/// The expected message.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Any,
    Part(String),
    Pattern(Regex),
    Whole(String),
}

const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Blocker];

impl FindingWord {
    /// Reads a finding of a test file: after the `~` stands a part of the message, or a pattern between slashes.
    pub(crate) fn read(node: &Node) -> Result<Self, Wrong> {
        let (mut read, message) = Self::head(node)?;
        if read.text.ends_with(" ~") || message.is_some_and(str::is_empty) {
            return Err(Wrong::new(&node.at, "nothing follows the ~; write a part of the message, or leave it out"));
        }
        let Some(part) = message else { return Ok(read) };
        let pattern = part.strip_prefix('/').and_then(|part| part.strip_suffix('/'));
        read.message = match pattern {
            Some(pattern) => Message::Pattern(Regex::new(pattern).map_err(|error| {
                Wrong::new(&node.at, format!("invalid regular expression /{pattern}/: {}", in_one_line(&error)))
            })?),
            None => Message::Part(part.to_owned()),
        };
        Ok(read)
    }

    /// Reads a finding of a golden, where the whole message stands.
    pub(crate) fn read_golden(node: &Node) -> Result<Self, Wrong> {
        let (mut read, message) = Self::head(node)?;
        read.message = Message::Whole(message.unwrap_or_default().to_owned());
        Ok(read)
    }

    fn head(node: &Node) -> Result<(Self, Option<&str>), Wrong> {
        let text = node.text("a finding")?;
        let (head, message) = match text.split_once(" ~ ") {
            Some((head, part)) => (head, Some(part.trim())),
            None => (text.strip_suffix(" ~").unwrap_or(text), None),
        };
        let shape = || {
            let what =
                format!("invalid finding {text:?}; write `blocker CODE on namespace/claim ~ part of the message`");
            Wrong::new(&node.at, what)
        };
        let (what, about) = head.split_once(" on ").ok_or_else(shape)?;
        let (severity, code) = what.trim().split_once(' ').ok_or_else(shape)?;
        let severities = SEVERITIES.map(|severity| severity.to_string());
        if !severities.iter().any(|known| known == severity) {
            let near = did_you_mean(severity, severities.iter().map(String::as_str));
            return Err(Wrong::new(&node.at, format!("unknown severity {severity:?}{near}")));
        }
        let read = Self {
            text: text.to_owned(),
            severity: severity.to_owned(),
            code: code.trim().to_owned(),
            about: about.trim().to_owned(),
            message: Message::Any,
        };
        Ok((read, message))
    }

    pub(crate) fn fits(&self, got: &Judged) -> bool {
        self.code == got.code
            && self.severity == got.severity.to_string()
            && self.about == got.about.to_string()
            && self.message.fits(&got.message)
    }
}

impl Message {
    pub(crate) fn fits(&self, got: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Part(part) => got.contains(part),
            Self::Pattern(pattern) => pattern.is_match(got),
            // A message at the end of a line has no room for spaces around it.
            Self::Whole(whole) => got.trim() == whole,
        }
    }
}

/// Writes a finding as a test file would.
pub(crate) fn finding(finding: &Judged) -> String {
    let head = format!("{} {} on {}", finding.severity, finding.code, finding.about);
    match finding.message.trim() {
        "" => head,
        message => format!("{head} ~ {message}"),
    }
}

/// Returns what is wrong with a pattern, without the drawing that takes several lines.
pub(crate) fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
