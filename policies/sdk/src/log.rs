//! Lines for whoever follows the run. Natively they go to [`testing::logged`](crate::testing::logged).

use crate::bindings::log::Level;

/// Writes a line that shows with `-vv`.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

/// Writes a line that shows with `-v`.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Writes a line that shows.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

#[cfg(target_arch = "wasm32")]
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    crate::bindings::log::write(level, message, &crate::pairs(fields));
}

#[cfg(not(target_arch = "wasm32"))]
fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    crate::testing::log(level, message, fields);
}
