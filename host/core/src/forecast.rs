//! The forecast: what a run would do from here, if all goes well.
//!
//! It is made by the run's own [`decide`], on an imagined world that does what every step asks and every wait awaits. So
//! the plan that a user reads cannot drift from the run. No order of steps is known here.

use jiff::Timestamp;

use crate::blocker::Blocker;
use crate::decide::{Decision, decide};
use crate::imagined::Imagined;
use crate::observation::Observation;
use crate::record::{Ended, Record};
use crate::step::Step;
use crate::waiting::Waiting;

/// What a run would do, in order, and how it would end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What is done and awaited.
    pub lines: Vec<Line>,
    /// How it ends.
    pub ends: End,
}

/// One line of a forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The run would do this.
    Do(Step),
    /// The run would wait for this.
    Await(Waiting),
}

/// The end of a forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The migration has ended.
    Finished(Ended),
    /// A person has to look.
    Blocked(Vec<Blocker>),
    /// It does not: what the last lines await does not happen by itself.
    Endless,
}

/// Forecasts the run of a group from what is seen of it now.
pub fn forecast(record: &Record, seen: &Observation, now: Timestamp) -> Forecast {
    let mut record = record.clone();
    let mut world = Imagined::of(&record, seen, now);
    let mut lines = Vec::new();
    // A claim takes about 30 steps and moves and a workload 6; ten times that is not a forecast any more but a loop.
    let rounds = 400 * (1 + record.claims.len() + record.workloads.len());
    for _ in 0..rounds {
        match decide(&record, &world.observe(&record), world.now) {
            Decision::Act(steps) => {
                for step in steps {
                    record = carry_out(&mut world, record, &step);
                    lines.push(Line::Do(step));
                }
            }
            Decision::Wait(waits) => {
                announce(&mut lines, &waits);
                if !pass_the_time(&mut world, &waits) {
                    return Forecast { lines, ends: End::Endless };
                }
            }
            Decision::Blocked(blockers) => return Forecast { lines, ends: End::Blocked(blockers) },
            Decision::Finished(ended) => return Forecast { lines, ends: End::Finished(ended) },
        }
    }
    Forecast { lines, ends: End::Endless }
}

/// Carries out a step. A fact that the record refuses leaves it as it is, as in the run.
fn carry_out(world: &mut Imagined, record: Record, step: &Step) -> Record {
    world.execute(&record, step);
    if let Step::Note(fact) = step {
        return record.clone().with(fact.clone()).unwrap_or(record);
    }
    record
}

/// Adds the waits that are not among the last lines already.
fn announce(lines: &mut Vec<Line>, waits: &[Waiting]) {
    let since = lines.iter().rposition(|line| matches!(line, Line::Do(_))).map_or(0, |at| at + 1);
    for waiting in waits {
        let is_it = |line: &Line| matches!(line, Line::Await(old) if (old.on, &old.of) == (waiting.on, &waiting.of));
        if !lines[since..].iter().any(is_it) {
            lines.push(Line::Await(waiting.clone()));
        }
    }
}

/// Lets the cluster make its next move, or else the next deadline pass; tells whether anything is different then.
fn pass_the_time(world: &mut Imagined, waits: &[Waiting]) -> bool {
    if let Some(next) = world.moves().first() {
        world.make(next);
        return true;
    }
    match waits.iter().filter_map(|waiting| waiting.deadline).filter(|deadline| *deadline > world.now).min() {
        Some(deadline) => {
            world.now = deadline;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
