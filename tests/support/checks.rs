//! Checks of whole runs, wherever they take place.

pub mod bad_input;
pub mod kill;
pub mod outcome;
pub mod two;
