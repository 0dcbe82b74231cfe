//! The default class is moved, whatever was the default before.

use pvmigrate_cluster::Error;
use pvmigrate_cluster::default_class::move_default;
use serde_json::json;

use crate::stage::{Stage, objects};

const KEY: &str = "storageclass.kubernetes.io/is-default-class";

#[tokio::test]
async fn a_third_default_class_stops_being_one_too() {
    let mut all = objects();
    for (name, key) in [("third", KEY), ("fourth", "storageclass.beta.kubernetes.io/is-default-class")] {
        all.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "p",
            "metadata": {"name": name, "annotations": {key: "true", "other": "stays"}}}));
    }
    let stage = Stage::with(all).await;
    stage.cluster.edit("storage.k8s.io/v1", "StorageClass", None, "slow", |class| {
        class["metadata"]["annotations"] = json!({KEY: "true"});
    });
    let client = stage.connection().client;
    let mut changed = move_default(&client, "fast").await.unwrap();
    assert_eq!(changed[0], "fast");
    changed.sort_unstable();
    assert_eq!(changed, ["fast", "fourth", "slow", "third"]);
    let annotations = |name: &str| stage.object("StorageClass", name).unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations("fast")[KEY], "true");
    for name in ["third", "fourth"] {
        assert_eq!(annotations(name), json!({"other": "stays"}));
    }
    assert_eq!(move_default(&client, "fast").await.unwrap(), Vec::<String>::new(), "nothing is left to change");
}

#[tokio::test]
async fn a_class_that_is_not_there_changes_nothing() {
    let stage = Stage::new().await;
    let error = move_default(&stage.connection().client, "nowhere").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}
