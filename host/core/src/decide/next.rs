//! What a decision is put together from, and the decision itself.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::blocker::Blocker;
use crate::record::{Ended, Fact, Record};
use crate::step::Step;
use crate::waiting::{Awaited, Waiting};

/// What the driver has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do these, in any order, and look again. Never empty.
    Act(Vec<Step>),
    /// Nothing to do until the cluster moves, or a deadline passes. Never empty.
    Wait(Vec<Waiting>),
    /// A person has to look.
    Blocked(Vec<Blocker>),
    /// The migration has ended.
    Finished(Ended),
}

/// What the phases have found to do, to await and to report.
#[derive(Default)]
pub(super) struct Next {
    pub(super) steps: Vec<Step>,
    pub(super) waits: Vec<Waiting>,
    pub(super) blockers: Vec<Blocker>,
}

impl Next {
    /// Tells whether nothing was found to do, await or report so far: the phase is complete.
    pub(super) fn is_clear(&self) -> bool {
        self.steps.is_empty() && self.waits.is_empty() && self.blockers.is_empty()
    }

    /// Steps go first, then waits: what can still be done is done before a blocker stops the group.
    pub(super) fn decision(mut self, record: &Record, now: Timestamp) -> Decision {
        // Once the group is turned back, no other step of this decision may be done.
        let turn = self.steps.iter().position(|step| matches!(step, Step::Note(Fact::TurnedBack { .. })));
        if let Some(at) = turn {
            self.steps = vec![self.steps.swap_remove(at)];
        }
        // A pod of several claims goes once, though each has it deleted.
        let mut going = BTreeSet::new();
        self.steps.retain(|step| {
            let Step::DeletePod { pod, .. } = step else { return true };
            going.insert(pod.clone())
        });
        if !self.steps.is_empty() {
            Decision::Act(self.steps)
        } else if !self.blockers.is_empty() {
            Decision::Blocked(self.blockers)
        } else if !self.waits.is_empty() {
            Decision::Wait(self.waits)
        } else {
            // Every phase ends in a step, a wait or a blocker. Should one ever not, looking again is safe and visible.
            let of = format!("group {}", record.name);
            let deadline = Some(after(now, 5));
            Decision::Wait(vec![Waiting { on: Awaited::FreshLook, of, trouble: None, deadline }])
        }
    }
}

/// Returns the moment `seconds` after `since`, for a deadline.
pub(super) fn after(since: Timestamp, seconds: u32) -> Timestamp {
    since.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}
