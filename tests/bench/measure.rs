//! One measured run: a StatefulSet with files, a migration, and what it took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use pvmigrate_tests::Walk;
use pvmigrate_tests::apps::App;
use pvmigrate_tests::audit::{Asked, Audit, by_call};
use pvmigrate_tests::real::Real;
use pvmigrate_tests::tool::Tool;

const FROM: &str = "local-a";
const TO: &str = "local-b";
const WORKLOAD: &str = "web";

/// How long workloads may take to start on a machine that is busy.
const START: Duration = Duration::from_secs(300);

/// Holds what a run took.
pub(crate) struct Measured {
    pub(crate) claims: u32,
    /// From the start of the process to its end.
    pub(crate) wall: Duration,
    /// From the request that stopped the workload until all of its pods were ready again.
    pub(crate) down: SignedDuration,
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
        writeln!(f, "  wall {:.1?}, down {:.1?}, {} requests", self.wall, self.down, self.requests)?;
        let calls: Vec<String> = self.calls.iter().map(|(call, count)| format!("{count} {call}")).collect();
        writeln!(f, "  {}", calls.join(", "))?;
        let marks: Vec<String> = self.marks.iter().map(|(what, at)| format!("{at:.1?} {what}")).collect();
        writeln!(f, "  {}", marks.join("; "))?;
        let (files, bytes) = self.compared;
        write!(f, "  {files} files of {bytes} bytes compared, {} differences", self.differences.len())
    }
}

/// Makes the workload, migrates it, measures, and removes everything.
///
/// # Errors
/// When anything does not come to its end.
pub(crate) async fn run(real: &Real, claims: u32, mib: u32, flags: &[&str]) -> Result<Measured> {
    let namespace = format!("bench-{claims}-{}", Timestamp::now().as_millisecond());
    real.namespace(&namespace).await?;
    let app = App { replicas: claims, mib, ..App::keeper(&namespace, WORKLOAD) };
    real.create(&app.stateful_set(real, Some(FROM))).await?;
    real.ready("StatefulSet", &namespace, WORKLOAD, START).await?;
    let names: Vec<String> = (0..claims).map(|pod| format!("data-{WORKLOAD}-{pod}")).collect();
    let before = walk_all(real, &namespace, &names, FROM).await?;

    let measured = migrate(real, &namespace, claims, flags).await?;

    let after = walk_all(real, &namespace, &names, TO).await?;
    let differences = before.iter().zip(&after).flat_map(|(before, after)| before.differences(after)).collect();
    let counts = after.iter().map(Walk::counts);
    let compared = counts.fold((0, 0), |(files, bytes), counts| (files + counts.files, bytes + counts.bytes));
    real.delete("Namespace", "", &namespace, None).await?;
    let gone = || async { Ok(real.find("Namespace", "", &namespace).await?.is_none().then_some(())) };
    real.until("the namespace to go", START, gone).await?;
    Ok(Measured { claims, differences, compared, ..measured })
}

async fn migrate(real: &Real, namespace: &str, claims: u32, flags: &[&str]) -> Result<Measured> {
    let audit = Audit::from_now(real)?;
    let (began, since) = (Timestamp::now(), Instant::now());
    let tool = Tool::migrate(real, FROM, TO, &[&["--namespace", namespace], flags].concat())?;
    let exited = tool.end().await?;
    let wall = since.elapsed();
    ensure!(exited.code == Some(0), "the migration failed: {exited}");
    let up = ready_since(real, namespace).await?;
    // The log's last lines are on their way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = audit.ours()?;
    let stopped = stop_of(&asked).context("no request stopped the workload")?;
    let marks = marks(&asked, began);
    Ok(Measured {
        claims,
        wall,
        down: up.duration_since(stopped),
        requests: asked.len(),
        calls: by_call(&asked),
        while_copying: while_copying(&asked).context("no request tells of a copy")?,
        differences: Vec::new(),
        compared: (0, 0),
        marks,
    })
}

/// The last pod made is a copy's, and the record is next written when a copy has ended.
fn while_copying(asked: &[Asked]) -> Option<(usize, SignedDuration)> {
    let is = |request: &Asked, verb: &str, resource: &str| request.verb == verb && request.resource == resource;
    let start = asked.iter().rposition(|request| is(request, "create", "pods"))?;
    let after = &asked[start + 1..];
    let end = after.iter().position(|request| is(request, "update", "configmaps"))?;
    Some((end, after[end].at.duration_since(asked[start].at)))
}

/// Waits until the workload is ready, and returns when its last pod became so, by the cluster's own note.
async fn ready_since(real: &Real, namespace: &str) -> Result<Timestamp> {
    real.ready("StatefulSet", namespace, WORKLOAD, START).await?;
    let now = Timestamp::now();
    let mut last = None;
    for pod in real.list("Pod", namespace).await? {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        for ready in conditions.iter().filter(|condition| condition["type"] == "Ready") {
            let at: Timestamp = ready["lastTransitionTime"].as_str().unwrap_or_default().parse()?;
            last = last.max(Some(at));
        }
    }
    let Some(last) = last else { bail!("the workload has no pods") };
    // The note has whole seconds, cut off; what was seen is the later bound.
    Ok(last.checked_add(SignedDuration::from_secs(1))?.min(now))
}

/// The first write to the workload stops it, or marks it for being stopped.
fn stop_of(asked: &[Asked]) -> Option<Timestamp> {
    asked.iter().find(|asked| asked.verb == "patch" && asked.resource == "statefulsets").map(|asked| asked.at)
}

fn marks(asked: &[Asked], began: Timestamp) -> Vec<(String, SignedDuration)> {
    let mut seen: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
    for request in asked.iter().filter(|request| !["list", "watch", "get"].contains(&request.verb.as_str())) {
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
