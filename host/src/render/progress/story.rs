//! Turns events into what is worth showing. No clock and no terminal here.

use std::collections::BTreeMap;

use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::ports::{Done, RecordId};
use pvmigrate_core::record::{Ended, Fact, Goal, Outcome, Purpose, Record};
use pvmigrate_core::step::Step;
use pvmigrate_core::waiting::{Awaited, Waiting};

use crate::driver::{Event, GroupEnd};
use crate::render::failure::messages;
use crate::render::{clean, units};

/// A change of what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Update {
    /// A line that stays.
    Line {
        /// Who wants to read it.
        weight: Weight,
        text: String,
    },
    /// What is being done for these claims, `namespace/name`, until the next update.
    Doing { claims: Vec<String>, what: String },
    /// Nothing more will be shown of these claims.
    Over { claims: Vec<String> },
}

/// The weight of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// For everybody.
    News,
    /// For those who follow each step.
    Step,
}

/// What was shown of each group so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    groups: BTreeMap<RecordId, Group>,
}

#[derive(Debug, Default)]
struct Group {
    claims: Vec<String>,
    turned_back: bool,
    stopped: bool,
    over: bool,
    /// Waits whose trouble was shown: what waits, and the trouble.
    troubles: Vec<(String, String)>,
}

impl Story {
    /// Returns whether the group has started and not ended: output that comes late is not worth showing.
    pub(super) fn is_under_way(&self, id: &RecordId) -> bool {
        self.groups.get(id).is_some_and(|group| !group.over)
    }

    /// Takes one event, and returns what to show of it.
    pub(super) fn hear(&mut self, id: &RecordId, event: &Event<'_>) -> Vec<Update> {
        let is_new = !self.groups.contains_key(id);
        let group = self.groups.entry(id.clone()).or_default();
        match event {
            Event::Loaded(record) => group.loaded(id, record, is_new),
            Event::Stepped(step, done) => group.stepped(id, step, *done),
            Event::Waiting(waits) => group.waiting(id, waits),
            Event::Copying { claim, pod } => {
                let claim = format!("{}/{}", id.namespace, clean(claim));
                let (what, again) = match pod.purpose {
                    Purpose::Warm if pod.attempt > 1 => ("warm pass", format!(" {}", pod.attempt)),
                    Purpose::Warm => ("warm pass", String::new()),
                    Purpose::Prime | Purpose::Copy | Purpose::Leftover if pod.attempt > 1 => {
                        ("copying", format!(", attempt {}", pod.attempt))
                    }
                    Purpose::Prime | Purpose::Copy | Purpose::Leftover => ("copying", String::new()),
                };
                let line = Update::Line { weight: Weight::News, text: format!("{claim}: {what}{again}") };
                vec![line, Update::Doing { claims: vec![claim], what: what.to_owned() }]
            }
            Event::Trouble { error, pause } => {
                let pause = units::duration(jiff::SignedDuration::try_from(*pause).unwrap_or_default());
                let error = clean(&error.to_string());
                vec![news(format!("{}: {error}; retrying in {pause}", group.name(id)))]
            }
            Event::Over(end) => {
                group.over = true;
                let mut told = vec![news(format!("{}: {}", group.name(id), ended(end)))];
                told.push(Update::Over { claims: group.claims.clone() });
                told
            }
        }
    }
}

impl Group {
    /// Names the group by its claims.
    fn name(&self, id: &RecordId) -> String {
        if self.claims.is_empty() { format!("{}/{}", id.namespace, id.name) } else { name(&self.claims) }
    }

    fn loaded(&mut self, id: &RecordId, record: &Record, is_new: bool) -> Vec<Update> {
        let mut told = Vec::new();
        if is_new {
            self.claims = record.claims.keys().map(|name| format!("{}/{}", id.namespace, clean(name))).collect();
            let (from, to) = (clean(&record.asked.source_class), clean(&record.asked.dest_class));
            told.push(news(format!("{}: starting, from {from} to {to}", self.name(id))));
            told.push(Update::Doing { claims: self.claims.clone(), what: "starting".to_owned() });
        }
        if let (Goal::Back(why), false) = (&record.goal, self.turned_back) {
            self.turned_back = true;
            told.push(news(format!("{}: going back to the old volumes: {}", self.name(id), clean(why))));
        }
        if record.stopped.is_some() && !self.stopped {
            self.stopped = true;
            let workloads: Vec<String> = record.workloads.iter().map(|it| clean(&it.workload.to_string())).collect();
            if !workloads.is_empty() {
                told.push(news(format!("{}: stopping {}", self.name(id), workloads.join(", "))));
            }
        }
        told
    }

    fn stepped(&self, id: &RecordId, step: &Step, done: Done) -> Vec<Update> {
        let of_step: Vec<String> =
            step.claims().into_iter().map(|claim| format!("{}/{}", id.namespace, clean(claim))).collect();
        let (about, claims) = match of_step.is_empty() {
            true => (self.name(id), self.claims.clone()),
            false => (name(&of_step), of_step),
        };
        if done == Done::Stale {
            let text = format!("{about}: {}: the cluster has changed, looking again", step.describe());
            return vec![Update::Line { weight: Weight::Step, text }];
        }
        let mut told = vec![Update::Line { weight: Weight::Step, text: format!("{about}: {}", describe(step)) }];
        match step {
            Step::Note(Fact::CopyFailed { failure, .. }) => {
                let reason = clean(&failure.reason);
                told.push(news(format!("{about}: copy attempt {} failed: {reason}", failure.attempt)));
            }
            Step::Note(Fact::Copied { .. }) => told.push(news(format!("{about}: copied"))),
            _ => {}
        }
        told.push(Update::Doing { claims, what: step.describe().to_owned() });
        told
    }

    fn waiting(&mut self, id: &RecordId, waits: &[Waiting]) -> Vec<Update> {
        let mut told = Vec::new();
        for wait in waits {
            let claim = wait.of.strip_prefix("claim ").map(|name| format!("{}/{}", id.namespace, clean(name)));
            let about = claim.clone().unwrap_or_else(|| format!("{} in {}", clean(&wait.of), id.namespace));
            let words = format!("waiting for {}", wait.on.describe());
            let trouble = wait.trouble.as_deref().map(clean);
            match &trouble {
                // Pods take their time to end; that is what a grace period is for.
                Some(pods) if wait.on == Awaited::SourcePodsGone => {
                    told.push(Update::Line { weight: Weight::Step, text: format!("{about}: {words} ({pods})") });
                }
                Some(trouble) => {
                    let told_before = (wait.of.clone(), trouble.clone());
                    if !self.troubles.contains(&told_before) {
                        self.troubles.push(told_before);
                        told.push(news(format!("{about}: {words} ({trouble})")));
                    }
                }
                None => told.push(Update::Line { weight: Weight::Step, text: format!("{about}: {words}") }),
            }
            let what = trouble.map_or_else(|| words.clone(), |trouble| format!("{words} ({trouble})"));
            told.push(Update::Doing { claims: claim.map_or_else(|| self.claims.clone(), |claim| vec![claim]), what });
        }
        told
    }
}

/// Names claims, as far as they fit on a line.
fn name(claims: &[String]) -> String {
    const SHOWN: usize = 3;
    match claims.len() {
        ..=SHOWN => claims.join(", "),
        all => format!("{} and {} more", claims[..SHOWN].join(", "), all - SHOWN),
    }
}

fn news(text: String) -> Update {
    Update::Line { weight: Weight::News, text }
}

/// Describes a step, with the workload it is about if there is one.
fn describe(step: &Step) -> String {
    match step {
        Step::StopWorkload { workload, .. } => format!("scale {workload} down to 0"),
        Step::StartWorkload { workload, replicas, .. } => format!("scale {workload} up to {replicas}"),
        other => other.describe().to_owned(),
    }
}

fn reasons(blockers: &[Blocker]) -> String {
    let all: Vec<String> = blockers.iter().map(|blocker| clean(&blocker.to_string())).collect();
    all.join("; ")
}

fn ended(end: &GroupEnd) -> String {
    match end {
        GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }) => "migrated".to_owned(),
        GroupEnd::Ended(Ended { how: Outcome::NotReady(why), .. }) => format!("migrated, not ready: {}", clean(why)),
        GroupEnd::Ended(Ended { how: Outcome::RolledBack(why), .. }) => format!("rolled back: {}", clean(why)),
        GroupEnd::Blocked(blockers) => format!("needs attention: {}", reasons(blockers)),
        GroupEnd::NotBegun(blockers) => format!("not started: {}", reasons(blockers)),
        GroupEnd::Interrupted => "interrupted; to continue, run the same command again".to_owned(),
        GroupEnd::Failed(error) => format!("failed: {}", clean(&messages(error).join(": "))),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::render::samples;
    use pvmigrate_core::observation::{Pod, Progress};
    use pvmigrate_core::record::{CopyFailure, Retry, Uid, Version};

    fn tell(story: &mut Story, text: &mut String, event: &Event<'_>) {
        let id = samples::record(&["data-web-0", "data-web-1"], true).id();
        for told in story.hear(&id, event) {
            let line = match told {
                Update::Line { weight, text } => format!("{weight:?}: {text}"),
                Update::Doing { claims, what } => format!("  [{}] {what}", claims.join(" ")),
                Update::Over { claims } => format!("  [{}] over", claims.join(" ")),
            };
            let _ = writeln!(text, "{line}");
        }
    }

    #[test]
    fn a_pod_of_several_claims_is_told_of_these_only() {
        let (mut story, mut text) = (Story::default(), String::new());
        let group = samples::record(&["data-web-0", "data-web-1", "data-web-2", "data-web-3", "data-web-4"], true);
        let start = |count: usize| Step::StartPod {
            claims: group.claims.keys().take(count).cloned().collect(),
            purpose: Purpose::Copy,
            attempt: 1,
        };
        tell(&mut story, &mut text, &Event::Loaded(&group));
        for (count, done) in [(1, Done::Applied), (2, Done::Applied), (4, Done::Stale)] {
            tell(&mut story, &mut text, &Event::Stepped(&start(count), done));
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_group_from_begin_to_end() {
        let (mut story, mut text) = (Story::default(), String::new());
        let begun = samples::record(&["data-web-0", "data-web-1"], true);
        let claim = || "data-web-0".to_owned();
        let wait = |trouble: Option<&str>| Waiting {
            on: Awaited::DestinationBound,
            of: "claim data-web-0".to_owned(),
            trouble: trouble.map(str::to_owned),
            deadline: None,
        };
        let pod = |attempt| Pod {
            name: "migrate-1".to_owned(),
            uid: Uid("1".to_owned()),
            purpose: Purpose::Copy,
            attempt,
            others: Vec::new(),
            progress: Progress::Running,
            leaving: false,
            created: samples::at(1),
        };
        let failure =
            CopyFailure { attempt: 1, at: samples::at(9), reason: "exit 23\u{1b}[2J".to_owned(), retry: Retry::Again };
        let down = Step::StopWorkload { workload: samples::web(), version: Version("1".to_owned()), replicas: 3 };
        let mut stopped = begun.clone();
        stopped.stopped = Some(samples::at(5));
        let mut back = stopped.clone();
        back.goal = Goal::Back("3 copies failed".to_owned());
        let end =
            GroupEnd::Ended(Ended { at: samples::at(99), how: Outcome::RolledBack("3 copies failed".to_owned()) });
        let error = std::io::Error::other("connection refused");
        for event in [
            Event::Loaded(&begun),
            Event::Stepped(&Step::CreateDestination { claim: claim(), volume: None }, Done::Applied),
            Event::Waiting(&[wait(None)]),
            Event::Waiting(&[wait(Some("no space"))]),
            Event::Waiting(&[wait(Some("no space"))]), // shown once
            Event::Loaded(&stopped),
            Event::Stepped(&down, Done::Stale),
            Event::Stepped(&down, Done::Applied),
            Event::Copying { claim: "data-web-0", pod: &pod(1) },
            Event::Stepped(&Step::Note(Fact::CopyFailed { claim: claim(), failure }), Done::Applied),
            Event::Copying { claim: "data-web-0", pod: &pod(2) },
            Event::Trouble { error: &error, pause: std::time::Duration::from_millis(250) },
            Event::Loaded(&back),
            Event::Over(&end),
        ] {
            tell(&mut story, &mut text, &event);
            assert_eq!(story.is_under_way(&begun.id()), !matches!(event, Event::Over(_)));
        }
        insta::assert_snapshot!(text);
    }
}
