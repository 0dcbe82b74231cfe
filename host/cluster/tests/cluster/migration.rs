//! Whole migrations, forwards and back, and what they cost.

use pvmigrate_cluster::Watched;
use pvmigrate_core::ports::{PortError, Records};
use pvmigrate_core::record::{Ended, Goal, Outcome, WorkloadKind};
use pvmigrate_rehearsal::{Chaos, CopyFailure, CopyFault, Faults, compare};
use serde_json::Value;

use crate::drive::{finish, migrate};
use crate::stage::{SHOP, Stage, record, survey};

/// What one claim's migration costs, its workload included, without what the run itself needs: one request a step and a
/// fact, one list of pods, one log. Two more are allowed for a conflict with a controller.
const BUDGET: u64 = 26 + 2;

fn is_migrated(ended: &Ended) -> bool {
    ended.how == Outcome::Migrated
}

fn annotations(object: &Value) -> Vec<&str> {
    object["metadata"]["annotations"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn a_claim_moves_with_its_files_and_its_workload_comes_back() {
    let stage = Stage::new().await;
    let before = stage.claim("data");
    let old = stage.directory("data");
    let copy_of_old = stage.folder.path().join("before");
    let status = std::process::Command::new("cp").arg("-a").arg(&old).arg(&copy_of_old).status().unwrap();
    assert!(status.success());
    let connection = stage.connection();
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), None).await.unwrap();
    let started = connection.requests.total();
    let ended = migrate(&watched.world(), &watched.records(), &record).await;
    assert!(is_migrated(&ended), "{ended:?}");

    let after = stage.claim("data");
    assert_eq!(after["spec"]["storageClassName"], "fast");
    for field in ["labels", "name"] {
        assert_eq!(after["metadata"][field], before["metadata"][field]);
    }
    assert_eq!(after["metadata"]["annotations"]["team"], "checkout");
    assert_eq!(after["spec"]["resources"], before["spec"]["resources"]);
    assert_eq!(compare(&copy_of_old, &stage.directory("data")).unwrap(), []);

    stage.cluster.settled().await;
    let set = stage.object("StatefulSet", "web").unwrap();
    assert_eq!((&set["spec"]["replicas"], &set["status"]["readyReplicas"]), (&1.into(), &1.into()));
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"], "Delete");
    assert!(annotations(&set).iter().all(|key| !key.contains("pvmigrate")), "{set}");
    let volume = stage.object("PersistentVolume", after["spec"]["volumeName"].as_str().unwrap()).unwrap();
    assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], "Delete");
    assert!(stage.object("PersistentVolume", &record.claims["data"].source.name).is_none(), "the old volume is gone");
    for left in ["data-pvcmigrate", "data-pvcmigrate-src"] {
        assert!(stage.object("PersistentVolumeClaim", left).is_none(), "{left}");
    }
    let cost = connection.requests.total() - started;
    assert!(cost <= BUDGET, "{cost} requests: {}", connection.requests);
    let (stored, _) = watched.records().load(&record.id()).await.unwrap().unwrap();
    assert!(stored.ended.is_some());
}

#[tokio::test]
async fn a_class_that_waits_for_a_pod_gets_one() {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let record = record(&survey(&connection, "late").await, "cache", WorkloadKind::Deployment, "api", "late");
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let ended = migrate(&watched.world(), &watched.records(), &record).await;
    assert!(is_migrated(&ended), "{ended:?}");
    assert_eq!(stage.object("Deployment", "api").unwrap()["spec"]["replicas"], 2);
    assert_eq!(stage.claim("cache")["spec"]["storageClassName"], "late");
}

#[tokio::test]
async fn a_warm_copy_runs_beside_the_workload_first() {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let mut record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    record.asked.warm_passes = 3;
    let watched = Watched::start(connection.client.clone(), None).await.unwrap();
    assert!(is_migrated(&migrate(&watched.world(), &watched.records(), &record).await));
    let (stored, _) = watched.records().load(&record.id()).await.unwrap().unwrap();
    let [warmed] = stored.claims["data"].warm_passes.as_slice() else { panic!("{stored:?}") };
    assert_eq!(warmed.failure, None);
}

#[tokio::test]
async fn a_copy_that_keeps_failing_is_rolled_back_with_its_reason() {
    let stage = Stage::new().await;
    let before = stage.claim("data");
    stage.cluster.fail_copies(CopyFault { pod: "migrate-data".to_owned(), attempts: 9, how: CopyFailure::Exit(11) });
    let connection = stage.connection();
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), None).await.unwrap();
    let ended = migrate(&watched.world(), &watched.records(), &record).await;
    let Outcome::RolledBack(why) = ended.how else { panic!("{ended:?}") };
    assert!(why.contains("3 copies failed") && why.contains("exit code 11 (it could not read or write files"), "{why}");
    let after = stage.claim("data");
    assert_eq!(after["spec"]["volumeName"], before["spec"]["volumeName"]);
    assert_eq!(after["metadata"]["annotations"]["team"], "checkout");
    stage.cluster.settled().await;
    let set = stage.object("StatefulSet", "web").unwrap();
    assert_eq!((&set["spec"]["replicas"], &set["status"]["readyReplicas"]), (&1.into(), &1.into()));
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"], "Delete");
    let old = stage.object("PersistentVolume", after["spec"]["volumeName"].as_str().unwrap()).unwrap();
    assert_eq!(old["spec"]["persistentVolumeReclaimPolicy"], "Delete");
    let (stored, _) = watched.records().load(&record.id()).await.unwrap().unwrap();
    assert!(matches!(stored.goal, Goal::Back(_)));
    assert_eq!(stored.claims["data"].failures.len(), 3);
}

#[tokio::test]
async fn random_faults_do_not_change_the_end() {
    for seed in 0..12 {
        let stage = Stage::new().await;
        let quiet = stage.connection();
        let record = record(&survey(&quiet, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
        let chaos = Chaos { too_many: 0.0, ..Chaos::new(seed) };
        let (connection, _) = stage.faulty(Faults { chaos: Some(chaos), ..Faults::default() });
        let watched = loop {
            match Watched::start(connection.client.clone(), None).await {
                Ok(watched) => break watched,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        };
        pvmigrate_cluster::RecordStore::new(quiet.client.clone()).save(&record, None).await.unwrap();
        let records = watched.records();
        while !matches!(records.load(&record.id()).await, Ok(Some(_))) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let ended = finish(&watched.world(), &records, &record.id()).await;
        assert!(is_migrated(&ended), "seed {seed}: {ended:?}");
        assert_eq!(stage.claim("data")["spec"]["storageClassName"], "fast", "seed {seed}");
        stage.cluster.settled().await;
        assert_eq!(stage.object("StatefulSet", "web").unwrap()["status"]["readyReplicas"], 1, "seed {seed}");
    }
}
