#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pvmigrate_core::access::AccessMode;
use pvmigrate_core::record::{WorkloadKind, WorkloadRef};
use pvmigrate_core::survey::{SwapStage, SwappedVolume};

use super::*;
use crate::testing::{record, yaml};

const CLASSES: &str = "
- {metadata: {name: gp2}, provisioner: ebs.csi.aws.com}
- {metadata: {name: fast}, provisioner: rbd.csi.ceph.com, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}
- {metadata: {name: odd, annotations: {pvmigrate.dev/access-modes: RWY}}, provisioner: other}
";

const CLAIMS: &str = "
- metadata: {name: data-web-0, namespace: shop, uid: c1, creationTimestamp: 2026-01-01T00:00:10Z, labels: {app: web}}
  spec: {accessModes: [ReadWriteOnce], storageClassName: gp2, volumeName: pvc-1, resources: {requests: {storage: 1Gi}}}
  status: {phase: Bound, accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}}
- metadata: {name: data-web-0-pvcmigrate, namespace: shop, annotations: {kurl.sh/pvcmigrate: data-web-0, kurl.sh/pvcmigrate-kind: dest}}
  spec: {storageClassName: fast}
- metadata: {name: waiting, namespace: shop, uid: c2, deletionTimestamp: 2026-01-01T00:00:20Z,
    ownerReferences: [{apiVersion: db/v1, kind: Postgres, name: main, uid: o1, controller: true}]}
  spec: {accessModes: [ReadWriteMany], storageClassName: gp2, resources: {requests: {storage: 5Gi}}}
  status: {phase: Pending}
";

const VOLUMES: &str = "
- metadata: {name: pvc-1}
  spec: {storageClassName: gp2, capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Delete,
    csi: {driver: ebs.csi.aws.com, volumeHandle: vol-1}, claimRef: {namespace: shop, name: data-web-0, uid: c1}}
  status: {phase: Bound}
- metadata: {name: alone}
  spec: {storageClassName: gp2}
  status: {phase: Available}
- metadata: {name: released}
  spec: {storageClassName: gp2, claimRef: {namespace: bank, name: gone, uid: g}}
  status: {phase: Released}
- metadata: {name: elsewhere}
  spec: {storageClassName: gp2, claimRef: {namespace: bank, name: there, uid: t}}
  status: {phase: Bound}
- metadata: {name: of-another-class}
  spec: {storageClassName: slow}
  status: {phase: Available}
";

const PODS: &str = "
- metadata: {name: web-5d-x, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d, uid: r1, controller: true}]}
  spec: {nodeName: node-a, containers: [{name: a, volumeMounts: [{name: d, mountPath: /d}]}], volumes: [{name: d, persistentVolumeClaim: {claimName: data-web-0}}]}
  status: {phase: Running}
- metadata: {name: a-bare-pod, namespace: shop}
  spec: {containers: [{name: a, volumeMounts: [{name: d, mountPath: /d, readOnly: true}]}], volumes: [{name: d, persistentVolumeClaim: {claimName: data-web-0}}, {name: s, ephemeral: {}}]}
  status: {phase: Pending}
- metadata: {name: job-1, namespace: shop}
  spec: {containers: [], volumes: [{name: d, persistentVolumeClaim: {claimName: data-web-0}}]}
  status: {phase: Succeeded}
- metadata: {name: migrate-data, namespace: shop, annotations: {kurl.sh/pvcmigrate: data-web-0, kurl.sh/pvcmigrate-kind: migrate}}
  spec: {containers: [], volumes: [{name: d, persistentVolumeClaim: {claimName: data-web-0}}]}
  status: {phase: Running}
- metadata: {name: no-claims, namespace: shop}
  spec: {containers: []}
";

fn lists() -> Lists {
    Lists {
        classes: yaml(CLASSES),
        claims: yaml(CLAIMS),
        volumes: yaml(VOLUMES),
        pods: yaml(PODS),
        deployments: yaml(
            "[{metadata: {name: web, namespace: shop, uid: d1}, spec: {replicas: 2, selector: {}, template: {spec: {containers: [], volumes: [{name: d, persistentVolumeClaim: {claimName: data-web-0}}]}}}}]",
        ),
        replica_sets: yaml(
            "[{metadata: {name: web-5d, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}, spec: {selector: {}, replicas: 2}}]",
        ),
        ..Lists::default()
    }
}

fn scope(namespace: Option<&str>) -> Scope {
    let (source_class, dest_class) = ("gp2".to_owned(), "fast".to_owned());
    Scope { namespace: namespace.map(str::to_owned), source_class, dest_class, skip_source_validation: false }
}

fn id(namespace: &str, name: &str) -> ClaimId {
    ClaimId { namespace: namespace.to_owned(), name: name.to_owned() }
}

#[test]
fn claims_are_joined_with_their_volumes_and_pods() {
    let survey = of(lists(), &scope(None)).unwrap();
    let names: Vec<String> = survey.volumes.iter().map(Volume::claim).collect();
    assert_eq!(names, ["shop/data-web-0", "shop/waiting"], "helpers are left out");
    insta::assert_json_snapshot!(survey.volumes);
    let facts = &survey.claims[&id("shop", "data-web-0")];
    assert_eq!(facts.volume.as_ref().unwrap().handle.as_deref(), Some("ebs.csi.aws.com vol-1"));
    assert!(!facts.terminating);
    let waiting = &survey.claims[&id("shop", "waiting")];
    assert!(waiting.terminating && waiting.volume.is_none());
    assert_eq!(waiting.owners[0].to_string(), "Postgres shop/main");
}

#[test]
fn pods_are_led_back_to_their_top_owner() {
    let survey = of(lists(), &scope(None)).unwrap();
    let pods: Vec<(&str, Option<String>)> =
        survey.pods.iter().map(|pod| (pod.name.as_str(), pod.owner.as_ref().map(ToString::to_string))).collect();
    assert_eq!(pods, [("a-bare-pod", None), ("web-5d-x", Some("Deployment shop/web".to_owned()))]);
    assert_eq!(survey.pods[0].ephemeral.iter().collect::<Vec<_>>(), ["a-bare-pod-s"]);
    let of_claim = id("shop", "data-web-0");
    let workloads: Vec<&WorkloadRef> = survey.workloads_of(&of_claim).map(|facts| &facts.workload).collect();
    assert_eq!(workloads, [&WorkloadRef { kind: WorkloadKind::Deployment, name: "web".to_owned() }]);
}

#[test]
fn a_pod_whose_deletion_was_asked_for_is_leaving_in_every_phase() {
    for phase in ["Running", "Succeeded", "Failed"] {
        let text = PODS
            .replace("name: web-5d-x,", "name: web-5d-x, deletionTimestamp: 2026-01-01T00:00:30Z,")
            .replace("status: {phase: Running}", &format!("status: {{phase: {phase}}}"));
        let survey = of(Lists { pods: yaml(&text), ..lists() }, &scope(None)).unwrap();
        let found: Vec<(&str, bool)> = survey.pods.iter().map(|pod| (pod.name.as_str(), pod.leaving)).collect();
        assert_eq!(found, [("a-bare-pod", false), ("web-5d-x", true)], "{phase}");
    }
}

#[test]
fn an_owner_that_was_not_listed_is_named_as_the_last_known() {
    let mut lists = lists();
    lists.deployments.clear();
    let survey = of(lists, &scope(None)).unwrap();
    assert_eq!(survey.pods[1].owner.as_ref().unwrap().to_string(), "Deployment shop/web");
}

#[test]
fn a_ring_of_owners_ends() {
    let mut lists = lists();
    lists.deployments = yaml(
        "[{metadata: {name: web, namespace: shop, uid: d1, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d, uid: r1, controller: true}]}, spec: {selector: {}, template: {}}}]",
    );
    assert!(of(lists, &scope(None)).unwrap().pods[1].owner.is_some());
}

#[test]
fn only_classes_of_the_run_must_be_understood() {
    let survey = of(lists(), &scope(None)).unwrap();
    assert_eq!(survey.classes.len(), 3);
    assert_eq!(survey.classes["fast"].binding_mode, "WaitForFirstConsumer");
    let wrong = Scope { dest_class: "odd".to_owned(), ..scope(None) };
    assert_eq!(super::of(lists(), &wrong).unwrap_err().about, "StorageClass odd");
}

#[test]
fn volumes_without_a_claim_are_reported_wherever_they_lie() {
    let names = |lists, scope| {
        let unclaimed = of(lists, &scope).unwrap().unclaimed.into_iter();
        unclaimed.map(|volume| volume.name).collect::<Vec<_>>()
    };
    assert_eq!(names(lists(), scope(None)), ["alone", "elsewhere", "released"]);
    // With one namespace, claims of the others are not listed, and a bound volume is taken at its word.
    assert_eq!(names(lists(), scope(Some("shop"))), ["alone", "released"]);
    let mut open = record();
    open.claims.get_mut("data-web-0").unwrap().source.name = "released".to_owned();
    let lists = Lists { records: vec![open], ..lists() };
    assert_eq!(names(lists, scope(Some("shop"))), ["alone"], "a migration under way needs it");
}

const SWAPPED: &str = "
metadata: {name: new, annotations: {kurl.sh/pvcmigrate-sourcens: shop, kurl.sh/pvcmigrate-sourcepvc: lost, kurl.sh/pvcmigrate-reclaim: Delete}}
spec: {storageClassName: fast, accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, persistentVolumeReclaimPolicy: Retain}
";

fn with_swapped(change: impl FnOnce(&mut Lists)) -> Vec<SwappedVolume> {
    let mut lists = lists();
    lists.volumes.push(yaml(SWAPPED));
    let old = "{metadata: {name: old}, spec: {storageClassName: gp2, claimRef: {namespace: shop, name: lost, uid: x}}, status: {phase: Released}}";
    lists.volumes.push(yaml(old));
    change(&mut lists);
    of(lists, &scope(None)).unwrap().swapped
}

#[test]
fn a_swap_that_the_reference_tool_did_not_finish_is_found() {
    let found = with_swapped(|_| {});
    assert_eq!((found.len(), &found[0].stage, found[0].reclaim.as_str()), (1, &SwapStage::Free, "Delete"));
    assert_eq!(found[0].source.as_ref().unwrap().name, "old");
    assert_eq!(found[0].manifest["spec"]["accessModes"][0], AccessMode::ReadWriteOnce.as_str());
}

#[test]
fn a_claim_that_is_still_on_its_old_volume_was_not_swapped() {
    let claim =
        |volume: &str| yaml(&format!("{{metadata: {{name: lost, namespace: shop}}, spec: {{volumeName: {volume}}}}}"));
    assert_eq!(with_swapped(|lists| lists.claims.push(claim("old")))[0].stage, SwapStage::Original);
    let stage = SwapStage::Claimed { bound: false };
    assert_eq!(with_swapped(|lists| lists.claims.push(claim("new")))[0].stage, stage);
}

#[test]
fn a_volume_of_a_run_of_ours_is_not_taken_for_a_swapped_one() {
    let mark = |lists: &mut Lists| {
        let volume = lists.volumes.iter_mut().find(|found| volume::name(found) == "new").unwrap();
        volume.metadata.annotations.as_mut().unwrap().insert("pvmigrate.dev/run".to_owned(), "r".to_owned());
    };
    assert!(with_swapped(mark).is_empty());
}

/// A swapped volume of the second minute, its old one, and a claim.
fn with_claim(claim: &str, volumes: &[&str]) -> Survey {
    let mut lists = lists();
    lists.volumes.push(yaml(SWAPPED));
    let swapped = lists.volumes.last_mut().unwrap();
    swapped.metadata.creation_timestamp = Some(yaml("2026-01-01T00:02:00Z"));
    lists.volumes.retain(|found| volume::name(found) != "alone");
    lists.volumes.extend(volumes.iter().map(|text| yaml(text)));
    lists.claims.push(yaml(claim));
    of(lists, &scope(None)).unwrap()
}

fn old(at: &str, spec: &str) -> String {
    format!(
        "{{metadata: {{name: old, creationTimestamp: 2026-01-01T00:{at}Z}}, spec: {{storageClassName: gp2, \
         capacity: {{storage: 1Gi}}, persistentVolumeReclaimPolicy: Retain, {spec}}}, status: {{phase: Available}}}}"
    )
}

#[test]
fn a_claim_that_is_newer_than_the_swapped_volume_is_not_the_one_it_was_made_for() {
    let claim = |at: &str, volume: &str, phase: &str| {
        format!(
            "{{metadata: {{name: lost, namespace: shop, uid: u, creationTimestamp: 2026-01-01T00:{at}Z}}, \
             spec: {{storageClassName: gp2, volumeName: {volume}}}, status: {{phase: {phase}}}}}"
        )
    };
    let held = "claimRef: {namespace: shop, name: lost, uid: u}";
    let remade = |volume: Option<&str>| SwapStage::Remade { volume: volume.map(str::to_owned) };
    for (claim_at, named, volume_at, stage) in [
        ("01:00", "old", "01:00", SwapStage::Original),
        ("03:00", "old", "03:00", remade(Some("old"))),
        ("03:00", "''", "01:00", remade(None)),
        // It got the tool's old volume, and the data there may be newer than the copy.
        ("03:00", "old", "01:00", SwapStage::Original),
        // Within one second the tool's old volume is known by its policy.
        ("02:00", "old", "02:00", SwapStage::Original),
    ] {
        let is_unsettled = |phase| with_claim(&claim(claim_at, named, phase), &[&old(volume_at, held)]).is_unsettled();
        assert!(is_unsettled("Pending"), "claim of {claim_at} on {named} of {volume_at}");
        let survey = with_claim(&claim(claim_at, named, "Bound"), &[&old(volume_at, held)]);
        assert_eq!(survey.is_unsettled(), stage == remade(None));
        assert_eq!(survey.swapped[0].stage, stage, "claim of {claim_at} on {named} of {volume_at}");
        let is_source = survey.swapped.iter().any(|swapped| swapped.source.is_some());
        assert_eq!(is_source, named == "''", "what a claim is on is not given up");
    }
}

#[test]
fn a_free_old_volume_is_named_with_the_claim_that_it_must_have_been_of() {
    let other = "{metadata: {name: other, namespace: shop}, spec: {storageClassName: gp2}}";
    let former = |volumes: &[&str]| -> Vec<(String, Option<String>)> {
        let found = with_claim(other, volumes).unclaimed.into_iter().filter(|volume| volume.name.starts_with("old"));
        found.map(|volume| (volume.name, volume.claim.map(|claim| claim.to_string()))).collect()
    };
    let of_lost = Some("shop/lost".to_owned());
    assert_eq!(former(&[&old("01:00", "")]), [("old".to_owned(), of_lost.clone())]);
    assert_eq!(former(&[&old("03:00", "")]), [("old".to_owned(), None)], "it is newer than the copy");
    let second = old("01:00", "").replace("name: old", "name: old2");
    assert_eq!(former(&[&old("01:00", ""), &second]), [("old".to_owned(), None), ("old2".to_owned(), None)]);
    let other_size = second.replace("1Gi", "2Gi");
    assert_eq!(former(&[&old("01:00", ""), &other_size]), [("old".to_owned(), of_lost), ("old2".to_owned(), None)]);
}
