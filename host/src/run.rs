//! One run on a cluster, from the survey to the report: the same for a real cluster, a rehearsal and the tests.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use pvmigrate_cluster::preflight::{Preflight, Trial, TrialResult};
use pvmigrate_cluster::{ClusterWorld, RecordStore, Scope, Watched, default_class};
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::eligibility;
use pvmigrate_core::ports::{Fault, RecordId, Records, Saved};
use pvmigrate_core::record::Record;
use pvmigrate_core::survey::Survey;
use pvmigrate_policy::Policies;

use crate::driver::{Driver, Event, GroupEnd, Reporter, Watch};
use crate::failure::Failure;
use crate::look::saved;
use crate::options::Options;
use crate::plan::{Plan, PlannedGroup};
use crate::report::{GroupReport, Report};
use crate::schedule;
use crate::stop::Stop;

/// How old a survey may be when a group begins. A long run starts its last groups hours after its plan, and the record
/// must hold the claims and scales of then; within a minute, one survey serves many groups.
const SURVEY_AGE: Duration = Duration::from_secs(60);

/// Holds what a run found and came to.
#[derive(Debug)]
pub struct Run {
    /// What it planned.
    pub plan: Plan,
    /// The trial volumes of the preflight.
    pub trials: Vec<TrialResult>,
    /// The user stopped it before the checks were through.
    pub cut_short: bool,
    /// What it came to.
    pub report: Report,
}

impl Run {
    /// Returns everything that kept new groups from starting.
    pub fn blockers(&self) -> Vec<Blocker> {
        let trials = self.trials.iter().filter_map(|result| {
            let trial = &result.trial;
            let modes: Vec<&str> = trial.modes.iter().map(|mode| mode.word()).collect();
            Some(Blocker {
                code: Code::NotProvisionable,
                about: format!("namespace {}, {} {}", trial.namespace, modes.join("+"), trial.volume_mode),
                message: result.failure.clone()?,
                hint:
                    "see whether the class offers this access mode; another can be asked for by an annotation of the \
                       claim (kurl.sh/pvcmigrate-destinationaccessmode) or by a policy"
                        .to_owned(),
            })
        });
        self.plan.all_blockers().cloned().chain(trials).collect()
    }
}

/// Surveys the cluster and plans, without a write.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails.
pub async fn plan(client: &kube::Client, policies: &Policies, options: &Options) -> Result<(Survey, Plan), Failure> {
    let scope = Scope {
        namespace: options.namespace.clone(),
        source_class: options.source_class.clone(),
        dest_class: options.dest_class.clone(),
    };
    let needs = policies.needs();
    let (survey, collected) = futures::try_join!(
        patiently(|| pvmigrate_cluster::survey(client, &scope)),
        patiently(|| pvmigrate_cluster::collect(client, &needs, options.namespace.as_deref())),
    )?;
    let plan = Plan::new(&survey, Arc::new(collected), policies, options, Timestamp::now())?;
    Ok((survey, plan))
}

/// Plans, checks and migrates.
///
/// What keeps one new group from starting keeps all new ones: nothing has been stopped yet, and a person is there to
/// look. Migrations already begun go on in any case, because their workloads may be down.
///
/// # Errors
/// When the cluster cannot be read, or a policy fails. What happens to a group later is in its report.
pub async fn migrate(
    client: &kube::Client,
    policies: &Policies,
    options: &Options,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &Stop,
) -> Result<Run, Failure> {
    let (survey, plan) = plan(client, policies, options).await?;
    saved::keep(&plan, policies, options)?;
    let surveyed = Instant::now();
    let report = Report { unclaimed: plan.unclaimed.clone(), ..Report::default() };
    let mut run = Run { plan, trials: Vec::new(), cut_short: false, report };
    let trials = if options.skip_preflight { Vec::new() } else { trials(&run.plan) };
    let is_idle = run.plan.groups.is_empty() && run.plan.resumed.is_empty();
    let has_work = !options.preflight_only || !trials.is_empty();
    if !is_idle && has_work {
        let watched = patiently(|| Watched::start(client.clone(), options.namespace.as_deref())).await?;
        if !trials.is_empty() {
            reporter.checking(&options.dest_class, trials.len());
        }
        let checked = check(&watched, &trials, options, stop, &mut run).await?;
        if !options.preflight_only {
            let session = Session {
                client,
                world: watched.world(),
                records: watched.records(),
                policies,
                options,
                reporter,
                stop,
                survey: RefCell::new((survey, surveyed)),
            };
            run.report.groups = session.drive(jobs(&mut run)).await;
        }
        // The trials' volumes have gone meanwhile, as a rule.
        if let Some(checked) = checked {
            tokio::select! {
                left = checked.gone() => run.report.left_behind.extend(left),
                () = stop.wait() => {}
            }
        }
    }
    let all_well = run.blockers().is_empty() && run.report.groups.iter().all(GroupReport::is_migrated);
    if options.set_defaults && all_well && !options.preflight_only && !stop.requested() {
        run.report.defaults_changed = patiently(|| default_class::move_default(client, &options.dest_class)).await?;
    }
    Ok(run)
}

/// Makes the trials and has all that they made removed, however they went and however they were cut short.
async fn check<'a>(
    watched: &'a Watched,
    trials: &'a [Trial],
    options: &'a Options,
    stop: &Stop,
    run: &mut Run,
) -> Result<Option<Preflight<'a>>, Failure> {
    if trials.is_empty() {
        return Ok(None);
    }
    let preflight = patiently(|| watched.preflight(trials, &options.dest_class, &options.rsync_image)).await?;
    let results = tokio::select! {
        results = patiently(|| preflight.results(options.pod_ready_timeout)) => Some(results),
        () = stop.wait() => None,
    };
    run.report.left_behind = patiently(|| preflight.remove()).await?;
    match results {
        Some(results) => run.trials = results?,
        None => run.cut_short = true,
    }
    Ok(Some(preflight))
}

/// Returns what is to be driven: what was begun before, and what is new unless something keeps it from starting.
fn jobs(run: &mut Run) -> VecDeque<Job> {
    let may_start = run.blockers().is_empty();
    let new = if may_start { std::mem::take(&mut run.plan.groups) } else { Vec::new() };
    let resumed = run.plan.resumed.iter().cloned().map(|record| Job::Resumed(Box::new(record)));
    resumed.chain(new.into_iter().map(|group| Job::New(Box::new(group)))).collect()
}

/// Drives migrations that are begun to their ends, and begins no new one.
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
    let watched = patiently(|| Watched::start(client.clone(), options.namespace.as_deref())).await?;
    let session = Session {
        client,
        world: watched.world(),
        records: watched.records(),
        policies,
        options,
        reporter,
        stop,
        survey: RefCell::new((Survey::default(), Instant::now())),
    };
    let groups = session.drive(records.into_iter().map(|record| Job::Resumed(Box::new(record))).collect()).await;
    Ok(Report { groups, ..Report::default() })
}

/// Repeats a call that failed in a way that may pass, for a few seconds: long enough for a lost connection or a busy API
/// server, short enough for somebody who has given a wrong address. All that is called so may be done twice.
async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, pvmigrate_cluster::Error>
where
    F: Future<Output = Result<T, pvmigrate_cluster::Error>>,
{
    let mut pause = Duration::from_millis(50);
    loop {
        match call().await {
            Err(error) if error.is_transient() && pause < Duration::from_secs(5) => {
                tracing::debug!(%error, ?pause, "once more after a pause");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}

/// Tries each distinct shape of new claim once a namespace.
fn trials(plan: &Plan) -> Vec<Trial> {
    let trial = |record: &Record| -> BTreeSet<Trial> {
        let claims = record.claims.values().filter(|claim| claim.destination.is_none());
        claims
            .map(|claim| Trial {
                namespace: record.namespace.clone(),
                modes: claim.modes.clone(),
                volume_mode: claim.volume_mode,
            })
            .collect()
    };
    let trials: BTreeSet<Trial> = plan.groups.iter().flat_map(|group| trial(&group.record)).collect();
    trials.into_iter().collect()
}

impl Watch for ClusterWorld {
    type Wake = pvmigrate_cluster::Wake;

    fn wake(&self, namespace: &str) -> Self::Wake {
        self.wake(namespace)
    }

    async fn changed(wake: &mut Self::Wake) {
        wake.changed().await;
    }
}

enum Job {
    Resumed(Box<Record>),
    New(Box<PlannedGroup>),
}

impl Job {
    fn record(&self) -> &Record {
        match self {
            Self::Resumed(record) => record,
            Self::New(group) => &group.record,
        }
    }
}

/// What all groups of a run share.
struct Session<'a> {
    client: &'a kube::Client,
    world: ClusterWorld,
    records: RecordStore,
    policies: &'a Policies,
    options: &'a Options,
    reporter: Arc<dyn Reporter + Send + Sync>,
    stop: &'a Stop,
    survey: RefCell<(Survey, Instant)>,
}

impl Session<'_> {
    /// Runs the jobs side by side within the budget; the reports come in the order of the jobs.
    async fn drive(&self, mut jobs: VecDeque<Job>) -> Vec<GroupReport> {
        type Running<'a> = Pin<Box<dyn Future<Output = (usize, usize, GroupReport)> + 'a>>;
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut reports: Vec<(usize, GroupReport)> = Vec::new();
        let (mut started, mut busy) = (0, 0);
        loop {
            let sizes = jobs.iter().map(|job| job.record().claims.len());
            let starting = if self.stop.requested() { 0 } else { schedule::admit(sizes, busy, self.options.parallel) };
            for job in jobs.drain(..starting) {
                let (at, claims) = (started, job.record().claims.len());
                started += 1;
                busy += claims;
                running.push(Box::pin(async move { (at, claims, self.job(job).await) }));
            }
            let Some((at, claims, report)) = running.next().await else { break };
            busy -= claims;
            reports.push((at, report));
        }
        let left = jobs.iter().map(|job| GroupReport::new(job.record(), GroupEnd::Interrupted, Timestamp::now()));
        reports.sort_by_key(|(at, _)| *at);
        reports.into_iter().map(|(_, report)| report).chain(left).collect()
    }

    async fn job(&self, job: Job) -> GroupReport {
        let planned = job.record().clone();
        let begun = match job {
            Job::Resumed(record) => self.resume(&record).await,
            Job::New(group) => self.begin(*group).await,
        };
        let (end, record) = match begun {
            Err(end) => (end, None),
            Ok(id) => {
                let reporter = Following { world: self.world.clone(), to: Arc::clone(&self.reporter) };
                let (world, records, stop) = (&self.world, &self.records, self.stop);
                Driver { world, records, reporter: &reporter, stop }.run(&id).await
            }
        };
        GroupReport::new(record.as_ref().unwrap_or(&planned), end, Timestamp::now())
    }

    /// Running again is how a person says that a held group shall be tried again.
    async fn resume(&self, record: &Record) -> Result<RecordId, GroupEnd> {
        let id = record.id();
        let failed = |error: pvmigrate_cluster::Error| GroupEnd::Failed(error.into());
        if let Some((record, version)) = self.records.load(&id).await.map_err(failed)?
            && let Some(fact) = record.more_attempts()
        {
            let record = record.with(fact).map_err(|error| GroupEnd::Failed(error.into()))?;
            // A conflict means that another process is at it, which is as well.
            self.records.save(&record, Some(&version)).await.map_err(failed)?;
        }
        Ok(id)
    }

    /// Stores the group's record, the first write of its migration; an open one of another process is joined.
    async fn begin(&self, group: PlannedGroup) -> Result<RecordId, GroupEnd> {
        let failed = |error: pvmigrate_cluster::Error| GroupEnd::Failed(error.into());
        let mut record = if self.survey.borrow().1.elapsed() > SURVEY_AGE {
            self.planned_anew(&group).await?
        } else {
            group.record.clone()
        };
        let id = record.id();
        let mut over = None;
        loop {
            match self.records.save(&record, over.as_ref()).await.map_err(failed)? {
                Saved::Stored(_) => return Ok(id),
                Saved::Conflict => match self.records.load(&id).await.map_err(failed)? {
                    Some((found, _)) if found.is_open() => return Ok(id),
                    Some((found, version)) => {
                        // An earlier migration of the same claims, or one that another process has begun and ended since
                        // the plan was made.
                        if found.ended.is_some_and(|ended| ended.at > record.begun) {
                            record = self.planned_anew(&group).await?;
                        }
                        over = Some(version);
                    }
                    None => over = None,
                },
            }
        }
    }

    /// Returns the group's record as it would begin now.
    async fn planned_anew(&self, planned: &PlannedGroup) -> Result<Record, GroupEnd> {
        let (survey, plan) =
            plan(self.client, self.policies, self.options).await.map_err(|failure| GroupEnd::Failed(failure.error))?;
        let same = |group: &PlannedGroup| group.group.claims.is_superset(&planned.group.claims);
        let in_namespace = plan.groups.into_iter().filter(|group| group.group.namespace == planned.group.namespace);
        let Some(group) = in_namespace.into_iter().find(same) else {
            return Err(GroupEnd::NotBegun(vec![changed(planned)]));
        };
        let blockers = eligibility::blockers(&survey, &group.group);
        self.survey.replace((survey, Instant::now()));
        if blockers.is_empty() { Ok(group.record) } else { Err(GroupEnd::NotBegun(blockers)) }
    }
}

fn changed(planned: &PlannedGroup) -> Blocker {
    let claims: Vec<&str> = planned.group.claims.iter().map(String::as_str).collect();
    Blocker {
        code: Code::OtherMigration,
        about: format!("claims {} in namespace {}", claims.join(", "), planned.group.namespace),
        message: "they have changed since the plan: not all of them are to be migrated any more".to_owned(),
        hint: "run migrate again for a new plan".to_owned(),
    }
}

/// How long a copy runs before its output is followed, unless every line is wanted. Following costs a request, and tells how
/// far a copy is; most are over before anybody could ask.
const FOLLOWED_AFTER: Duration = Duration::from_secs(3);

/// Follows the output of copies, for whoever is told of it.
struct Following {
    world: ClusterWorld,
    to: Arc<dyn Reporter + Send + Sync>,
}

impl Reporter for Following {
    fn report(&self, group: &RecordId, event: Event<'_>) {
        if let Event::Copying { claim, pod } = &event {
            let (world, to) = (self.world.clone(), Arc::clone(&self.to));
            let (group, claim, pod) = (group.clone(), (*claim).to_owned(), pod.name.clone());
            tokio::spawn(async move {
                if !to.wants_every_line() {
                    tokio::time::sleep(FOLLOWED_AFTER).await;
                    if !world.is_copying(&group.namespace, &pod) {
                        return;
                    }
                }
                let mut lines = std::pin::pin!(world.copy_lines(&group.namespace, &pod));
                while let Some(line) = lines.next().await {
                    to.rsync(&group, &claim, &line.text);
                }
            });
        }
        self.to.report(group, event);
    }

    fn checking(&self, class: &str, trials: usize) {
        self.to.checking(class, trials);
    }

    fn rsync(&self, group: &RecordId, claim: &str, line: &str) {
        self.to.rsync(group, claim, line);
    }

    fn wants_every_line(&self) -> bool {
        self.to.wants_every_line()
    }
}
