//! Why files could not be read as Kubernetes objects.

use std::fmt;
use std::path::{Path, PathBuf};

use super::STDIN;

/// Where an object stands. Numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    /// The document's number in the file.
    pub document: usize,
    /// The object's number in a list.
    pub item: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: document {}", shown(&self.file), self.document)?;
        self.item.map_or(Ok(()), |item| write!(f, ", item {item}"))
    }
}

/// The first thing that is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}", path = shown(path))]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A folder holds nothing to read.
    #[error("no .yaml, .yml or .json file in {path}", path = path.display())]
    NoFile { path: PathBuf },
    /// What was read holds no object.
    #[error("{} no Kubernetes object", hold(paths))]
    NoObject { paths: Vec<PathBuf> },
    /// A file is not text.
    #[error("{path}: {what}", path = shown(path))]
    Encoding { path: PathBuf, what: String },
    /// A file is neither YAML nor JSON.
    #[error("{path}:{line}:{column}: {what}", path = shown(path))]
    Syntax { path: PathBuf, line: u64, column: u64, what: String },
    /// A document is not a Kubernetes object, or one that cannot be understood.
    #[error("{origin}: {what}")]
    Object { origin: Origin, what: String },
    /// The same object is given twice.
    #[error("{origin}: {object} is already defined in {first}")]
    Duplicate { origin: Origin, object: String, first: Box<Origin> },
}

fn shown(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() }
}

fn hold(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    let verb = if names.len() == 1 { "holds" } else { "hold" };
    format!("{} {verb}", names.join(", "))
}
