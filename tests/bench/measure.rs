//! One measured run: a StatefulSet with files, a plain restart of it, its migration, and what they took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use pvmigrate_tests::Walk;
use pvmigrate_tests::apps::App;
use pvmigrate_tests::audit::{Audit, Request, by_call};
use pvmigrate_tests::real::Real;
use pvmigrate_tests::tool::Tool;

use crate::gaps::{self, Gaps};
use crate::machine;
use crate::options::Pool;
use crate::restart;

/// The name of the StatefulSet.
pub(crate) const WORKLOAD: &str = "web";

/// How long workloads may take to start, or to stop, on a machine that is busy.
pub(crate) const START: Duration = Duration::from_secs(300);

/// How long the last lines of the audit log may take to be written.
pub(crate) const FLUSH: Duration = Duration::from_millis(500);

/// What a run took.
pub(crate) struct Measured {
    pub(crate) pool: Pool,
    pub(crate) claims: u32,
    /// From the start of the process to its end.
    pub(crate) wall: Duration,
    /// From the request that stopped the workload until all of its pods were ready again.
    pub(crate) down: SignedDuration,
    /// The same of a plain restart, right before.
    pub(crate) restart: SignedDuration,
    /// Where the downtime stood still.
    pub(crate) gaps: Gaps,
    /// The machine's load average before and after.
    pub(crate) load: [f64; 2],
    pub(crate) requests: usize,
    pub(crate) calls: BTreeMap<String, usize>,
    /// Requests between the one that made the last copy pod and the one that noted a copy's end, and the time between.
    pub(crate) while_copying: (usize, SignedDuration),
    /// What differs between the files before and after.
    pub(crate) differences: Vec<String>,
    /// Files and bytes compared.
    pub(crate) compared: (usize, u64),
    /// When each phase was first seen, since the start.
    marks: Vec<(String, SignedDuration)>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [down, restart] = [self.down, self.restart].map(|length| length.as_secs_f64());
        write!(f, "  wall {:.1?}, down {down:.1} s (a restart {restart:.1} s), {} requests", self.wall, self.requests)?;
        writeln!(f, ", {} gaps, load {:.1} to {:.1}", self.gaps.idle.len(), self.load[0], self.load[1])?;
        let calls: Vec<String> = self.calls.iter().map(|(call, count)| format!("{count} {call}")).collect();
        writeln!(f, "  {}", calls.join(", "))?;
        let marks: Vec<String> =
            self.marks.iter().map(|(what, at)| format!("{:.1} s {what}", at.as_secs_f64())).collect();
        writeln!(f, "  {}", marks.join("; "))?;
        let (files, bytes) = self.compared;
        write!(f, "  {files} files of {bytes} bytes compared, {} differences", self.differences.len())
    }
}

/// Makes the workload, restarts and migrates it, measures, and removes everything.
///
/// # Errors
/// When anything does not finish.
pub(crate) async fn run(real: &Real, pool: Pool, claims: u32, mib: u32, flags: &[&str]) -> Result<Measured> {
    let namespace = format!("bench-{claims}-{}", Timestamp::now().as_millisecond());
    real.namespace(&namespace).await?;
    let app = App { replicas: claims, mib, ..App::keeper(&namespace, WORKLOAD) };
    real.create(&app.stateful_set(real, Some(pool.from))).await?;
    real.ready("StatefulSet", &namespace, WORKLOAD, START).await?;
    let names: Vec<String> = (0..claims).map(|pod| format!("data-{WORKLOAD}-{pod}")).collect();
    let before = walk_all(real, &namespace, &names, pool.from).await?;

    let load = machine::load()?;
    let restart = restart::run(real, &namespace, claims).await?;
    let measured = migrate(real, &namespace, pool, claims, flags).await?;
    let load = [load, machine::load()?];

    let after = walk_all(real, &namespace, &names, pool.to).await?;
    let differences = before.iter().zip(&after).flat_map(|(before, after)| before.differences(after)).collect();
    let counts = after.iter().map(Walk::counts);
    let compared = counts.fold((0, 0), |(files, bytes), counts| (files + counts.files, bytes + counts.bytes));
    real.delete("Namespace", "", &namespace, None).await?;
    let gone = || async { Ok(real.find("Namespace", "", &namespace).await?.is_none().then_some(())) };
    real.until("the namespace to go", START, gone).await?;
    Ok(Measured { restart, load, differences, compared, ..measured })
}

async fn migrate(real: &Real, namespace: &str, pool: Pool, claims: u32, flags: &[&str]) -> Result<Measured> {
    let audit = Audit::from_now(real)?;
    let (began, since) = (Timestamp::now(), Instant::now());
    let tool = Tool::migrate(real, pool.from, pool.to, &[&["--namespace", namespace], flags].concat())?;
    let exited = tool.end().await?;
    let wall = since.elapsed();
    ensure!(exited.code == Some(0), "the migration failed: {exited}");
    real.ready("StatefulSet", namespace, WORKLOAD, START).await?;
    tokio::time::sleep(FLUSH).await;
    let requests = audit.requests()?;
    let (stopped, up) = restart::downtime(&requests, namespace, claims)?;
    let gaps = gaps::find(&requests, namespace, stopped, up);
    let ours: Vec<Request> = requests.into_iter().filter(|request| request.is_ours).collect();
    Ok(Measured {
        pool,
        claims,
        wall,
        down: up.duration_since(stopped),
        restart: SignedDuration::ZERO,
        gaps,
        load: [0.0; 2],
        requests: ours.len(),
        calls: by_call(&ours),
        while_copying: while_copying(&ours).context("no request tells of a copy")?,
        differences: Vec::new(),
        compared: (0, 0),
        marks: marks(&ours, began),
    })
}

/// Counts what happened while copying: the last pod made is a copy's, and the record is next written when a copy has
/// ended.
fn while_copying(requests: &[Request]) -> Option<(usize, SignedDuration)> {
    let is = |request: &Request, verb: &str, resource: &str| request.verb == verb && request.resource == resource;
    let start = requests.iter().rposition(|request| is(request, "create", "pods"))?;
    let after = &requests[start + 1..];
    let end = after.iter().position(|request| is(request, "update", "configmaps"))?;
    Some((end, after[end].at.duration_since(requests[start].at)))
}

fn marks(requests: &[Request], began: Timestamp) -> Vec<(String, SignedDuration)> {
    let mut seen: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
    for request in requests.iter().filter(|request| !["list", "watch", "get"].contains(&request.verb.as_str())) {
        let call = format!("{} {}", request.verb, request.resource);
        seen.entry(call).and_modify(|(_, last)| *last = request.at).or_insert((request.at, request.at));
    }
    let mut marks: Vec<(String, SignedDuration)> = Vec::new();
    for (call, (first, last)) in seen {
        marks.push((format!("first {call}"), first.duration_since(began)));
        if last != first {
            marks.push((format!("last {call}"), last.duration_since(began)));
        }
    }
    marks.sort_by_key(|(_, at)| *at);
    marks
}

async fn walk_all(real: &Real, namespace: &str, claims: &[String], class: &str) -> Result<Vec<Walk>> {
    let mut walks = Vec::new();
    for claim in claims {
        let (found, directory) = real.volume(namespace, claim).await?;
        ensure!(found == class, "claim {claim} is of class {found} and not of {class}");
        walks.push(tokio::task::spawn_blocking(move || Walk::of(&directory)).await??);
    }
    Ok(walks)
}
