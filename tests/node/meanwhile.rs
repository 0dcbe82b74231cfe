//! What others do meanwhile: a pod created by hand, a second pvmigrate.

use std::time::Duration;

use pvmigrate_tests::apps::App;
use pvmigrate_tests::tool::Exited;
use serde_json::json;

use crate::journal::{assert_whole, writer};
use crate::stage::{CSI, LOCAL, PATIENCE, Stage, assert_same};

/// A script that writes forty lines in about four seconds, then ends.
const BY_HAND: &str = r"
n=0
while [ $n -lt 40 ]; do
    n=$((n + 1))
    echo $n >>/data/by-hand
    usleep 100000
done
";

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_created_by_hand_loses_no_line() {
    let stage = Stage::new("by-hand").await;
    let old = writer(&stage, CSI[0]).await;
    let node = stage.real.list("Pod", &stage.namespace).await.unwrap()[0]["spec"]["nodeName"].clone();
    let tool = stage.start(CSI, &[]);
    stage.stopped("Deployment", "writer").await;
    // Without a scheduler, so that it starts even beside a claim that is Terminating.
    let mut pod = App { script: BY_HAND, ..App::writer(&stage.namespace, "by-hand") }.pod(&stage.real, "written");
    pod["spec"]["nodeName"] = node;
    pod["spec"]["containers"][0].as_object_mut().unwrap().retain(|key, _| !key.ends_with("Probe"));
    stage.real.create(&pod).await.unwrap();
    let look = || async {
        let pod = stage.real.get("Pod", &stage.namespace, "by-hand").await?;
        Ok((pod["status"]["phase"] == json!("Succeeded")).then_some(()))
    };
    stage.real.until("the pod made by hand to end", PATIENCE, look).await.unwrap();
    stage.real.delete("Pod", &stage.namespace, "by-hand", Some(0)).await.unwrap();
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}");
    stage.assert_runs("Deployment", "writer", 1).await;
    stage.assert_claims(&["written"], CSI[1]).await;
    let new = stage.directory("written").await;
    let lines = assert_whole(&old, &new);
    let by_hand = std::fs::read_to_string(new.join("by-hand")).unwrap();
    let wanted: Vec<String> = (1..=40).map(|line| line.to_string()).collect();
    assert_eq!(by_hand.lines().collect::<Vec<_>>(), wanted);
    stage.end(&format!("40 lines of a pod made by hand and {lines} of the workload, none lost")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_what_one_does() {
    let stage = Stage::new("two").await;
    stage.deploy(&App::keeper(&stage.namespace, "keeper"), "kept", LOCAL[0]).await;
    let old = writer(&stage, LOCAL[0]).await;
    let before = stage.walk("kept").await;
    let first = stage.start(LOCAL, &[]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = stage.start(LOCAL, &[]);
    let (first, second) = tokio::join!(first.end(), second.end());
    let ends = [first.unwrap(), second.unwrap()];
    // A process whose turn comes after the other has finished says so and starts nothing.
    let is_late = |end: &Exited| end.code == Some(1) && end.stdout.contains("changed since the plan");
    assert!(ends.iter().all(|end| end.code == Some(0) || is_late(end)), "{}\n{}", ends[0], ends[1]);
    assert!(ends.iter().any(|end| end.code == Some(0)), "{}\n{}", ends[0], ends[1]);
    stage.assert_runs("Deployment", "keeper", 1).await;
    stage.assert_runs("Deployment", "writer", 1).await;
    stage.assert_claims(&["kept", "written"], LOCAL[1]).await;
    stage.assert_no_pods_of_ours().await;
    assert_same("kept", &before, &stage.walk("kept").await);
    let lines = assert_whole(&old, &stage.directory("written").await);
    let codes = ends.map(|end| end.code.unwrap_or(-1));
    stage.end(&format!("two at once ended with {codes:?}; all moved, {lines} lines whole")).await;
}
