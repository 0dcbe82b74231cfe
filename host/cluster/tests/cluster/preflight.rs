//! Trials of the destination class: what they find, and that nothing of them stays.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::Client;
use pvmigrate_cluster::{Error, Watched};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::cause::Cause;
use pvmigrate_core::ports::PortError;
use pvmigrate_core::trial::{Trial, TrialClaim, TrialResult};
use pvmigrate_rehearsal::{Chaos, Faults};
use serde_json::{Value, json};

use crate::stage::{SHOP, Stage, objects};

fn trial(modes: &[AccessMode]) -> Trial {
    Trial {
        namespace: SHOP.to_owned(),
        modes: modes.to_vec(),
        volume_mode: VolumeMode::Filesystem,
        claim: TrialClaim::Made,
        tolerations: BTreeSet::new(),
    }
}

/// How long what the trials make may take to go.
const REMOVAL: Duration = Duration::from_secs(120);

fn message(result: &TrialResult) -> &str {
    &result.failure.as_ref().unwrap().message
}

/// Makes the trials, removes what they made, and waits until it is gone.
async fn try_out(
    client: &Client,
    trials: &[Trial],
    class: &str,
    ready_timeout: Duration,
) -> Result<Vec<TrialResult>, Error> {
    let watched = Watched::start(client.clone(), Some(SHOP)).await?;
    let preflight = watched.preflight(trials, class, "image", &[], REMOVAL).await?;
    let results = preflight.results(ready_timeout).await?;
    preflight.remove().await?;
    assert_eq!(preflight.gone().await, Vec::<String>::new());
    Ok(results)
}

#[tokio::test]
async fn a_flag_that_rsync_does_not_know_is_found() {
    let stage = Stage::new().await;
    let client = stage.connection().client;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let flags = ["--nosuchflag".to_owned()];
    let watched = Watched::start(client, Some(SHOP)).await.unwrap();
    let preflight = watched.preflight(&trials, "fast", "image", &flags, REMOVAL).await.unwrap();
    let failure = preflight.results(LONG).await.unwrap()[0].failure.clone().unwrap();
    assert_eq!(failure.cause, Cause::RsyncFlags, "{failure:?}");
    assert!(failure.message.contains("--nosuchflag: unknown option"), "{}", failure.message);
    preflight.remove().await.unwrap();
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
            if let Ok(preflight) = watched.preflight(&trials, "keep", "image", &[], REMOVAL).await {
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

fn class(name: &str, provisioner: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name, "annotations": annotations},
        "provisioner": provisioner, "volumeBindingMode": "Immediate"})
}

/// The seconds in which nothing may be waited for in vain: a trial that waits out its time fails the test by its message.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_class_that_cannot_provision_gives_its_own_reason() {
    let mut all = objects();
    all.push(class(
        "broken",
        "disks.example.com",
        &json!({"rehearsal.pvmigrate.dev/provision": "rpc error: code = Internal"}),
    ));
    let stage = Stage::with(all).await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let results = try_out(&stage.connection().client, &trials, "broken", Duration::from_secs(1)).await.unwrap();
    let failure = results[0].failure.as_ref().unwrap();
    assert!(failure.message.starts_with("not ready after 1 s: ProvisioningFailed: "), "{}", failure.message);
    assert_eq!(failure.cause, Cause::ProvisionerFailed);
    assert_eq!(left(&stage), Vec::<String>::new());

    let faults = Faults { forbid: vec![("list".to_owned(), "events".to_owned())], ..Faults::default() };
    let (connection, _) = stage.faulty(faults);
    let results = try_out(&connection.client, &trials, "broken", Duration::from_secs(1)).await.unwrap();
    let failure = message(&results[0]);
    assert!(failure.contains("the claim is Pending") && failure.contains("may not list events"), "{failure}");
    assert_eq!(left(&stage), Vec::<String>::new());
}

#[tokio::test]
async fn what_never_changes_by_itself_is_not_waited_for() {
    let refused = "rpc error: code = InvalidArgument desc = Volume capabilities MULTI_NODE_MULTI_WRITER not supported.";
    let mut all = objects();
    all.push(class("single", "disks.example.com", &json!({"rehearsal.pvmigrate.dev/provision": refused})));
    let stage = Stage::with(all).await;
    let trials = [trial(&[AccessMode::ReadWriteMany])];
    let results = try_out(&stage.connection().client, &trials, "single", LONG).await.unwrap();
    let failure = results[0].failure.as_ref().unwrap();
    assert!(failure.message.starts_with("ProvisioningFailed: ") && failure.message.contains(refused), "{failure:?}");
    assert_eq!(failure.cause, Cause::AccessModeUnsupported);
    assert!(failure.hint.contains("offers this access mode"), "{}", failure.hint);
}

/// A node that no pod of ours can go to, whatever it tolerates, is waited for only for a moment.
#[tokio::test]
async fn what_nobody_changes_is_waited_for_only_for_a_moment() {
    let mut all = objects();
    all.push(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"},
        "spec": {"taints": [{"key": "drained", "effect": "NoExecute"}]}}));
    let stage = Stage::with(all).await;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let results = try_out(&stage.connection().client, &trials, "late", Duration::from_secs(6)).await.unwrap();
    let failure = results[0].failure.as_ref().unwrap();
    assert!(failure.message.starts_with("not ready after 1 s: FailedScheduling: 0/"), "{}", failure.message);
    assert_eq!(failure.cause, Cause::UntoleratedTaint);
}

#[tokio::test]
async fn a_trial_that_makes_no_claim_takes_no_volume_and_has_the_claim_judged() {
    let mut all = objects();
    all.push(class("static", "kubernetes.io/no-provisioner", &json!({})));
    all.push(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "by-hand"},
        "spec": {"storageClassName": "static", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/srv"}}}));
    all.push(json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "sizes", "namespace": SHOP},
        "spec": {"limits": []}}));
    let stage = Stage::with(all.clone()).await;
    let trials = [Trial { claim: TrialClaim::Judged, ..trial(&[AccessMode::ReadWriteOnce]) }];
    let results = try_out(&stage.connection().client, &trials, "static", LONG).await.unwrap();
    assert_eq!(results[0].failure, None);
    stage.cluster.settled().await;
    let volume = stage.cluster.objects().into_iter().find(|object| object["metadata"]["name"] == "by-hand").unwrap();
    assert_eq!((&volume["status"]["phase"], &volume["spec"]["claimRef"]), (&json!("Available"), &Value::Null));

    // What would refuse the claim is found all the same.
    if let Some(range) = all.iter_mut().find(|object| object["kind"] == "LimitRange") {
        range["spec"] = json!({"limits": [{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}}]});
    }
    let stage = Stage::with(all).await;
    let results = try_out(&stage.connection().client, &trials, "static", LONG).await.unwrap();
    assert_eq!(results[0].failure.as_ref().unwrap().cause, Cause::LimitRange);
}

/// The finalizer of a driver that does not answer.
const HELD: &str = "example.com/detach";

#[tokio::test]
async fn a_trials_volume_that_stays_is_named_with_its_disk_once_the_time_is_up() {
    let stage = Stage::new().await;
    let client = stage.connection().client;
    let trials = [trial(&[AccessMode::ReadWriteOnce])];
    let watched = Watched::start(client.clone(), Some(SHOP)).await.unwrap();
    let preflight = watched.preflight(&trials, "fast", "image", &[], Duration::from_secs(1)).await.unwrap();
    assert_eq!(preflight.results(LONG).await.unwrap()[0].failure, None);
    let of_trial =
        |object: &Value| object["spec"]["claimRef"]["name"].as_str().is_some_and(|claim| claim.starts_with("pf-pvc-"));
    let volume = stage.cluster.objects().into_iter().find(of_trial).unwrap();
    let name = volume["metadata"]["name"].as_str().unwrap();
    let api = kube::Api::<k8s_openapi::api::core::v1::PersistentVolume>::all(client);
    let set = async |finalizers: &Value| {
        let patch = json!({"metadata": {"finalizers": finalizers}});
        api.patch(name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&patch)).await.unwrap();
    };
    let mut finalizers = volume["metadata"]["finalizers"].as_array().unwrap().clone();
    finalizers.push(json!(HELD));
    set(&json!(finalizers)).await;
    assert_eq!(preflight.remove().await.unwrap(), Vec::<String>::new());
    let left = preflight.gone().await;
    assert_eq!(left.len(), 1, "{left:?}");
    let disk = volume["spec"]["csi"]["volumeHandle"].as_str().unwrap();
    for part in [name, &format!("(disk disks.example.com {disk})"), "still there 1 s after", "--delete-pv-timeout"] {
        assert!(left[0].contains(part), "{part} is not in: {}", left[0]);
    }
    set(&json!([])).await;
    assert_eq!(preflight.gone().await, Vec::<String>::new(), "it is gone, whenever that is");
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
            assert!(message(&results[0]).contains("not allowed to create pods"));
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
    let failure = message(&results[0]);
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
