//! The main job: four claims of three workloads, on both pairs of classes.

use pvmigrate_tests::apps::{self, App};
use pvmigrate_tests::real::Real;

use crate::default_class;
use crate::stage::{CSI, LOCAL, PATIENCE, Stage, assert_same};

/// A name that is longer than the 63 characters of a label or a pod's host name.
const LONG: &str = "a-claim-with-a-name-that-is-longer-than-any-label-may-be-and-that-is-cut-by-others";

const CLAIMS: [&str; 4] = ["data-web-0", "data-web-1", "d", LONG];

/// Makes the three workloads; the template of `web` names no class.
pub(crate) async fn four_claims(stage: &Stage, class: &str) {
    let (real, namespace) = (&stage.real, &stage.namespace);
    let web = App { replicas: 2, ..App::keeper(namespace, "web") };
    default_class::while_default(real, class, async {
        real.create(&web.stateful_set(real, None)).await.unwrap();
        for claim in ["data-web-0", "data-web-1"] {
            let look = || real.find("PersistentVolumeClaim", namespace, claim);
            let made = real.until("the claims of the StatefulSet", PATIENCE, look).await.unwrap();
            assert_eq!(made["spec"]["storageClassName"], class, "the default class was not taken");
        }
    })
    .await;
    for (name, claim) in [("short", "d"), ("long", LONG)] {
        real.create(&apps::claim(namespace, claim, class)).await.unwrap();
        real.create(&App::keeper(namespace, name).deployment(real, claim)).await.unwrap();
    }
    runs(stage).await;
}

async fn runs(stage: &Stage) {
    stage.assert_runs("StatefulSet", "web", 2).await;
    stage.assert_runs("Deployment", "short", 1).await;
    stage.assert_runs("Deployment", "long", 1).await;
}

/// Makes sure that all four claims moved and nothing else is left.
pub(crate) async fn assert_moved(stage: &Stage, class: &str) {
    runs(stage).await;
    stage.assert_claims(&CLAIMS, class).await;
    stage.assert_no_pods_of_ours().await;
}

/// Walks all four volumes.
pub(crate) async fn walks(stage: &Stage) -> Vec<pvmigrate_tests::Walk> {
    let mut walks = Vec::new();
    for claim in CLAIMS {
        walks.push(stage.walk(claim).await);
    }
    walks
}

async fn four_claims_move(namespace: &str, [from, to]: [&str; 2]) {
    let stage = Stage::new(namespace).await;
    four_claims(&stage, from).await;
    let before = walks(&stage).await;
    let exited = stage.migrated([from, to], &[]).await;
    assert_moved(&stage, to).await;
    for (claim, (before, after)) in CLAIMS.iter().zip(before.iter().zip(&walks(&stage).await)) {
        assert_same(claim, before, after);
        let line = exited.stdout.lines().find(|line| line.starts_with(&format!("{namespace}/{claim} ")));
        let line = line.unwrap_or_else(|| panic!("the report has no line for {claim}:\n{}", exited.stdout));
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[1..4], [from, to, "22"], "{line}");
        assert!(line.ends_with(" rsync"), "{line}");
    }
    assert!(exited.stdout.contains("4 old disks"), "the disks left behind are not named:\n{}", exited.stdout);
    let lost = left_behind(&stage.real, namespace).await;
    assert_eq!(lost, Vec::<String>::new(), "volume objects of the namespace are left");
    stage.end("4 claims of 3 workloads moved, with every byte").await;
}

/// Returns the volumes whose claim was here and is not any more.
async fn left_behind(real: &Real, namespace: &str) -> Vec<String> {
    let volumes = real.list("PersistentVolume", "").await.unwrap();
    let left = volumes
        .iter()
        .filter(|volume| volume["spec"]["claimRef"]["namespace"] == namespace && volume["status"]["phase"] != "Bound");
    left.map(|volume| volume["metadata"]["name"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_claims_on_local_volumes() {
    four_claims_move("four-local", LOCAL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_claims_on_csi_volumes() {
    four_claims_move("four-csi", CSI).await;
}
