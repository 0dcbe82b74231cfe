//! How far a pod is, and why one of ours does not get on.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use pvmigrate_core::text::printable;

use super::WORDS;

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Tells whether its deletion was asked for. Its phase does not say so: kubectl's `Terminating` is derived, not a phase.
pub fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// How far a pass of a pod of ours is, as far as the pod's object says; what its log adds is read elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Its container has not started; with what its object says about the cause.
    Starting(Option<String>),
    /// Its container runs.
    Running,
    /// Its container ended with exit code 0; where it is the pod's only one of ours, the pod has ended too.
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

/// Returns how far the pass in `container` is; `ours` names the containers of all passes of the pod.
///
/// A pass that is the only one has ended when its pod has. One of several is judged by its own container alone: the
/// others may copy for hours yet, and their failure makes the whole pod's phase `Failed`.
pub fn reached(pod: &Pod, container: &str, ours: &[String]) -> Reached {
    let state = state_of(pod, container);
    let ended = state.and_then(|state| state.terminated.as_ref());
    match (phase(pod), ended) {
        ("Failed" | "Succeeded", Some(ended)) if ours.len() > 1 => by_itself(pod, ended),
        ("Succeeded", _) => Reached::Succeeded,
        ("Failed", _) => failed(pod, ended.or_else(|| failed_before(pod))),
        (_, Some(ended)) => match held_open(pod, ended, ours) {
            Some(held) => held,
            None if ours.len() > 1 => by_itself(pod, ended),
            // It is about to end.
            None => Reached::Running,
        },
        (_, None) => match state {
            Some(ContainerState { running: Some(_), .. }) => Reached::Running,
            // The destination is being emptied, which may take long.
            _ if initial(pod).any(|state| state.running.is_some()) => Reached::Running,
            state => Reached::Starting(trouble(pod, state)),
        },
    }
}

fn state_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerState> {
    statuses(pod).find(|status| status.name == container)?.state.as_ref()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten())
}

/// Lists the states of the containers that run before the passes, and empty destinations.
fn initial(pod: &Pod) -> impl Iterator<Item = &ContainerState> {
    let statuses = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    statuses.filter_map(|status| status.state.as_ref())
}

fn failed_before(pod: &Pod) -> Option<&ContainerStateTerminated> {
    initial(pod).filter_map(|state| state.terminated.as_ref()).find(|ended| ended.exit_code != 0)
}

fn by_itself(pod: &Pod, ended: &ContainerStateTerminated) -> Reached {
    if ended.exit_code == 0 { Reached::Succeeded } else { failed(pod, Some(ended)) }
}

/// Judges a pass that ended while the pod did not: once none of ours runs, the pod is about to end, or somebody
/// injected another container.
///
/// In the second case the pod would hold its claims for ever, so the pass counts as failed, by the name of that
/// container.
fn held_open(pod: &Pod, ended: &ContainerStateTerminated, ours: &[String]) -> Option<Reached> {
    let has_ended = |name: &String| state_of(pod, name).is_some_and(|state| state.terminated.is_some());
    if !ours.iter().all(has_ended) {
        return None;
    }
    let runs = |status: &&ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    let injected = |status: &&ContainerStatus| !ours.contains(&status.name);
    let others: Vec<&str> = statuses(pod).filter(injected).filter(runs).map(|status| status.name.as_str()).collect();
    if others.is_empty() {
        return None;
    }
    let why = format!(
        "rsync ended with exit code {}, but an injected container keeps the pod running: {}; disable its injection in this namespace",
        ended.exit_code,
        others.join(", ")
    );
    Some(Reached::Failed { why: printable(&why, WORDS), explained: true, code: None })
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
    let state = statuses(pod).map(|status| status.state.as_ref()).next().flatten();
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
mod tests;
