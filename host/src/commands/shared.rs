//! What several commands need: a connection, the policies of a run, the user's Ctrl-C, exit codes.

use pvmigrate_cluster::{ConnectOptions, Connection};
use pvmigrate_policy::Policies;
use pvmigrate_policy_kit::project::Want;

use crate::cli::flags::ClusterArgs;
use crate::cli::migration::RuleArgs;
use crate::driver::GroupEnd;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::policies::chain::{Chain, Chosen};
use crate::render::{Screen, clean};
use crate::stop::Stop;

pub(super) async fn connect(args: &ClusterArgs) -> Result<Connection, Failure> {
    let options = ConnectOptions { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    Ok(pvmigrate_cluster::connect(&options).await?)
}

/// Opens the policies of a run, and tells its options what the environment waives.
pub(super) async fn policies(args: &RuleArgs, options: &mut Options, screen: &Screen) -> Result<Policies, Failure> {
    if let Some(warning) = pvmigrate_policy::cache_warning() {
        screen.say(&format!("{} {}", screen.paint_err.bad("warning:"), clean(&warning)));
    }
    let chosen = Chosen::bare(&args.policy, args.limits.given.as_ref(), Want::Built);
    let chain = Chain::of(&chosen, args.environment.named().as_ref(), &screen.note()).await?;
    options.waivers = chain.waivers;
    Ok(Policies::new(chain.links)?)
}

/// The meaning of an interrupt for a command.
pub(super) struct Interrupted {
    /// Shown after the first Ctrl-C.
    pub(super) advice: &'static str,
    /// Done before the process ends after the second one.
    pub(super) last: Box<dyn FnOnce() + Send>,
}

impl Interrupted {
    /// Returns the meaning for a command on a real cluster: a later run can continue whatever it leaves there.
    pub(super) fn resumable() -> Self {
        let advice = "nothing is lost: run the same command to continue, or go back with: pvmigrate abort --all";
        Self { advice, last: Box::new(|| ()) }
    }
}

/// Returns a token that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once.
///
/// Only for commands that write: the others may simply be killed.
pub(super) fn stop_on_signals(screen: &Screen, interrupted: Interrupted) -> Result<Stop, Failure> {
    let stop = Stop::new();
    let (first, second) = (screen.clone(), screen.clone());
    let Interrupted { advice, last } = interrupted;
    let on_first = move || {
        first.say("stopping after the writes in progress; press Ctrl-C again to stop at once");
        first.hint(advice);
    };
    let on_second = move || {
        second.terminal.restore();
        last();
        std::process::exit(Exit::Interrupted.code().into());
    };
    stop.on_signals(on_first, on_second)
        .map_err(|error| Failure::new(Exit::Usage, error).context("cannot listen for Ctrl-C"))?;
    Ok(stop)
}

/// Returns the exit code for the end of one group.
pub(super) fn exit_of(end: &GroupEnd) -> Exit {
    use pvmigrate_core::record::{Ended, Outcome};
    match end {
        GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }) => Exit::Done,
        GroupEnd::Ended(Ended { how: Outcome::RolledBack(_), .. }) => Exit::RolledBack,
        GroupEnd::Ended(Ended { how: Outcome::NotReady(_), .. }) | GroupEnd::Blocked(_) => Exit::NeedsPerson,
        GroupEnd::NotBegun(_) => Exit::Finding,
        GroupEnd::Interrupted => Exit::Interrupted,
        GroupEnd::Failed(error) if error.is::<pvmigrate_policy::PolicyFailure>() => Exit::PolicyFault,
        GroupEnd::Failed(_) => Exit::Cluster,
    }
}
