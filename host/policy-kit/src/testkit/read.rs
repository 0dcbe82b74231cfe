//! From files to cases that can be asked.

pub(crate) mod chain;
pub(crate) mod cluster;
pub(crate) mod find;
pub(crate) mod fixture;
pub(crate) mod golden;
pub(crate) mod matrix;
pub(crate) mod objects;
pub(crate) mod ready;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod suite;
pub(crate) mod yaml;
