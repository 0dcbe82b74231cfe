//! Checks of whole runs, wherever they take place.

pub mod bad_input;
pub mod kill;
pub mod left_by_reference;
pub mod outcome;
pub mod two;
