//! The migrations on a cluster: how each ended, or what it waits for now.

use std::fmt::Write as _;

use jiff::Timestamp;
use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::decide::Decision;
use pvmigrate_core::record::{Ended, Goal, Outcome, Record};
use serde::Serialize;

use super::json::{ExitJson, SCHEMA_VERSION, WorkloadJson};
use super::table::Table;
use super::units::duration;
use super::{Screen, clean};
use crate::exit::Exit;

/// A migration, and what would be done for it next.
#[derive(Debug)]
pub struct Migration {
    /// Its record.
    pub record: Record,
    /// What a run would do now.
    pub next: Decision,
}

/// Returns the migrations for people: a table, then what keeps those that need attention.
pub fn text(migrations: &[Migration], now: Timestamp, screen: &Screen) -> String {
    if migrations.is_empty() {
        return "No migrations found.\n".to_owned();
    }
    let mut table = Table::new(&["NAMESPACE", "RECORD", "CLAIMS", "STARTED", "DOWN", "STATUS"], &[]);
    for Migration { record, next } in migrations {
        let claims: Vec<&str> = record.claims.keys().map(String::as_str).collect();
        table.row(&[
            record.namespace.clone(),
            record.name.clone(),
            claims.join(", "),
            stamp(record.begun),
            down(record, now),
            status(record, next),
        ]);
    }
    let mut text = table.text(screen.width);
    for Migration { record, next } in migrations {
        let lines = details(next);
        if !lines.is_empty() {
            let title = format!("{}/{}", clean(&record.namespace), clean(&record.name));
            let _ = writeln!(text, "\n{}", screen.paint.title(&title));
            for line in lines {
                let _ = writeln!(text, "  {}", clean(&line));
            }
        }
    }
    text
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Describes how long the workloads have been down, or were.
fn down(record: &Record, now: Timestamp) -> String {
    match (&record.stopped, &record.ended) {
        (None, _) => "-".to_owned(),
        (Some(since), Some(ended)) => format!("was {}", duration(ended.at.duration_since(*since))),
        (Some(since), None) if record.workloads.is_empty() => {
            format!("{} (no workload)", duration(now.duration_since(*since)))
        }
        (Some(since), None) => format!("since {}, {}", stamp(*since), duration(now.duration_since(*since))),
    }
}

fn status(record: &Record, next: &Decision) -> String {
    let back = if matches!(record.goal, Goal::Back(_)) { "going back: " } else { "" };
    match next {
        Decision::Finished(Ended { how: Outcome::Migrated, at }) => format!("migrated at {}", stamp(*at)),
        Decision::Finished(Ended { how: Outcome::NotReady(why), at }) => {
            format!("migrated at {}, not ready: {why}", stamp(*at))
        }
        Decision::Finished(Ended { how: Outcome::RolledBack(why), .. }) => format!("rolled back: {why}"),
        Decision::Blocked(_) => format!("{back}needs attention"),
        Decision::Act(steps) => {
            let step = steps.first().map_or("look again", |step| step.describe());
            format!("{back}next: {step}")
        }
        Decision::Wait(waits) => {
            let wait = waits.first().map_or("the cluster", |wait| wait.on.describe());
            format!("{back}waiting for {wait}")
        }
    }
}

fn details(next: &Decision) -> Vec<String> {
    match next {
        Decision::Blocked(blockers) => {
            blockers.iter().flat_map(|blocker| [blocker.to_string(), format!("  {}", blocker.hint)]).collect()
        }
        Decision::Wait(waits) => waits.iter().map(ToString::to_string).collect(),
        Decision::Act(_) | Decision::Finished(_) => Vec::new(),
    }
}

/// The migrations on a cluster, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordsJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    migrations: Vec<RecordJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordJson<'a> {
    namespace: &'a str,
    record: &'a str,
    source_class: &'a str,
    dest_class: &'a str,
    claims: Vec<&'a str>,
    workloads: Vec<WorkloadJson>,
    begun: Timestamp,
    down_since: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// `under-way`, `needs-person`, `migrated`, `not-ready` (migrated, but not Ready in time) or `rolled-back`.
    standing: &'static str,
    /// Why it goes, or went, back.
    going_back: Option<&'a str>,
    waiting: Vec<WaitingJson<'a>>,
    blockers: &'a [Blocker],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WaitingJson<'a> {
    on: &'static str,
    of: &'a str,
    trouble: Option<&'a str>,
    deadline: Option<Timestamp>,
}

/// Returns the migrations for scripts.
pub fn json(migrations: &[Migration], exit: Exit) -> RecordsJson<'_> {
    RecordsJson {
        schema_version: SCHEMA_VERSION,
        exit: exit.into(),
        migrations: migrations.iter().map(record).collect(),
    }
}

fn record(Migration { record, next }: &Migration) -> RecordJson<'_> {
    let waits: &[_] = if let Decision::Wait(waits) = next { waits } else { &[] };
    let blockers: &[_] = if let Decision::Blocked(blockers) = next { blockers } else { &[] };
    RecordJson {
        namespace: &record.namespace,
        record: &record.name,
        source_class: &record.asked.source_class,
        dest_class: &record.asked.dest_class,
        claims: record.claims.keys().map(String::as_str).collect(),
        workloads: record.workloads.iter().map(WorkloadJson::from).collect(),
        begun: record.begun,
        down_since: record.stopped.filter(|_| record.is_open() && record.ready.is_none()),
        ended: record.ended.as_ref().map(|ended| ended.at),
        standing: match next {
            Decision::Act(_) | Decision::Wait(_) => "under-way",
            Decision::Blocked(_) => "needs-person",
            Decision::Finished(Ended { how: Outcome::Migrated, .. }) => "migrated",
            Decision::Finished(Ended { how: Outcome::NotReady(_), .. }) => "not-ready",
            Decision::Finished(Ended { how: Outcome::RolledBack(_), .. }) => "rolled-back",
        },
        going_back: match &record.goal {
            Goal::Back(why) => Some(why),
            Goal::Forward => None,
        },
        waiting: waits
            .iter()
            .map(|wait| WaitingJson {
                on: wait.on.describe(),
                of: &wait.of,
                trouble: wait.trouble.as_deref(),
                deadline: wait.deadline,
            })
            .collect(),
        blockers,
    }
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::decide::decide;
    use pvmigrate_core::observation::Observation;
    use pvmigrate_core::waiting::{Awaited, Waiting};

    use super::*;
    use crate::render::samples;

    fn migrations() -> Vec<Migration> {
        let mut ended = samples::proven(&["done"]);
        ended.ended = Some(Ended { at: samples::at(125), how: Outcome::Migrated });
        let mut back = samples::record(&["back"], true);
        back.stopped = Some(samples::at(30));
        back.goal = Goal::Back("the user aborted it".to_owned());
        let wait = Waiting {
            on: Awaited::DestinationBound,
            of: "claim waits".to_owned(),
            trouble: Some("ProvisioningFailed: no space\u{1b}[2J".to_owned()),
            deadline: Some(samples::at(300)),
        };
        let next = decide(&ended, &Observation::default(), samples::at(200));
        vec![
            Migration { record: samples::record(&["waits"], true), next: Decision::Wait(vec![wait]) },
            Migration { record: back, next: Decision::Blocked(vec![samples::blocker()]) },
            Migration { record: ended, next },
        ]
    }

    #[test]
    fn for_people() {
        insta::assert_snapshot!(text(&migrations(), samples::at(200), &samples::screen(None)));
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&migrations(), Exit::NeedsPerson))?);
        Ok(())
    }

    #[test]
    fn without_a_record() {
        assert_eq!(text(&[], samples::at(0), &samples::screen(None)), "No migrations found.\n");
    }
}
