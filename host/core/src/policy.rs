//! What policies are asked, what they answer, and how their answers become one judgement.
//!
//! Pure: nothing here knows WebAssembly, Kubernetes clients, files or clocks. `pvmigrate-policy` asks the
//! components and hands their answers to [`chain`]; the cluster side builds the [`Request`]. The types mirror
//! `wit/0.2.0`; where a type here has no twin there (such as [`Verdict`]), it is the host's own conclusion.

pub mod answer;
pub mod chain;
pub mod changes;
pub mod collected;
pub mod facts;
pub mod floor;
pub mod json;
pub mod known_modes;
#[cfg(test)]
mod laws;
mod left_out;
pub mod object;
pub mod quantity;
pub mod question;
pub mod rule;
pub mod verdict;
pub mod waiver;

pub use answer::*;
pub use collected::{Collected, LookupError, Need};
pub use left_out::{LeftOut, left_out};
pub use object::{Kind, ObjectRef, Pairs, VolumeId};
pub use question::{ClassMode, Consumer, Planned, Question, Request, StorageClass, Volume};
pub use verdict::{
    About, CallCost, Decider, Decision, Judged, Judgement, LogLevel, LogLine, ModesOpinion, PolicyRef, Target, Verdict,
    VoteCast, Warning,
};
