//! Where a migration stood still while its workload was down, by the API server's audit log.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pvmigrate_tests::audit::Request;

/// A pause that is longer than this is a gap.
const LONG: SignedDuration = SignedDuration::from_secs(1);

/// What controllers write to on behalf of a migration, beside its volumes.
const OBJECTS: [&str; 5] = ["persistentvolumeclaims", "pods", "statefulsets", "deployments", "replicasets"];

/// A time in which nothing was done for a migration.
#[derive(Debug)]
pub(crate) struct Gap {
    /// When it started, since the workload was stopped.
    pub(crate) began: SignedDuration,
    pub(crate) length: SignedDuration,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Every gap of a migration's downtime.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// Those in which something other than a kubelet was waited for, or a container's own work.
    pub(crate) idle: Vec<Gap>,
    /// Those in which a kubelet started or stopped a pod.
    pub(crate) kubelets: Vec<Gap>,
}

/// How far a pod has come, as far as the requests tell.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It waits for the scheduler, which may wait for a claim.
    Unscheduled,
    /// A kubelet starts it: from its binding until it is first Ready.
    Starting,
    Running,
    /// A kubelet stops it: from its deletion, or its container's end, until the kubelet has removed it.
    Ending,
    Over,
}

/// Finds the gaps between consecutive requests for one migration, from the stop of its workload until it was up again.
///
/// The request that ends a gap shows what was waited for. A pod that happens to start meanwhile explains nothing, so a
/// claim that is bound only at the volume controller's next round is still seen.
pub(crate) fn find(requests: &[Request], namespace: &str, stopped: Timestamp, up: Timestamp) -> Gaps {
    let volumes: BTreeSet<&str> = requests.iter().filter(|request| is_our_volume(request)).map(name).collect();
    let concerns = |request: &&Request| {
        let is_workings = request.namespace == namespace && OBJECTS.contains(&object(request));
        let is_volumes = object(request) == "persistentvolumes" && volumes.contains(name(request));
        request.is_ours || (request.is_write() && (is_workings || is_volumes))
    };
    let mut gaps = Gaps::default();
    let mut stages: BTreeMap<&str, Stage> = BTreeMap::new();
    let mut last: Option<&Request> = None;
    for request in requests.iter().filter(concerns).take_while(|request| request.at <= up) {
        let length = last.map_or(SignedDuration::ZERO, |last| request.at.duration_since(last.at));
        if let Some(last) = last.filter(|last| last.at >= stopped && length > LONG) {
            let is_kubelets = is_kubelets_turn(&stages, request);
            let kind = if is_kubelets { &mut gaps.kubelets } else { &mut gaps.idle };
            let began = last.at.duration_since(stopped);
            kind.push(Gap { began, length, before: last.to_string(), after: request.to_string() });
        }
        if object(request) == "pods" && request.is_write() {
            let before = stages.get(name(request)).copied();
            stages.insert(name(request), next(before, request));
        }
        last = Some(request);
    }
    gaps
}

fn is_our_volume(request: &Request) -> bool {
    request.is_ours && request.verb == "patch" && request.resource == "persistentvolumes"
}

fn name(request: &Request) -> &str {
    &request.name
}

/// Returns the resource without its subresource.
fn object(request: &Request) -> &str {
    request.resource.split('/').next().unwrap_or_default()
}

fn is_kubelets_turn(stages: &BTreeMap<&str, Stage>, request: &Request) -> bool {
    let stage = stages.get(name(request));
    let is_at_work = matches!(stage, Some(Stage::Starting | Stage::Ending));
    object(request) == "pods" && request.is_kubelets() && is_at_work
}

/// Returns how far a pod has come with this request; one that was there before all requests was running.
fn next(before: Option<Stage>, request: &Request) -> Stage {
    let before = before.unwrap_or(Stage::Running);
    match (request.verb.as_str(), request.resource.as_str()) {
        ("create", "pods") => Stage::Unscheduled,
        ("create", "pods/binding") => Stage::Starting,
        ("delete", "pods") if request.is_kubelets() => Stage::Over,
        ("delete", "pods") => Stage::Ending,
        ("patch", "pods/status") => match before {
            Stage::Starting | Stage::Running if request.has_ended_container() => Stage::Ending,
            Stage::Starting if request.condition("Ready") == Some("True") => Stage::Running,
            _ => before,
        },
        _ => before,
    }
}
