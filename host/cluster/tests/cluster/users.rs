//! The fence: who may hold the claim is known for certain before a copy starts.

use pvmigrate_cluster::Watched;
use pvmigrate_core::ports::World;
use pvmigrate_core::record::{Purpose, WorkloadKind};
use pvmigrate_core::step::Step;
use pvmigrate_rehearsal::Faults;
use serde_json::json;

use crate::stage::{SHOP, Stage, record, survey};

fn temp(claim: &str, volume: &str, run: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("{claim}-pvcmigrate-src"), "namespace": SHOP, "annotations": {
            "kurl.sh/pvcmigrate": claim, "kurl.sh/pvcmigrate-kind": "source", "pvmigrate.dev/run": run}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "slow", "volumeName": volume,
            "resources": {"requests": {"storage": "64Mi"}}}})
}

#[tokio::test]
async fn pods_are_listed_once_before_a_copy_and_not_for_every_look() {
    let stage = Stage::new().await;
    let (connection, handle) = stage.faulty(Faults::default());
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let world = watched.world();
    let lists = || handle.requests()["list pods"];
    let before = lists();
    world.observe(&record).await.unwrap();
    assert_eq!(lists(), before, "the claim is there");

    // The claim is gone, and its volume is held by the temporary claim.
    stage.cluster.edit("apps/v1", "StatefulSet", Some(SHOP), "web", |set| set["spec"]["replicas"] = json!(0));
    stage.cluster.edit("apps/v1", "StatefulSet", Some(SHOP), "web", |set| {
        set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] = json!("Retain");
    });
    let volume = record.claims["data"].source.name.clone();
    stage.cluster.edit("v1", "PersistentVolume", None, &volume, |volume| {
        volume["spec"]["persistentVolumeReclaimPolicy"] = json!("Retain");
    });
    stage.cluster.settled().await;
    stage.cluster.delete("v1", "PersistentVolumeClaim", Some(SHOP), "data");
    stage.cluster.settled().await;
    let reserved =
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": SHOP, "name": "data-pvcmigrate-src"});
    stage.cluster.edit("v1", "PersistentVolume", None, &volume, |volume| volume["spec"]["claimRef"] = reserved);
    stage.cluster.put(temp("data", &volume, &record.run)).unwrap();
    stage.cluster.settled().await;

    // A pod that no watch has shown yet is in the very next look.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late", "namespace": SHOP},
        "spec": {"nodeName": "node-1", "containers": [{"name": "a", "image": "a"}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}});
    stage.cluster.put(pod).unwrap();
    let mut wake = world.wake(SHOP);
    let seen = loop {
        let seen = world.observe(&record).await.unwrap();
        if lists() > before {
            break seen;
        }
        wake.changed().await;
    };
    assert_eq!(seen.claims["data"].users.iter().map(|user| user.pod.as_str()).collect::<Vec<_>>(), ["late"]);
    assert!(seen.claims["data"].users[0].placed);
    for _ in 0..5 {
        world.observe(&record).await.unwrap();
    }
    assert_eq!(lists(), before + 1);
    // And its end is seen by the watch alone.
    stage.cluster.delete("v1", "Pod", Some(SHOP), "late");
    while !world.observe(&record).await.unwrap().claims["data"].users.is_empty() {
        wake.changed().await;
    }
    assert_eq!(lists(), before + 1);
}

#[tokio::test]
async fn a_pod_of_another_run_is_a_user_and_one_of_the_reference_tool_is_a_leftover() {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let pod = |name: &str, run: Option<&str>| {
        let mut annotations = json!({"kurl.sh/pvcmigrate": "data", "kurl.sh/pvcmigrate-kind": "migrate"});
        if let Some(run) = run {
            annotations["pvmigrate.dev/run"] = json!(run);
            annotations["pvmigrate.dev/purpose"] = json!("copy");
            annotations["pvmigrate.dev/attempt"] = json!("1");
        }
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": SHOP, "annotations": annotations},
            "spec": {"nodeSelector": {"no": "where"}, "containers": [{"name": "pvmigrate", "image": "a"}],
                "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}})
    };
    stage.cluster.put(pod("migrate-theirs", None)).unwrap();
    stage.cluster.put(pod("migrate-other", Some("another-run"))).unwrap();
    stage.cluster.put(pod("migrate-ours", Some("run-data"))).unwrap();
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let seen = watched.world().observe(&record).await.unwrap();
    let claim = &seen.claims["data"];
    let users: Vec<&str> = claim.users.iter().map(|user| user.pod.as_str()).collect();
    assert_eq!(users, ["migrate-other", "web-0"]);
    let pods: Vec<(&str, Purpose)> = claim.pods.iter().map(|pod| (pod.name.as_str(), pod.purpose)).collect();
    assert_eq!(pods, [("migrate-ours", Purpose::Copy), ("migrate-theirs", Purpose::Leftover)]);
    let leftover = claim.pods[1].clone();
    let step = Step::DeletePod { claim: "data".to_owned(), pod: leftover.name, uid: leftover.uid };
    watched.world().execute(&record, &step).await.unwrap();
    let seen = watched.world().observe(&record).await.unwrap();
    assert_eq!(seen.claims["data"].pods.len(), 1);
}
