//! Jobs: as many pods as still have work to do.
//!
//! Their containers run until they are deleted, as all containers but those of copies do: a Job in a rehearsal is one
//! that is at work.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::{create, pods};
use crate::{
    kinds,
    object::{self, flag, items, number, text},
    store::{Key, Store, lifecycle},
};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Makes a Job's missing pods, deletes those of a suspended one, and counts them.
pub(super) fn reconcile(store: &mut Store, key: &Key, job: &Value) {
    if object::is_terminating(job) || is_over(job) {
        return;
    }
    let all = pods::controlled(store, job);
    let active: Vec<_> = all.iter().filter(|(_, pod)| pods::is_active(pod)).cloned().collect();
    let count = Count::of(job, &all);
    let end = count.end(job);
    let wanted = if end.is_some() || flag(job, "/spec/suspend") { 0 } else { count.wanted(job) };
    for (pod_key, pod) in active.iter().skip(wanted) {
        pods::delete(store, pod_key, pod);
    }
    let mut indexes = free_indexes(job, &all).into_iter();
    for _ in active.len()..wanted {
        let pod = new_pod(job, indexes.next());
        if create(store, &kinds::PODS, pod, job).is_err() {
            break;
        }
    }
    write_status(store, key, job, &count, end);
}

/// Tells whether a Job has ended, well or not.
fn is_over(job: &Value) -> bool {
    let is_end = |one: &Value| matches!(text(one, "/type"), Some("Complete" | "Failed")) && is_true(one);
    items(job, "/status/conditions").iter().any(is_end)
}

fn is_true(condition: &Value) -> bool {
    text(condition, "/status") == Some("True")
}

/// How many of a Job's pods have ended. Pods that were removed are only in the Job's own status.
struct Count {
    succeeded: usize,
    failed: usize,
}

impl Count {
    fn of(job: &Value, pods: &[(Key, Arc<Value>)]) -> Self {
        let count = |phase: &str, noted: &str| {
            let now = pods.iter().filter(|(_, pod)| text(pod, "/status/phase") == Some(phase)).count();
            now.max(size(job, noted).unwrap_or(0))
        };
        Self { succeeded: count("Succeeded", "/status/succeeded"), failed: count("Failed", "/status/failed") }
    }

    /// Returns the condition with which a Job ends.
    fn end(&self, job: &Value) -> Option<(&'static str, &'static str)> {
        let completions = size(job, "/spec/completions");
        // Without a number of completions the first success is the end.
        if self.succeeded >= completions.unwrap_or(1) {
            return Some(("Complete", "CompletionsReached"));
        }
        (self.failed > size(job, "/spec/backoffLimit").unwrap_or(6)).then_some(("Failed", "BackoffLimitExceeded"))
    }

    fn wanted(&self, job: &Value) -> usize {
        let parallelism = size(job, "/spec/parallelism").unwrap_or(1);
        size(job, "/spec/completions").map_or(parallelism, |all| parallelism.min(all.saturating_sub(self.succeeded)))
    }
}

fn size(job: &Value, pointer: &str) -> Option<usize> {
    usize::try_from(number(job, pointer)?).ok()
}

/// Returns the indexes that no pod works on or has finished, for a Job that numbers its pods.
fn free_indexes(job: &Value, pods: &[(Key, Arc<Value>)]) -> Vec<usize> {
    if text(job, "/spec/completionMode") != Some("Indexed") {
        return Vec::new();
    }
    let is_taken = |pod: &Value| pods::is_active(pod) || text(pod, "/status/phase") == Some("Succeeded");
    let taken: BTreeSet<&str> =
        pods.iter().filter(|(_, pod)| is_taken(pod)).filter_map(|(_, pod)| object::annotation(pod, INDEX)).collect();
    let all = 0..size(job, "/spec/completions").unwrap_or(0);
    all.filter(|index| !taken.contains(index.to_string().as_str())).collect()
}

fn new_pod(job: &Value, index: Option<usize>) -> Value {
    let mut pod = pods::from_template(job);
    object::remove(&mut pod, &["metadata", "name"]);
    let name = object::name(job);
    let base = index.map_or_else(|| format!("{name}-"), |index| format!("{name}-{index}-"));
    object::set(&mut pod, &["metadata", "generateName"], json!(base));
    for (label, value) in [("job-name", name), ("controller-uid", object::uid(job))] {
        object::set(&mut pod, &["metadata", "labels", label], json!(value));
        object::set(&mut pod, &["metadata", "labels", &format!("batch.kubernetes.io/{label}")], json!(value));
    }
    if let Some(index) = index {
        object::set_annotation(&mut pod, INDEX, &index.to_string());
    }
    pod
}

fn write_status(store: &mut Store, key: &Key, job: &Value, count: &Count, end: Option<(&str, &str)>) {
    let active: Vec<_> = pods::controlled(store, job).into_iter().filter(|(_, pod)| pods::is_active(pod)).collect();
    let ready = active.iter().filter(|(_, pod)| pods::is_ready(pod)).count();
    lifecycle::edit(store, key, |job| {
        let status = &mut job["status"];
        for (field, count) in
            [("active", active.len()), ("ready", ready), ("succeeded", count.succeeded), ("failed", count.failed)]
        {
            object::set(status, &[field], json!(count));
        }
        if text(status, "/startTime").is_none() && !active.is_empty() {
            object::set(status, &["startTime"], json!(object::now()));
        }
        if let Some((kind, reason)) = end {
            let mut conditions = items(status, "/conditions").to_vec();
            conditions.push(json!({
                "type": kind, "status": "True", "reason": reason, "lastTransitionTime": object::now(),
            }));
            object::set(status, &["conditions"], Value::Array(conditions));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(phases: &[&str]) -> Vec<(Key, Arc<Value>)> {
        let pod = |(at, phase): (usize, &&str)| {
            let pod = json!({"metadata": {"name": format!("p{at}"), "annotations": {INDEX: at.to_string()}},
                "status": {"phase": phase}});
            (Key::of(&kinds::PODS, &pod), Arc::new(pod))
        };
        phases.iter().enumerate().map(pod).collect()
    }

    #[test]
    fn a_job_has_the_pods_that_still_have_work_to_do() {
        let job = |spec: Value, status: Value| json!({"spec": spec, "status": status});
        let three = || json!({"parallelism": 2, "completions": 3});
        let cases = [
            (job(json!({}), json!({})), vec![], None, 1),
            (job(three(), json!({})), vec!["Running"], None, 2),
            (job(three(), json!({"succeeded": 2})), vec![], None, 1),
            (job(three(), json!({})), vec!["Succeeded"; 3], Some("Complete"), 0),
            (job(json!({"backoffLimit": 0}), json!({})), vec!["Failed"], Some("Failed"), 1),
            (job(json!({"parallelism": 0}), json!({})), vec![], None, 0),
        ];
        for (job, phases, end, wanted) in cases {
            let count = Count::of(&job, &pods(&phases));
            assert_eq!((count.end(&job).map(|end| end.0), count.wanted(&job)), (end, wanted), "{job} {phases:?}");
        }
    }

    #[test]
    fn an_index_is_worked_on_once() {
        let job = json!({"spec": {"completionMode": "Indexed", "completions": 4}});
        assert_eq!(free_indexes(&job, &pods(&["Succeeded", "Failed", "Running"])), [1, 3]);
        assert_eq!(free_indexes(&json!({"spec": {"completions": 4}}), &[]), [0usize; 0]);
    }
}
