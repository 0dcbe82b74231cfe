//! Trials of the destination class: what they find, and that nothing of them stays.

use std::time::Duration;

use kube::Client;
use pvmigrate_cluster::{Error, Watched};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::ports::PortError;
use pvmigrate_core::trial::{Trial, TrialResult};
use pvmigrate_rehearsal::{Chaos, Faults};
use serde_json::{Value, json};

use crate::stage::{SHOP, Stage, objects};

fn trial(modes: &[AccessMode]) -> Trial {
    Trial { namespace: SHOP.to_owned(), modes: modes.to_vec(), volume_mode: VolumeMode::Filesystem }
}

/// Makes the trials, removes what they made, and waits until it is gone.
async fn try_out(
    client: &Client,
    trials: &[Trial],
    class: &str,
    ready_timeout: Duration,
) -> Result<Vec<TrialResult>, Error> {
    let watched = Watched::start(client.clone(), Some(SHOP)).await?;
    let preflight = watched.preflight(trials, class, "image").await?;
    let results = preflight.results(ready_timeout).await?;
    preflight.remove().await?;
    assert_eq!(preflight.gone().await, Vec::<String>::new());
    Ok(results)
}

fn left(stage: &Stage) -> Vec<String> {
    let is_of_trial = |object: &Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let holder = object["spec"]["claimRef"]["name"].as_str().unwrap_or_default();
        name.starts_with("pf-pvc-") || name.starts_with("pvmigrate-pf-pod-") || holder.starts_with("pf-pvc-")
    };
    let objects = stage.cluster.objects();
    objects.iter().filter(|object| is_of_trial(object)).map(|object| object["metadata"]["name"].to_string()).collect()
}

#[tokio::test]
async fn trials_that_succeed_leave_nothing() {
    let stage = Stage::new().await;
    let client = stage.connection().client;
    for class in ["fast", "late"] {
        let trials = [trial(&[AccessMode::ReadWriteOnce]), trial(&[AccessMode::ReadWriteOncePod])];
        let results = try_out(&client, &trials, class, Duration::from_secs(20)).await.unwrap();
        assert_eq!(results.iter().map(|result| result.failure.clone()).collect::<Vec<_>>(), [None, None]);
        assert_eq!(results[1].trial, trials[1]);
        stage.cluster.settled().await;
        assert_eq!(left(&stage), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_class_that_keeps_volumes_keeps_none_of_a_trial() {
    let mut all = objects();
    all.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "keep"},
        "provisioner": "disks.example.com", "reclaimPolicy": "Retain", "volumeBindingMode": "Immediate"}));
    let stage = Stage::with(all).await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let results = try_out(&stage.connection().client, &trials, "keep", Duration::from_secs(20)).await.unwrap();
    assert_eq!(results[0].failure, None);
    stage.cluster.settled().await;
    assert_eq!(left(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn refused_and_unanswered_writes_leave_nothing_of_a_trial() {
    for seed in 0..12 {
        let mut all = objects();
        all.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "keep"},
            "provisioner": "disks.example.com", "reclaimPolicy": "Retain", "volumeBindingMode": "Immediate"}));
        let stage = Stage::with(all).await;
        let chaos = Chaos { conflict: 0.5, answer_lost: 0.1, ..Chaos::latency(seed) };
        let (connection, _) = stage.faulty(Faults { chaos: Some(chaos), ..Faults::default() });
        let trials = [trial(&[AccessMode::ReadWriteOnce])];
        let watched = loop {
            if let Ok(watched) = Watched::start(connection.client.clone(), Some(SHOP)).await {
                break watched;
            }
        };
        let preflight = loop {
            if let Ok(preflight) = watched.preflight(&trials, "keep", "image").await {
                break preflight;
            }
        };
        // Whatever the outcome.
        let _ = preflight.results(Duration::from_secs(20)).await;
        while let Err(error) = preflight.remove().await {
            assert!(error.is_transient(), "{error}");
        }
        assert_eq!(preflight.gone().await, Vec::<String>::new());
        stage.cluster.settled().await;
        assert_eq!(left(&stage), Vec::<String>::new(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_class_that_cannot_provision_gives_its_own_reason() {
    let mut all = objects();
    all.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "static"},
        "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "Immediate"}));
    let stage = Stage::with(all).await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let results = try_out(&stage.connection().client, &trials, "static", Duration::from_secs(1)).await.unwrap();
    let failure = results[0].failure.as_deref().unwrap();
    assert!(failure.starts_with("not ready after 1 s: "), "{failure}");
    assert_eq!(left(&stage), Vec::<String>::new());

    let faults = Faults { forbid: vec![("list".to_owned(), "events".to_owned())], ..Faults::default() };
    let (connection, _) = stage.faulty(faults);
    let results = try_out(&connection.client, &trials, "static", Duration::from_secs(1)).await.unwrap();
    let failure = results[0].failure.as_deref().unwrap();
    assert!(failure.contains("the claim is Pending") && failure.contains("may not list events"), "{failure}");
    assert_eq!(left(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_killed_run_left_is_replaced_and_what_is_not_ours_is_left() {
    let stage = Stage::new().await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let claim = |annotations: Value| {
        let client = stage.connection().client;
        let trials = trials.clone();
        let cluster = stage.cluster.clone();
        async move {
            // The name is found out by a trial that is cut off after its first object.
            let faults = Faults { forbid: vec![("create".to_owned(), "pods".to_owned())], ..Faults::default() };
            let (cut, handle) = cluster.client_with(faults);
            let results = try_out(&cut, &trials, "fast", Duration::from_secs(5)).await.unwrap();
            assert!(results[0].failure.as_deref().unwrap().contains("not allowed to create pods"));
            let written = handle.written();
            let name = written[0].rsplit('/').next().unwrap().to_owned();
            cluster
                .put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": name, "namespace": SHOP, "annotations": annotations,
                        "creationTimestamp": "2020-01-01T00:00:00Z"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "slow",
                        "resources": {"requests": {"storage": "1Mi"}}}}))
                .unwrap();
            try_out(&client, &trials, "fast", Duration::from_secs(20)).await.unwrap()
        }
    };
    let results = claim(json!({"pvmigrate.dev/preflight": "fast"})).await;
    assert_eq!(results[0].failure, None);
    stage.cluster.settled().await;
    assert_eq!(left(&stage), Vec::<String>::new());
    let results = claim(json!({"somebody": "else"})).await;
    let failure = results[0].failure.as_deref().unwrap();
    assert!(failure.contains("was not made by a trial"), "{failure}");
    // The claim, and the volume that it was given.
    stage.cluster.settled().await;
    assert_eq!(left(&stage).len(), 2);
}

#[tokio::test]
async fn two_processes_make_the_same_trial_one_after_the_other() {
    let stage = Stage::new().await;
    let (one, two) = (stage.connection().client, stage.connection().client);
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let limit = Duration::from_secs(20);
    let (one, two) = tokio::join!(try_out(&one, &trials, "fast", limit), try_out(&two, &trials, "fast", limit));
    assert_eq!((&one.unwrap()[0].failure, &two.unwrap()[0].failure), (&None, &None));
    stage.cluster.settled().await;
    assert_eq!(left(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn a_class_that_is_not_there_is_an_error() {
    let stage = Stage::new().await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let error = try_out(&stage.connection().client, &trials, "nowhere", Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && !error.is_transient());
    assert!(error.to_string().contains("StorageClass nowhere not found"), "{error}");
}
