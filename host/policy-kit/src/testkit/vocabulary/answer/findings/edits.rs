//! Correcting a list of findings in the text of a test file.

use pvmigrate_core::policy::Judged;
use pvmigrate_yaml::{Node, Yaml, scalar};

use super::pairs::{Paired, pair};
use super::word::{FindingWord, Message, finding};
use crate::testkit::vocabulary::checker::Want;
use crate::testkit::vocabulary::edit::{Edit, Written};

/// Corrects a list of findings, item by item.
pub(super) fn findings(
    written: &Written<'_>,
    list: &[Want<FindingWord>],
    exhaustive: bool,
    got: &[&Judged],
) -> Vec<Edit> {
    let Written { text, key, node, .. } = *written;
    let wanted = list;
    let pairs: Vec<_> = pair(wanted, got).into_iter().filter(|pair| pair.expected.is_some() || exhaustive).collect();
    if pairs.iter().all(|pair| pair.fits) {
        return Vec::new();
    }
    let kept: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.expected, replacement(pair, wanted)?))).collect();
    let list = match &node.is {
        Yaml::Map(_) => node.entry("at-least").map(|(_, list)| list),
        _ => Some(node),
    };
    let items = match list.map(|list| &list.is) {
        Some(Yaml::List(items)) if !kept.is_empty() => items,
        _ => {
            let words: Vec<_> = kept.iter().map(|(_, text)| text.as_str()).collect();
            let none = if exhaustive { "none" } else { "any" };
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

/// Returns the replacement for a pair; `None` when it has to go.
fn replacement(pair: &Paired<'_>, list: &[Want<FindingWord>]) -> Option<String> {
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

/// Returns whether a text says the same as an item, in other quotes.
fn same(item: &Node, new: &str) -> bool {
    matches!(&item.is, Yaml::Text(text) if scalar(text) == *new)
}
