//! The preflight: trial volumes of the destination class, made before anything is stopped.

use std::time::Duration;

use pvmigrate_cluster::Watched;
use pvmigrate_cluster::preflight::Preflight;
use pvmigrate_core::trial::{Trial, TrialResult};

use super::retry::retrying;
use crate::failure::Failure;
use crate::options::Options;
use crate::stop::Stop;

/// Trials that were made, and removed again.
pub(super) struct Tried<'a> {
    /// The result of each; `None` when the user stopped the run meanwhile.
    pub(super) results: Option<Vec<TrialResult>>,
    /// What could not be removed.
    pub(super) left_behind: Vec<String>,
    /// Knows when their volumes have gone, too.
    pub(super) preflight: Preflight<'a>,
}

/// Makes the trials and has everything that they made removed, whatever their result and however they were cut short.
pub(super) async fn make<'a>(
    watched: &'a Watched,
    trials: &'a [Trial],
    options: &'a Options,
    stop: &Stop,
) -> Result<Tried<'a>, Failure> {
    let removal = Duration::from_secs(options.limits.delete_volume_seconds.into());
    let Options { dest_class, rsync_image, rsync_flags, .. } = options;
    let prepare = || watched.preflight(trials, dest_class, rsync_image, rsync_flags, removal);
    let preflight = retrying(prepare).await?;
    let results = tokio::select! {
        results = retrying(|| preflight.results(options.pod_ready_timeout)) => Some(results),
        () = stop.wait() => None,
    };
    let left_behind = retrying(|| preflight.remove()).await?;
    Ok(Tried { results: results.transpose()?, left_behind, preflight })
}
