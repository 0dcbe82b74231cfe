//! From cases to a report.

mod asker;
pub(crate) mod case;
pub(crate) mod coverage;
pub(crate) mod headroom;
pub(crate) mod jobs;
pub(crate) mod made_up;
pub(crate) mod probe;
pub(crate) mod update;
