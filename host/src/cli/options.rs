//! From flags to [`Options`], with everything checked that can be checked without a cluster.

use std::time::Duration;

use pvmigrate_core::copy_report::refused_flags;
use pvmigrate_core::record::{Disposal, Limits, OnFailure};

use super::{MigrationArgs, OnFailureArg, SourceVolumes};
use crate::failure::Failure;
use crate::options::Options;

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
            environment: rules.place.environment.clone().unwrap_or_default(),
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
