//! From the objects of files to a store that a cluster can start with.

mod not_played;
mod prepare;

pub use not_played::{Feature, LeftOut, Named, NotPlayed, Unplayed, User};
pub(crate) use prepare::{put, serve, take_in};
