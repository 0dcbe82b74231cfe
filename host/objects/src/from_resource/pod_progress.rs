//! How far a pod is, and why one of ours does not get on.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use pvmigrate_core::names::CONTAINER;
use pvmigrate_core::text::printable;

use super::WORDS;

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Tells whether its deletion was asked for. Its phase does not say so: kubectl's `Terminating` is derived, not a phase.
pub fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// How far a pod of ours is, as far as its own object says; what its log adds is read elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Its container has not started; with what its object says about the cause.
    Starting(Option<String>),
    /// Its container runs.
    Running,
    /// Its container ended with exit code 0, and the pod has ended.
    Succeeded,
    /// It failed.
    Failed {
        /// For people.
        why: String,
        /// The container's last words are in it, so that the log need not be read.
        explained: bool,
        /// How the container ended, where that alone was the cause: no eviction, no node that went down, no deleted pod.
        code: Option<i32>,
    },
}

/// Reasons for waiting that every healthy pod gives for a while.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

pub fn reached(pod: &Pod) -> Reached {
    let status = container(pod);
    let ended = status.and_then(|status| status.state.as_ref()?.terminated.as_ref());
    match phase(pod) {
        "Succeeded" => Reached::Succeeded,
        "Failed" => failed(pod, ended),
        _ => match (ended, status.and_then(|status| status.state.as_ref())) {
            (Some(ended), _) => held_open(pod, ended),
            (None, Some(ContainerState { running: Some(_), .. })) => Reached::Running,
            (None, state) => Reached::Starting(trouble(pod, state)),
        },
    }
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|status| status.name == CONTAINER)
}

/// Judges a pod whose container ended while the pod did not: it is about to end, or somebody injected another
/// container.
///
/// In the second case it would hold its claims for ever, so it counts as failed, by the name of that container.
fn held_open(pod: &Pod, ended: &ContainerStateTerminated) -> Reached {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let runs = |status: &&ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    let others: Vec<&str> =
        statuses.filter(|status| status.name != CONTAINER).filter(runs).map(|status| status.name.as_str()).collect();
    if others.is_empty() {
        return Reached::Running;
    }
    let why = format!(
        "rsync ended with exit code {}, but an injected container keeps the pod running: {}; disable its injection in this namespace",
        ended.exit_code,
        others.join(", ")
    );
    Reached::Failed { why: printable(&why, WORDS), explained: true, code: None }
}

fn failed(pod: &Pod, ended: Option<&ContainerStateTerminated>) -> Reached {
    let status = pod.status.as_ref();
    let word = |word: Option<&String>| word.filter(|word| !word.is_empty()).cloned();
    // Of the whole pod: eviction, a lost node, preemption.
    let pod_reason = word(status.and_then(|status| status.reason.as_ref()));
    let pod_message = word(status.and_then(|status| status.message.as_ref()));
    let code = ended.filter(|_| pod_reason.is_none() && !is_leaving(pod)).map(|ended| ended.exit_code);
    let mut parts: Vec<String> = Vec::new();
    let mut explained = false;
    if let Some(ended) = ended {
        parts.push(exit(ended));
        if let Some(words) = word(ended.message.as_ref()) {
            parts.push(last_words(&words));
            explained = true;
        }
    }
    if let Some(reason) = pod_reason {
        explained |= pod_message.is_some();
        parts.push(match pod_message {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        });
    }
    if parts.is_empty() {
        parts.push("the pod failed without a reason".to_owned());
    }
    Reached::Failed { why: printable(&parts.join(": "), WORDS), explained, code }
}

/// Describes how the container ended, and what rsync means by its code.
fn exit(ended: &ContainerStateTerminated) -> String {
    let reason = ended.reason.as_deref().filter(|reason| !matches!(*reason, "Error" | "Completed"));
    let meaning = match (reason, ended.exit_code) {
        (Some(reason), _) => reason,
        (None, 1) => "wrong flags",
        (None, 10 | 12) => "the connection between its processes broke",
        (None, 11) => "it could not read or write files; the destination may be full",
        (None, 20) => "it was stopped by a signal",
        (None, 22) => "it ran out of memory",
        (None, 23) => "some files or attributes could not be copied",
        (None, 24) => "some files vanished while it ran",
        (None, 25) => "the deletion limit was reached",
        (None, 30 | 35) => "it timed out",
        (None, 137) => "it was killed",
        (None, 143) => "it was stopped",
        (None, _) => return format!("rsync ended with exit code {}", ended.exit_code),
    };
    format!("rsync ended with exit code {} ({meaning})", ended.exit_code)
}

/// Returns the last lines that say something: a log's tail ends in progress and totals.
pub fn last_words(log: &str) -> String {
    let lines: Vec<&str> = pvmigrate_core::copy_report::lines(log).map(str::trim).collect();
    let of_rsync = lines.iter().filter(|line| line.starts_with("rsync") || line.contains("rsync error"));
    let mut kept: Vec<&str> = of_rsync.copied().collect();
    if kept.is_empty() {
        kept = lines;
    }
    let from = kept.len().saturating_sub(3);
    printable(&kept.get(from..).unwrap_or_default().join("; "), WORDS)
}

/// Returns why a pod does not start, as far as its object shows.
pub fn trouble(pod: &Pod, state: Option<&ContainerState>) -> Option<String> {
    let waiting = state.and_then(|state| state.waiting.as_ref());
    if let Some(waiting) = waiting
        && let Some(reason) = waiting.reason.as_deref().filter(|reason| !USUAL.contains(reason))
    {
        return Some(joined(reason, waiting.message.as_deref()));
    }
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut unscheduled =
        conditions.filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let condition = unscheduled.next()?;
    Some(joined(condition.reason.as_deref().unwrap_or("Unschedulable"), condition.message.as_deref()))
}

/// Returns why none of a pod's containers gets on; for pods with one container of any name.
pub fn trouble_of_any(pod: &Pod) -> Option<String> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let state = statuses.map(|status| status.state.as_ref()).next().flatten();
    let ended = state.and_then(|state| state.terminated.as_ref());
    match phase(pod) {
        "Failed" => match failed(pod, ended) {
            Reached::Failed { why, .. } => Some(why),
            Reached::Starting(_) | Reached::Running | Reached::Succeeded => None,
        },
        _ => trouble(pod, state),
    }
}

/// Returns why the pod of a finished preflight trial failed; `None` when it did not.
pub fn trial_failure(pod: Option<&Pod>) -> Option<String> {
    const DELETED: &str = "somebody deleted the pod";
    let Some(pod) = pod else { return Some(DELETED.to_owned()) };
    if phase(pod) == "Succeeded" {
        return None;
    }
    let why = trouble_of_any(pod).unwrap_or_else(|| "the pod failed".to_owned());
    // How it ended is then due to whoever deleted it, or drained its node, and says nothing about the class.
    Some(if is_leaving(pod) { format!("{DELETED} before it had ended: {why}") } else { why })
}

fn joined(reason: &str, message: Option<&str>) -> String {
    let whole = match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    };
    printable(&whole, WORDS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    fn of(status: &str) -> Reached {
        reached(&yaml(&format!("metadata: {{name: migrate-a}}\nstatus: {status}")))
    }

    fn failure(status: &str) -> (String, bool) {
        match of(status) {
            Reached::Failed { why, explained, .. } => (why, explained),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pod_that_starts_says_what_hinders_it() {
        assert_eq!(of("{phase: Pending}"), Reached::Starting(None));
        let creating =
            "{phase: Pending, containerStatuses: [{name: pvmigrate, state: {waiting: {reason: ContainerCreating}}}]}";
        assert_eq!(of(creating), Reached::Starting(None));
        let pull = "{phase: Pending, containerStatuses: [{name: pvmigrate, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image \"x\"'}}}]}";
        assert_eq!(of(pull), Reached::Starting(Some("ImagePullBackOff: Back-off pulling image \"x\"".to_owned())));
        let full = "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]}";
        assert_eq!(of(full), Reached::Starting(Some("Unschedulable: 0/3 nodes are available".to_owned())));
    }

    #[test]
    fn a_running_and_a_finished_pod_are_told_apart() {
        let running = "{phase: Running, containerStatuses: [{name: pvmigrate, state: {running: {}}}]}";
        assert_eq!(of(running), Reached::Running);
        let ending = "{phase: Running, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 0}}}]}";
        assert_eq!(of(ending), Reached::Running, "the pod's own phase is a moment behind");
        assert_eq!(of("{phase: Succeeded}"), Reached::Succeeded);
    }

    #[test]
    fn a_failed_copy_gives_code_meaning_and_last_words() {
        let (why, explained) = failure(
            "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 23, reason: Error, message: \"sub/\\nrsync: [receiver] write failed on /dest/a\\nrsync error: some files could not be transferred (code 23)\\n\"}}}]}",
        );
        assert!(explained);
        assert_eq!(
            why,
            "rsync ended with exit code 23 (some files or attributes could not be copied): rsync: [receiver] write failed on /dest/a; rsync error: some files could not be transferred (code 23)"
        );
        let (why, explained) = failure(
            "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
        );
        assert_eq!((why.as_str(), explained), ("rsync ended with exit code 137 (OOMKilled)", false));
        let (why, explained) = failure("{phase: Failed, reason: Evicted, message: The node was low on resource}");
        assert_eq!((why.as_str(), explained), ("Evicted: The node was low on resource", true));
        let (why, _) = failure(
            "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 128, reason: StartError, message: 'exec: \"rsync\": executable file not found in $PATH'}}}]}",
        );
        assert!(why.contains("StartError") && why.contains("not found in $PATH"), "{why}");
    }

    #[test]
    fn an_injected_container_that_never_ends_is_named() {
        let (why, _) = failure(
            "{phase: Running, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 0}}}, {name: istio-proxy, state: {running: {}}}]}",
        );
        assert!(why.contains("istio-proxy"), "{why}");
    }

    #[test]
    fn a_trial_that_somebody_deleted_did_not_fail_by_itself() {
        let failed = |metadata: &str, phase: &str| {
            trial_failure(Some(&yaml(&format!("metadata: {{name: a{metadata}}}\nstatus: {{phase: {phase}}}"))))
        };
        let leaving = ", deletionTimestamp: 2026-01-01T00:00:00Z";
        assert_eq!(trial_failure(None).unwrap(), "somebody deleted the pod");
        assert_eq!(failed("", "Succeeded"), None);
        assert_eq!(failed(leaving, "Succeeded"), None);
        let why = failed("", "Failed").unwrap();
        assert_eq!(failed(leaving, "Failed").unwrap(), format!("somebody deleted the pod before it had ended: {why}"));
    }

    #[test]
    fn last_words_are_rsyncs_own_where_there_are_any() {
        assert_eq!(last_words("a\nb\n\nc\nd\n"), "b; c; d");
        assert_eq!(last_words("a\nrsync: no space\nx\n"), "rsync: no space");
        assert_eq!(last_words(""), "");
    }
}
