//! Takes what came for what is expected: writes goldens, and edits test files in place.
//!
//! Only the words that are wrong change; comments and layout stay. A case that a matrix makes is left alone, since one
//! text stands for all of its combinations, and so is one whose policy faulted: nobody wants that kept unseen.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::compare::pair;
use crate::files;
use crate::testkit::read::suite::{Case, Suite};
use crate::testkit::vocabulary::answer::Said;
use crate::testkit::vocabulary::error::TestkitError;
use crate::testkit::vocabulary::expect::{Want, WantFindings};
use crate::testkit::vocabulary::report::Outcome;
use crate::testkit::vocabulary::words::{FindingWord, Message, finding};
use pvmigrate_yaml::{Key, Node, Yaml, scalar};

/// What an update has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// The files that changed, in order of name.
    pub files: Vec<PathBuf>,
    /// How many cases had expectations changed.
    pub cases: usize,
}

/// Puts a text in the place of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    bytes: Range<usize>,
    text: String,
}

/// Collects what is to be written.
#[derive(Debug, Default)]
pub(crate) struct Update {
    files: BTreeMap<PathBuf, String>,
    cases: usize,
}

impl Update {
    /// Takes in the cases of one file, each with what came of it.
    pub(crate) fn add<'a>(
        &mut self,
        suite: &Suite,
        ran: impl Iterator<Item = (&'a Case, &'a Outcome, &'a Said)>,
    ) -> Result<(), TestkitError> {
        let mut edits = Vec::new();
        for (case, outcome, said) in ran {
            let of_case = match (outcome, case.variant || said.fault.is_some()) {
                (Outcome::Failed(_), false) => case_edits(&suite.text, case, said),
                _ => Vec::new(),
            };
            let golden = case.golden.as_ref().and_then(|golden| Some((golden, golden.render(said)?)));
            let golden = golden.filter(|(golden, text)| golden.text.as_ref() != Some(text));
            let golden = golden.filter(|_| !matches!(outcome, Outcome::Passed | Outcome::Unstable { .. }));
            self.cases += usize::from(golden.is_some() || !of_case.is_empty());
            if let Some((golden, text)) = golden {
                self.files.insert(golden.path.clone(), text);
            }
            edits.extend(of_case);
        }
        if edits.is_empty() {
            return Ok(());
        }
        let text = apply(&suite.text, edits);
        // What cannot be read any more is not written.
        Node::read(&text, &suite.path)?;
        self.files.insert(suite.path.clone(), text);
        Ok(())
    }

    pub(crate) fn write(self) -> Result<Updated, TestkitError> {
        let Self { files, cases } = self;
        for (path, text) in &files {
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = folder.and_then(|()| files::replace(path, text.as_bytes()));
            written.map_err(|source| TestkitError::Unwritable { path: path.clone(), source })?;
        }
        Ok(Updated { files: files.into_keys().collect(), cases })
    }
}

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.bytes.start);
    let mut edited = text.to_owned();
    for edit in edits.into_iter().rev() {
        edited.replace_range(edit.bytes, &edit.text);
    }
    edited
}

/// Finds the edits that make a case expect what came.
fn case_edits(text: &str, case: &Case, said: &Said) -> Vec<Edit> {
    let mut edits = Vec::new();
    if let (Some(votes), Some((_, node))) = (&case.expected.votes, case.expect.entry("select")) {
        let wrong = said.votes.iter().filter(|(claim, got)| votes.get(*claim).is_some_and(|want| !want.is.fits(got)));
        let wrong = wrong.map(|(claim, got)| (claim.as_str(), scalar(&got.to_string()))).collect();
        edits.extend(mapping(text, node, &case.claims(), &wrong));
    }
    if let (Some(modes), Some((_, node))) = (&case.expected.modes, case.expect.entry("modes")) {
        let wrong = said.modes.iter().filter(|(claim, got)| modes.get(*claim).is_some_and(|want| !want.is.fits(got)));
        let wrong = wrong.map(|(claim, got)| (claim.as_str(), got.to_string())).collect();
        edits.extend(mapping(text, node, &case.claims(), &wrong));
    }
    if let (Some(want), Some((key, node))) = (&case.expected.findings, case.expect.entry("findings")) {
        edits.extend(findings(text, key, node, want, said));
    }
    edits
}

impl Case {
    fn claims(&self) -> Vec<String> {
        self.question.request.volumes.iter().map(|volume| volume.claim()).collect()
    }
}

/// Corrects the entries of a mapping by volume. What `rest` said wrongly gets entries of its own before it, or its place.
fn mapping(text: &str, node: &Node, claims: &[String], wrong: &BTreeMap<&str, String>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut by_rest = Vec::new();
    for (claim, value) in wrong {
        match node.entry(claim) {
            Some((_, old)) => edits.push(Edit { bytes: old.bytes(text), text: value.clone() }),
            None => by_rest.push((claim, value)),
        }
    }
    let Some(((key, rest), (_, first))) = node.entry("rest").zip(by_rest.first()) else { return edits };
    let meant = claims.iter().filter(|claim| node.entry(claim).is_none()).count();
    if by_rest.len() == meant && by_rest.iter().all(|(_, value)| value == first) {
        edits.push(Edit { bytes: rest.bytes(text), text: (*first).clone() });
        return edits;
    }
    let entries: Vec<_> = by_rest.iter().map(|(claim, value)| format!("{claim}: {value}")).collect();
    let indent = usize::try_from(key.at.column).unwrap_or(1).saturating_sub(1);
    let between = if node.is_flow(text) { ", ".to_owned() } else { format!("\n{:indent$}", "") };
    let entries = entries.join(&between);
    edits.push(match by_rest.len() == meant {
        true => Edit { bytes: key.at.bytes.start..rest.bytes(text).end, text: entries },
        false => Edit { bytes: key.at.bytes.start..key.at.bytes.start, text: entries + &between },
    });
    edits
}

/// Corrects a list of findings, item by item.
fn findings(text: &str, key: &Key, node: &Node, want: &WantFindings, said: &Said) -> Vec<Edit> {
    let pairs: Vec<_> = pair(&want.list, &said.findings)
        .into_iter()
        .filter(|pair| pair.expected.is_some() || want.exhaustive)
        .collect();
    if pairs.iter().all(|pair| pair.fits) {
        return Vec::new();
    }
    let kept: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.expected, written(pair, &want.list)?))).collect();
    let list = match &node.is {
        Yaml::Map(_) => node.entry("at-least").map(|(_, list)| list),
        _ => Some(node),
    };
    let items = match list.map(|list| &list.is) {
        Some(Yaml::List(items)) if !kept.is_empty() => items,
        _ => {
            let words: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
            let none = if want.exhaustive { "none" } else { "any" };
            let value = if words.is_empty() { none.to_owned() } else { format!("[{}]", words.join(", ")) };
            // A block begins on a line of its own; what takes its place follows the colon.
            let end = node.bytes(text).end;
            return vec![Edit { bytes: key.at.bytes.end..end, text: format!(": {value}") }];
        }
    };
    match list.is_some_and(|list| list.is_flow(text)) {
        true => {
            let words: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
            let bytes = list.map(|list| list.bytes(text)).unwrap_or_default();
            vec![Edit { bytes, text: format!("[{}]", words.join(", ")) }]
        }
        false => block(text, items, &kept),
    }
}

/// Returns what should stand for a pair; none when it should go.
fn written(pair: &super::compare::Paired<'_>, list: &[Want<FindingWord>]) -> Option<String> {
    let got = pair.got?;
    let Some(want) = pair.expected.and_then(|at| list.get(at)) else { return Some(scalar(&finding(got))) };
    if pair.fits {
        return Some(scalar(&want.is.text));
    }
    let head = format!("{} {} on {}", got.severity, got.code, got.about);
    // A part of the message that was asked for, and is still there, stays as it was written.
    Some(match (&want.is.message, want.is.text.split_once(" ~ ")) {
        (Message::Any, _) => scalar(&head),
        (message, Some((_, part))) if message.fits(&got.message) => scalar(&format!("{head} ~ {part}")),
        _ => scalar(&finding(got)),
    })
}

/// Corrects a list with one line an item.
fn block(text: &str, items: &[Node], kept: &[(Option<usize>, String)]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let line_of = |node: &Node| {
        let start = text[..node.at.bytes.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[node.at.bytes.end..].find('\n').map_or(text.len(), |at| node.at.bytes.end + at + 1);
        start..end
    };
    for (at, item) in items.iter().enumerate() {
        match kept.iter().find(|(expected, _)| *expected == Some(at)) {
            Some((_, new)) if text.get(item.at.bytes.clone()).is_some_and(|old| old != new && !same(item, new)) => {
                edits.push(Edit { bytes: item.at.bytes.clone(), text: new.clone() });
            }
            Some(_) => {}
            None => edits.push(Edit { bytes: line_of(item), text: String::new() }),
        }
    }
    let Some(last) = items.last() else { return edits };
    let line = line_of(last);
    let dash: String = text[line.start..last.at.bytes.start].to_owned();
    let new: String = kept
        .iter()
        .filter(|(expected, _)| expected.is_none())
        .map(|(_, new)| format!("{}{new}\n", dash_only(&dash)))
        .collect();
    if !new.is_empty() {
        let ended = text[..line.end].ends_with('\n');
        let new = if ended { new } else { format!("\n{}", new.trim_end()) };
        edits.push(Edit { bytes: line.end..line.end, text: new });
    }
    edits
}

/// Keeps the indentation and the dash of an item's line, whatever key stands before them.
fn dash_only(start: &str) -> String {
    start.chars().map(|c| if c == '-' || c == ' ' { c } else { ' ' }).collect()
}

/// Tells whether a text says what an item says already, in other quotes.
fn same(item: &Node, new: &str) -> bool {
    matches!(&item.is, Yaml::Text(text) if scalar(text) == *new)
}
