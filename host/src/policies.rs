//! From a policy's name on the command line or in `pvmigrate.yaml` to an opened policy. Knows no flags.

pub mod chain;
pub mod environment;
pub mod limits;
pub mod pull;
pub mod source;
