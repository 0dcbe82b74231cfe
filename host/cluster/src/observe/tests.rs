#![allow(clippy::unwrap_used, reason = "tests")]

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use pvmigrate_core::record::{Retry, WorkloadKind, WorkloadRecord};

use super::*;
use crate::testing::{record, yaml};
use pvmigrate_objects::from_resource::Reads;
use pvmigrate_objects::from_resource::event::SeenEvent;

fn pod(name: &str, extra: &str, claim: &str, status: &str) -> SeenPod {
    let text = format!(
        "metadata: {{name: {name}, namespace: shop, uid: {name}, resourceVersion: '2', {extra}}}
spec: {{nodeName: node-a, containers: [], volumes: [{{name: d, persistentVolumeClaim: {{claimName: {claim}}}}}]}}
status: {status}"
    );
    SeenPod::read(&yaml(&text)).unwrap()
}

fn copy(name: &str, purpose: &str, status: &str) -> SeenPod {
    let extra = format!(
        "annotations: {{kurl.sh/pvcmigrate: data-web-0, kurl.sh/pvcmigrate-kind: migrate, pvmigrate.dev/run: run-1,
        pvmigrate.dev/purpose: {purpose}, pvmigrate.dev/attempt: '1'}}"
    );
    pod(name, &extra, "data-web-0-pvcmigrate-src", status)
}

fn claim(name: &str, phase: &str) -> SeenClaim {
    let text = format!(
        "metadata: {{name: {name}, namespace: shop, uid: {name}, resourceVersion: '2', annotations: {{pvmigrate.dev/run: run-1}}}}
spec: {{volumeName: pv}}
status: {{phase: {phase}}}"
    );
    SeenClaim::read(&yaml(&text)).unwrap()
}

fn only(pod: &str) -> (Uid, String) {
    (Uid(pod.to_owned()), names::CONTAINER.to_owned())
}

fn seen(caches: &Caches, logs: &LogTails) -> ClaimSeen {
    GroupObjects::of(&record(), caches).observation(logs).claims["data-web-0"].clone()
}

const ENDED: &str = "{phase: Succeeded}";
const RUNS: &str = "{phase: Running, containerStatuses: [{name: pvmigrate, state: {running: {}}}]}";

#[test]
fn pods_of_others_are_users_by_any_of_the_claims_names_finished_or_not() {
    let caches = Caches::unfed(true);
    for (name, claim) in
        [("a", "data-web-0"), ("b", "data-web-0-pvcmigrate"), ("c", "data-web-0-pvcmigrate-src"), ("d", "other")]
    {
        caches.pods.applied(pod(name, "", claim, "{phase: Pending}"));
    }
    caches.pods.applied(pod("job", "", "data-web-0", ENDED));
    caches.pods.applied(copy("ours", "copy", RUNS));
    let seen = seen(&caches, &HashMap::new());
    assert_eq!(seen.users.iter().map(|user| user.pod.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "job"]);
    assert_eq!(seen.pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["ours"]);
}

#[test]
fn a_copy_may_start_only_between_the_fence_and_its_pod() {
    let caches = Caches::unfed(true);
    let is_before_copy = || GroupObjects::of(&record(), &caches).is_before_copy("data-web-0");
    assert!(!is_before_copy(), "no temporary claim holds the source");
    caches.claims.applied(claim("data-web-0-pvcmigrate-src", "Pending"));
    assert!(!is_before_copy());
    caches.claims.applied(claim("data-web-0-pvcmigrate-src", "Bound"));
    assert!(is_before_copy());
    caches.claims.applied(claim("data-web-0", "Pending"));
    assert!(is_before_copy(), "ours has the name");
    let original = SeenClaim::read(&yaml(
        "{metadata: {name: data-web-0, namespace: shop, uid: original, resourceVersion: '2'}, status: {phase: Bound}}",
    ));
    caches.claims.applied(original.unwrap());
    assert!(!is_before_copy(), "the original is there");
    caches.claims.deleted(
        &Key::new("shop", "data-web-0"),
        &Uid("original".to_owned()),
        &pvmigrate_core::record::Version("3".to_owned()),
    );
    caches.pods.applied(copy("ours", "copy", RUNS));
    assert!(!is_before_copy(), "the copy has started");
}

#[test]
fn only_finished_copies_have_their_logs_read_and_only_then_count() {
    let caches = Caches::unfed(true);
    caches.pods.applied(copy("done", "copy", ENDED));
    caches.pods.applied(copy("runs", "copy", RUNS));
    caches.pods.applied(copy("primed", "prime", ENDED));
    let record = record();
    let group = GroupObjects::of(&record, &caches);
    assert_eq!(group.unread().map(|(pod, _)| pod.key.name.as_str()).collect::<Vec<_>>(), ["done"]);
    assert!(matches!(&seen(&caches, &HashMap::new()).pods[0].progress, Progress::Succeeded(Err(_))));
    let report = CopyReport { files: 3, ..CopyReport::default() };
    let logs = LogTail { report: Ok(report), last_words: String::new() };
    let logs = HashMap::from([(only("done"), logs)]);
    assert_eq!(seen(&caches, &logs).pods[0].progress, Progress::Succeeded(Ok(report)));
}

#[test]
fn files_that_vanish_while_a_warm_pass_runs_are_no_failure() {
    let vanished = "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 24, message: vanished}}}]}";
    let progress = |purpose: &str| {
        let caches = Caches::unfed(true);
        caches.pods.applied(copy("pass", purpose, vanished));
        let record = record();
        let group = GroupObjects::of(&record, &caches);
        let is_read = group.unread().next().is_some();
        let tail = LogTail { report: Ok(CopyReport::default()), last_words: String::new() };
        (is_read, seen(&caches, &HashMap::from([(only("pass"), tail)])).pods[0].progress.clone())
    };
    assert_eq!(progress("warm"), (true, Progress::Succeeded(Ok(CopyReport::default()))));
    assert!(matches!(progress("copy"), (false, Progress::Failed { retry: Retry::Again, .. })));
}

#[test]
fn each_claim_of_a_shared_pod_has_its_own_pass_and_log() {
    let caches = Caches::unfed(true);
    let extra = "annotations: {kurl.sh/pvcmigrate-kind: migrate, pvmigrate.dev/run: run-1,
        pvmigrate.dev/claims: 'data-web-0,logs-web-0', pvmigrate.dev/purpose: copy, pvmigrate.dev/attempt: '1'}";
    let status = "{phase: Running, containerStatuses: [{name: pvmigrate-0, state: {terminated: {exitCode: 0}}},
        {name: pvmigrate-1, state: {running: {}}}]}";
    caches.pods.applied(pod("shared", extra, "data-web-0-pvcmigrate-src", status));
    let mut record = record();
    record.claims.insert("logs-web-0".to_owned(), record.claims["data-web-0"].clone());
    let group = GroupObjects::of(&record, &caches);
    let unread: Vec<(&str, &str)> =
        group.unread().map(|(pod, copy)| (pod.key.name.as_str(), copy.container.as_str())).collect();
    assert_eq!(unread, [("shared", "pvmigrate-0")], "the other's log has not ended");
    let report = CopyReport { files: 3, ..CopyReport::default() };
    let tail = LogTail { report: Ok(report), last_words: String::new() };
    let seen = group.observation(&HashMap::from([((Uid("shared".to_owned()), "pvmigrate-0".to_owned()), tail)]));
    let pod = |claim: &str| {
        let pods = &seen.claims[claim].pods;
        assert_eq!((pods.len(), seen.claims[claim].users.len()), (1, 0), "{claim}");
        pods[0].clone()
    };
    let (data, logs) = (pod("data-web-0"), pod("logs-web-0"));
    assert_eq!((data.progress, logs.progress), (Progress::Succeeded(Ok(report)), Progress::Running));
    assert_eq!((data.others, logs.others), (vec!["logs-web-0".to_owned()], vec!["data-web-0".to_owned()]));
    assert_eq!((data.uid, data.attempt), (logs.uid, logs.attempt));
}

#[test]
fn a_failed_copy_adds_its_last_words() {
    let caches = Caches::unfed(true);
    let failed = "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 23}}}]}";
    caches.pods.applied(copy("failed", "copy", failed));
    let logs = LogTail { report: Err(String::new()), last_words: "rsync: No space left on device (28)".to_owned() };
    let logs = HashMap::from([(only("failed"), logs)]);
    let Progress::Failed { why, retry } = seen(&caches, &logs).pods[0].progress.clone() else { unreachable!() };
    assert!(
        why.starts_with("rsync ended with exit code 23") && why.ends_with(": rsync: No space left on device (28)"),
        "{why}"
    );
    assert_eq!(retry, Retry::FromEmpty, "what the log says counts");
}

#[test]
fn a_pod_that_only_its_node_holds_is_leaving() {
    let caches = Caches::unfed(true);
    let leaving = |finalizers: &str| {
        let extra = format!(
            "deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [{finalizers}],
            annotations: {{kurl.sh/pvcmigrate: data-web-0, kurl.sh/pvcmigrate-kind: migrate}}"
        );
        caches.pods.applied(pod("p", &extra, "data-web-0", RUNS));
        seen(&caches, &HashMap::new()).pods[0].leaving
    };
    assert!(!leaving("pvmigrate.dev/tombstone"), "our finalizer has to be taken off first");
    assert!(leaving(""));
}

#[test]
fn the_newest_event_says_what_hinders_a_claim_and_else_its_pod_does() {
    let event = |name: &str, time: &str, message: &str| {
        let text = format!(
            "metadata: {{name: {name}, namespace: shop, uid: {name}}}
type: Warning
reason: ProvisioningFailed
message: {message}
lastTimestamp: 2026-01-01T00:{time}:00Z
involvedObject: {{kind: PersistentVolumeClaim, namespace: shop, name: data-web-0-pvcmigrate, uid: data-web-0-pvcmigrate}}"
        );
        SeenEvent::read(&yaml(&text)).unwrap()
    };
    let caches = Caches::unfed(true);
    caches.claims.applied(claim("data-web-0-pvcmigrate", "Pending"));
    let trouble = || seen(&caches, &HashMap::new()).destination.unwrap().trouble;
    assert_eq!(trouble(), None);
    let pull = "{phase: Pending, containerStatuses: [{name: pvmigrate, state: {waiting: {reason: ErrImagePull}}}]}";
    caches.pods.applied(copy("primes", "prime", pull));
    assert_eq!(trouble().as_deref(), Some("pod primes: ErrImagePull"));
    caches.events.applied(event("new", "09", "no space"));
    caches.events.applied(event("old", "03", "no driver"));
    assert_eq!(trouble().as_deref(), Some("ProvisioningFailed: no space"));
    let blind = Caches::unfed(false);
    blind.claims.applied(claim("data-web-0-pvcmigrate", "Pending"));
    assert_eq!(seen(&blind, &HashMap::new()).destination.unwrap().trouble.as_deref(), Some(NO_EVENTS));
}

#[test]
fn a_deployments_pods_are_counted_through_its_replica_sets() {
    let caches = Caches::unfed(true);
    let deployment: Deployment = yaml(
        "{metadata: {name: web, namespace: shop, uid: d1, resourceVersion: '4'}, spec: {replicas: 2, selector: {}, template: {}}}",
    );
    caches.deployments.applied(SeenWorkload::read(&deployment).unwrap());
    let set: ReplicaSet = yaml(
        "{metadata: {name: web-5d, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}, spec: {selector: {}}}",
    );
    caches.replica_sets.applied(SeenWorkload::read(&set).unwrap());
    for (name, set) in [("one", "r1"), ("two", "r1"), ("other", "r2")] {
        let owner = format!(
            "ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d, uid: {set}, controller: true}}]"
        );
        let ready = if name == "one" { "True" } else { "False" };
        let status = format!("{{phase: Running, conditions: [{{type: Ready, status: '{ready}'}}]}}");
        caches.pods.applied(pod(name, &owner, "x", &status));
    }
    let mut record = record();
    let workload = WorkloadRef { kind: WorkloadKind::Deployment, name: "web".to_owned() };
    record.workloads = vec![WorkloadRecord { workload: workload.clone(), replicas: 2, ready: None, when_scaled: None }];
    let seen = GroupObjects::of(&record, &caches).observation(&HashMap::new()).workloads[&workload].clone();
    assert_eq!((seen.replicas, seen.pods, seen.ready, seen.version.0.as_str()), (2, 2, 1, "4"));
    assert_eq!(seen.uid, Uid("d1".to_owned()));
}

#[test]
fn a_claim_is_complete_with_the_recorded_labels_and_annotations() {
    let caches = Caches::unfed(true);
    let is_complete = |labels: &str, annotations: &str| {
        let text = format!(
            "{{metadata: {{name: data-web-0, namespace: shop, uid: other, labels: {{{labels}}}, annotations: {{{annotations}}}}}}}"
        );
        caches.claims.applied(SeenClaim::read(&yaml(&text)).unwrap());
        seen(&caches, &HashMap::new()).named.unwrap().complete
    };
    assert!(is_complete("app: web", "team: checkout"), "the class's old annotation comes off on purpose");
    assert!(is_complete("app: web, more: x", "team: checkout, more: x"));
    assert!(!is_complete("app: web", ""));
    assert!(!is_complete("app: web", "team: other"));
    assert!(!is_complete("", "team: checkout"));
}

#[test]
fn a_claim_counts_as_a_sets_only_when_the_set_makes_exactly_such_claims() {
    let caches = Caches::unfed(true);
    let set: StatefulSet = yaml(
        "{metadata: {name: web, namespace: shop, uid: s1}, spec: {serviceName: web, template: {},
          selector: {matchLabels: {app: web}},
          volumeClaimTemplates: [{metadata: {name: data, labels: {tier: db}, annotations: {team: checkout}}}]}}",
    );
    caches.stateful_sets.applied(SeenWorkload::read(&set).unwrap());
    let is_made = |name: &str, labels: &str, annotations: &str| {
        let text = format!(
            "{{metadata: {{name: {name}, namespace: shop, uid: other, labels: {{{labels}}}, annotations: {{{annotations}}}}}}}"
        );
        caches.claims.applied(SeenClaim::read(&yaml(&text)).unwrap());
        seen(&caches, &HashMap::new()).named.unwrap().made_by_set
    };
    let (labels, annotations) = ("app: web, tier: db", "team: checkout");
    assert!(is_made("data-web-0", labels, annotations));
    assert!(is_made("data-web-0", labels, "team: checkout, pv.kubernetes.io/bind-completed: 'yes'"));
    assert!(is_made("data-web-0", "app: web, tier: db, zone: a", annotations), "a webhook may add labels");
    let touched = "team: checkout, pvmigrate.dev/touched: '2026-01-01T00:00:00Z run-1'";
    assert!(is_made("data-web-0", labels, touched), "one that was meant to get the source volume, and got another");
    assert!(!is_made("data-web-0", "app: web", annotations));
    assert!(!is_made("data-web-0", labels, ""));
    assert!(!is_made("data-web-0", labels, "team: checkout, kubectl.kubernetes.io/last-applied-configuration: x"));
    assert!(!is_made("data-web-0", labels, "team: checkout, pvmigrate.dev/run: run-1"));
}
