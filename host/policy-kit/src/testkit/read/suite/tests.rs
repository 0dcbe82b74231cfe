#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use pvmigrate_core::policy::{Consumer, Kind, Volume};
use serde_json::json;

use super::*;
use crate::testkit::read::fixture::Fixture;

const HEAD: &str = "
classes: {gp2: {provisioner: ebs.csi.aws.com}, ssd: {provisioner: s, modes: [RWX], reclaimPolicy: Retain}, gone: null}
";

/// Puts rows into a cluster, and changes them as a case does.
fn try_cluster(rows: &str, given: &str, needs: &[Need]) -> Result<Cluster, Wrong> {
    let file = Node::read(&format!("{HEAD}{rows}"), Path::new("x")).unwrap();
    let case = Node::read(&format!("given: {{{given}}}"), Path::new("x")).unwrap();
    let mut cluster = given::add_rows(Cluster::default(), &Fields::of(&file, &FILE)?, needs)?;
    given::apply(&mut cluster, &Fields::of(&case, &CASE)?, needs)?;
    Ok(cluster)
}

fn cluster(rows: &str, given: &str) -> Cluster {
    try_cluster(rows, given, &needs()).unwrap_or_else(|wrong| panic!("{}: {}", wrong.at.line, wrong.what))
}

fn needs() -> Vec<Need> {
    let need = |kind: &str| Need { kind: Kind::new("v1", kind), purpose: String::new(), optional: false };
    let window = Need { kind: Kind::new("example.com/v1", "Window"), purpose: String::new(), optional: true };
    vec![need("ResourceQuota"), need("Node"), window]
}

/// Returns the one volume of a row, after a change.
fn volume(row: &str, given: &str) -> Volume {
    let given = if given.is_empty() { String::new() } else { format!("db/data-pg-1: {given}") };
    let snapshot = cluster(&format!("volumes: {{db/data-pg-1: {row}}}"), &given).snapshot().unwrap();
    snapshot.volumes.into_iter().next().unwrap()
}

fn names(cluster: &Cluster, kind: &str) -> Vec<String> {
    let mut names: Vec<_> = cluster.names(kind).collect();
    names.sort_unstable();
    names
}

/// What rows make, written to a file and read as a snapshot, is the same question: no row is read by a way of its own.
#[test]
fn a_row_is_what_the_same_objects_are_in_a_snapshot() {
    for row in [
        "{}",
        "{class: gp2, size: 5Gi, by: [sts/pg, Deployment/web*3 ro, cj/night], labels: {a: b}, created: 2026-01-01T00:00:00Z}",
        "{class: ssd, volumeMode: Block, by: po/x pending, modes: [RWO, ROX], effectiveModes: RWX, driver: d.example.com}",
        "{class: gone, phase: Pending, facts: {pvmigrate.dev/owner: StatefulSet/pg, pvmigrate.dev/deleting: 'true'}}",
        "{class: gp2, phase: Lost, volume: v, by: Robot.example.com/r@node-9}",
    ] {
        let rows = cluster(&format!("volumes: {{db/data-pg-1: {row}, db/other: {{class: gp2, by: sts/pg}}}}"), "");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": rows.objects});
        let read = Fixture::of_text(Path::new("x.json"), &list.to_string()).unwrap_or_else(|error| panic!("{error}"));
        let snapshot = rows.snapshot().unwrap();
        assert_eq!(read.volumes(), snapshot.volumes, "{row}");
        assert_eq!(read.classes(), snapshot.classes, "{row}");
        let kinds = ["PersistentVolume", "Pod", "Node", "Namespace"].map(|kind| Need {
            kind: Kind::new("v1", kind),
            purpose: String::new(),
            optional: false,
        });
        assert_eq!(read.collected(&kinds), rows.collect(&kinds), "{row}");
    }
}

#[test]
fn a_row_makes_what_a_cluster_has_of_it() {
    let made = cluster("volumes: {db/data-pg-1: {class: gp2, by: [sts/pg, cj/night, po/shell]}}", "");
    for (kind, expected) in [
        ("PersistentVolumeClaim", &["db/data-pg-1"][..]),
        ("PersistentVolume", &["pv-db-data-pg-1"]),
        ("Pod", &["db/night-0-0", "db/pg-1", "db/shell"]),
        ("StatefulSet", &["db/pg"]),
        ("CronJob", &["db/night"]),
        ("Job", &["db/night-0"]),
        ("Node", &["node-1", "node-2"]),
        ("Namespace", &["db"]),
    ] {
        assert_eq!(names(&made, kind), expected, "{kind}");
    }
    let at = made.position("PersistentVolume", None, "pv-db-data-pg-1").unwrap();
    let (claim, volume) = (made.position("PersistentVolumeClaim", Some("db"), "data-pg-1").unwrap(), &made.objects[at]);
    let claim = &made.objects[claim];
    assert_eq!(claim["spec"]["volumeName"], "pv-db-data-pg-1");
    assert_eq!(volume["spec"]["claimRef"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(volume["spec"]["csi"]["driver"], "ebs.csi.aws.com");
    let pod = &made.objects[made.position("Pod", Some("db"), "pg-1").unwrap()];
    let set = &made.objects[made.position("StatefulSet", Some("db"), "pg").unwrap()];
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
}

#[test]
fn a_row_says_what_a_question_tells() {
    let plain = volume("{class: ssd}", "");
    assert_eq!(
        (plain.driver.as_deref(), plain.reclaim_policy.as_deref(), plain.created),
        (Some("s"), Some("Retain"), 0)
    );
    let other = volume("{class: ssd, driver: d, effectiveModes: RWX, created: 1970-01-01T00:01:00Z, used: 1Mi}", "");
    assert_eq!((other.driver.as_deref(), other.created, other.used_bytes), (Some("d"), 60, Some(1 << 20)));
    assert_ne!(other.effective_modes, other.requested_modes);
    let moved = volume("{class: ssd}", "{class: gp2, size: 3Gi, modes: RWX}");
    assert_eq!((moved.storage_class.as_deref(), moved.driver.as_deref()), (Some("gp2"), Some("ebs.csi.aws.com")));
    assert_eq!((moved.capacity_bytes, moved.requested_bytes), (3 << 30, 3 << 30));
    assert_eq!(moved.effective_modes, moved.requested_modes);
    let bare = volume("{class: ssd}", "{class: null, driver: null}");
    assert_eq!((bare.storage_class, bare.driver), (None, None));
    for given in ["{phase: Pending}", "{volume: null}"] {
        let pending = volume("{class: ssd}", given);
        assert_eq!(
            (pending.phase.as_str(), pending.volume_name, pending.capacity_bytes),
            ("Pending", None, 0),
            "{given}"
        );
    }
    let again = volume("{class: ssd, phase: Pending}", "{phase: Bound, volume: v}");
    assert_eq!((again.volume_name.as_deref(), again.reclaim_policy.as_deref()), (Some("v"), Some("Retain")));
}

#[test]
fn who_uses_a_claim_is_replaced_by_a_change() {
    let pods = |volume: &Volume| {
        let shown = |user: &Consumer| {
            format!(
                "{}/{} {} {}",
                user.workload.kind,
                user.workload.name,
                user.pod,
                user.node.as_deref().unwrap_or("-")
            )
        };
        volume.consumers.iter().map(shown).collect::<Vec<_>>()
    };
    let row = "{class: gp2, by: deploy/web*2@n}";
    assert_eq!(pods(&volume(row, "")), ["Deployment/web web-0 n", "Deployment/web web-1 n"]);
    assert_eq!(pods(&volume(row, "{by: [sts/pg]}")), ["StatefulSet/pg pg-1 node-2"]);
    assert_eq!(pods(&volume(row, "{by: job/x pending}")), ["Job/x x-0 -"]);
    assert_eq!(pods(&volume(row, "{by: rc/x}")), ["ReplicationController/x x-0 node-1"]);
    assert_eq!(pods(&volume(row, "{by: cj/x}")), ["Job/x-0 x-0-0 node-1"]);
    assert_eq!(pods(&volume(row, "{by: []}")), [""; 0]);
    // What is used by another claim, too, stays.
    let rows =
        "volumes: {db/a: {class: gp2, by: sts/pg}, db/b: {class: gp2, by: sts/pg}, db/c: {class: gp2, by: sts/q}}";
    let changed = cluster(rows, "db/a: {by: []}, db/c: null");
    assert_eq!(names(&changed, "Pod"), ["db/pg-0"]);
    assert_eq!(names(&changed, "StatefulSet"), ["db/pg"]);
    assert_eq!(names(&changed, "PersistentVolume"), ["pv-db-a", "pv-db-b"]);
}

const OBJECTS: &str = "
volumes: {db/data: {class: gp2}}
objects:
  ResourceQuota db/storage: {spec: {hard: {requests.storage: 1Ti, pods: 5}}}
  PersistentVolumeClaim db/more:
    spec: {storageClassName: ssd, accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
  Window db/night: {spec: {from: 1}}
";

#[test]
fn objects_are_changed_added_and_taken_away() {
    let (kind, window) = (Kind::new("v1", "ResourceQuota"), Kind::new("example.com/v1", "Window"));
    let quotas =
        |given: &str| cluster(OBJECTS, given).collect(&needs()).find(&kind, None, "", &["spec".to_owned()]).unwrap();
    assert_eq!(quotas(""), [r#"{"spec":{"hard":{"pods":"5","requests.storage":"1Ti"}}}"#]);
    let given = "ResourceQuota db/storage: {spec: {hard: {pods: null, requests.storage: 2Ti}}}";
    assert_eq!(quotas(given), [r#"{"spec":{"hard":{"requests.storage":"2Ti"}}}"#]);
    assert_eq!(quotas("ResourceQuota db/storage: null"), [""; 0]);
    assert_eq!(quotas("ResourceQuota db/extra: {spec: {hard: {}}}").len(), 2);
    assert_eq!(quotas("ResourceQuota db/storages: {apiVersion: v1}").len(), 2, "it says that it is another");
    let windows = |given: &str| cluster(OBJECTS, given).collect(&needs()).find(&window, None, "", &[]).unwrap().len();
    assert_eq!((windows(""), windows("Window db/other: {spec: {}}"), windows("Window db/night: null")), (1, 2, 0));

    let claims = |given: &str| {
        let volumes = cluster(OBJECTS, given).snapshot().unwrap().volumes;
        volumes.iter().map(|volume| format!("{} {}", volume.claim(), volume.phase)).collect::<Vec<_>>()
    };
    assert_eq!(claims(""), ["db/data Bound", "db/more Bound"], "what is left out of an object is filled in");
    assert_eq!(claims("db/data: null"), ["db/more Bound"]);
    assert_eq!(claims("PersistentVolumeClaim db/data: {status: {phase: Lost}}")[0], "db/data Lost");
    let added =
        "PersistentVolumeClaim db/new: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}}";
    assert_eq!(claims(added)[2], "db/new Bound");
    assert!(cluster(OBJECTS, "PersistentVolume pv-db-more: null").snapshot().unwrap().volumes[1].driver.is_none());
}

#[test]
fn objects_that_cannot_be_meant() {
    for (given, expected) in [
        (
            "ResourceQuota db/storge: {spec: {hard: {}}}",
            "unknown object ResourceQuota db/storge, did you mean ResourceQuota db/storage? A new object says its apiVersion",
        ),
        (
            "ResourceQuota dbs/storag: null",
            "unknown object ResourceQuota dbs/storag, did you mean ResourceQuota db/storage?",
        ),
        ("ResourceQuota db/x: {metadata: {labels: {a: b}}}", "unknown object ResourceQuota db/x"),
        (
            "ResourceQuota storage: {spec: {}}",
            "ResourceQuota storage has no namespace, did you mean ResourceQuota db/storage?",
        ),
        (
            "ResourceQuota other: {spec: {}}",
            "ResourceQuota other has no namespace, did you mean ResourceQuota db/other?",
        ),
        ("Node db/n: {spec: {}}", "a Node is in no namespace, did you mean Node n?"),
        ("ResourceQuota a/b/c: {spec: {}}", "invalid object \"ResourceQuota a/b/c\""),
        (
            "ResourceQuta db/storage: null",
            "no policy that is tested here looks up objects of kind ResourceQuta, did you mean",
        ),
        ("ResourceQuota db/storage: {spec: {hard: 5}}", "ResourceQuota db/storage: spec.hard: invalid type"),
        ("ResourceQuota db/storage: {metadata: {name: other}}", "the object's kind, name or namespace differs"),
        (
            "ResourceQuota db/x: {apiVersion: v2, spec: {}}",
            "ResourceQuota db/x: there is no ResourceQuota of v2, did you mean v1?",
        ),
        ("ResourceQuota db/X: {apiVersion: v1}", "\"X\" cannot be a name in Kubernetes"),
        ("Secret db/x: {data: {}}", "no policy that is tested here looks up objects of kind Secret"),
        ("LimitRange db/x: {spec: {}}", "no policy that is tested here looks up objects of kind LimitRange"),
        ("db/mroe: {class: gp2}", "unknown volume db/mroe, did you mean db/more?"),
        ("a/b/c: {class: gp2}", "unknown volume a/b/c"),
    ] {
        let wrong = try_cluster(OBJECTS, given, &needs()).expect_err(given);
        assert!(wrong.what.starts_with(expected), "{given}\nexpected {expected}\ngot      {}", wrong.what);
        assert!(wrong.at.line > 0, "{given}");
    }
}
