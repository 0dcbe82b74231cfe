//! `abort`: turns groups back to their old volumes, and drives them there.
//!
//! Turning back is one fact in the record, added by compare-and-swap. A run that is driving the same group right now sees
//! it at its next look and goes back as well.

use std::sync::Arc;

use clap::Args;
use pvmigrate_cluster::RecordStore;
use pvmigrate_core::ports::{RecordId, Records as _, Saved};
use pvmigrate_core::record::{Disposal, Fact, Goal, MigrationOptions, Record, Refused};
use pvmigrate_policy::Policies;

use super::shared;
use crate::cli::flags::WhereArgs;
use crate::driver::Reporter;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::render::progress::Progress;
use crate::render::{self, Screen};
use crate::report::Report;
use crate::run;
use crate::stop::Stop;

/// The flags of `abort`.
#[derive(Args, Clone, Debug)]
pub struct AbortArgs {
    /// Records to abort, as listed by `status`
    #[arg(value_name = "RECORD")]
    pub records: Vec<String>,
    /// Abort every open migration
    #[arg(long)]
    pub all: bool,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// The reason in the record.
const WHY: &str = "the user aborted it";

/// Turns the named groups back, or all, and shows the result.
///
/// # Errors
/// On bad usage, when a group can only go forward now, or when the cluster cannot be used.
pub async fn run(args: &AbortArgs, screen: &Screen) -> Result<Exit, Failure> {
    if args.records.is_empty() && !args.all {
        return Err(Failure::usage("no records given: name the records to abort, or use --all")
            .hint("list the records: pvmigrate status"));
    }
    let connection = shared::connect(&args.place.cluster).await?;
    let stop = shared::stop_on_signals(screen, shared::Interrupted::resumable())?;
    let progress = Arc::new(Progress::new(screen, false));
    let Aborted { report, refused, disposal } = abort(&connection.client, args, progress, &stop).await?;
    if report.groups.is_empty() && refused.is_empty() {
        screen.say("No open migration, nothing to abort.");
    }
    let ends = report.groups.iter().map(|group| aborted(shared::exit_of(&group.end)));
    let refusals = refused.iter().map(|failure| failure.exit);
    let exit = ends.chain(refusals).fold(Exit::Done, Exit::or_graver);
    screen.result(
        || render::report::text(&report, disposal, screen),
        &render::report::json(&report, &[], exit).errors(&refused),
    )?;
    for failure in &refused {
        screen.say(&render::failure::text(failure, screen.paint_err));
    }
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}

/// The result of an abort.
#[derive(Debug)]
pub struct Aborted {
    /// The groups that were turned back.
    pub report: Report,
    /// Why others were not: they can only go forward now.
    pub refused: Vec<Failure>,
    /// What was asked for the source volumes.
    pub disposal: Disposal,
}

/// Turns the chosen groups back and drives them there.
///
/// # Errors
/// When a record that was named is not there, or the cluster cannot be used.
pub async fn abort(
    client: &kube::Client,
    args: &AbortArgs,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &Stop,
) -> Result<Aborted, Failure> {
    let namespace = args.place.namespace.as_deref();
    let store = RecordStore::new(client.clone());
    let records = chosen(args, store.list(namespace).await?)?;
    let (mut turned, mut refused) = (Vec::new(), Vec::new());
    for record in records {
        match turn_back(&store, &record).await? {
            Turned::Back(record) => turned.push(*record),
            Turned::Over => {}
            Turned::Refused(failure) => refused.push(failure),
        }
    }
    let Some(first) = turned.first() else {
        return Ok(Aborted { report: Report::default(), refused, disposal: Disposal::default() });
    };
    let options = options(&first.asked, namespace);
    let policies = Policies::builtin()?;
    let report = run::finish(client, &policies, &options, turned, reporter, stop).await?;
    Ok(Aborted { report, refused, disposal: options.disposal })
}

/// Treats a group that is back on its old volumes as success: that is what was asked for.
fn aborted(exit: Exit) -> Exit {
    if exit == Exit::RolledBack { Exit::Done } else { exit }
}

/// Returns the open records that were named; a name that fits none is an error.
fn chosen(args: &AbortArgs, records: Vec<Record>) -> Result<Vec<Record>, Failure> {
    let is_named = |record: &Record, name: &String| {
        record.name == *name || format!("{}/{}", record.namespace, record.name) == *name
    };
    for name in &args.records {
        let found: Vec<&Record> = records.iter().filter(|record| is_named(record, name)).collect();
        let hint = "list the records: pvmigrate status";
        match found.as_slice() {
            [] => return Err(Failure::usage(format!("record {name} not found")).hint(hint)),
            [record] if !record.is_open() => {
                return Err(Failure::usage(format!("the migration of record {name} has already ended")).hint(hint));
            }
            [_] => {}
            _ => {
                return Err(Failure::usage(format!("several namespaces have a record {name}"))
                    .hint("write NAMESPACE/RECORD, or use --namespace"));
            }
        }
    }
    let is_chosen = |record: &Record| args.all || args.records.iter().any(|name| is_named(record, name));
    Ok(records.into_iter().filter(|record| record.is_open() && is_chosen(record)).collect())
}

/// The result of turning one migration back.
enum Turned {
    /// Its record says so now.
    Back(Box<Record>),
    /// It had ended, or its record is gone.
    Over,
    /// It can only go forward now.
    Refused(Failure),
}

/// Adds the fact to one record.
async fn turn_back(store: &RecordStore, record: &Record) -> Result<Turned, Failure> {
    let id = record.id();
    loop {
        let Some((record, version)) = store.load(&id).await?.filter(|(record, _)| record.is_open()) else {
            return Ok(Turned::Over);
        };
        if matches!(record.goal, Goal::Back(_)) {
            return Ok(Turned::Back(Box::new(record))); // turned back already: it only has to be driven
        }
        let next = match record.with(Fact::TurnedBack { why: WHY.to_owned() }) {
            Ok(next) => next,
            Err(refused) => return Ok(Turned::Refused(forward_only(&id, refused))),
        };
        match store.save(&next, Some(&version)).await? {
            Saved::Stored(_) => return Ok(Turned::Back(Box::new(next))),
            Saved::Conflict => {} // another process has changed it: look again
        }
    }
}

fn forward_only(id: &RecordId, refused: Refused) -> Failure {
    Failure::new(Exit::Finding, refused)
        .context(format!("cannot abort {}/{}", id.namespace, id.name))
        .hint("it is past the point of return; to finish it, run migrate again with the same flags")
}

/// Returns options that fit the records: a migration keeps its own, so these only say where to look and how many at once.
fn options(asked: &MigrationOptions, namespace: Option<&str>) -> Options {
    Options {
        source_class: asked.source_class.clone(),
        dest_class: asked.dest_class.clone(),
        namespace: namespace.map(str::to_owned),
        environment: String::new(),
        waivers: Vec::new(),
        policy_flags: Vec::new(),
        rsync_image: asked.rsync_image.clone(),
        rsync_flags: asked.rsync_flags.clone(),
        set_defaults: false,
        skip_source_validation: true,
        preflight_only: false,
        skip_preflight: true,
        skip_blocked: false,
        pod_ready_timeout: std::time::Duration::from_secs(60),
        // Going back copies nothing, so nothing is gained by going slowly.
        parallel: usize::MAX,
        on_failure: asked.on_failure,
        disposal: asked.disposal,
        warm_passes: asked.warm_passes,
        warm_rate: asked.warm_rate.clone(),
        limits: asked.limits.clone(),
    }
}
