//! What keeps a run from starting is told with its cause, at once where it is known at once, and with the next step that fits.

use serde_json::json;

use crate::{Ran, path_text, pvmigrate};

pub(crate) const CLASS_A: &str = "
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: a}
provisioner: a.example.com
reclaimPolicy: Delete
volumeBindingMode: Immediate
";

pub(crate) const CLASS_B: &str = "
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: b}
provisioner: b.example.com
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
";

const STATIC_B: &str = "
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: b}
provisioner: kubernetes.io/no-provisioner
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
";

pub(crate) const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: ns}
spec:
  storageClassName: a
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
";

pub(crate) const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ns}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: registry.example.com/c:1, volumeMounts: [{name: v, mountPath: /v}]}]
      volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
";

/// Runs the binary on a file of these documents, which takes the place of `FILE` in the words.
pub(crate) fn on(documents: &[&str], words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    std::fs::write(&file, documents.join("---\n")).unwrap();
    let words: Vec<&str> = words.iter().map(|word| if *word == "FILE" { path_text(&file) } else { word }).collect();
    pvmigrate(&words)
}

fn rehearse(documents: &[&str]) -> Ran {
    on(documents, &["rehearse", "FILE", "--source-sc", "a", "--dest-sc", "b"])
}

/// Checks that the run was kept from starting, for this cause, with these words on stdout and in the hint.
#[track_caller]
fn assert_kept(ran: &Ran, cause: &str, said: &str, advised: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("not-provisionable ({cause}): ")) && ran.out.contains(said), "{}", ran.out);
    let hint = ran.err.lines().find(|line| line.starts_with(&format!("hint: {cause}: "))).unwrap_or_default();
    assert!(advised.iter().all(|part| hint.contains(part)) && !hint.contains("access mode"), "{}", ran.err);
    assert!(!ran.out.contains("not ready after"), "it was waited for: {}", ran.out);
}

fn quota(hard: &str) -> String {
    format!("\napiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: q, namespace: ns}}\nspec: {{hard: {{{hard}}}}}\n")
}

#[test]
fn a_full_quota_is_to_be_raised() {
    for (hard, resource) in [
        ("persistentvolumeclaims: \"1\", requests.storage: 1Gi", "persistentvolumeclaims=1"),
        ("b.storageclass.storage.k8s.io/requests.storage: \"0\"", "requests.storage=1Mi"),
        ("pods: \"1\"", "pods=1"),
    ] {
        let ran = rehearse(&[CLASS_A, CLASS_B, CLAIM, DEPLOYMENT, &quota(hard)]);
        assert_kept(&ran, "quota-full", resource, &["raise ResourceQuota q in namespace ns", "migrate in parts"]);
    }
    let words = ["rehearse", "FILE", "--source-sc", "a", "--dest-sc", "b", "-o", "json"];
    let ran = on(&[CLASS_A, CLASS_B, CLAIM, DEPLOYMENT, &quota("pods: \"1\"")], &words);
    let blocker = &ran.json()["blockers"][0];
    assert_eq!((&blocker["code"], &blocker["cause"]), (&json!("not-provisionable"), &json!("quota-full")));
}

#[test]
fn a_bound_of_the_namespace_is_to_be_widened() {
    let range = "\napiVersion: v1\nkind: LimitRange\nmetadata: {name: r, namespace: ns}\n\
                 spec: {limits: [{type: Container, min: {cpu: \"1\"}}]}\n";
    let ran = rehearse(&[CLASS_A, CLASS_B, CLAIM, DEPLOYMENT, range]);
    assert_kept(&ran, "limit-range", "minimum cpu usage per Container", &["kubectl describe limitrange -n ns"]);
}

fn volume(size: &str, modes: &str) -> String {
    format!(
        "\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: by-hand}}\nspec: {{storageClassName: b, \
         capacity: {{storage: {size}}}, accessModes: [{modes}], hostPath: {{path: /srv/by-hand}}}}\n"
    )
}

#[test]
fn a_class_without_a_provisioner_needs_volumes_and_that_is_known_at_once() {
    let advised = ["create a PersistentVolume of that class for each claim", "another --dest-sc"];
    let ran = rehearse(&[CLASS_A, STATIC_B, CLAIM, DEPLOYMENT]);
    assert_kept(&ran, "no-provisioner", "has no provisioner, and no volume of it is free", &advised);
    let immediate = STATIC_B.replace("WaitForFirstConsumer", "Immediate");
    for unfit in [volume("512Mi", "ReadWriteOnce"), volume("1Gi", "ReadOnlyMany")] {
        let ran = rehearse(&[CLASS_A, &immediate, CLAIM, DEPLOYMENT, &unfit]);
        assert_kept(&ran, "no-provisioner", "none of its free volumes fits or is left", &advised);
    }
    let ran = rehearse(&[CLASS_A, STATIC_B, CLAIM, DEPLOYMENT, &volume("1Gi", "ReadWriteOnce")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("by-hand") || ran.out.contains("ns/data"), "{}", ran.out);
}

#[test]
fn an_empty_class_name_is_not_a_missing_one() {
    let classless = CLAIM.replace("storageClassName: a", "storageClassName: \"\"\n  volumeName: host-1");
    let host = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: host-1}
spec:
  capacity: {storage: 5Gi}
  accessModes: [ReadWriteOnce]
  hostPath: {path: /srv/1}
  claimRef: {namespace: ns, name: data}
";
    let documents = [CLASS_B, host, &classless, DEPLOYMENT];
    for command in [&["rehearse", "FILE"][..], &["policy", "run", "--snapshot", "FILE"], &["plan"], &["migrate"], &[]] {
        for (source, dest, said) in [
            ("", "b", "--source-sc is empty, and claims without a StorageClass cannot be chosen"),
            ("a", "", "--dest-sc is empty, and claims cannot be moved to no StorageClass"),
        ] {
            let ran = on(&documents, &[command, &["--source-sc", source, "--dest-sc", dest]].concat());
            assert_eq!(ran.code, 2, "{command:?}: {}", ran.err);
            assert!(ran.err.contains(said), "{command:?}: {}", ran.err);
            assert!(!ran.err.contains("is missing") && !ran.err.contains("name it with"), "{command:?}: {}", ran.err);
        }
    }
}

#[test]
fn files_without_classes_are_told_how_to_get_them() {
    for command in [&["rehearse", "FILE"][..], &["policy", "run", "--snapshot", "FILE"]] {
        for documents in [&[CLAIM, DEPLOYMENT][..], &[CLAIM]] {
            let ran = on(documents, &[command, &["--source-sc", "a", "--dest-sc", "b"]].concat());
            assert_eq!(ran.code, 2, "{}", ran.err);
            assert!(ran.err.contains("no StorageClass"), "{}", ran.err);
            assert!(ran.err.contains("hint: ") && ran.err.contains("kubectl get sc -o yaml"), "{}", ran.err);
        }
    }
}

#[test]
fn policies_are_asked_about_a_source_class_that_was_never_an_object() {
    let volume = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: nfs-share}
spec:
  capacity: {storage: 1Ti}
  accessModes: [ReadWriteMany, ReadOnlyMany]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: nfs-manual
  mountOptions: [nfsvers=4.1]
  nfs: {server: nas.example.com, path: /export/share}
  claimRef: {namespace: ns, name: share}
status: {phase: Bound}
";
    let claim = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: share, namespace: ns}
spec:
  storageClassName: nfs-manual
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Mi}}
  volumeName: nfs-share
status: {phase: Bound, capacity: {storage: 1Ti}, accessModes: [ReadWriteMany, ReadOnlyMany]}
";
    let run = |flags: &[&str]| {
        let words = ["policy", "run", "--snapshot", "FILE", "--source-sc", "nfs-manual", "--dest-sc", "b"];
        on(&[CLASS_B, volume, claim], &[&words[..], flags].concat())
    };
    for flags in [&[][..], &["--skip-source-validation=false"]] {
        let ran = run(flags);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("hint: source-class-missing: ") && ran.err.contains("--skip-source-validation"));
    }
    // As the hint says.
    for flag in ["--skip-source-validation", "-skip-source-validation", "--skip-source-validation=true"] {
        let ran = run(&[flag]);
        assert_eq!(ran.code, 0, "{flag}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("1 of 1 claim would move to b."), "{}", ran.out);
    }
}

#[test]
fn flags_that_rsync_does_not_take_are_found_before_anything_stops() {
    for flag in ["--nosuchflag", "--bwlimit=abc", "-a,--compress-choice=nosuch"] {
        let words = ["rehearse", "FILE", "--source-sc", "a", "--dest-sc=b", "--rsync-flags", flag];
        let ran = on(&[CLASS_A, CLASS_B, CLAIM, DEPLOYMENT], &words);
        assert_eq!(ran.code, 1, "{flag}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("hint: rsync-flags: correct --rsync-flags"), "{flag}: {}", ran.err);
        assert!(!ran.err.contains("stopping"), "{flag}: {}", ran.err);
    }
    // What is on the volumes of a copy only, no trial can have.
    let words = ["rehearse", "FILE", "--source-sc", "a", "--dest-sc=b", "--rsync-flags", "--exclude-from=/source/none"];
    let ran = on(&[CLASS_A, CLASS_B, CLAIM], &words);
    assert!(!ran.out.contains("not-provisionable"), "{}{}", ran.out, ran.err);
}

#[test]
fn volumes_that_no_node_can_mount_both_cost_no_downtime() {
    let nodes = ["n1", "n2"].map(|name| {
        format!(
            "\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}\n"
        )
    });
    let node_bound =
        CLASS_B.replace("{name: b}", "{name: b, annotations: {rehearsal.pvmigrate.dev/node-bound: 'true'}}");
    let node_bound = node_bound.replace("WaitForFirstConsumer", "Immediate");
    let on = |node: &str| {
        let volume = format!(
            "\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: old}}\nspec: {{capacity: {{storage: 1Gi}}, accessModes: \
             [ReadWriteOnce], storageClassName: a, csi: {{driver: d, volumeHandle: old}}, claimRef: {{namespace: ns, name: \
             data}}, nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, \
             operator: In, values: [{node}]}}]}}]}}}}}}\n"
        );
        let claim = CLAIM.replace("resources:", "volumeName: old\n  resources:");
        let words = ["rehearse", "FILE", "--source-sc", "a", "--dest-sc=b"];
        on(&[CLASS_A, &node_bound, &nodes[0], &nodes[1], &volume, &claim, DEPLOYMENT], &words)
    };
    // Where the provisioner of an immediate class goes is its own choice.
    let (one, other) = (on("n1"), on("n2"));
    let apart = if one.code == 0 { other } else { one };
    assert_eq!(apart.code, 6, "{}{}", apart.out, apart.err);
    for words in
        ["no node can mount both volume old (kubernetes.io/hostname=n", "nothing was stopped", "WaitForFirstConsumer"]
    {
        assert!(apart.out.contains(words), "{words}: {}", apart.out);
    }
    assert!(!apart.err.contains("stopping"), "{}", apart.err);
}
