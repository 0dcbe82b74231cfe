//! What `policy test` shows: the same result for people, for scripts and for what CI systems read.
//!
//! Each form is a pure function of the result. Text that a policy or a test file has written passes through an escape on
//! its way, whichever suits the form.

use pvmigrate_policy_kit::testkit::Listed;

use crate::render::Screen;

mod github;
mod human;
mod json;
mod junit;
mod tap;
mod tested;

pub use json::listed as listed_json;
pub use tested::Tested;

/// The forms of a test result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// A JSON document a line: one for each case, then one for the whole.
    Jsonl,
    /// `JUnit` XML, as CI systems read it.
    Junit,
    /// Test Anything Protocol, version 14.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

/// Returns the result in one of its forms.
pub fn text(tested: &Tested<'_>, format: Format, screen: &Screen) -> String {
    match format {
        Format::Human => human::text(tested, screen),
        Format::Json => json::text(tested),
        Format::Jsonl => json::lines(tested),
        Format::Junit => junit::text(tested),
        Format::Tap => tap::text(tested),
        Format::Github => github::text(tested),
    }
}

/// Returns the cases that would run, for people.
pub fn listed_text(cases: &[Listed]) -> String {
    human::listed(cases)
}

#[cfg(test)]
mod tests;
