//! Access modes asked for by the claim's annotation.

use pvmigrate_tests::apps::{self, App};
use serde_json::json;

use crate::stage::{CSI, LOCAL, Stage, assert_same};

const ANNOTATION: &str = "kurl.sh/pvcmigrate-destinationaccessmode";

async fn asked_for(namespace: &str, [from, to]: [&str; 2], mode: &str) {
    let stage = Stage::new(namespace).await;
    let mut claim = apps::claim(namespace, "data", from);
    claim["metadata"]["annotations"] = json!({ANNOTATION: mode, "example.com/kept": "yes"});
    stage.real.create(&claim).await.unwrap();
    let app = App::keeper(namespace, "app");
    stage.real.create(&app.deployment(&stage.real, "data")).await.unwrap();
    stage.ready("Deployment", "app").await;
    let before = stage.walk("data").await;
    stage.migrated([from, to], &[]).await;
    stage.assert_runs("Deployment", "app", 1).await;
    stage.assert_claims(&["data"], to).await;
    let after = stage.get("PersistentVolumeClaim", "data").await;
    assert_eq!(after["spec"]["accessModes"], json!([mode]));
    assert_eq!(after["metadata"]["annotations"]["example.com/kept"], "yes");
    assert_same("data", &before, &stage.walk("data").await);
    stage.end(&format!("ReadWriteOnce became {mode}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_becomes_one_for_many_nodes() {
    asked_for("mode-many", CSI, "ReadWriteMany").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_becomes_one_for_a_single_pod() {
    asked_for("mode-pod", LOCAL, "ReadWriteOncePod").await;
}
