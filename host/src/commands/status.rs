//! `status`: what every migration on the cluster has come to, or waits for. Reads only.
//!
//! What a migration waits for is decided by the same pure function as in a run, from a fresh look.

use jiff::Timestamp;
use pvmigrate_cluster::{RecordStore, Watched};
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::ports::World as _;
use pvmigrate_core::record::{Ended, Outcome, Record};

use crate::cli::LookArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// Holds a migration and what would be done for it next.
#[derive(Debug)]
pub struct Standing {
    /// Its record.
    pub record: Record,
    /// What a run would do now.
    pub next: Decision,
}

/// Shows every migration.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn run(args: &LookArgs, screen: &Screen) -> Result<Exit, Failure> {
    let connection = super::connect(&args.cluster).await?;
    let namespace = args.namespace.as_deref();
    let records = RecordStore::new(connection.client.clone()).list(namespace).await?;
    let mut standings = Vec::new();
    if records.iter().any(Record::is_open) {
        let watched = Watched::start(connection.client.clone(), namespace).await?;
        let world = watched.world();
        for record in records {
            let seen = if record.is_open() { world.observe(&record).await? } else { Default::default() };
            let next = decide(&record, &seen, Timestamp::now());
            standings.push(Standing { record, next });
        }
    } else {
        let ended = |record: Record| Standing { next: decide(&record, &Default::default(), Timestamp::now()), record };
        standings.extend(records.into_iter().map(ended));
    }
    let exit = standings.iter().map(exit_of).fold(Exit::Done, Exit::or_graver);
    let now = Timestamp::now();
    screen.result(|| render::records::text(&standings, now, screen), &render::records::json(&standings, exit))?;
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}

/// A migration under way is nothing to alarm a script; one that stands still is.
fn exit_of(standing: &Standing) -> Exit {
    match &standing.next {
        Decision::Act(_) | Decision::Wait(_) | Decision::Finished(Ended { how: Outcome::Migrated, .. }) => Exit::Done,
        Decision::Finished(Ended { how: Outcome::RolledBack(_), .. }) => Exit::RolledBack,
        Decision::Blocked(_) => Exit::NeedsPerson,
    }
}
