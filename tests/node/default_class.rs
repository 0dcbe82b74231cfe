//! `--set-defaults`, whichever class was the default; and the one place where a test makes a class the default.

use std::future::Future;

use pvmigrate_tests::apps::App;
use pvmigrate_tests::real::Real;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::stage::{LOCAL, Stage};

const MARK: &str = "storageclass.kubernetes.io/is-default-class";

/// There is one default class for all tests.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Does something while this class is the default, and no other test changes that.
pub(crate) async fn while_default<T>(real: &Real, class: &str, what: impl Future<Output = T>) -> T {
    let _turn = ONE_AT_A_TIME.lock().await;
    mark(real, Some(class)).await;
    let result = what.await;
    mark(real, None).await;
    result
}

async fn mark(real: &Real, default: Option<&str>) {
    for class in real.list("StorageClass", "").await.unwrap() {
        let name = class["metadata"]["name"].as_str().unwrap();
        let patch = json!({"metadata": {"annotations": {MARK: (Some(name) == default).then_some("true")}}});
        real.patch("StorageClass", "", name, &patch).await.unwrap();
    }
}

async fn defaults(real: &Real) -> Vec<String> {
    let classes = real.list("StorageClass", "").await.unwrap();
    let is_default = |class: &&Value| class["metadata"]["annotations"][MARK] == "true";
    classes.iter().filter(is_default).map(|class| class["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destination_becomes_the_default_whichever_was() {
    let stage = Stage::new("set-defaults").await;
    let real = &stage.real;
    let [from, to] = LOCAL;
    stage.deploy(&App::keeper(&stage.namespace, "app"), "data", from).await;
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut class = from;
    for (before, changed) in [
        (Some(from), "Default annotation changed on StorageClass local-b, local-a."),
        (Some("csi-now-a"), "Default annotation changed on StorageClass local-b, csi-now-a."),
        (None, "Default annotation changed on StorageClass local-b."),
        (Some(to), "Nothing to do"),
    ] {
        mark(real, before).await;
        let exited = stage.migrated([from, to], &["--set-defaults"]).await;
        assert_eq!(defaults(real).await, [to], "the default was {before:?}");
        class = to;
        if before != Some(to) {
            assert!(exited.stdout.contains(changed), "{exited}");
        }
    }
    mark(real, None).await;
    stage.assert_claims(&["data"], class).await;
    stage.end("the default class moved from the source, from a third and from none, and stayed").await;
}
