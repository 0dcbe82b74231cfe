//! Somebody scales a workload up again, five times a second, until the run has ended: an operator or an autoscaler that
//! knows nothing of it. The application must not find an empty disk, and the run must come to its end.

use std::time::Duration;

use pvmigrate_tests::tool::{Exited, Tool};
use serde_json::Value;

use crate::repeating::{Repeating, scaling_up};
use crate::stage::{Stage, classes, in_rounds};
use crate::witness::{Before, begin, uptime, watch};

/// 4 MiB in about nine seconds.
const SLOWLY: [&str; 6] =
    ["--rsync-flags", "--bwlimit=450", "--no-warm", "--skip-preflight-validation", "--output", "json"];

fn replicas(claims: &[Before]) -> u32 {
    u32::try_from(claims.len()).unwrap()
}

/// Starts to scale up once every claim is fenced.
///
/// Before that nothing bounds the contest but the tool's own deadline: a workload that is scaled up five times a second has
/// pods that are ending nearly all the time, and when the fence comes is a matter of luck. From 20 s to more than 500 s were
/// seen, with the application started over and over, always on its old disk.
async fn scaler(stage: &Stage, kind: &'static str, before: &[Before]) -> Repeating<u32> {
    for claim in before {
        claim.gone(stage).await;
    }
    scaling_up(stage, kind, "app", replicas(before))
}

/// Counts the empty claims that were made in place of one that moves, as the report names them.
fn strays(exited: &Exited) -> usize {
    let report = exited.report().unwrap();
    let claims = report["groups"].as_array().unwrap().iter().flat_map(|group| group["claims"].as_array().unwrap());
    claims.map(|claim| claim["strays"].as_array().unwrap().len()).sum()
}

/// Returns the volume that a claim's name is kept for while its files are copied.
fn held_volume<'a>(report: &'a Value, claim: &Before) -> &'a Value {
    let claims = report["groups"][0]["claims"].as_array().unwrap();
    let found = claims.iter().find(|found| found["name"] == claim.name());
    &found.unwrap_or_else(|| panic!("the report has no {}", claim.name()))["newVolume"]
}

async fn moves(stage: Stage, kind: &'static str, classes: [&str; 2]) {
    let before = begin(&stage, kind, classes[0]).await;
    let names: Vec<&str> = before.iter().map(Before::name).collect();
    let seen = watch(&stage, &before);
    let tool = stage.start(classes, &SLOWLY);
    let scaler = scaler(&stage, kind, &before).await;
    stage.copy_pod().await;
    let copying = uptime();
    let exited = tool.end().await.unwrap();
    let raised = scaler.end().await;
    assert_eq!(exited.code, Some(0), "{exited}\n{}", stage.real.troubles(&stage.namespace).await);
    stage.assert_runs(kind, "app", replicas(&before)).await;
    let seen = seen.end().await;
    stage.assert_claims(&names, classes[1]).await;
    stage.assert_no_pods_of_ours().await;
    seen.assert_no_other(&before);
    let report = exited.report().unwrap();
    let (mut starts, mut looks) = (0, 0);
    for claim in &before {
        let directory = claim.assert_kept(&stage).await;
        claim.assert_left().await;
        starts += seen.assert_witness(claim, &directory);
        looks += seen.assert_held(claim, held_volume(&report, claim), copying, 5.0);
    }
    let (took, strays) = (exited.took, strays(&exited));
    let down = &report["groups"][0]["claims"][0]["downMilliseconds"];
    let shown = format!("{raised} times scaled up from 0, {starts} starts, {strays} strays, Pending in {looks} looks");
    stage.end(&format!("{shown}, run of {took:.1?}, down {down} ms")).await;
}

async fn turns_back(stage: Stage, kind: &'static str, classes: [&str; 2]) {
    let before = begin(&stage, kind, classes[0]).await;
    let names: Vec<&str> = before.iter().map(Before::name).collect();
    let seen = watch(&stage, &before);
    let tool = stage.start(classes, &SLOWLY);
    let scaler = scaler(&stage, kind, &before).await;
    stage.copy_pod().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let abort = Tool::start(&["abort", "--all", "--namespace", &stage.namespace]).unwrap();
    let (exited, aborted) = tokio::join!(tool.end(), abort.end());
    let (exited, aborted) = (exited.unwrap(), aborted.unwrap());
    let raised = scaler.end().await;
    let troubles = stage.real.troubles(&stage.namespace).await;
    assert_eq!(exited.code, Some(6), "{exited}\n{aborted}\n{troubles}");
    assert_eq!(aborted.code, Some(0), "{aborted}\n{exited}\n{troubles}");
    stage.assert_runs(kind, "app", replicas(&before)).await;
    let seen = seen.end().await;
    stage.assert_claims(&names, classes[0]).await;
    stage.assert_no_pods_of_ours().await;
    seen.assert_no_other(&before);
    let mut starts = 0;
    for claim in &before {
        let directory = claim.assert_kept(&stage).await;
        let now = stage.get("PersistentVolumeClaim", claim.name()).await;
        assert_eq!(now["spec"]["volumeName"], claim.volume(), "{}", claim.name());
        starts += seen.assert_witness(claim, &directory);
    }
    let (took, strays) = (exited.took, strays(&exited));
    let shown = format!("turned back, {raised} times scaled up from 0, {starts} starts, {strays} strays");
    stage.end(&format!("{shown}, run of {took:.1?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_that_somebody_scales_up_moves() {
    in_rounds("up-set", |stage, round| moves(stage, "StatefulSet", classes(round))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_somebody_scales_up_moves() {
    in_rounds("up-deploy", |stage, round| moves(stage, "Deployment", classes(round))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_that_somebody_scales_up_turns_back() {
    in_rounds("back-set", |stage, round| turns_back(stage, "StatefulSet", classes(round))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_somebody_scales_up_turns_back() {
    in_rounds("back-deploy", |stage, round| turns_back(stage, "Deployment", classes(round))).await;
}
