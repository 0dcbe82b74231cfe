//! What to migrate and how: the flags that `migrate`, `plan` and `rehearse` share, and the [`Options`] they mean.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pvmigrate_core::copy_report::refused_flags;
use pvmigrate_core::record::{Disposal, Limits, OnFailure};

use super::flags::{ClusterArgs, EnvironmentArgs, LimitArgs, go_bool};
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

/// What to migrate and how, wherever.
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

/// Which claims move where.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What moves")]
pub struct ScopeArgs {
    /// StorageClass to migrate from
    #[arg(long, value_name = "CLASS")]
    pub source_sc: Option<String>,
    /// StorageClass to migrate to
    #[arg(long, value_name = "CLASS")]
    pub dest_sc: Option<String>,
    /// Only claims in this namespace (default: all namespaces)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Make the destination class the default StorageClass at the end
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub set_defaults: bool,
    /// What happens to the old disks once their claims have moved
    #[arg(long, value_name = "WHAT", default_value = "orphan-disk")]
    pub source_volumes: SourceVolumes,
}

/// What happens to the disks of the source volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceVolumes {
    /// The disk stays on the storage backend, named in the report; the PersistentVolume object is deleted.
    #[value(alias = "delete")]
    OrphanDisk,
    /// The disk stays, and so does the PersistentVolume object, as Released.
    #[value(alias = "keep")]
    KeepPv,
    /// The PersistentVolume gets its original reclaim policy back; if that is Delete, the provisioner destroys the disk.
    Reclaim,
}

/// Whose rules decide.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policies")]
pub struct RuleArgs {
    /// Policy to ask before the environment's own: FILE, FILE@sha256:HEX or oci://HOST/REPOSITORY:TAG (repeatable)
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// What they may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Whose policies, settings and waivers.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
    /// Save what the policies were asked and answered to this file, for `policy replay`, `policy run` and `policy explain`
    #[arg(long, value_name = "FILE")]
    pub save_question: Option<PathBuf>,
}

/// What is checked before anything starts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Checks")]
pub struct CheckArgs {
    /// Only run the checks; migrate nothing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub preflight_validation_only: bool,
    /// Skip the checks on the destination class
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_preflight_validation: bool,
    /// Do not require the source StorageClass object to exist
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_source_validation: bool,
    /// Migrate what nothing keeps from starting, and leave out the rest (default: one finding keeps everything new)
    #[arg(long)]
    pub skip_blocked: bool,
    /// How long a validation pod may take to become Ready
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub pod_ready_timeout: NonZeroU32,
}

/// How files are copied.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Copy")]
pub struct CopyArgs {
    /// Image for the copy pods, with rsync 3.1 or newer on its PATH
    #[arg(long, value_name = "IMAGE", default_value = "eeacms/rsync:2.3")]
    pub rsync_image: String,
    /// Extra flags for rsync, comma-separated, placed before "/source/ /dest"
    #[arg(long, value_name = "FLAGS", default_value = "", hide_default_value = true)]
    pub rsync_flags: String,
    /// Show rsync's output
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub verbose_copy: bool,
    /// How many claims to copy at once; the claims of a group are always copied together
    #[arg(long, value_name = "N", default_value = "4")]
    pub parallel: NonZeroUsize,
    /// Maximum number of warm passes: copies while the workload is still running, repeated until one was short
    #[arg(long, value_name = "N", default_value = "3")]
    pub warm_passes: u32,
    /// How fast each warm pass may copy, such as 20m for 20 MiB a second [default: as fast as it can]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub warm_rate: Option<String>,
    /// Make no warm pass; a copy that cannot work then fails while the workload is down
    #[arg(long, conflicts_with = "warm_passes")]
    pub no_warm: bool,
    /// Accepted for scripts: older versions made a warm pass only when asked to.
    #[arg(long, hide = true, conflicts_with = "no_warm")]
    pub warm_copy: bool,
    /// What to do when a copy keeps failing
    #[arg(long, value_name = "WHAT", default_value = "roll-back")]
    pub on_failure: OnFailureArg,
    /// How long it may take until as many pods are Ready as before; after that, the old volumes are kept
    #[arg(long, value_name = "SECONDS", default_value = "900")]
    pub ready_timeout: NonZeroU32,
    /// How long a deleted volume may take to be gone: that of a trial of the checks, and a claim's old one
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    pub delete_pv_timeout: NonZeroU32,
}

/// Reads a rate as rsync does: a number with a unit or without.
fn rate(text: &str) -> Result<String, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(number.len()..).unwrap_or_default().to_ascii_lowercase();
    let is_unit = matches!(unit.as_str(), "" | "k" | "m" | "g" | "kb" | "mb" | "gb" | "kib" | "mib" | "gib");
    let is_rate = number.parse::<f64>().is_ok_and(|rate| rate.is_finite() && rate > 0.0);
    match is_rate && is_unit && number.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("expected a rate such as 500k or 20m".to_owned()),
    }
}

/// What to do when a copy keeps failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    /// Put the group back on its old volumes and start it again.
    RollBack,
    /// Leave the group as it is, for you to inspect.
    Hold,
}

/// The two StorageClasses of a migration.
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
    /// Bad usage: an option that is missing or invalid.
    pub fn options(&self) -> Result<Options, Failure> {
        self.scope.refuse_empty_classes()?;
        let given = |class: &Option<String>, flag: &str, what: &str| {
            class.clone().ok_or_else(|| {
                Failure::usage(format!("{flag} is missing: the StorageClass to migrate {what}"))
                    .hint("list the StorageClasses: kubectl get storageclass")
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
    /// Bad usage: an option that is invalid.
    pub fn options_for(&self, classes: Classes) -> Result<Options, Failure> {
        let Self { scope, rules, checks, copy } = self;
        let rsync_flags: Vec<String> =
            copy.rsync_flags.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
        let refused = refused_flags(&rsync_flags);
        if !refused.is_empty() {
            let refused = refused.join(", ");
            return Err(Failure::usage(format!("--rsync-flags: {refused} would copy nothing or lose data"))
                .hint("leave it out; to see what a migration would do, run: pvmigrate plan"));
        }
        if copy.rsync_image.is_empty() {
            return Err(Failure::usage("--rsync-image is empty").hint("leave it out to use eeacms/rsync:2.3"));
        }
        Ok(Options {
            source_class: classes.source,
            dest_class: classes.dest,
            namespace: scope.namespace.clone().filter(|namespace| !namespace.is_empty()),
            environment: rules.environment.name.clone().unwrap_or_default(),
            waivers: Vec::new(),
            policy_flags: rules.flags(),
            rsync_image: copy.rsync_image.clone(),
            rsync_flags,
            set_defaults: scope.set_defaults,
            skip_source_validation: checks.skip_source_validation,
            preflight_only: checks.preflight_validation_only,
            skip_preflight: checks.skip_preflight_validation,
            skip_blocked: checks.skip_blocked,
            pod_ready_timeout: Duration::from_secs(checks.pod_ready_timeout.get().into()),
            parallel: copy.parallel.get(),
            on_failure: copy.on_failure.into(),
            disposal: scope.source_volumes.into(),
            warm_passes: if copy.no_warm { 0 } else { copy.warm_passes },
            warm_rate: copy.warm_rate.clone(),
            limits: Limits {
                ready_seconds: copy.ready_timeout.get(),
                delete_volume_seconds: copy.delete_pv_timeout.get(),
                ..Limits::default()
            },
        })
    }
}

impl RuleArgs {
    /// Returns the flags that say which policies are asked.
    fn flags(&self) -> Vec<String> {
        let policies = self.policy.iter().map(|policy| ("--policy", policy.display().to_string()));
        let name = self.environment.name.iter().filter(|name| !name.is_empty());
        let environment = name.map(|name| ("--environment", name.clone()));
        let config = self.environment.config.iter().map(|file| ("--config", file.display().to_string()));
        policies.chain(environment).chain(config).flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

impl ScopeArgs {
    /// Refuses class names that are empty.
    ///
    /// # Errors
    /// Bad usage, with what an empty name would mean.
    pub fn refuse_empty_classes(&self) -> Result<(), Failure> {
        refuse_empty_classes(self.source_sc.as_deref(), self.dest_sc.as_deref())
    }
}

/// Refuses class names that are empty: to Kubernetes that is a claim without a class, to a script a variable that is not set.
///
/// # Errors
/// Bad usage, with what an empty name would mean.
pub fn refuse_empty_classes(source: Option<&str>, dest: Option<&str>) -> Result<(), Failure> {
    if source == Some("") {
        return Err(Failure::usage("--source-sc is empty, and claims without a StorageClass cannot be chosen")
            .hint("name a StorageClass; those that claims have: kubectl get pvc -A")
            .hint("claims without one are bound to volumes made by hand: create each anew with a class, and copy it yourself"));
    }
    if dest == Some("") {
        return Err(Failure::usage("--dest-sc is empty, and claims cannot be moved to no StorageClass")
            .hint("list the StorageClasses: kubectl get storageclass"));
    }
    Ok(())
}

impl From<SourceVolumes> for Disposal {
    fn from(what: SourceVolumes) -> Self {
        match what {
            SourceVolumes::OrphanDisk => Self::Delete,
            SourceVolumes::KeepPv => Self::Keep,
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
