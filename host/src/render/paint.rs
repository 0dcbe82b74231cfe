//! Words made safe to show, and their colours.

use console::Style;
use pvmigrate_core::text::printable;

/// Maximum length of a message of a cluster or a policy: long enough for a provisioner's whole complaint.
pub(crate) const MESSAGE: usize = 2000;

/// Makes a message safe to show on one line.
pub(crate) fn clean(text: &str) -> String {
    printable(text, MESSAGE)
}

/// Colours for words, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub(super) on: bool,
}

impl Paint {
    /// No colours.
    pub const PLAIN: Self = Self { on: false };

    /// Paints what went wrong.
    pub fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// Paints what to do next.
    pub fn hint(self, text: &str) -> String {
        self.with(Style::new().cyan().bold(), text)
    }

    /// Paints what a block of lines is about.
    pub fn title(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.on { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }
}
