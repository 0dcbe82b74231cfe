//! `status`: what every migration on the cluster has come to, or waits for. Reads only.
//!
//! What a migration waits for is decided by the same pure function as in a run, from a fresh look.

use jiff::Timestamp;
use pvmigrate_cluster::{RecordStore, Watched};
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::World as _;
use pvmigrate_core::record::Record;

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
    let standings = look(&connection.client, args.namespace.as_deref()).await?;
    let exit = standings.iter().map(exit_of).fold(Exit::Done, Exit::or_graver);
    screen.result(
        || render::records::text(&standings, Timestamp::now(), screen),
        &render::records::json(&standings, exit),
    )?;
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}

/// Looks at every migration of a namespace, or of all. Nothing is watched when none is open.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn look(client: &kube::Client, namespace: Option<&str>) -> Result<Vec<Standing>, Failure> {
    let records = RecordStore::new(client.clone()).list(namespace).await?;
    let watched = match records.iter().any(Record::is_open) {
        true => Some(Watched::start(client.clone(), namespace).await?),
        false => None,
    };
    let mut standings = Vec::new();
    for record in records {
        let seen = match &watched {
            Some(watched) if record.is_open() => watched.world().observe(&record).await?,
            Some(_) | None => Observation::default(),
        };
        let next = decide(&record, &seen, Timestamp::now());
        standings.push(Standing { record, next });
    }
    Ok(standings)
}

/// A migration under way, or over, is nothing to alarm a script; one that stands still is.
fn exit_of(standing: &Standing) -> Exit {
    match &standing.next {
        Decision::Act(_) | Decision::Wait(_) | Decision::Finished(_) => Exit::Done,
        Decision::Blocked(_) => Exit::NeedsPerson,
    }
}
