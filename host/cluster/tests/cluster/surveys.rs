//! The survey costs a constant number of lists, and copies can be followed while they run.

use std::collections::BTreeSet;

use futures::StreamExt;
use pvmigrate_cluster::{CopyLine, Error, Watched};
use pvmigrate_core::eligibility::blockers;
use pvmigrate_core::group::connect;
use pvmigrate_core::observation::Progress;
use pvmigrate_core::ports::World;
use pvmigrate_core::record::{Purpose, WorkloadKind};
use pvmigrate_core::step::Step;
use pvmigrate_core::survey::ClaimId;
use serde_json::json;

use crate::stage::{SHOP, Stage, claim, objects, record, survey};

#[tokio::test]
async fn any_number_of_claims_costs_nine_lists() {
    let mut all = objects();
    all.extend((0..40).map(|number| claim(&format!("more-{number}"), json!({}))));
    let stage = Stage::with(all).await;
    let connection = stage.connection();
    let survey = survey(&connection, "fast").await;
    assert_eq!(survey.volumes.len(), 42);
    assert_eq!(connection.requests.total(), 9, "{}", connection.requests);
    assert!(connection.requests.by_call().keys().all(|call| call.starts_with("list ")));
    let id = ClaimId { namespace: SHOP.to_owned(), name: "cache".to_owned() };
    assert_eq!(survey.users(&id).count(), 2);
    assert_eq!(survey.workloads_of(&id).count(), 1);
    assert_eq!(survey.unclaimed, []);
    let set = survey.workloads.iter().find(|facts| facts.workload.kind == WorkloadKind::StatefulSet).unwrap();
    assert_eq!(set.when_scaled.as_deref(), Some("Delete"));
}

/// The reference tool scaled the set to 0 and was killed; its pod has ended, but is still there.
#[tokio::test]
async fn pods_on_their_way_out_are_waited_for_and_block_nothing() {
    for phase in ["Running", "Succeeded", "Failed"] {
        let stage = Stage::new().await;
        stage.cluster.edit("v1", "Pod", Some(SHOP), "web-0", |pod| {
            pod["metadata"]["finalizers"] = json!(["example.com/hold"]);
        });
        stage.cluster.edit("apps/v1", "StatefulSet", Some(SHOP), "web", |set| {
            set["spec"]["replicas"] = json!(0);
            set["metadata"]["annotations"] = json!({"kurl.sh/pvcmigrate-scale": "1"});
        });
        stage.cluster.settled().await;
        stage.cluster.edit("v1", "Pod", Some(SHOP), "web-0", |pod| pod["status"]["phase"] = json!(phase));
        let connection = stage.connection();
        let survey = survey(&connection, "fast").await;
        let id = ClaimId { namespace: SHOP.to_owned(), name: "data".to_owned() };
        assert!(survey.users(&id).all(|pod| pod.leaving && pod.finished == (phase != "Running")), "{phase}");
        let groups = connect(&survey, &BTreeSet::from([id]));
        assert_eq!(blockers(&survey, &groups[0]), [], "{phase}");
        let record = record(&survey, "data", WorkloadKind::StatefulSet, "web", "fast");
        assert_eq!(record.workloads[0].replicas, 1);
        let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
        let users = watched.world().observe(&record).await.unwrap().claims["data"].users.clone();
        assert_eq!(users.iter().map(|user| user.pod.as_str()).collect::<Vec<_>>(), ["web-0"], "{phase}");
    }
}

#[tokio::test]
async fn a_copys_lines_are_followed_from_the_first_to_the_last() {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let world = watched.world();
    world.execute(&record, &Step::CreateDestination { claim: "data".to_owned(), volume: None }).await.unwrap();
    let start = Step::StartPod { claims: vec!["data".to_owned()], purpose: Purpose::Warm, attempt: 0 };
    world.execute(&record, &start).await.unwrap();
    let pod = world.observe(&record).await.unwrap().claims["data"].pods[0].name.clone();
    let lines: Vec<CopyLine> = world.copy_lines(SHOP, &pod, "data").collect().await;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts[0], "sending incremental file list");
    assert!(texts.last().unwrap().starts_with("total size is"), "{texts:?}");
    assert!(lines.iter().any(|line| line.progress.is_some()), "{texts:?}");
    assert_eq!(connection.requests.by_call()["get pods/log"], 1);
}

#[tokio::test]
async fn the_copies_of_one_pod_are_followed_and_read_each_by_itself() {
    let stage = Stage::new().await;
    for (kind, name) in [("StatefulSet", "web"), ("Deployment", "api")] {
        stage.cluster.edit("apps/v1", kind, Some(SHOP), name, |workload| workload["spec"]["replicas"] = json!(0));
    }
    stage.cluster.settled().await;
    let connection = stage.connection();
    let survey = survey(&connection, "fast").await;
    let mut both = record(&survey, "data", WorkloadKind::StatefulSet, "web", "fast");
    both.claims.extend(record(&survey, "cache", WorkloadKind::Deployment, "api", "fast").claims);
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let world = watched.world();
    let claims: Vec<String> = ["data", "cache"].map(str::to_owned).into();
    for claim in &claims {
        world.execute(&both, &Step::CreateDestination { claim: claim.clone(), volume: None }).await.unwrap();
    }
    let start = Step::StartPod { claims: claims.clone(), purpose: Purpose::Warm, attempt: 0 };
    world.execute(&both, &start).await.unwrap();
    let seen = world.observe(&both).await.unwrap();
    let pod = seen.claims["data"].pods[0].clone();
    assert_eq!((&pod.uid, pod.others), (&seen.claims["cache"].pods[0].uid, vec!["cache".to_owned()]));
    for claim in &claims {
        let lines: Vec<CopyLine> = world.copy_lines(SHOP, &pod.name, claim).collect().await;
        let last = lines.last().map(|line| line.text.as_str()).unwrap_or_default();
        assert!(last.starts_with("total size is"), "{claim}: {last}");
        assert!(!world.is_copying(SHOP, &pod.name, claim), "{claim}");
    }
    for _ in 0..2 {
        let seen = world.observe(&both).await.unwrap();
        for claim in &claims {
            let seen = &seen.claims[claim];
            assert!(matches!(seen.pods[0].progress, Progress::Succeeded(Ok(_))), "{claim}: {:?}", seen.pods);
            assert!(seen.users.is_empty(), "{claim}: {:?}", seen.users);
        }
    }
    assert_eq!(connection.requests.by_call()["get pods/log"], 4, "each is followed once and read once");
    let no_claims = Step::StartPod { claims: Vec::new(), purpose: Purpose::Warm, attempt: 1 };
    let unknown =
        Step::StartPod { claims: vec!["data".to_owned(), "other".to_owned()], purpose: Purpose::Warm, attempt: 1 };
    for step in [no_claims, unknown] {
        assert!(matches!(world.execute(&both, &step).await, Err(Error::Misuse { .. })), "{step:?}");
    }
}

#[tokio::test]
async fn a_pod_that_is_not_there_has_no_lines() {
    let stage = Stage::new().await;
    let watched = Watched::start(stage.connection().client, Some(SHOP)).await.unwrap();
    assert_eq!(watched.world().copy_lines(SHOP, "nobody", "data").count().await, 0);
}
