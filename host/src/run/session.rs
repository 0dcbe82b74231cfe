//! The groups of one run, side by side: what they share, and how each begins or resumes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use pvmigrate_cluster::{ClusterWorld, RecordStore, Watched};
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::eligibility;
use pvmigrate_core::plan::PlannedGroup;
use pvmigrate_core::ports::{RecordId, Records, Saved};
use pvmigrate_core::record::Record;
use pvmigrate_core::survey::Survey;
use pvmigrate_policy::Policies;

use super::follow::Following;
use super::planning::replan;
use crate::driver::{Driver, GroupEnd, Reporter, Watch};
use crate::options::Options;
use crate::report::GroupReport;
use crate::schedule;
use crate::stop::Stop;

/// How old a survey may be when a group begins. A long run starts its last groups hours after its plan, and the record
/// must hold the claims and scales of then; within a minute, one survey serves many groups.
const SURVEY_AGE: Duration = Duration::from_secs(60);

impl Watch for ClusterWorld {
    type Wake = pvmigrate_cluster::Wake;

    fn wake(&self, namespace: &str) -> Self::Wake {
        self.wake(namespace)
    }

    async fn changed(wake: &mut Self::Wake) {
        wake.changed().await;
    }
}

pub(super) enum Job {
    Resumed(Box<Record>),
    New(Box<PlannedGroup>),
}

impl Job {
    pub(super) fn record(&self) -> &Record {
        match self {
            Self::Resumed(record) => record,
            Self::New(group) => &group.record,
        }
    }
}

/// The parts that a run is given.
pub(super) struct Setup<'a> {
    pub(super) client: &'a kube::Client,
    pub(super) policies: &'a Policies,
    pub(super) options: &'a Options,
    pub(super) reporter: Arc<dyn Reporter + Send + Sync>,
    pub(super) stop: &'a Stop,
}

/// The state that all groups of a run share.
pub(super) struct Session<'a> {
    setup: Setup<'a>,
    world: ClusterWorld,
    records: RecordStore,
    survey: RefCell<(Survey, Instant)>,
}

impl<'a> Session<'a> {
    /// Makes a session on a watched cluster, which was surveyed at that time.
    pub(super) fn new(setup: Setup<'a>, watched: &Watched, surveyed: (Survey, Instant)) -> Self {
        Self { setup, world: watched.world(), records: watched.records(), survey: RefCell::new(surveyed) }
    }

    /// Runs the jobs side by side within the budget; the reports come in the order of the jobs.
    pub(super) async fn drive(&self, mut jobs: VecDeque<Job>) -> Vec<GroupReport> {
        type Running<'a> = Pin<Box<dyn Future<Output = (usize, usize, GroupReport)> + 'a>>;
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut reports: Vec<(usize, GroupReport)> = Vec::new();
        let (mut started, mut busy) = (0, 0);
        loop {
            let sizes = jobs.iter().map(|job| job.record().claims.len());
            let starting =
                if self.setup.stop.requested() { 0 } else { schedule::admit(sizes, busy, self.setup.options.parallel) };
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
                let reporter = Following { world: self.world.clone(), to: Arc::clone(&self.setup.reporter) };
                let (world, records, stop) = (&self.world, &self.records, self.setup.stop);
                Driver { world, records, reporter: &reporter, stop }.run(&id).await
            }
        };
        GroupReport::new(record.as_ref().unwrap_or(&planned), end, Timestamp::now())
    }

    /// Resumes a migration: running again is how a person asks for another try of a held group.
    async fn resume(&self, record: &Record) -> Result<RecordId, GroupEnd> {
        let id = record.id();
        let failed = |error: pvmigrate_cluster::Error| GroupEnd::Failed(error.into());
        if let Some((record, version)) = self.records.load(&id).await.map_err(failed)?
            && let Some(fact) = record.more_attempts()
        {
            let record = record.with(fact).map_err(|error| GroupEnd::Failed(error.into()))?;
            // A conflict means that another process is driving it, which is fine.
            self.records.save(&record, Some(&version)).await.map_err(failed)?;
        }
        Ok(id)
    }

    /// Stores the group's record, the first write of its migration; an open one of another process is joined.
    async fn begin(&self, group: PlannedGroup) -> Result<RecordId, GroupEnd> {
        let failed = |error: pvmigrate_cluster::Error| GroupEnd::Failed(error.into());
        let mut record = if self.survey.borrow().1.elapsed() > SURVEY_AGE {
            self.replanned(&group).await?
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
                        // An earlier migration of the same claims, or one that another process has started and ended
                        // since the plan was made.
                        if found.ended.is_some_and(|ended| ended.at > record.begun) {
                            record = self.replanned(&group).await?;
                        }
                        over = Some(version);
                    }
                    None => over = None,
                },
            }
        }
    }

    /// Returns the group's record as it would start now.
    async fn replanned(&self, planned: &PlannedGroup) -> Result<Record, GroupEnd> {
        let (survey, plan) = replan(self.setup.client, self.setup.policies, self.setup.options)
            .await
            .map_err(|failure| GroupEnd::Failed(failure.error))?;
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
        cause: None,
        about: format!("claims {} in namespace {}", claims.join(", "), planned.group.namespace),
        message: "they have changed since the plan: not all of them are to be migrated any more".to_owned(),
        hint: "run migrate again for a new plan".to_owned(),
    }
}
