//! One run on a cluster, from the survey to the report: the same for a real cluster, a rehearsal and the tests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use pvmigrate_cluster::{Watched, default_class};
use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::plan::PlannedGroup;
use pvmigrate_core::record::Record;
use pvmigrate_core::survey::Survey;
use pvmigrate_core::trial::{TrialResult, trials};
use pvmigrate_policy::Policies;

use crate::driver::{GroupEnd, Reporter};
use crate::failure::Failure;
use crate::options::Options;
use crate::plan::Plan;
use crate::report::{GroupReport, Report};
use crate::stop::Stop;

mod follow;
mod permissions;
mod planning;
mod preflight;
mod retry;
mod session;

pub use planning::plan;
use retry::retrying;
use session::{Job, Session, Setup};

/// A run: its plan, its checks and its report.
#[derive(Debug)]
pub struct Run {
    /// What it planned.
    pub plan: Plan,
    /// The trial volumes of the preflight.
    pub trials: Vec<TrialResult>,
    /// Whether the user stopped it before the checks were finished.
    pub cut_short: bool,
    /// Its result.
    pub report: Report,
}

impl Run {
    /// Returns everything that kept new groups from starting.
    pub fn blockers(&self) -> Vec<Blocker> {
        self.plan.all_blockers()
    }
}

/// Plans, checks and migrates.
///
/// # Errors
/// As [`plan`] and [`carry_out`].
pub async fn migrate(
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &Stop,
) -> Result<Run, Failure> {
    let planned = plan(client, policies, options).await?;
    carry_out(planned, client, policies, options, reporter, stop).await
}

/// Checks and migrates what has just been planned.
///
/// What keeps one new group from starting keeps all new ones, unless the user wants to go on without it: nothing has been
/// stopped yet, and a person is there to look. Started migrations go on in any case, because their workloads may be down.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails. What happens to a group later is in its report.
pub async fn carry_out(
    (survey, plan): (Survey, Plan),
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &Stop,
) -> Result<Run, Failure> {
    let surveyed = Instant::now();
    let report = Report { unclaimed: plan.unclaimed.clone(), ..Report::default() };
    let mut run = Run { plan, trials: Vec::new(), cut_short: false, report };
    // A trial would only be refused as well, or be made and not removed.
    let is_permitted = !run.plan.lacks_permissions();
    let is_tried = is_permitted && !options.skip_preflight;
    let trials = if is_tried {
        trials(&survey, &options.dest_class, run.plan.unblocked().map(|group| &group.record))
    } else {
        Vec::new()
    };
    let is_idle = (run.plan.groups.is_empty() || !is_permitted) && run.plan.resumed.is_empty();
    let has_work = !options.preflight_only || !trials.is_empty();
    if !is_idle && has_work {
        let watched = match retrying(|| Watched::start(client.clone(), options.namespace.as_deref())).await {
            // Started migrations cannot go on either; the findings name what is missing.
            Err(error) if error.is_forbidden() && !is_permitted => return Ok(run),
            watched => watched?,
        };
        let mut preflight = None;
        if !trials.is_empty() {
            reporter.checking(&options.dest_class, trials.len());
            let tried = preflight::make(&watched, &trials, options, stop).await?;
            run.cut_short = tried.results.is_none();
            run.trials = tried.results.unwrap_or_default();
            block(&survey, &options.dest_class, &mut run.plan.groups, &run.trials);
            run.report.left_behind = tried.left_behind;
            preflight = Some(tried.preflight);
        }
        if !options.preflight_only {
            let setup = Setup { client, policies, options, reporter, stop };
            let (jobs, blocked) = jobs(&mut run, options);
            // Until it is reserved again, a volume with data that has become free is anybody's: no claim is made before.
            let (exposed, others) = jobs.into_iter().partition(|job| survey.has_free(job.record()));
            let session = Session::new(setup, &watched, (survey, surveyed));
            run.report.groups = session.drive(exposed).await;
            run.report.groups.extend(session.drive(others).await);
            run.report.groups.extend(blocked);
        }
        // The trials' volumes have gone meanwhile, as a rule.
        if let Some(preflight) = preflight {
            tokio::select! {
                left = preflight.gone() => run.report.left_behind.extend(left),
                () = stop.wait() => {}
            }
        }
    }
    let all_well = run.blockers().is_empty() && run.report.groups.iter().all(GroupReport::is_migrated);
    if options.set_defaults && all_well && !options.preflight_only && !stop.requested() {
        run.report.defaults_changed = retrying(|| default_class::move_default(client, &options.dest_class)).await?;
    }
    Ok(run)
}

/// Gives each group the failures of the trials that it needs.
fn block(survey: &Survey, class: &str, groups: &mut [PlannedGroup], results: &[TrialResult]) {
    for group in groups {
        let needed = trials(survey, class, [&group.record]);
        let failed = results.iter().filter(|result| needed.contains(&result.trial)).filter_map(TrialResult::blocker);
        group.blockers.extend(failed);
    }
}

/// Returns what is to be driven: what was started before, and what is new unless something keeps it from starting. Groups
/// that are left behind by others are reported at once.
fn jobs(run: &mut Run, options: &Options) -> (VecDeque<Job>, Vec<GroupReport>) {
    let may_start = run.plan.startable(options.skip_blocked).next().is_some();
    let resumed = run.plan.resumed.iter().cloned().map(|record| Job::Resumed(Box::new(record)));
    let mut jobs: VecDeque<Job> = resumed.collect();
    if !may_start {
        return (jobs, Vec::new());
    }
    let (new, blocked): (Vec<_>, Vec<_>) =
        std::mem::take(&mut run.plan.groups).into_iter().partition(|group| group.blockers.is_empty());
    jobs.extend(new.into_iter().map(|group| Job::New(Box::new(group))));
    run.plan.groups = blocked;
    let not_begun = |group: &PlannedGroup| {
        GroupReport::new(&group.record, GroupEnd::NotBegun(group.blockers.clone()), Timestamp::now())
    };
    (jobs, run.plan.groups.iter().map(not_begun).collect())
}

/// Drives started migrations to their ends, and starts no new one.
///
/// # Errors
/// When the cluster cannot be watched.
pub async fn finish(
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
    records: Vec<Record>,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &Stop,
) -> Result<Report, Failure> {
    let watched = retrying(|| Watched::start(client.clone(), options.namespace.as_deref())).await?;
    let setup = Setup { client, policies, options, reporter, stop };
    let session = Session::new(setup, &watched, (Survey::default(), Instant::now()));
    let groups = session.drive(records.into_iter().map(|record| Job::Resumed(Box::new(record))).collect()).await;
    Ok(Report { groups, ..Report::default() })
}
