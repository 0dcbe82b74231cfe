//! Changes to the text of a test file.

use std::ops::Range;

use pvmigrate_yaml::{Key, Node};

/// A text to be put in the place of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) bytes: Range<usize>,
    pub(crate) text: String,
}

/// An expectation as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    /// The whole file.
    pub(crate) text: &'a str,
    pub(crate) key: &'a Key,
    pub(crate) node: &'a Node,
    /// Every volume of the case.
    pub(crate) claims: &'a [String],
}

pub(crate) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.bytes.start);
    let mut edited = text.to_owned();
    for edit in edits.into_iter().rev() {
        edited.replace_range(edit.bytes, &edit.text);
    }
    edited
}
