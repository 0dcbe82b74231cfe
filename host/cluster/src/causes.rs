//! An error and what caused it, in one line for people.

use pvmigrate_core::text::printable;

/// The API server's messages are a line or two; longer ones are not meant for people.
pub(crate) const MESSAGE: usize = 600;

/// Joins an error and its causes; causes that repeat what was said are left out.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !said.contains(&cause_text) {
            said = format!("{said}: {cause_text}");
        }
        next = cause.source();
    }
    printable(&said, MESSAGE)
}
