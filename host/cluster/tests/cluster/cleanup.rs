//! What runs left behind is found and removed; what a migration under way needs is not.

use pvmigrate_cluster::RecordStore;
use pvmigrate_cluster::cleanup::{LeftoverKind, find, remove};
use pvmigrate_core::ports::Records;
use pvmigrate_core::record::{Ended, Fact, Outcome, WorkloadKind};
use serde_json::{Value, json};

use crate::stage::{SHOP, Stage, record, survey};

fn temporary(name: &str, run: Option<&str>) -> Value {
    let mut annotations = json!({"kurl.sh/pvcmigrate": name, "kurl.sh/pvcmigrate-kind": "dest"});
    if let Some(run) = run {
        annotations["pvmigrate.dev/run"] = json!(run);
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("{name}-pvcmigrate"), "namespace": SHOP, "annotations": annotations},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
            "resources": {"requests": {"storage": "64Mi"}}}})
}

fn pod(name: &str, run: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": SHOP, "finalizers": ["pvmigrate.dev/tombstone"], "annotations": {
            "kurl.sh/pvcmigrate": "data", "kurl.sh/pvcmigrate-kind": "migrate", "pvmigrate.dev/run": run}},
        "spec": {"nodeSelector": {"no": "where"}, "containers": [{"name": "pvmigrate", "image": "a"}]}})
}

#[tokio::test]
async fn leftovers_go_and_what_a_migration_needs_stays() {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let survey = survey(&connection, "fast").await;
    let records = RecordStore::new(connection.client.clone());
    let open = record(&survey, "data", WorkloadKind::StatefulSet, "web", "fast");
    records.save(&open, None).await.unwrap();
    let ended = record(&survey, "cache", WorkloadKind::Deployment, "api", "fast");
    let ended = ended.with(Fact::Ended(Ended { at: jiff::Timestamp::now(), how: Outcome::Migrated })).unwrap();
    records.save(&ended, None).await.unwrap();
    stage.cluster.put(temporary("data", Some(&open.run))).unwrap();
    stage.cluster.put(temporary("cache", Some(&ended.run))).unwrap();
    stage.cluster.put(temporary("theirs", None)).unwrap();
    stage.cluster.put(pod("migrate-needed", &open.run)).unwrap();
    stage.cluster.put(pod("migrate-forgotten", "long-ago")).unwrap();
    let mut shared = pod("migrate-shared", "long-ago");
    let annotations = shared["metadata"]["annotations"].as_object_mut().unwrap();
    annotations.remove("kurl.sh/pvcmigrate");
    annotations.insert("pvmigrate.dev/claims".to_owned(), json!("data,cache"));
    stage.cluster.put(shared).unwrap();
    stage.cluster.settled().await;

    let client = &connection.client;
    let found = find(client, Some(SHOP)).await.unwrap();
    let names: Vec<(LeftoverKind, &str)> = found.iter().map(|left| (left.kind, left.name.as_str())).collect();
    assert_eq!(
        names,
        [
            (LeftoverKind::TemporaryClaim, "cache-pvcmigrate"),
            (LeftoverKind::TemporaryClaim, "theirs-pvcmigrate"),
            (LeftoverKind::CopyPod, "migrate-forgotten"),
            (LeftoverKind::CopyPod, "migrate-shared"),
            (LeftoverKind::Record, ended.name.as_str()),
        ]
    );
    assert_eq!(found[3].claims, ["data", "cache"]);
    assert_eq!((found[1].run.as_deref(), &*found[1].claims), (None, &["theirs".to_owned()][..]));
    for left in &found {
        assert!(remove(client, left).await.unwrap(), "{left:?}");
    }
    stage.cluster.settled().await;
    assert_eq!(find(client, None).await.unwrap(), []);
    assert!(stage.object("Pod", "migrate-needed").is_some());
    assert!(stage.object("PersistentVolumeClaim", "data-pvcmigrate").is_some());
    assert!(records.load(&open.id()).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_recreated_since_it_was_found_is_left_alone() {
    let stage = Stage::new().await;
    let client = stage.connection().client;
    stage.cluster.put(temporary("cache", Some("long-ago"))).unwrap();
    let found = find(&client, None).await.unwrap();
    stage.cluster.settled().await;
    stage.cluster.delete("v1", "PersistentVolumeClaim", Some(SHOP), "cache-pvcmigrate");
    stage.cluster.settled().await;
    stage.cluster.put(temporary("cache", Some("just-now"))).unwrap();
    assert!(!remove(&client, &found[0]).await.unwrap());
    assert!(stage.object("PersistentVolumeClaim", "cache-pvcmigrate").is_some());
}
