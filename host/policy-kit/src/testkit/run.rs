//! From cases to a report.

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod coverage;
pub(crate) mod jobs;
pub(crate) mod made_up;
pub(crate) mod update;
