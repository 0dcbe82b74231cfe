//! `rehearse` refuses what a cluster would refuse, before any workload stops.

use crate::{Ran, path_text, pvmigrate};

/// Two classes and a Deployment whose claim is to be moved.
const BASE: &str = "
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: a}
provisioner: a.example.com
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: b}
provisioner: b.example.com
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: ns}
spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ns}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}]
      volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
---
";

/// Pods of a workload that mount the claim too.
const TEMPLATE: &str = "template: {metadata: {labels: {app: other}}, spec: {restartPolicy: Never, containers: [{name: c, \
                        image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]}}";

fn rehearse(base: &str, more: &str) -> Ran {
    assert!(pvmigrate_rehearsal::find_rsync().is_ok(), "rsync is missing: run tests/setup rsync");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, format!("{base}{more}")).unwrap();
    pvmigrate(&["rehearse", path_text(&file), "--source-sc", "a", "--dest-sc", "b", "--pod-ready-timeout", "2"])
}

#[track_caller]
fn assert_refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in words {
        assert!(ran.out.contains(part), "{part} is not in: {}{}", ran.out, ran.err);
    }
    assert!(!ran.err.contains("stopping"), "{}", ran.err);
}

#[track_caller]
fn assert_migrated(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("ns/data"), "{}", ran.out);
}

fn namespace(metadata: &str, status: &str) -> String {
    format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: ns, {metadata}}}, status: {{{status}}}}}\n---\n")
}

#[test]
fn pod_security_has_its_say_about_the_pods_of_a_migration() {
    let level = |level: &str| namespace(&format!("labels: {{pod-security.kubernetes.io/enforce: {level}}}"), "");
    let ran = rehearse(BASE, &level("restricted"));
    assert_refused(&ran, &["violates PodSecurity \"restricted:latest\": ", "runAsNonRoot != true"]);
    assert_migrated(&rehearse(BASE, &level("baseline")));
}

#[test]
fn claims_of_a_namespace_that_is_being_deleted_are_left_out_and_named() {
    let leaving = namespace("deletionTimestamp: 2026-01-01T00:00:00Z, finalizers: [a/b]", "phase: Terminating");
    let ran = rehearse(BASE, &leaving);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("namespace-terminating  namespace ns is being deleted"), "{}", ran.out);
}

#[test]
fn a_daemon_set_or_a_job_whose_pods_the_file_lacks_uses_its_claim() {
    let daemon_set = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: ns}, \
                      spec: {selector: {matchLabels: {app: other}}, ";
    let ran = rehearse(BASE, &format!("{daemon_set}{TEMPLATE}}}}}\n").replace("restartPolicy: Never, ", ""));
    assert_refused(&ran, &["DaemonSet agent", "uses claim data"]);
    let job = |status: &str| {
        format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: load, namespace: ns}}, spec: {{{TEMPLATE}}}, \
             status: {{{status}}}}}\n"
        )
    };
    assert_refused(&rehearse(BASE, &job("")), &["Job load", "uses claim data"]);
    assert_migrated(&rehearse(BASE, &job("succeeded: 1, conditions: [{type: Complete, status: \"True\"}]")));
}

#[test]
fn a_claim_with_a_selector_stays_as_it_was() {
    let waits = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: wait, namespace: ns}, \
                 spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, \
                 selector: {matchLabels: {disk: one}}}, status: {phase: Pending}}\n";
    let ran = rehearse(BASE, waits);
    assert_migrated(&ran);
    assert!(
        !ran.err.contains("ns/wait: starting") && ran.out.contains("2 claims and 1 workload compared"),
        "{}",
        ran.out
    );
}

const NODE: &str = "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: one}}, ";

#[test]
fn a_class_whose_volumes_no_node_can_have_provisions_nothing() {
    let node = format!("{NODE}spec: {{}}}}\n");
    let zone = |zone: &str| {
        let topologies = format!(
            "provisioner: b.example.com\nallowedTopologies: [{{matchLabelExpressions: [{{key: zone, values: [{zone}]}}]}}]"
        );
        BASE.replace("provisioner: b.example.com", &topologies)
    };
    let ran = rehearse(&zone("two"), &node);
    assert_refused(&ran, &["1 node(s) didn't find available persistent volumes to bind"]);
    let at_once = zone("two").replace("WaitForFirstConsumer", "Immediate");
    assert_refused(&rehearse(&at_once, &node), &["error generating accessibility requirements"]);
    assert_migrated(&rehearse(&zone("one"), &node));
}

#[test]
fn a_taint_that_the_pods_of_a_migration_do_not_tolerate_keeps_them_away() {
    let node = |effect: &str| format!("{NODE}spec: {{taints: [{{key: dedicated, value: db, effect: {effect}}}]}}}}\n");
    let tolerant = |more: &str| {
        let tolerations = format!("      tolerations: [{{key: dedicated, operator: Exists{more}}}]\n      containers:");
        BASE.replace("      containers:", &tolerations)
    };
    assert_migrated(&rehearse(&tolerant(""), &node("NoSchedule")));
    assert_migrated(&rehearse(&tolerant(""), &node("NoExecute")));
    // The workload has to go itself.
    let ran = rehearse(&tolerant(", effect: NoExecute, tolerationSeconds: 300"), &node("NoExecute"));
    assert_refused(&ran, &["0/1 nodes are available: 1 node(s) had untolerated taint(s)."]);
}
