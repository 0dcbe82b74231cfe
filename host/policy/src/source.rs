//! A policy as source text, which an engine loads before each call.
//!
//! An engine is a component with a language's interpreter in it: it exports what the policy exports, and a loader. It is
//! compiled once, and a changed source is only other data for it. The sandbox treats it as it treats any component, so all
//! promises hold; but only for a project's folder is it opened as one.

use std::collections::BTreeMap;
use std::fmt;

/// Fuel for loading a source, apart from that of the call: it is spent while a component is built, and never again.
pub(crate) const FUEL: u64 = 2_000_000_000;

/// The loader's interface as WIT, for building engines.
pub const LOADER_WIT: &str = include_str!("interface/loader.wit");

/// The source of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The texts of the files, by their names relative to the project.
    pub files: BTreeMap<String, String>,
    /// The file, or as the language has it the module, that is loaded first.
    pub main: String,
}

impl Source {
    /// Returns the size of all files together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.files.iter().map(|(name, text)| name.len() + text.len()).sum()
    }

    /// Writes out everything that the policy is made of, for its digest; the engine is named by its own.
    pub(crate) fn whole(&self, engine: &str) -> Vec<u8> {
        let mut whole = Vec::new();
        let texts = self.files.iter().flat_map(|(name, text)| [name, text]);
        for text in [engine, &self.main].into_iter().chain(texts.map(String::as_str)) {
            // Lengths keep one text's end from being another one's beginning.
            whole.extend_from_slice(&text.len().to_le_bytes());
            whole.extend_from_slice(text.as_bytes());
        }
        whole
    }
}

/// Why a source cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// The file, relative to the project.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for SourceProblem {
    /// Writes `policy.py:12:5: message`, so that editors find the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message } = self;
        if let Some(file) = file {
            write!(f, "{file}:")?;
            for number in [line, column].into_iter().map_while(|number| *number) {
                write!(f, "{number}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_begins_with_its_place() {
        let problem = |file: &str, line, column| {
            let file = Some(file.to_owned()).filter(|file| !file.is_empty());
            SourceProblem { file, line, column, message: "wrong".to_owned() }.to_string()
        };
        assert_eq!(problem("policy.py", Some(12), Some(5)), "policy.py:12:5: wrong");
        assert_eq!(problem("policy.py", Some(12), None), "policy.py:12: wrong");
        assert_eq!(problem("policy.py", None, None), "policy.py: wrong");
        assert_eq!(problem("", Some(1), Some(2)), "wrong");
    }

    #[test]
    fn every_text_counts() {
        let source = |files: &[(&str, &str)], main: &str| {
            let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            Source { files, main: main.to_owned() }
        };
        let wholes = [
            source(&[("a", "b")], "a").whole("x"),
            source(&[("a", "b")], "a").whole("y"),
            source(&[("a", "b")], "b").whole("x"),
            source(&[("a", "")], "a").whole("x"),
            source(&[("ab", "")], "a").whole("x"),
            source(&[("a", "b"), ("c", "")], "a").whole("x"),
        ];
        assert_eq!(wholes.iter().collect::<std::collections::BTreeSet<_>>().len(), wholes.len());
    }
}
