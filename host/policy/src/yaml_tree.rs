//! YAML with the place of everything in it, for files whose content is checked by something that knows no YAML: settings
//! are checked by a policy, which answers in JSON Pointers; the user needs file, line and column.
//!
//! [`Tree`] is one document; a [`Node`] is a value where it stands; [`Fields`] is a mapping whose keys are all known.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

mod fields;
mod read;

pub use fields::{Fields, did_you_mean};

/// Points into a file. Line and column count from 1; line 0 means the whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}:{}", self.file.display(), self.column),
        }
    }
}

/// Says what is wrong in a YAML file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Wrong {
    /// Where.
    pub place: Place,
    /// What, and often what was meant.
    pub what: String,
}

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// One YAML document with the name of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its value.
    pub root: Node,
}

/// A value where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`; other words for them are text here.
    Bool(bool),
    /// A number that JSON knows.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file; no key stands in it twice.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub at: At,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Node,
}

impl Tree {
    /// Reads the one document of a text.
    ///
    /// # Errors
    /// When it is no YAML, holds a key twice, or holds what JSON has no word for.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Wrong> {
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        let root: Spanned<Kind> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let message = error.to_string();
            let at = error.location().map(At::of).unwrap_or_default();
            // The place comes first in our messages; once is enough.
            let suffix = format!(" at line {}, column {}", at.line, at.column);
            let what = message.strip_suffix(&suffix).unwrap_or(&message).to_owned();
            Wrong { place: at.in_file(file), what }
        })?;
        Ok(Self { file: file.to_owned(), root: root.into() })
    }

    /// Complains about a place in this file.
    pub fn wrong(&self, at: At, what: impl Into<String>) -> Wrong {
        Wrong { place: at.in_file(&self.file), what: what.into() }
    }
}

impl At {
    /// Takes the place from the reader.
    pub(crate) fn of(location: serde_saphyr::Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }

    /// Adds the file.
    pub fn in_file(self, file: &Path) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }
}

impl Node {
    /// Returns the value without places.
    pub fn json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::json).collect(),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Finds where a JSON Pointer (RFC 6901) leads: the key of a mapping, the item of a list. Where it leads nowhere, such
    /// as to a key that is missing, the nearest place above it.
    pub fn find(&self, pointer: &str) -> At {
        let (mut node, mut at) = (self, self.at);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let step = match &node.kind {
                Kind::Map(entries) => {
                    entries.iter().find(|entry| entry.key == token).map(|entry| (&entry.value, entry.at))
                }
                Kind::List(items) => {
                    token.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item, item.at))
                }
                Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
            };
            let Some(next) = step else { break };
            (node, at) = next;
        }
        at
    }
}

impl Kind {
    /// Names the kind with its article.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    const TEXT: &str = "\
keep: {label: a/b}
sizes:
- 10
- max: 1.5
  unit: [Gi, ~]
on: true
no: off
";

    fn tree(text: &str) -> Tree {
        Tree::parse(Path::new("x.yaml"), text).unwrap()
    }

    #[test]
    fn values_are_those_of_json() {
        let expected = serde_json::json!({
            "keep": {"label": "a/b"}, "sizes": [10, {"max": 1.5, "unit": ["Gi", null]}], "on": true, "no": "off"
        });
        assert_eq!(tree(TEXT).root.json(), expected);
    }

    #[test]
    fn a_pointer_leads_to_the_key_or_as_far_as_there_is_anything() {
        let tree = tree(&format!("{TEXT}a~b/c: 1\n"));
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/keep", 1, 1),
            ("/keep/label", 1, 8),
            ("/keep/other", 1, 1),
            ("/sizes/0", 3, 3),
            ("/sizes/1/unit", 5, 3),
            ("/sizes/1/unit/0", 5, 10),
            ("/sizes/7", 2, 1),
            ("/a~0b~1c", 8, 1),
        ] {
            assert_eq!(tree.root.find(pointer), At { line, column }, "{pointer}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = |text: &str| Tree::parse(Path::new("x.yaml"), text).unwrap_err().to_string();
        assert!(error("a: 1\na: 2\n").starts_with("x.yaml:2:1: "), "{}", error("a: 1\na: 2\n"));
        assert!(error("a: [1\n").starts_with("x.yaml:"), "{}", error("a: [1\n"));
        assert!(error("a: .nan\n").starts_with("x.yaml:1:4: "), "{}", error("a: .nan\n"));
        let tree = tree("one:\n  tow: 1\n");
        let fields = tree.fields(&tree.root, "the file", &["one"]).unwrap();
        let inner = tree.fields(fields.need("one").unwrap(), "one", &["two", "three"]).unwrap_err();
        assert_eq!(inner.to_string(), "x.yaml:2:3: one has no key \"tow\", did you mean two? (known: two, three)");
        assert_eq!(fields.need("two").unwrap_err().to_string(), "x.yaml:1:1: the file has no two");
        assert_eq!(fields.text("one").unwrap_err().to_string(), "x.yaml:2:3: one is text, and this is a mapping");
    }

    #[test]
    fn hostile_text_is_refused_and_not_expanded() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..12 {
            let one = format!("*a{}", at - 1);
            laughs.push_str(&format!("a{at}: &a{at} [{}]\n", vec![one; 10].join(", ")));
        }
        assert!(Tree::parse(Path::new("x.yaml"), &laughs).is_err());
        assert!(Tree::parse(Path::new("x.yaml"), &"[".repeat(100_000)).is_err());
    }
}
