//! YAML with the place of everything in it, for files that people write: every error comes with its line and column.
//!
//! A [`Node`] is a value where it stands; [`Fields`] is a mapping whose keys are all known. What the values mean is up
//! to the readers: the testkit for its test files, the program for its configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::budget::BudgetBreach;

mod fields;
mod node;
mod scalar;
mod suggest;

pub use fields::{Fields, Shape};
pub use node::{At, Key, Node, Yaml};
pub use scalar::scalar;
pub use suggest::did_you_mean;

/// A place in a file. Line and column count from 1; line 0 means the whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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

/// What is wrong at a place of the file that is being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub at: At,
    /// What, and often what was meant.
    pub what: String,
}

impl Wrong {
    /// Makes an error about a place.
    pub fn new(at: &At, what: impl Into<String>) -> Self {
        Self { at: at.clone(), what: what.into() }
    }

    /// Adds the file that it is about.
    pub fn of(self, file: &Path) -> Mistake {
        Mistake { place: self.at.place(file), what: self.what }
    }
}

/// What is wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What, and often what was meant.
    pub what: String,
}

impl Mistake {
    /// Converts an error of the YAML reader.
    fn of_reader(file: &Path, error: &serde_saphyr::Error) -> Self {
        let message = match error {
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => twice(key),
            serde_saphyr::Error::DuplicateMappingKey { .. } => "a key stands twice in one mapping".to_owned(),
            serde_saphyr::Error::MultipleDocuments { .. } => {
                "a second document begins here, and this file has one; take the --- away, or make it two files"
                    .to_owned()
            }
            serde_saphyr::Error::Budget { breach, .. } => too_much(breach),
            error => error.to_string(),
        };
        let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        // The place comes first in our messages; once is enough.
        let suffix = format!(" at line {line}, column {column}");
        let what = message.strip_suffix(&suffix).unwrap_or(&message).to_owned();
        Self { place: Place { file: file.to_owned(), line, column }, what }
    }
}

/// Says of what a file that people write has more than any of them needs.
fn too_much(breach: &BudgetBreach) -> String {
    let what = match breach {
        BudgetBreach::Depth { depth } => format!("{depth} levels below each other"),
        BudgetBreach::Documents { documents } => format!("{documents} documents"),
        BudgetBreach::Nodes { nodes } => format!("{nodes} values"),
        BudgetBreach::Aliases { aliases } => format!("{aliases} aliases"),
        BudgetBreach::Anchors { anchors } => format!("{anchors} anchors"),
        BudgetBreach::AliasAnchorRatio { aliases, anchors } => format!("{aliases} aliases of {anchors} anchors"),
        BudgetBreach::MergeKeys { merge_keys } => format!("{merge_keys} merge keys (<<)"),
        BudgetBreach::ScalarBytes { total_scalar_bytes } => format!("{total_scalar_bytes} bytes of text"),
        BudgetBreach::InputBytes { input_bytes } => format!("{input_bytes} bytes"),
        _ => return "the file is too large or too complex; make it several files".to_owned(),
    };
    format!("{what} are more than such a file may have; make it several files, or write out what is repeated")
}

/// Says that a key stands twice in one mapping, where only one of them can count.
pub fn twice(key: &str) -> String {
    format!("the key {key:?} stands twice in one mapping")
}

/// Reads the one document of a text; the file is for messages.
///
/// # Errors
/// When it is not YAML, holds a key twice, or holds what JSON cannot express.
pub fn read<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T, Mistake> {
    // Words such as `y` and `off` are names here, not booleans.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Mistake::of_reader(file, &error))
}

/// Reads all documents of a text, as large as it may be; the file is for messages. The places within it are lost.
///
/// # Errors
/// When it is not YAML.
pub fn read_all<T: DeserializeOwned>(text: &str, file: &Path) -> Result<Vec<T>, Mistake> {
    // A dump of a whole cluster is larger than what a reader of untrusted text accepts.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Mistake::of_reader(file, &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, Mistake> {
        read(text, Path::new("x.yaml"))
    }

    /// What a reader says to programmers helps nobody who writes YAML.
    #[test]
    fn mistakes_are_said_without_the_words_of_libraries() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        for (text, part) in [
            ("a: 1\n---\nb: 2\n", "a second document begins here"),
            ("? [a]\n: 1\n? [a]\n: 2\n", ""),
            (deep.as_str(), ""),
        ] {
            let said = match read::<serde_json::Value>(text, Path::new("x.yaml")) {
                Ok(_) => continue,
                Err(mistake) => mistake.to_string(),
            };
            assert!(said.contains(part), "{said}");
            for word in ["Policy", "from_str", "breach", "Options", "_"] {
                assert!(!said.contains(word), "{word} is a library's word: {said}");
            }
        }
        let many = format!("a: [{}]", "1, ".repeat(600_000));
        let said = read::<serde_json::Value>(&many, Path::new("x.yaml")).unwrap_err().to_string();
        assert!(said.contains("are more than such a file may have; make it several files"), "{said}");
    }

    #[test]
    fn values_are_those_of_json() {
        let text = "keep: {label: a/b}\nsizes:\n- 10\n- max: 1.5\n  unit: [Gi, ~]\non: true\nno: off\n";
        let expected = serde_json::json!({
            "keep": {"label": "a/b"}, "sizes": [10, {"max": 1.5, "unit": ["Gi", null]}], "on": true, "no": "off"
        });
        let node = tree(text).unwrap();
        assert_eq!(node.json(), expected);
        assert_eq!(Node::from(&expected).json(), expected);
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_place() {
        let error = |text: &str| tree(text).unwrap_err().to_string();
        assert!(error("a: 1\na: 2\n").starts_with("x.yaml:2:1: "), "{}", error("a: 1\na: 2\n"));
        assert!(error("a: [1\n").starts_with("x.yaml:"), "{}", error("a: [1\n"));
        assert!(error("a: .nan\n").starts_with("x.yaml:1:4: "), "{}", error("a: .nan\n"));
    }

    #[test]
    fn hostile_text_is_refused_and_not_expanded() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..12 {
            let one = format!("*a{}", at - 1);
            laughs.push_str(&format!("a{at}: &a{at} [{}]\n", vec![one; 10].join(", ")));
        }
        assert!(tree(&laughs).is_err());
        assert!(tree(&"[".repeat(100_000)).is_err());
    }
}
