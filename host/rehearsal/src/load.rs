//! From YAML and JSON files to the objects a cluster starts with.
//!
//! `read_objects` reads files; `take_in` fits objects together and puts them into a new store.

mod files;
mod prepare;

pub use files::{LoadError, read_objects};
pub(crate) use prepare::{put, take_in};
