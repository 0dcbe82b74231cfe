#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

const CLASSES: &str = "
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: a.example.com, reclaimPolicy: Retain}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: manual}, provisioner: kubernetes.io/no-provisioner}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: std, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: s.example.com}
---
";

fn read(text: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), format!("{CLASSES}{text}")).unwrap();
    crate::input::read_objects(folder.path()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn at_rest_of(text: &str) -> Vec<Value> {
    let mut objects = read(text);
    at_rest(&mut objects);
    objects
}

fn find<'a>(objects: &'a [Value], kind: &'static str, wanted: &str) -> &'a Value {
    of_kind(objects, kind).find(|object| name(object) == wanted).unwrap_or_else(|| panic!("no {kind} {wanted}"))
}

fn claim(name: &str, spec: &str, rest: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {name}, namespace: ns{rest}}}, \
         spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}{spec}}}"
    )
}

fn volume(name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: {name}, labels: {{disk: {name}}}}}, \
         spec: {{accessModes: [ReadWriteOnce], capacity: {{storage: 2Gi}}{spec}}}}}\n"
    )
}

/// Returns phase and volume of claim `c`.
fn fate(claim: &str, others: &str) -> (String, String) {
    let objects = at_rest_of(&format!("{claim}}}\n{others}"));
    let found = find(&objects, "PersistentVolumeClaim", "c");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    (text(&found["status"]["phase"]), text(&found["spec"]["volumeName"]))
}

#[test]
fn a_claim_has_the_volume_that_a_cluster_would_give_it() {
    let (of_a, of_manual) = (", storageClassName: a", ", storageClassName: manual");
    let named = format!("{of_a}, volumeName: v");
    let holder = |rest: &str| volume("v", &format!("{of_a}, claimRef: {{namespace: ns, name: c{rest}}}"));
    let other = volume("v", &format!("{of_a}, claimRef: {{namespace: ns, name: x}}"));
    let bound_once = ", annotations: {pv.kubernetes.io/bind-completed: 'yes'}";
    let selector = |class: &str, disk: &str| format!("{class}, selector: {{matchLabels: {{disk: {disk}}}}}");
    for (spec, metadata, phase, others, expected) in [
        (of_a, "", "", "", ("Bound", "pv-ns-c")),
        (&named, "", "", "", ("Bound", "v")),
        (&named, "", "Bound", "", ("Bound", "v")),
        (&named, "", "Lost", "", ("Lost", "v")),
        (&named, "", "", &holder(""), ("Bound", "v")),
        (&named, ", uid: u", "", &holder(", uid: u"), ("Bound", "v")),
        (&named, ", uid: u", "", &holder(", uid: w"), ("Pending", "v")),
        (&named, bound_once, "Bound", &other, ("Lost", "v")),
        (&named, "", "Bound", &other, ("Pending", "v")),
        (of_a, "", "", &holder(""), ("Bound", "v")),
        (of_a, "", "", &other, ("Bound", "pv-ns-c")),
        (of_a, "", "Pending", &holder(""), ("Pending", "-")),
        (of_a, bound_once, "", "", ("Lost", "-")),
        (of_manual, "", "", "", ("Pending", "-")),
        (of_manual, "", "Bound", "", ("Bound", "pv-ns-c")),
        (of_manual, "", "", &volume("v", of_manual), ("Bound", "v")),
        (of_manual, "", "", &volume("v", of_a), ("Pending", "-")),
        (&selector(of_manual, "v"), "", "", &volume("v", of_manual), ("Bound", "v")),
        (&selector(of_manual, "w"), "", "", &volume("v", of_manual), ("Pending", "-")),
        (&selector(of_a, "w"), "", "", "", ("Pending", "-")),
    ] {
        let status = if phase.is_empty() { String::new() } else { format!(", status: {{phase: {phase}}}") };
        let text = format!("{}{status}", claim("c", spec, metadata));
        let (phase, volume) = fate(&text, others);
        assert_eq!((phase.as_str(), volume.as_str()), expected, "{text}\n{others}");
    }
}

#[test]
fn what_a_claim_leaves_out_is_filled_in_as_its_class_has_it() {
    let old = ", annotations: {volume.beta.kubernetes.io/storage-class: a}";
    for (spec, metadata, class, driver) in [
        (", storageClassName: a", "", "a", "a.example.com"),
        ("", old, "a", "a.example.com"),
        ("", "", "std", "s.example.com"),
        (", storageClassName: ''", "", "", ""),
        (", storageClassName: gone", "", "gone", ""),
    ] {
        let objects = at_rest_of(&format!("{}}}\n", claim("c", spec, metadata)));
        assert_eq!(class_of(find(&objects, "PersistentVolumeClaim", "c")), Some(class), "{spec}");
        let made = find(&objects, "PersistentVolume", "pv-ns-c");
        assert_eq!((class_of(made), made["spec"]["csi"]["driver"].as_str().unwrap_or_default()), (Some(class), driver));
        assert_eq!(made["spec"]["claimRef"]["uid"], "uid-persistentvolumeclaim-ns-c");
        let policy = if class == "a" { "Retain" } else { "Delete" };
        assert_eq!(
            (&made["spec"]["persistentVolumeReclaimPolicy"], &made["spec"]["capacity"]),
            (&json!(policy), &json!({"storage": "1Gi"}))
        );
    }
}

#[test]
fn provisioners_are_left_their_work_where_there_are_controllers() {
    let provisioned = |spec: &str| {
        let mut objects = read(&format!("{}}}\n", claim("c", spec, "")));
        without_controllers(&mut objects);
        find(&objects, "PersistentVolumeClaim", "c")["spec"].get("volumeName").is_none()
    };
    assert!(provisioned(", storageClassName: a") && provisioned(""));
    assert!(!provisioned(", storageClassName: gone"));
}

#[test]
fn a_workload_has_its_pods_and_they_have_their_claims() {
    let text = "
{apiVersion: v1, kind: Node, metadata: {name: n1}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: ns}, spec: {replicas: 2, serviceName: db, ordinals: {start: 3},
  selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: []}},
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: ns}, spec: {selector: {matchLabels: {app: agent}},
  template: {metadata: {labels: {app: agent}}, spec: {containers: [], volumes: [{name: tmp, ephemeral: {volumeClaimTemplate: {spec:
    {storageClassName: a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: down, namespace: ns}, spec: {replicas: 0, selector: {matchLabels: {app: x}}, template: {}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: up, namespace: ns}, spec: {replicas: 3, selector: {matchLabels: {app: up}}, template: {}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: up-5d-x, namespace: ns, labels: {app: up}}, spec: {containers: []}, status: {phase: Pending}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: over, namespace: ns}, spec: {template: {}}, status: {conditions: [{type: Complete, status: 'True'}]}}
";
    let objects = at_rest_of(text);
    let pods: Vec<(&str, &str)> =
        of_kind(&objects, "Pod").map(|pod| (name(pod), pod["spec"]["nodeName"].as_str().unwrap_or("-"))).collect();
    assert_eq!(pods, [("up-5d-x", "-"), ("db-3", "n1"), ("db-4", "n2"), ("agent-0", "n1"), ("agent-1", "n2")]);
    let mut claims: Vec<&str> = of_kind(&objects, "PersistentVolumeClaim").map(name).collect();
    claims.sort_unstable();
    assert_eq!(claims, ["agent-0-tmp", "agent-1-tmp", "data-db-3", "data-db-4"]);
    let first = find(&objects, "PersistentVolumeClaim", "data-db-3");
    assert_eq!((&first["status"]["phase"], &first["metadata"]["labels"]), (&json!("Bound"), &json!({"app": "db"})));
    let owner = &find(&objects, "Pod", "db-3")["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], find(&objects, "StatefulSet", "db")["metadata"]["uid"]);
}

#[test]
fn a_workload_of_a_million_pods_is_not_played_out() {
    let text = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: w, namespace: ns}, spec: {replicas: 2000000000, selector: {}, template: {}}}";
    assert_eq!(of_kind(&at_rest_of(text), "Pod").count(), 1000);
}
