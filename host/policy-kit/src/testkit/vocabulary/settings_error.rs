//! The problem that a case expects the policy to have with its settings.

use std::path::Path;

use pvmigrate_policy::SettingsProblem;
use pvmigrate_yaml::{Fields, Node, Place, Shape, Wrong};

pub(crate) const SETTINGS_ERROR: Shape = Shape { name: "settings-error", keys: &["at", "message"] };

/// The problem that a case expects.
#[derive(Clone, Debug)]
pub(crate) struct WantProblem {
    pub(crate) at: Place,
    pub(crate) pointer: String,
    /// A part of the message.
    pub(crate) message: Option<String>,
}

impl WantProblem {
    pub(crate) fn read(node: &Node, file: &Path) -> Result<Self, Wrong> {
        let fields = Fields::of(node, &SETTINGS_ERROR)?;
        let at = fields.need("at")?;
        let pointer = at.text("at")?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let what = format!("invalid JSON Pointer {pointer:?}; write /{}", pointer.replace('.', "/"));
            return Err(Wrong::new(&at.at, what));
        }
        let message = fields.text("message")?.map(str::to_owned);
        Ok(Self { at: at.at.place(file), pointer: pointer.to_owned(), message })
    }

    pub(crate) fn fits(&self, problem: &SettingsProblem) -> bool {
        self.pointer == problem.pointer && self.message.as_ref().is_none_or(|part| problem.message.contains(part))
    }
}

impl std::fmt::Display for WantProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Some(part) => write!(f, "{}: {part}", self.pointer),
            None => f.write_str(&self.pointer),
        }
    }
}
