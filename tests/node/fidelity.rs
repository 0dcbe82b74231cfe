//! Whether a copy keeps everything: compared by a walker that shares nothing with rsync.

use std::path::Path;

use pvmigrate_tests::apps::App;

use crate::stage::{CSI, LOCAL, Stage, assert_same};
use crate::{exotic, stage};

/// A script that does nothing: what is in the volume is written from outside.
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

async fn everything_is_kept(namespace: &str, classes: [&str; 2], fill: fn(&Path)) {
    let stage = Stage::new(namespace).await;
    let app = App { script: IDLE, ready: "true", ..App::keeper(namespace, "app") };
    stage.deploy(&app, "data", classes[0]).await;
    let directory = stage.directory("data").await;
    tokio::task::spawn_blocking(move || fill(&directory)).await.unwrap();
    let before = stage.walk("data").await;
    let exited = stage.migrated(classes, &[]).await;
    stage.assert_runs("Deployment", "app", 1).await;
    stage.assert_claims(&["data"], classes[1]).await;
    let after = stage.walk("data").await;
    assert_same("data", &before, &after);
    let counts = after.counts();
    assert!(exited.stdout.contains(&format!(" {} ", counts.files)), "{counts}\n{exited}");
    stage.end(&format!("{counts}: all as before; pvmigrate took {:.1?}", exited.took)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_there_is_on_local_volumes() {
    everything_is_kept("fidelity-local", LOCAL, exotic::everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_there_is_on_csi_volumes() {
    everything_is_kept("fidelity-csi", CSI, exotic::everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_and_a_large_one() {
    let fill = |root: &Path| {
        exotic::many(root);
        exotic::large(root);
    };
    everything_is_kept("fidelity-size", stage::LOCAL, fill).await;
}
