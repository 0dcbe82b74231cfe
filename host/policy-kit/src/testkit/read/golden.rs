//! Answers kept in files beside the test, in the words of test files: reviewed once, then required.

use std::path::{Path, PathBuf};

use super::yaml;
use crate::testkit::vocabulary::actual::Actual;
use crate::testkit::vocabulary::answer::KINDS;
use crate::testkit::vocabulary::checker::{Checker, Names};
use crate::testkit::vocabulary::expected::{Expected, GOLDEN};
use pvmigrate_yaml::{Fields, Mistake, Node, Wrong, scalar};

/// The folder of goldens, beside the test file.
pub(crate) const FOLDER: &str = "golden";
/// Maximum length of a file name, without its extension.
const LONGEST: usize = 100;

#[derive(Clone, Debug)]
pub(crate) struct Golden {
    pub(crate) path: PathBuf,
    /// The keys that it has.
    pub(crate) keys: Vec<&'static str>,
    /// Whether it stands for all that is expected, so that a fault may be in it as well.
    pub(crate) whole: bool,
    /// Its current text, to see whether it has to be written.
    pub(crate) text: Option<String>,
    /// What it expects, or why it cannot be used.
    pub(crate) expected: Result<Box<Expected>, Mistake>,
}

/// Returns the path of a case's golden: `golden/<file>/<case>.yaml`.
pub(crate) fn path(test: &Path, case: &str) -> PathBuf {
    let name = test.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split_once(".test.").map_or(name.as_ref(), |(stem, _)| stem);
    let folder = test.parent().unwrap_or(Path::new("")).join(FOLDER).join(stem);
    folder.join(format!("{}.yaml", file_name(case)))
}

/// Keeps letters and digits, and one dash for anything between them.
fn file_name(case: &str) -> String {
    let mut name = String::new();
    for c in case.chars() {
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
        if name.len() >= LONGEST {
            break;
        }
    }
    name.trim_end_matches('-').to_owned()
}

impl Golden {
    /// Reads the golden of a case. A missing or outdated one is a failed case, not a mistake in the test.
    pub(crate) fn read(path: PathBuf, keys: Vec<&'static str>, whole: bool, names: &Names) -> Self {
        let text = yaml::read_text(&path).ok();
        let expected = match &text {
            Some(text) => wanted(text, &path, &keys, whole, names).map(Box::new),
            None => {
                let what = "the golden, which is not there yet".to_owned();
                Err(Mistake { place: yaml::whole(&path), what })
            }
        };
        Self { path, keys, whole, text, expected }
    }

    /// Returns the text of a golden; `None` when there can be none, because a fault came where only an answer was
    /// meant.
    pub(crate) fn render(&self, actual: &Actual) -> Option<String> {
        if let Some(fault) = &actual.fault {
            return self.whole.then(|| format!("fault: {}\n", scalar(fault)));
        }
        let mut text = String::new();
        for kind in KINDS.iter().filter(|kind| self.keys.contains(&kind.key)) {
            (kind.write)(actual, &mut text);
        }
        Some(text)
    }
}

fn wanted(text: &str, path: &Path, keys: &[&'static str], whole: bool, names: &Names) -> Result<Expected, Mistake> {
    let node = Node::read(text, path)?;
    let wrong = |wrong: Wrong| wrong.of(path);
    let fields = Fields::of(&node, &GOLDEN).map_err(wrong)?;
    let has_fault = whole && fields.get("fault").is_some();
    let mut wrong_keys = GOLDEN.keys.iter().filter(|key| fields.get(key).is_some() != wants(keys, has_fault, key));
    if let Some(key) = wrong_keys.next() {
        let what = if fields.get(key).is_some() { "not expected here" } else { "missing" };
        let what = format!("a golden without further keys; {key} is {what}");
        return Err(Mistake { place: yaml::whole(path), what });
    }
    Expected::read(&Checker { names, file: path, golden: true }, &fields, &[]).map_err(wrong)
}

fn wants(keys: &[&'static str], has_fault: bool, key: &str) -> bool {
    if has_fault { key == "fault" } else { keys.contains(&key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_names_its_file() {
        let path = path(Path::new("a/cap.test.yaml"), "Table, of \"sizes\" [modes: [RWO], size: 1Gi]");
        assert_eq!(path, Path::new("a/golden/cap/table-of-sizes-modes-rwo-size-1gi.yaml"));
    }
}
