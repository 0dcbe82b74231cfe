//! A forecast's many lines, grouped into the few phases that a person thinks in.

use pvmigrate_core::forecast::{Forecast, Line};
use pvmigrate_core::record::Fact;
use pvmigrate_core::step::Step;

/// A phase of a group's migration, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The workloads run.
    Prepare,
    /// From the first stop to the last proven copy.
    Copy,
    /// The claims get their new volumes.
    Switch,
    /// Everything back to what it was.
    Settle,
}

impl Phase {
    pub(super) const ALL: [Self; 4] = [Self::Prepare, Self::Copy, Self::Switch, Self::Settle];

    /// Returns the phase's title; without workloads nothing pauses.
    pub(super) fn title(self, has_workloads: bool) -> &'static str {
        match (self, has_workloads) {
            (Self::Prepare, true) => "while it runs",
            (Self::Prepare, false) => "first",
            (Self::Copy, true) => "stopped, copy",
            (Self::Copy, false) => "copy",
            (Self::Switch, _) => "switch",
            (Self::Settle, true) => "start again",
            (Self::Settle, false) => "settle",
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Copy => "copy",
            Self::Switch => "switch",
            Self::Settle => "settle",
        }
    }
}

/// Pairs every line of the forecast with its phase.
pub(super) fn phased(forecast: &Forecast) -> impl Iterator<Item = (Phase, &Line)> {
    let lines = &forecast.lines;
    let first = |is_it: fn(&Step) -> bool| lines.iter().position(|line| matches!(line, Line::Do(step) if is_it(step)));
    let is_proof = |line: &Line| matches!(line, Line::Do(Step::Note(Fact::Copied { .. })));
    let (stop, copied) = match lines.iter().rposition(is_proof) {
        Some(last) => (first(begins_the_pause).unwrap_or(0), last + 1),
        None => (0, 0), // all copies were made by an earlier run: only the switch is left
    };
    let settle = first(ends_the_pause).unwrap_or(lines.len()).max(copied);
    lines.iter().enumerate().map(move |(at, line)| {
        let phase = if at < stop {
            Phase::Prepare
        } else if at < copied {
            Phase::Copy
        } else if at < settle {
            Phase::Switch
        } else {
            Phase::Settle
        };
        (phase, line)
    })
}

fn begins_the_pause(step: &Step) -> bool {
    matches!(step, Step::Note(Fact::Stopping { .. }) | Step::StopWorkload { .. } | Step::DeleteOriginalClaim { .. })
}

fn ends_the_pause(step: &Step) -> bool {
    matches!(
        step,
        Step::Unmark { .. }
            | Step::StartWorkload { .. }
            | Step::RestoreReclaim { .. }
            | Step::DeleteSourceVolume { .. }
    )
}

/// Returns what is done and awaited in a phase, each once, in order; notes in the record do not interest a person.
pub(super) fn doings(forecast: &Forecast, phase: Phase) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for (_, line) in phased(forecast).filter(|(of, _)| *of == phase) {
        let words = match line {
            Line::Do(Step::Note(_)) => continue,
            Line::Do(step) => step.describe().to_owned(),
            Line::Await(waiting) => format!("wait for {}", waiting.on.describe()),
        };
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told
}
