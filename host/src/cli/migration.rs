//! What to migrate and how: the flags that `migrate`, `plan` and `rehearse` share, and the [`Options`] they mean.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pvmigrate_core::copy_report::refused_flags;
use pvmigrate_core::record::{Disposal, Limits, OnFailure};

use super::flags::{ClusterArgs, EnvironmentArgs, go_bool};
use crate::failure::Failure;
use crate::options::Options;

/// The flags of `migrate` and `plan`.
#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// What to migrate.
    #[command(flatten)]
    pub migration: MigrationArgs,
    /// Where.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Says what to migrate and how, wherever.
#[derive(Args, Clone, Debug)]
pub struct MigrationArgs {
    /// Which claims.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Whose rules.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// What is checked.
    #[command(flatten)]
    pub checks: CheckArgs,
    /// How files are copied.
    #[command(flatten)]
    pub copy: CopyArgs,
}

/// Says which claims move where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What moves")]
pub struct ScopeArgs {
    /// StorageClass to migrate from
    #[arg(long, value_name = "CLASS")]
    pub source_sc: Option<String>,
    /// StorageClass to migrate to
    #[arg(long, value_name = "CLASS")]
    pub dest_sc: Option<String>,
    /// Only claims in this namespace (default: all)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Make the destination class the default StorageClass at the end
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub set_defaults: bool,
    /// What becomes of the old volumes: delete the object, keep it, or reclaim the disk
    #[arg(long, value_name = "WHAT", default_value = "delete")]
    pub source_volumes: SourceVolumes,
}

/// Names what becomes of source volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceVolumes {
    /// The volume object goes, the disk stays on the backend and is named in the report.
    Delete,
    /// The volume object stays, reserved for its claim.
    Keep,
    /// The original reclaim policy comes back, so that the provisioner may free the disk.
    Reclaim,
}

/// Says whose rules decide.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policies")]
pub struct RuleArgs {
    /// Policy to ask before those of the environment: FILE, FILE@sha256:HEX or oci://HOST/REPOSITORY:TAG (repeatable)
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// Whose policies, settings and waivers.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// Keep what the policies were asked and said in this file, for `policy replay`, `policy run` and `policy explain`
    #[arg(long, value_name = "FILE")]
    pub save_question: Option<PathBuf>,
}

/// Says what is checked before anything starts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Checks")]
pub struct CheckArgs {
    /// Run the checks, migrate nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub preflight_validation_only: bool,
    /// Skip the checks on the destination
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_preflight_validation: bool,
    /// The source StorageClass object need not exist
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_source_validation: bool,
    /// Time for a validation pod to become Ready
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub pod_ready_timeout: NonZeroU32,
}

/// Says how files are copied.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Copy")]
pub struct CopyArgs {
    /// Image of the copy pod, with rsync 3.1 or newer on its path
    #[arg(long, value_name = "IMAGE", default_value = "eeacms/rsync:2.3")]
    pub rsync_image: String,
    /// Comma-separated flags handed to rsync before "/source/ /dest"
    #[arg(long, value_name = "FLAGS", default_value = "", hide_default_value = true)]
    pub rsync_flags: String,
    /// Show rsync's output
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub verbose_copy: bool,
    /// Claims copied at once; a group's claims are copied together
    #[arg(long, value_name = "N", default_value = "4")]
    pub parallel: NonZeroUsize,
    /// Copy once beside the running workload first, which makes the pause shorter
    #[arg(long)]
    pub warm_copy: bool,
    /// What a copy that keeps failing leads to
    #[arg(long, value_name = "WHAT", default_value = "roll-back")]
    pub on_failure: OnFailureArg,
    /// Time for as many pods to be Ready again as before the stop; after it the old volumes are kept
    #[arg(long, value_name = "SECONDS", default_value = "900")]
    pub ready_timeout: NonZeroU32,
    /// Time for a temporary claim's volume to go
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub delete_pv_timeout: NonZeroU32,
}

/// Names what a copy that keeps failing leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// The group goes back to its old volumes and runs again.
    RollBack,
    /// The group stays as it is, for a look.
    Hold,
}

/// Names the two StorageClasses of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// To migrate from.
    pub source: String,
    /// To migrate to.
    pub dest: String,
}

impl MigrationArgs {
    /// Returns the options of a run; both classes must have been given.
    ///
    /// # Errors
    /// Bad usage: what is missing or cannot be.
    pub fn options(&self) -> Result<Options, Failure> {
        let given = |class: &Option<String>, flag: &str, what: &str| {
            let class = class.clone().filter(|class| !class.is_empty());
            class.ok_or_else(|| {
                Failure::usage(format!("{flag} is missing: it names the StorageClass to migrate {what}"))
                    .hint("list the classes there are: kubectl get storageclass")
                    .hint("see all flags: pvmigrate --help")
            })
        };
        let source = given(&self.scope.source_sc, "--source-sc", "from")?;
        let dest = given(&self.scope.dest_sc, "--dest-sc", "to")?;
        self.options_for(Classes { source, dest })
    }

    /// Returns the options of a run between these classes.
    ///
    /// # Errors
    /// Bad usage: what cannot be.
    pub fn options_for(&self, classes: Classes) -> Result<Options, Failure> {
        let Self { scope, rules, checks, copy } = self;
        let rsync_flags: Vec<String> =
            copy.rsync_flags.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
        let refused = refused_flags(&rsync_flags);
        if !refused.is_empty() {
            let refused = refused.join(", ");
            return Err(Failure::usage(format!(
                "--rsync-flags: with {refused} nothing would be copied, or data be lost"
            ))
            .hint("leave it out; to see what a run would do: pvmigrate plan"));
        }
        if copy.rsync_image.is_empty() {
            return Err(Failure::usage("--rsync-image is empty").hint("leave it out for eeacms/rsync:2.3"));
        }
        Ok(Options {
            source_class: classes.source,
            dest_class: classes.dest,
            namespace: scope.namespace.clone().filter(|namespace| !namespace.is_empty()),
            environment: rules.environment.name.clone().unwrap_or_default(),
            waivers: Vec::new(),
            rsync_image: copy.rsync_image.clone(),
            rsync_flags,
            set_defaults: scope.set_defaults,
            skip_source_validation: checks.skip_source_validation,
            preflight_only: checks.preflight_validation_only,
            skip_preflight: checks.skip_preflight_validation,
            pod_ready_timeout: Duration::from_secs(checks.pod_ready_timeout.get().into()),
            parallel: copy.parallel.get(),
            on_failure: copy.on_failure.into(),
            disposal: scope.source_volumes.into(),
            warm: copy.warm_copy,
            limits: Limits {
                ready_seconds: copy.ready_timeout.get(),
                delete_volume_seconds: copy.delete_pv_timeout.get(),
                ..Limits::default()
            },
        })
    }
}

impl From<SourceVolumes> for Disposal {
    fn from(what: SourceVolumes) -> Self {
        match what {
            SourceVolumes::Delete => Self::Delete,
            SourceVolumes::Keep => Self::Keep,
            SourceVolumes::Reclaim => Self::Reclaim,
        }
    }
}

impl From<OnFailureArg> for OnFailure {
    fn from(what: OnFailureArg) -> Self {
        match what {
            OnFailureArg::RollBack => Self::RollBack,
            OnFailureArg::Hold => Self::Hold,
        }
    }
}
