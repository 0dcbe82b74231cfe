//! `--preflight-validation-only` on a class whose provisioner cannot, and on one that can.

use pvmigrate_tests::apps::App;

use crate::stage::{LOCAL, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_provisioners_own_reason_is_shown_and_nothing_stays() {
    let stage = Stage::new("broken").await;
    let [from, to] = LOCAL;
    stage.deploy(&App::keeper(&stage.namespace, "app"), "data", from).await;
    let before = stage.names("Pod").await;
    let words = ["--preflight-validation-only", "--pod-ready-timeout", "15"];
    let exited = stage.migrate([from, "broken"], &words).await;
    assert_eq!(exited.code, Some(1), "{exited}");
    assert!(exited.stdout.contains("no space left in pool broken"), "{exited}");
    assert_eq!(stage.names("Pod").await, before, "a pod was left, or the workload touched");
    stage.assert_claims(&["data"], from).await;

    let exited = stage.migrated([from, to], &words).await;
    assert!(exited.stdout.contains("All checks passed"), "{exited}");
    assert_eq!(stage.names("Pod").await, before, "a pod was left, or the workload touched");
    stage.assert_claims(&["data"], from).await;
    let configs = stage.names("ConfigMap").await;
    assert!(configs.iter().all(|name| name == "kube-root-ca.crt"), "{configs:?}");
    stage.end("a class that cannot provision gives its own reason, one that can passes, and nothing stays").await;
}
