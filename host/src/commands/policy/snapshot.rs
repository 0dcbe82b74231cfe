//! What the commands that judge a snapshot share: their flags, the policies, and the question.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use pvmigrate_core::policy::Question;
use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_policy::Policies;
use pvmigrate_policy_kit::project::Want;
use pvmigrate_rehearsal::NotPlayed;
use serde_json::{Map, Value};

use super::settings;
use crate::assessment::Assessment;
use crate::assessment::snapshot::{Given, Snapshot};
use crate::cli::flags::{EnvironmentArgs, LimitArgs, go_bool};
use crate::cli::migration::refuse_empty_classes;
use crate::failure::Failure;
use crate::policies::chain::{self, Chain, Chosen};
use crate::policies::limits::GivenLimits;
use crate::render::{Screen, clean};

/// The snapshot and the question about it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Question")]
pub struct SnapshotArgs {
    /// Folder or file of Kubernetes objects (policy run --help has the command), or a saved question
    #[arg(long, value_name = "DIR|FILE")]
    pub snapshot: PathBuf,
    /// StorageClass to migrate from (default: the saved question's)
    #[arg(long, value_name = "CLASS")]
    pub source_sc: Option<String>,
    /// StorageClass to migrate to (default: the saved question's)
    #[arg(long, value_name = "CLASS")]
    pub dest_sc: Option<String>,
    /// Only claims in this namespace (default: all namespaces, or the saved question's)
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Do not require the source StorageClass object to exist
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", hide_default_value = true, value_parser = go_bool, action = clap::ArgAction::Set)]
    pub skip_source_validation: bool,
    /// Time that the policies see, such as 2026-01-31T12:00:00Z (default: now, or the saved question's)
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// Whose policies, settings and waivers.
    #[command(flatten)]
    pub environment: EnvironmentArgs,
}

/// The policies that a command names.
#[derive(Args, Clone, Debug)]
pub struct PolicyArgs {
    /// Policies to ask before the environment's own: FILE, a policy's folder, or oci://...
    #[arg(value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// Settings for the policy: a JSON object, or a YAML or JSON file
    #[arg(long, value_name = "FILE|JSON")]
    pub settings: Option<String>,
    /// What they may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Policies to ask, and what is waived.
pub(super) struct PolicySet {
    pub(super) policies: Policies,
    pub(super) waivers: Vec<Waiver>,
}

impl PolicySet {
    /// Opens the policies that a command names, and those of its environment.
    pub(super) async fn open(args: &PolicyArgs, snapshot: &SnapshotArgs, screen: &Screen) -> Result<Self, Failure> {
        let settings = match (&args.settings, args.policies.as_slice()) {
            (None, _) => Value::Object(Map::new()),
            (Some(given), [_]) => settings::read(given)?,
            (Some(_), policies) => {
                let what = format!("--settings is for one policy, and {} are named", policies.len());
                return Err(Failure::usage(what).hint("name one, or keep the settings of several in an environment"));
            }
        };
        let (environment, note) = (snapshot.environment.named(), screen.note());
        let chosen =
            Chosen { policies: &args.policies, settings, limits: args.limits.given.as_ref(), want: Want::Quick };
        Chain::of(&chosen, environment.as_ref(), &note).await?.try_into()
    }

    /// Opens the chain of an environment with another policy in it.
    pub(super) async fn with(
        policy: &Path,
        limits: Option<&GivenLimits>,
        args: &SnapshotArgs,
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let note = screen.note();
        let mut chain = Chain::of(&Chosen::nothing(Want::Quick), args.environment.named().as_ref(), &note).await?;
        chain.put(chain::open(policy, limits, Want::Quick, &note).await?)?;
        chain.try_into()
    }

    /// Judges the snapshot that the flags name; says as well what of it nothing has used.
    pub(super) fn assess(&self, args: &SnapshotArgs, screen: &Screen) -> Result<(Assessment, NotPlayed), Failure> {
        let (question, unused) = question(args, &[self], screen)?;
        Ok((self.answer(question)?, unused))
    }

    /// Judges this question.
    pub(super) fn answer(&self, question: Question) -> Result<Assessment, Failure> {
        Ok(Assessment::of(question, &self.policies, &self.waivers)?)
    }
}

impl TryFrom<Chain> for PolicySet {
    type Error = Failure;

    fn try_from(Chain { links, waivers }: Chain) -> Result<Self, Failure> {
        Ok(Self { policies: Policies::new(links)?, waivers })
    }
}

/// Makes the question that the flags ask, with all that these policies look up, and lists what nothing uses.
///
/// # Errors
/// On bad usage, or when the snapshot cannot be read.
pub(super) fn question(
    args: &SnapshotArgs,
    sets: &[&PolicySet],
    screen: &Screen,
) -> Result<(Question, NotPlayed), Failure> {
    refuse_empty_classes(args.source_sc.as_deref(), args.dest_sc.as_deref())?;
    let needs: Vec<_> = sets.iter().flat_map(|set| set.policies.needs()).collect();
    let snapshot = Snapshot::read(&args.snapshot, &needs)?;
    for need in snapshot.without(&needs) {
        let what = format!("the snapshot has no {}, which a policy looks up: {}", need.kind, need.purpose);
        screen.say(&format!("{} {}", screen.paint_err.bad("warning:"), clean(&what)));
    }
    let unused = NotPlayed { kinds: snapshot.unused(), features: Vec::new() };
    let question = snapshot.question(Given {
        source_class: args.source_sc.clone(),
        dest_class: args.dest_sc.clone(),
        namespace: args.namespace.clone(),
        skip_source_validation: args.skip_source_validation,
        environment: args.environment.name.clone(),
        now: args.now,
    })?;
    Ok((question, unused))
}
