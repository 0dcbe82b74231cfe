//! `status`: how every migration on the cluster ended, or what it waits for. Reads only.
//!
//! What a migration waits for is decided by the same pure function as in a run, from a fresh observation.

use clap::Args;
use jiff::Timestamp;
use pvmigrate_cluster::{RecordStore, Watched};
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::World as _;
use pvmigrate_core::record::Record;

use super::shared;
use crate::cli::flags::WhereArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::records::Migration;
use crate::render::{self, Screen};

/// The flags of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// Shows every migration.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn run(args: &StatusArgs, screen: &Screen) -> Result<Exit, Failure> {
    let connection = shared::connect(&args.place.cluster).await?;
    let migrations = migrations(&connection.client, args.place.namespace.as_deref()).await?;
    let exit = migrations.iter().map(exit_of).fold(Exit::Done, Exit::or_graver);
    screen.result(
        || render::records::text(&migrations, Timestamp::now(), screen),
        &render::records::json(&migrations, exit),
    )?;
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}

/// Looks at every migration of a namespace, or of all. Nothing is watched when none is open.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn migrations(client: &kube::Client, namespace: Option<&str>) -> Result<Vec<Migration>, Failure> {
    let records = RecordStore::new(client.clone()).list(namespace).await?;
    let watched = match records.iter().any(Record::is_open) {
        true => Some(Watched::start(client.clone(), namespace).await?),
        false => None,
    };
    let mut migrations = Vec::new();
    for record in records {
        let seen = match &watched {
            Some(watched) if record.is_open() => watched.world().observe(&record).await?,
            Some(_) | None => Observation::default(),
        };
        let next = decide(&record, &seen, Timestamp::now());
        migrations.push(Migration { record, next });
    }
    Ok(migrations)
}

/// Returns the exit code of a migration: one under way or ended should not alarm a script; one that stands still
/// should.
fn exit_of(migration: &Migration) -> Exit {
    match &migration.next {
        Decision::Act(_) | Decision::Wait(_) | Decision::Finished(_) => Exit::Done,
        Decision::Blocked(_) => Exit::NeedsPerson,
    }
}
