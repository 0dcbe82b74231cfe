//! The outcome that each scenario must have, stated outright: the kill and chaos tests only compare with the clean run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check fails by panicking"
)]
#![allow(missing_docs, reason = "each check's name says what it holds")]

use pvmigrate::driver::GroupEnd;
use pvmigrate::report::Verified;
use pvmigrate_core::blocker::Code;
use pvmigrate_core::record::Outcome;
use serde_json::{Value, json};

use crate::{Place, Scenario, Scene, content, scenarios};

async fn migrated(place: &Place, scenario: &Scenario) -> (Scene, pvmigrate::run::Run) {
    let scene = scenario.start_on(place).await.unwrap();
    let (run, _) = scene.migrate().await.unwrap();
    assert!(run.blockers().is_empty(), "{:#?}", run.blockers());
    for group in &run.report.groups {
        assert!(group.is_migrated(), "{:?}", group.end);
    }
    (scene, run)
}

async fn claim(scene: &Scene, namespace: &str, name: &str) -> Value {
    scene.cluster.get("v1", "PersistentVolumeClaim", Some(namespace), name).await.unwrap()
}

async fn volume(scene: &Scene, claim: &Value) -> Value {
    scene.cluster.get("v1", "PersistentVolume", None, claim["spec"]["volumeName"].as_str().unwrap()).await.unwrap()
}

async fn assert_is_up(scene: &Scene, kind: &str, name: &str, replicas: u32) {
    let workload = scene.cluster.get("apps/v1", kind, Some("app"), name).await.unwrap();
    assert_eq!(
        (&workload["spec"]["replicas"], &workload["status"]["readyReplicas"]),
        (&replicas.into(), &replicas.into())
    );
    assert!(workload["metadata"]["annotations"]["kurl.sh/pvcmigrate-scale"].is_null(), "{}", workload["metadata"]);
}

async fn assert_files(scene: &Scene, wanted: usize) {
    let content = content(scene).await;
    let claims: Vec<(&String, &String)> = content.0.iter().filter(|(name, _)| name.starts_with("claim ")).collect();
    assert_eq!(claims.len(), wanted, "{content:?}");
    for (name, what) in claims {
        assert!(what.contains("\"files\":\"as at first\"") || what.contains("\"files\":\"new\""), "{name}: {what}");
    }
}

pub async fn one_claim_keeps_name_labels_annotations_size_and_files(place: &Place) {
    let scene = scenarios::ONE_CLAIM.start_on(place).await.unwrap();
    let before = claim(&scene, "app", "data").await;
    let (run, handle) = scene.migrate().await.unwrap();
    let after = claim(&scene, "app", "data").await;
    assert_eq!(after["spec"]["storageClassName"], "new");
    assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
    assert_eq!(after["metadata"]["annotations"]["example.com/owner"], "team a");
    assert_eq!(after["spec"]["resources"], before["spec"]["resources"]);
    assert_eq!(volume(&scene, &after).await["spec"]["persistentVolumeReclaimPolicy"], "Delete");
    let deployment = scene.cluster.get("apps/v1", "Deployment", Some("app"), "one").await.unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert!(deployment["metadata"]["annotations"]["kurl.sh/pvcmigrate-scale"].is_null());
    assert_files(&scene, 1).await;
    let report = &run.report.groups[0].claims[0];
    assert_eq!(report.verified, Verified::ByRsync);
    assert!(report.files.unwrap() >= 12, "{report:?}");
    assert!(report.down.is_some());
    let requests: u64 = handle.requests().values().sum();
    assert!(
        requests <= 70,
        "a run for one claim, with planning and preflight, took {requests}: {:?}",
        handle.requests()
    );
}

pub async fn the_source_volume_goes_stays_or_is_freed_as_asked(place: &Place) {
    let olds = async |scene: &Scene| {
        let objects = scene.cluster.objects().await;
        let old = |object: &&Value| object["kind"] == "PersistentVolume" && object["spec"]["storageClassName"] == "old";
        objects.iter().filter(old).count()
    };
    assert_eq!(olds(&migrated(place, &scenarios::ONE_CLAIM).await.0).await, 0);
    assert_eq!(olds(&migrated(place, &scenarios::KEEP).await.0).await, 1);
    assert_eq!(olds(&migrated(place, &scenarios::RECLAIM).await.0).await, 0);
}

pub async fn a_warm_pass_leaves_less_to_copy_behind_the_fence(place: &Place) {
    let (scene, run) = migrated(place, &scenarios::WARM).await;
    assert_files(&scene, 1).await;
    let records = pvmigrate_cluster::RecordStore::new(scene.cluster.client())
        .list(scene.cluster.scopes()[0].as_deref())
        .await
        .unwrap();
    let claim = &records[0].claims["data"];
    assert!(matches!(claim.warm_passes.as_slice(), [pass] if pass.failure.is_none()), "{claim:?}");
    let Some(pvmigrate_core::record::Evidence::Copied { report, .. }) = &claim.evidence else {
        panic!("no evidence: {claim:?}")
    };
    assert!(report.sent_files < report.files, "{report:?}");
    assert_eq!(run.report.groups.len(), 1);
}

pub async fn a_stateful_set_that_would_delete_its_claims_keeps_them_and_its_wish(place: &Place) {
    let (scene, _) = migrated(place, &scenarios::STATEFUL_SET).await;
    let set = scene.cluster.get("apps/v1", "StatefulSet", Some("app"), "db").await.unwrap();
    assert_eq!(set["spec"]["replicas"], 2);
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"], "Delete");
    let uid = &set["metadata"]["uid"];
    assert!(set["metadata"]["annotations"].as_object().is_none_or(|all| all.is_empty()), "{}", set["metadata"]);
    for name in ["data-db-0", "data-db-1"] {
        let claim = claim(&scene, "app", name).await;
        let owner = &claim["metadata"]["ownerReferences"][0]["uid"];
        assert_eq!((&claim["spec"]["storageClassName"], owner), (&"new".into(), uid));
    }
    assert_files(&scene, 3).await;
}

pub async fn workloads_that_share_a_claim_are_one_group(place: &Place) {
    let (scene, run) = migrated(place, &scenarios::SHARED).await;
    let groups: Vec<Vec<&str>> =
        run.report.groups.iter().map(|group| group.claims.iter().map(|claim| claim.name.as_str()).collect()).collect();
    assert_eq!(groups, [vec!["own", "shared"], vec!["queue"]]);
    assert_files(&scene, 3).await;
}

pub async fn idle_claims_move_and_the_default_class_with_them_from_a_third(place: &Place) {
    let (scene, run) = migrated(place, &scenarios::IDLE).await;
    assert_eq!(claim(&scene, "other", "pool").await["spec"]["accessModes"], serde_json::json!(["ReadWriteMany"]));
    let key = "storageclass.kubernetes.io/is-default-class";
    let class = async |name: &str| scene.cluster.get("storage.k8s.io/v1", "StorageClass", None, name).await.unwrap();
    assert_eq!(class("new").await["metadata"]["annotations"][key], "true");
    assert_ne!(class("third").await["metadata"]["annotations"][key], "true");
    assert_eq!(run.report.defaults_changed.len(), 2, "{:?}", run.report.defaults_changed);
    assert_files(&scene, 2).await;
}

pub async fn what_the_reference_tool_left_is_taken_over(place: &Place) {
    let (scene, _) = migrated(place, &scenarios::LEFT_BY_REFERENCE).await;
    let deployment = scene.cluster.get("apps/v1", "Deployment", Some("app"), "one").await.unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_files(&scene, 1).await;

    let (scene, run) = migrated(place, &scenarios::SWAPPED_BY_REFERENCE).await;
    let data = claim(&scene, "app", "data").await;
    assert_eq!(data["spec"]["volumeName"], "pv-new");
    assert_eq!(volume(&scene, &data).await["spec"]["persistentVolumeReclaimPolicy"], "Delete");
    let deployment = scene.cluster.get("apps/v1", "Deployment", Some("app"), "one").await.unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(run.report.groups[0].claims[0].verified, Verified::ByReference);
}

pub async fn a_free_volume_of_the_class_is_not_the_trials(place: &Place) {
    let scene = scenarios::ONE_CLAIM.start_on(place).await.unwrap();
    // Too small for the claim that moves, and just right for a trial, at whose end it would be deleted.
    let free = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": "somebodys", "annotations": {"pv.kubernetes.io/provisioned-by": "new.example.com"}},
        "spec": {
            "storageClassName": "new", "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Mi"}, "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": "/srv/somebodys"},
        },
    });
    scene.cluster.put(free).await.unwrap();
    scene.cluster.settled().await;
    let (run, _) = scene.migrate().await.unwrap();
    assert!(run.blockers().is_empty(), "{:#?}", run.blockers());
    assert_eq!(run.report.groups.iter().filter(|group| group.is_migrated()).count(), 1);
    let free = scene.cluster.get("v1", "PersistentVolume", None, "somebodys").await.unwrap();
    assert_eq!((&free["spec"]["claimRef"], &free["status"]["phase"]), (&Value::Null, &json!("Available")));
}

pub async fn a_copy_that_fails_once_is_tried_again(place: &Place) {
    let (scene, run) = migrated(place, &scenarios::FAILS_ONCE).await;
    assert_eq!(run.report.groups[0].claims[0].attempts, 2);
    assert_files(&scene, 1).await;
}

pub async fn a_stateful_set_that_is_scaled_up_all_the_while_finds_no_empty_disk(place: &Place) {
    let (scene, _) = migrated(place, &scenarios::UNDONE_SET).await;
    for name in ["data-db-0", "data-db-1"] {
        let claim = claim(&scene, "app", name).await;
        assert_eq!(claim["spec"]["storageClassName"], "new");
        let annotations = claim["metadata"]["annotations"].as_object().unwrap();
        assert!(!annotations.keys().any(|key| key.starts_with("pvmigrate.dev/")), "{annotations:?}");
    }
    assert_files(&scene, 3).await;
    assert_is_up(&scene, "StatefulSet", "db", 2).await;
}

pub async fn a_set_that_is_made_anew_while_it_moves_keeps_its_claims_and_disks(place: &Place) {
    let slowly = Scenario { undone: false, ..scenarios::UNDONE_SET };
    let scene = slowly.start_on(place).await.unwrap();
    let owner = |claim: &Value| claim["metadata"]["ownerReferences"][0]["uid"].clone();
    assert!(owner(&claim(&scene, "app", "data-db-0").await).is_string(), "the set owns its claims");
    let (run, anew) = tokio::join!(scene.migrate(), crate::undoing::make_anew(&scene.cluster, "app", "db"));
    let (run, anew) = (run.unwrap().0, anew.unwrap());
    assert!(run.report.groups[0].is_migrated(), "{:?}", run.report.groups[0].end);
    scene.cluster.settled().await;
    for name in ["data-db-0", "data-db-1"] {
        let claim = claim(&scene, "app", name).await;
        assert!(claim["metadata"]["deletionTimestamp"].is_null(), "{claim}");
        assert_eq!((&claim["status"]["phase"], owner(&claim)), (&"Bound".into(), anew.clone().into()), "{claim}");
        assert_eq!(volume(&scene, &claim).await["status"]["phase"], "Bound");
    }
    // Made at the very moment in which the name was free, it may have run on a disk of its own, which is then kept.
    let strays: Vec<_> = run.report.groups[0].claims.iter().flat_map(|claim| &claim.strays).collect();
    if strays.is_empty() {
        assert_files(&scene, 3).await;
    }
    println!("a set made anew: strays {strays:?}");
    assert_is_up(&scene, "StatefulSet", "db", 2).await;
}

pub async fn a_deployment_that_is_scaled_up_all_the_while_moves(place: &Place) {
    let (scene, _) = migrated(place, &scenarios::UNDONE).await;
    assert_files(&scene, 1).await;
    assert_is_up(&scene, "Deployment", "one", 1).await;
}

pub async fn a_stateful_set_that_is_scaled_up_all_the_while_goes_back_as_it_was(place: &Place) {
    let scene = scenarios::UNDONE_BACK.start_on(place).await.unwrap();
    let before = content(&scene).await;
    let (run, _) = scene.migrate().await.unwrap();
    let GroupEnd::Ended(ended) = &run.report.groups[0].end else { panic!("{:?}", run.report.groups[0].end) };
    assert!(matches!(&ended.how, Outcome::RolledBack(why) if why.contains("2 copies failed")), "{ended:?}");
    let mut after = scene.content_like(&before).await;
    after.0.retain(|name, _| !name.starts_with("record "));
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

pub async fn a_copy_that_keeps_failing_brings_the_group_back_as_it_was(place: &Place) {
    let scene = scenarios::ROLLS_BACK.start_on(place).await.unwrap();
    let before = content(&scene).await;
    let (run, _) = scene.migrate().await.unwrap();
    for group in &run.report.groups {
        let GroupEnd::Ended(ended) = &group.end else { panic!("{:?}", group.end) };
        assert!(matches!(&ended.how, Outcome::RolledBack(why) if why.contains("2 copies failed")), "{ended:?}");
    }
    let mut after = content(&scene).await;
    after.0.retain(|name, _| !name.starts_with("record "));
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

pub async fn a_quota_without_room_for_the_claims_of_the_way_brings_the_group_back(place: &Place) {
    let scene = scenarios::ONE_CLAIM.start_on(place).await.unwrap();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "two", "namespace": "app"}, "spec": {"hard": {"persistentvolumeclaims": "2"}}});
    scene.cluster.put(quota).await.unwrap();
    scene.cluster.settled().await;
    let before = content(&scene).await;
    let (run, _) = scene.migrate().await.unwrap();
    let GroupEnd::Ended(ended) = &run.report.groups[0].end else { panic!("{:?}", run.report.groups[0].end) };
    assert!(matches!(&ended.how, Outcome::RolledBack(why) if why.contains("exceeded quota")), "{ended:?}");
    let mut after = scene.content_like(&before).await;
    after.0.retain(|name, _| !name.starts_with("record "));
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

pub async fn a_copy_that_keeps_failing_is_held_when_asked_and_tried_again_by_the_next_run(place: &Place) {
    let scene = scenarios::HOLDS.start_on(place).await.unwrap();
    let (run, _) = scene.migrate().await.unwrap();
    let GroupEnd::Blocked(blockers) = &run.report.groups[0].end else { panic!("{:?}", run.report.groups[0].end) };
    assert_eq!(blockers[0].code, Code::CopyFailed);
    assert!(blockers[0].hint.contains("abort"), "{:?}", blockers[0]);
    let (run, _) = scene.migrate().await.unwrap();
    assert!(run.report.groups[0].is_migrated(), "{:?}", run.report.groups[0].end);
    assert_files(&scene, 1).await;
}

pub async fn a_second_run_has_nothing_to_do_and_writes_nothing(place: &Place) {
    let (scene, _) = migrated(place, &scenarios::ONE_CLAIM).await;
    let (run, handle) = scene.migrate().await.unwrap();
    assert!(run.report.groups.is_empty());
    assert_eq!(handle.writes(), 0, "{:?}", handle.written());
}

pub async fn a_plan_writes_nothing(place: &Place) {
    let scene = scenarios::SHARED.start_on(place).await.unwrap();
    let (client, handle) = scene.cluster.client_with(pvmigrate_rehearsal::Faults::default());
    let options = scene.options();
    let (_, plan) = pvmigrate::run::plan(&client, crate::policies(), &options).await.unwrap();
    assert_eq!(plan.groups.len(), 2);
    assert_eq!(handle.writes(), 0);
    // As many requests for these as for one claim: each kind is listed once.
    assert!(handle.requests().values().all(|count| *count == 1), "{:?}", handle.requests());
}

/// Hands the name of each check of this module to a macro.
#[macro_export]
macro_rules! each_outcome {
    ($run:ident) => {
        $run! {
            one_claim_keeps_name_labels_annotations_size_and_files,
            the_source_volume_goes_stays_or_is_freed_as_asked,
            a_warm_pass_leaves_less_to_copy_behind_the_fence,
            a_stateful_set_that_would_delete_its_claims_keeps_them_and_its_wish,
            workloads_that_share_a_claim_are_one_group,
            idle_claims_move_and_the_default_class_with_them_from_a_third,
            what_the_reference_tool_left_is_taken_over,
            a_free_volume_of_the_class_is_not_the_trials,
            a_copy_that_fails_once_is_tried_again,
            a_stateful_set_that_is_scaled_up_all_the_while_finds_no_empty_disk,
            a_set_that_is_made_anew_while_it_moves_keeps_its_claims_and_disks,
            a_deployment_that_is_scaled_up_all_the_while_moves,
            a_stateful_set_that_is_scaled_up_all_the_while_goes_back_as_it_was,
            a_copy_that_keeps_failing_brings_the_group_back_as_it_was,
            a_copy_that_keeps_failing_is_held_when_asked_and_tried_again_by_the_next_run,
            a_second_run_has_nothing_to_do_and_writes_nothing,
            a_plan_writes_nothing,
        }
    };
}
