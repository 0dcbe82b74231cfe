//! The options of a run, wherever they were given (flags, a record, a test).

use std::time::Duration;

use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_core::record::{Disposal, Limits, MigrationOptions, OnFailure};
use pvmigrate_core::survey::Scope;

/// The options of one run.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--source-sc`.
    pub source_class: String,
    /// `--dest-sc`.
    pub dest_class: String,
    /// `--namespace`; `None` for all.
    pub namespace: Option<String>,
    /// `--environment`, a free label that policies see.
    pub environment: String,
    /// Findings that the environment accepts for a while.
    pub waivers: Vec<Waiver>,
    /// `--policy`, `--environment` and `--config` with their values, as given: `rbac` takes them too.
    pub policy_flags: Vec<String>,
    /// `--rsync-image`.
    pub rsync_image: String,
    /// `--rsync-flags`, split at its commas.
    pub rsync_flags: Vec<String>,
    /// `--set-defaults`.
    pub set_defaults: bool,
    /// `--skip-source-validation`.
    pub skip_source_validation: bool,
    /// `--preflight-validation-only`.
    pub preflight_only: bool,
    /// `--skip-preflight-validation`.
    pub skip_preflight: bool,
    /// `--skip-blocked`: groups that something keeps from starting do not keep the others.
    pub skip_blocked: bool,
    /// `--pod-ready-timeout`.
    pub pod_ready_timeout: Duration,
    /// `--parallel`: claims copied at once.
    pub parallel: usize,
    /// `--on-failure`.
    pub on_failure: OnFailure,
    /// `--source-volumes`.
    pub disposal: Disposal,
    /// `--warm-passes`; 0 is `--no-warm`.
    pub warm_passes: u32,
    /// `--warm-rate`.
    pub warm_rate: Option<String>,
    /// Tries and waits; `--delete-pv-timeout` is among them.
    pub limits: Limits,
}

impl Options {
    /// Returns where this run looks, and between which classes it moves.
    pub fn scope(&self) -> Scope {
        Scope {
            namespace: self.namespace.clone(),
            source_class: self.source_class.clone(),
            dest_class: self.dest_class.clone(),
            skip_source_validation: self.skip_source_validation,
        }
    }

    /// Returns what goes into the records of this run.
    pub fn asked(&self, binds_late: bool) -> MigrationOptions {
        MigrationOptions {
            source_class: self.source_class.clone(),
            dest_class: self.dest_class.clone(),
            binds_late,
            disposal: self.disposal,
            on_failure: self.on_failure,
            warm_passes: self.warm_passes,
            warm_rate: self.warm_rate.clone(),
            rsync_image: self.rsync_image.clone(),
            rsync_flags: self.rsync_flags.clone(),
            limits: self.limits.clone(),
        }
    }
}
