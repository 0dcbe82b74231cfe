//! Checks what a case names against what exists: an unknown name would pass unnoticed.

use std::path::Path;

use pvmigrate_core::policy::About;
use pvmigrate_yaml::{Node, Place, Wrong, did_you_mean};

/// An expectation with its place.
#[derive(Clone, Debug)]
pub(crate) struct Want<T> {
    pub(crate) at: Place,
    pub(crate) is: T,
}

/// What may be named in expectations.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Every volume of the case.
    pub(crate) claims: Vec<String>,
    /// Every code that may appear.
    pub(crate) codes: Vec<String>,
    /// Who declares the codes, for messages.
    pub(crate) declared_by: String,
    /// Whether the expectations are about what a whole chain decides.
    pub(crate) chain: bool,
}

/// A checker of the expectations of one file.
pub(crate) struct Checker<'a> {
    pub(crate) names: &'a Names,
    pub(crate) file: &'a Path,
    /// Whether the file is a golden, where every message is whole.
    pub(crate) golden: bool,
}

impl Checker<'_> {
    pub(crate) fn place(&self, node: &Node) -> Place {
        node.at.place(self.file)
    }

    /// Accepts a code that a policy declares.
    pub(crate) fn code(&self, node: &Node, code: &str) -> Result<(), Wrong> {
        if self.names.codes.iter().any(|known| known == code) {
            return Ok(());
        }
        let near = did_you_mean(code, self.names.codes.iter().map(String::as_str));
        Err(Wrong::new(&node.at, format!("{} declares no code {code}{near}", self.names.declared_by)))
    }

    /// Accepts `plan`, a volume that exists, and any object that is written `Kind name` or `Kind namespace/name`.
    pub(crate) fn about(&self, node: &Node, about: &str) -> Result<(), Wrong> {
        let claims = &self.names.claims;
        let object = about.split_once(' ').filter(|(kind, name)| {
            kind.starts_with(|c: char| c.is_ascii_uppercase()) && !name.is_empty() && !name.contains(' ')
        });
        let is_object = object.is_some();
        if about == About::Plan.to_string() || is_object || claims.iter().any(|claim| claim == about) {
            return Ok(());
        }
        let known = claims.iter().map(String::as_str).chain(["plan"]);
        Err(Wrong::new(&node.at, unknown_volume(about, known)))
    }
}

/// Returns a message about an unknown volume, with the one that was perhaps meant.
pub(crate) fn unknown_volume<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    // Far in letters, and the likeliest slip of all: the namespace was left out.
    let is_it = |claim: &&&str| claim.split_once('/').is_some_and(|(_, claim)| claim == name);
    let near = match known.iter().find(is_it) {
        Some(claim) => format!(", did you mean {claim}?"),
        None => did_you_mean(name, known),
    };
    format!("unknown volume {name}{near}")
}
