//! `rehearse`: the ordinary migration on an embedded cluster made from YAML files, with files in its volumes.
//!
//! The run itself is [`run::migrate`] with another client. What is added is what only a rehearsal can do: look at both
//! sides of every copy, and at every object, before and after.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use pvmigrate_objects::input;
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};
use serde_json::Value;

use super::{migrate, shared};
use crate::assessment::saved;
use crate::cli::migration::MigrationArgs;
use crate::driver::GroupEnd;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::progress::Progress;
use crate::render::{Screen, units};
use crate::run;

mod before;
mod classes;

use before::Before;

/// The flags of `rehearse`.
#[derive(Args, Clone, Debug)]
pub struct RehearseArgs {
    /// YAML or JSON files of Kubernetes objects, folders of them, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What to migrate.
    #[command(flatten)]
    pub migration: MigrationArgs,
}

/// The seed of the volumes' files: the same each time, so that two rehearsals of one file can be compared.
const SEED: u64 = 1;

/// Rehearses and shows the result.
///
/// # Errors
/// When a file cannot be read, rsync is missing, or the run fails.
pub async fn run(args: &RehearseArgs, screen: &Screen) -> Result<Exit, Failure> {
    let objects: Vec<Value> = input::read(&args.paths)?.into_iter().map(|given| given.object).collect();
    let mut options = args.migration.options_for(classes::of(&args.migration.scope, &objects)?)?;
    let policies = shared::policies(&args.migration.rules, &mut options, screen).await?;
    let rsync = find_rsync()?;
    let directory = tempfile::Builder::new().prefix("pvmigrate-rehearsal-").tempdir();
    let directory = directory.map_err(|error| {
        Failure::usage(format!("cannot create a folder for the volumes: {error}"))
            .hint("set TMPDIR to a folder you can write to")
    })?;
    let scratch = directory.path().to_owned();
    let interrupted = shared::Interrupted {
        advice: "the rehearsal is discarded; no real cluster was touched",
        last: Box::new(move || drop(std::fs::remove_dir_all(scratch))),
    };
    let stop = shared::stop_on_signals(screen, interrupted)?;

    // What the files have none of, the cluster has none of: an empty list, as in `policy run`.
    let served = policies.needs().into_iter().map(|need| (need.kind.api_version, need.kind.kind)).collect();
    let settings = Settings { served, ..Settings::new(directory.path().join("volumes"), rsync) };
    let cluster = Cluster::start(objects, settings).await?;
    cluster.at_rest().await;
    let filled = cluster.fill_all(SEED).map_err(|error| unwritable(directory.path(), &error))?;
    let bytes = filled.iter().map(|(_, _, contents)| contents.bytes).sum();
    let claims = units::count(filled.len(), "volume");
    screen.say(&format!("Embedded cluster started; {claims} filled with {}.", units::bytes(bytes)));
    let before = Before::take(&cluster, &directory.path().join("before"))
        .map_err(|error| unwritable(directory.path(), &error))?;

    let connection = pvmigrate_cluster::wrap(cluster.client());
    let progress = Arc::new(Progress::new(screen, args.migration.copy.verbose_copy));
    let planned = run::plan(&connection.client, &policies, &options).await?;
    saved::keep(args.migration.rules.save_question.as_deref(), &planned.1, &policies, &options.waivers)?;
    let mut run = run::carry_out(planned, &connection.client, &policies, &options, progress, &stop).await?;
    // A copy that was cut short still runs, and nothing is as before.
    let is_cut_short = run.report.groups.iter().any(|group| matches!(group.end, GroupEnd::Interrupted));
    let checked = match is_cut_short {
        true => None,
        false => {
            cluster.settled().await;
            Some(before.check(&cluster, &mut run.report))
        }
    };
    let shown = migrate::Shown {
        options: &options,
        interrupted: stop.requested(),
        checked: checked.as_ref(),
        not_played: Some(cluster.not_played()),
    };
    let exit = migrate::show(&run, &shown, screen)?;
    screen.detail(|| connection.requests.to_string());
    cluster.stop().await;
    Ok(exit)
}

fn unwritable(directory: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write below {}: {error}", directory.display()))
        .hint("set TMPDIR to a folder with enough space, on a file system that supports hard links and file owners")
}

impl From<input::InputError> for Failure {
    fn from(error: input::InputError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<pvmigrate_rehearsal::Error> for Failure {
    fn from(error: pvmigrate_rehearsal::Error) -> Self {
        let failure = Self::new(Exit::Usage, error);
        match failure.error.downcast_ref() {
            Some(pvmigrate_rehearsal::Error::NoRsync) => {
                failure.hint("install rsync: a rehearsal copies with the real one")
            }
            _ => failure,
        }
    }
}
