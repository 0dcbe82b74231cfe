//! A plain restart of the measured workload: what a migration's downtime is held against.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use pvmigrate_tests::audit::{Audit, Request};
use pvmigrate_tests::real::Real;
use serde_json::json;

use crate::measure::{FLUSH, START, WORKLOAD};

/// How often to ask whether the pods are gone. A migration learns it from a watch, so this has to be quick.
const ASK: Duration = Duration::from_millis(20);

/// How long the workload runs before: a pod that has only just become Ready takes its kubelet a second longer to stop, and
/// the pods that a migration stops are older than that.
const SETTLE: Duration = Duration::from_secs(5);

/// Scales the workload to 0, waits until its pods are gone, scales it back, and returns how long it was down.
///
/// # Errors
/// When anything does not finish.
pub(crate) async fn run(real: &Real, namespace: &str, pods: u32) -> Result<SignedDuration> {
    tokio::time::sleep(SETTLE).await;
    let audit = Audit::from_now(real)?;
    let scale = async |replicas: u32| {
        let patch = json!({"spec": {"replicas": replicas}});
        real.patch("StatefulSet", namespace, WORKLOAD, &patch).await.map(drop)
    };
    scale(0).await?;
    let began = Instant::now();
    while !real.list("Pod", namespace).await?.is_empty() {
        ensure!(began.elapsed() < START, "the pods of {namespace} did not stop: {}", real.troubles(namespace).await);
        tokio::time::sleep(ASK).await;
    }
    scale(pods).await?;
    real.ready("StatefulSet", namespace, WORKLOAD, START).await?;
    tokio::time::sleep(FLUSH).await;
    let requests = audit.requests()?;
    let (stopped, up) = downtime(&requests, namespace, pods)?;
    Ok(up.duration_since(stopped))
}

/// Returns when the workload of a namespace was stopped, and when the last of its pods was Ready again, by the requests
/// to the API server.
///
/// # Errors
/// When the requests do not show both.
pub(crate) fn downtime(requests: &[Request], namespace: &str, pods: u32) -> Result<(Timestamp, Timestamp)> {
    let is_in = |request: &&Request| request.namespace == namespace && request.is_write();
    let is_stop = |request: &&Request| is_in(request) && request.verb == "patch" && request.resource == "statefulsets";
    let stopped = requests.iter().find(is_stop).context("no request stopped the workload")?.at;
    let mut up = stopped;
    for pod in (0..pods).map(|pod| format!("{WORKLOAD}-{pod}")) {
        let is_ready = |request: &&Request| {
            let is_of_pod = is_in(request) && request.name == pod && request.resource == "pods/status";
            is_of_pod && request.at > stopped && request.condition("Ready") == Some("True")
        };
        let ready = requests.iter().find(is_ready).with_context(|| format!("no request says that {pod} is Ready"))?;
        up = up.max(ready.at);
    }
    Ok((stopped, up))
}
