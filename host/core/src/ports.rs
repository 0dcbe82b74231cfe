//! The ports: what the driver needs of the world. The cluster crate implements them; tests decorate them.

use std::error::Error;
use std::future::Future;

use crate::observation::Observation;
use crate::record::{Record, Version};
use crate::step::Step;

/// An error of a port, which knows whether it may pass by itself, so that the same call is worth another try.
pub trait PortError: Error {
    /// Returns true for time-outs, lost connections, throttling and server errors; false for refusals.
    fn is_transient(&self) -> bool;
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The write was made, or had been made before (a repeated create, say).
    Applied,
    /// Its preconditions no longer hold: look again.
    Stale,
}

/// A cluster to look at and to change.
pub trait World {
    /// What can go wrong.
    type Error: PortError;

    /// Looks at all objects of the record's group.
    fn observe(&self, record: &Record) -> impl Future<Output = Result<Observation, Self::Error>>;

    /// Does one step, other than [`Step::Note`], as one conditional write.
    fn execute(&self, record: &Record, step: &Step) -> impl Future<Output = Result<Done, Self::Error>>;
}

/// The identity of a record: namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// The outcome of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is stored, as this version.
    Stored(Version),
    /// Another process stored something else meanwhile.
    Conflict,
}

/// A store of records.
pub trait Records {
    /// What can go wrong.
    type Error: PortError;

    /// Loads a record and its version; `None` when there is none.
    fn load(&self, id: &RecordId) -> impl Future<Output = Result<Option<(Record, Version)>, Self::Error>>;

    /// Stores a record: over `expected`, or only if there is none.
    fn save(&self, record: &Record, expected: Option<&Version>) -> impl Future<Output = Result<Saved, Self::Error>>;
}

impl Record {
    /// Returns the record's identity.
    pub fn id(&self) -> RecordId {
        RecordId { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}
