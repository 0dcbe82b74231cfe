//! Decides what a group's migration does next: a pure function of the record, one observation and the time.
//!
//! This is the table of the migration's order, and the only place that knows it. Each phase has a file, and none calls
//! another: `prepare` (nothing is stopped yet), `copy` (stop, fence, copy), `cutover` (the claims on their new volumes),
//! `settle` (everything back to what it was), `rollback` (every claim back on its source volume). What several of them need
//! is in `name` (the claims' names, taken all the while), `workload` and `temporary` (claims and pods of ours). Every step
//! that may be done now is returned, in any order; the barriers between phases are the group's:
//!
//! 1. all prepared before any workload stops;
//! 2. all quiet before any original claim is deleted (the fence);
//! 3. all copied before any claim gets its new volume, so that turning back stays possible until then;
//! 4. all bound before any workload starts;
//! 5. as many pods Ready as before the stop, before any volume is given up.
//!
//! A precondition on the object one writes says nothing of other objects. So whoever ends a phase first changes every
//! object that a late step of that phase could still write: the late step then conflicts.

use jiff::{SignedDuration, Timestamp};

use crate::blocker::{Blocker, Code};
use crate::observation::{Claim, ClaimSeen, Observation, Volume};
use crate::record::{ClaimRecord, Ended, Fact, Goal, OnFailure, Record};
use crate::step::{Step, Target};
use crate::waiting::{Awaited, Waiting};

mod copy;
mod cutover;
mod name;
mod prepare;
mod rollback;
mod settle;
mod temporary;
mod workload;

/// Tells the driver what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do these, in any order, and look again. Never empty.
    Act(Vec<Step>),
    /// Nothing to do until the cluster moves, or a deadline passes. Never empty.
    Wait(Vec<Waiting>),
    /// A person has to look.
    Blocked(Vec<Blocker>),
    /// It is over.
    Finished(Ended),
}

/// Decides the next steps of a group.
pub fn decide(record: &Record, seen: &Observation, now: Timestamp) -> Decision {
    if let Some(ended) = &record.ended {
        return Decision::Finished(ended.clone());
    }
    let look = Look { record, seen, now };
    let mut next = Next::default();
    name::hold(&look, &mut next);
    if next.is_clear() {
        chain_phases(&look, &mut next);
    }
    next.decision(&look)
}

/// Goes from one phase to the next once it leaves nothing to do, to await or to report, for any claim of the group.
fn chain_phases(look: &Look<'_>, next: &mut Next) {
    match &look.record.goal {
        Goal::Forward if look.record.proven() => {
            cutover::decide(look, next);
            if next.is_clear() {
                settle::forward(look, next);
            }
        }
        Goal::Forward => {
            prepare::decide(look, next);
            if next.is_clear() {
                copy::decide(look, next);
            }
        }
        Goal::Back(why) => {
            rollback::decide(look, next);
            if next.is_clear() {
                settle::back(look, why, next);
            }
        }
    }
}

/// Gathers what one look is decided from.
#[derive(Clone, Copy)]
struct Look<'a> {
    record: &'a Record,
    seen: &'a Observation,
    now: Timestamp,
}

/// One recorded claim beside what is seen of it.
#[derive(Clone, Copy)]
struct Pair<'a> {
    run: &'a str,
    name: &'a str,
    record: &'a ClaimRecord,
    seen: &'a ClaimSeen,
}

/// What holds a recorded claim's name.
#[derive(Clone, Copy)]
pub(crate) enum Named<'a> {
    /// Nothing.
    Nothing,
    /// The original claim.
    Original(&'a Claim),
    /// The claim on its destination volume: Pending, and only there to keep the name, until that is reserved for it.
    Final(&'a Claim),
    /// The claim on its source volume, created anew by a turn back.
    Restored(&'a Claim),
    /// One that this run has created for a destination volume that was lost since.
    Outdated(&'a Claim),
    /// One that a StatefulSet of the group has made because it was missing.
    Stray(&'a Claim),
    /// Something else.
    Foreign,
}

/// For a claim of which nothing is seen.
static NOTHING: ClaimSeen = ClaimSeen {
    named: None,
    other_volume: None,
    destination: None,
    source: None,
    source_volume: None,
    destination_volume: None,
    users: Vec::new(),
    pods: Vec::new(),
};

impl<'a> Look<'a> {
    fn claims(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        let (seen, run) = (&self.seen.claims, self.record.run.as_str());
        self.record.claims.iter().map(move |(name, record)| Pair {
            run,
            name,
            record,
            seen: seen.get(name).unwrap_or(&NOTHING),
        })
    }

    fn is_forward(&self) -> bool {
        self.record.goal == Goal::Forward
    }

    /// Returns the moment `seconds` after `since`, for a deadline.
    fn after(since: Timestamp, seconds: u32) -> Timestamp {
        since.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
    }

    /// Gives a wait up: turns the group back, or holds it with a blocker, as the user asked.
    fn give_up(&self, next: &mut Next, code: Code, pair: &Pair<'_>, message: String) {
        match self.record.asked.on_failure {
            OnFailure::RollBack => {
                let why = format!("claim {}: {message}", pair.name);
                next.steps.push(Step::Note(Fact::TurnedBack { why }));
            }
            OnFailure::Hold => {
                let hint = format!(
                    "nothing is lost; mend the cause and run migrate again, or run: pvmigrate abort --namespace {} {}",
                    self.record.namespace, self.record.name
                );
                next.blockers.push(Blocker { code, about: self.about(pair), message, hint });
            }
        }
    }

    fn about(&self, pair: &Pair<'_>) -> String {
        format!("claim {}/{}", self.record.namespace, pair.name)
    }
}

impl<'a> Named<'a> {
    /// Tells the claims that may hold the name apart: the original by its uid, ours by the volume they name. A StatefulSet's
    /// that has got one of our volumes is ours from then on, and gets what the original had at the end.
    pub(crate) fn of(run: &str, record: &ClaimRecord, seen: &'a ClaimSeen) -> Self {
        let Some(claim) = &seen.named else { return Self::Nothing };
        let on = |volume: &str| claim.volume.as_deref() == Some(volume);
        if record.uid.as_ref() == Some(&claim.uid) {
            Self::Original(claim)
        } else if record.destination.as_ref().is_some_and(|volume| on(&volume.name)) {
            Self::Final(claim)
        } else if on(&record.source.name) {
            Self::Restored(claim)
        } else if claim.run.as_deref() == Some(run) {
            Self::Outdated(claim)
        } else if claim.made_by_set {
            Self::Stray(claim)
        } else {
            Self::Foreign
        }
    }
}

impl<'a> Pair<'a> {
    fn named(&self) -> Named<'a> {
        Named::of(self.run, self.record, self.seen)
    }

    /// Reports a claim that this migration did not make.
    fn foreign(&self, look: &Look<'_>, next: &mut Next) {
        let destination = self.record.destination.as_ref().map_or("not made yet", |volume| volume.name.as_str());
        next.blockers.push(Blocker {
            code: Code::ForeignClaim,
            about: look.about(self),
            message: format!(
                "another claim has taken this name meanwhile; both volumes are kept: old {}, new {destination}",
                self.record.source.name
            ),
            hint: "find out who made it; once it holds nothing you need, delete it and run migrate again".to_owned(),
        });
    }

    /// Reports that the volume with the data is gone, which none of our steps does before the data is elsewhere.
    fn source_volume_gone(&self, look: &Look<'_>, next: &mut Next) {
        next.blockers.push(Blocker {
            code: Code::SourceVolumeGone,
            about: look.about(self),
            message: format!("its volume {} does not exist any more", self.record.source.name),
            hint: "look for the disk on the backend, and restore the volume object from a backup".to_owned(),
        });
    }

    fn wait(&self, on: Awaited) -> Waiting {
        Waiting { on, of: format!("claim {}", self.name), trouble: None, deadline: None }
    }
}

/// Collects what a look leads to.
#[derive(Default)]
struct Next {
    steps: Vec<Step>,
    waits: Vec<Waiting>,
    blockers: Vec<Blocker>,
}

impl Next {
    /// Tells whether nothing was found to do, await or report so far: the phase is complete.
    fn is_clear(&self) -> bool {
        self.steps.is_empty() && self.waits.is_empty() && self.blockers.is_empty()
    }

    /// Steps go first, then waits: what can still be done is done before a blocker stops the group.
    fn decision(mut self, look: &Look<'_>) -> Decision {
        // Once the group is turned back, no other step of this look may be done.
        let turn = self.steps.iter().position(|step| matches!(step, Step::Note(Fact::TurnedBack { .. })));
        if let Some(at) = turn {
            self.steps = vec![self.steps.swap_remove(at)];
        }
        if !self.steps.is_empty() {
            Decision::Act(self.steps)
        } else if !self.blockers.is_empty() {
            Decision::Blocked(self.blockers)
        } else if !self.waits.is_empty() {
            Decision::Wait(self.waits)
        } else {
            // Every phase ends in a step, a wait or a blocker. Should one ever not, looking again is safe and visible.
            let of = format!("group {}", look.record.name);
            let deadline = Some(Look::after(look.now, 5));
            Decision::Wait(vec![Waiting { on: Awaited::FreshLook, of, trouble: None, deadline }])
        }
    }
}

fn claim_target(name: String, claim: &Claim) -> Target {
    Target { name, uid: claim.uid.clone(), version: claim.version.clone() }
}

fn volume_target(volume: &Volume) -> Target {
    Target { name: volume.name.clone(), uid: volume.uid.clone(), version: volume.version.clone() }
}

#[cfg(test)]
pub(crate) mod tests;
