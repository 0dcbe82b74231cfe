//! Decides what a group's migration does next: a pure function of the record, one observation and the time.
//!
//! This is the table of the migration's order, and the only place that knows it. Each phase has a file, and none calls
//! another: `prepare` (nothing is stopped yet; its `warm` passes prove the way), `copy` (stop, fence, copy), `cutover` (the claims on their new volumes),
//! `settle` (everything back to what it was), `rollback` (every claim back on its source volume). What several of them
//! need is in `name` (the claims' names, which are never left free), `workload`, `temporary` (claims and pods of ours) and
//! `passes` (which claims share a pod). Every step that may be done now is returned, in any order; the barriers between phases are the group's:
//!
//! 1. all prepared before any workload stops;
//! 2. all quiet before any original claim is deleted (the fence);
//! 3. all copied before any claim gets its new volume, so that turning back stays possible until then;
//! 4. all bound before any workload starts;
//! 5. as many pods Ready as before the stop, before any volume is given up.
//!
//! A precondition on the object being written says nothing about other objects. So before a process ends a phase, it
//! changes every object that a late step of that phase could still write: the late step then conflicts.

use jiff::Timestamp;

use crate::observation::Observation;
use crate::record::{Goal, Record};

mod copy;
mod cutover;
mod name;
mod next;
mod passes;
mod prepare;
mod rollback;
mod settle;
mod temporary;
mod view;
mod warm;
mod workload;

pub use next::Decision;
pub(crate) use view::Named;

use next::Next;
use view::View;

/// Decides the next steps of a group.
pub fn decide(record: &Record, seen: &Observation, now: Timestamp) -> Decision {
    if let Some(ended) = &record.ended {
        return Decision::Finished(ended.clone());
    }
    let view = View { record, seen, now };
    let mut next = Next::default();
    name::hold(&view, &mut next);
    if next.is_clear() {
        chain_phases(&view, &mut next);
    }
    next.decision(record, now)
}

/// Goes from one phase to the next once a phase leaves nothing to do, await or report for any claim of the group.
fn chain_phases(view: &View<'_>, next: &mut Next) {
    match &view.record.goal {
        Goal::Forward if view.record.proven() => {
            cutover::decide(view, next);
            if next.is_clear() {
                settle::forward(view, next);
            }
        }
        Goal::Forward => {
            prepare::decide(view, next);
            if next.is_clear() {
                copy::decide(view, next);
            }
        }
        Goal::Back(why) => {
            cutover::decide_adopted(view, next);
            rollback::decide(view, next);
            if next.is_clear() {
                settle::back(view, why, next);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
