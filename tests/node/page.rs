//! The page on policies, from `policy new` to `migrate --policy`: every command as it is written there.

use std::path::Path;

use pvmigrate_tests::apps::{self, App};
use pvmigrate_tests::{page, tool};
use serde_json::json;

use crate::stage::{CSI, Stage, assert_same};

/// What the page calls its classes.
const CLASSES: [&str; 2] = ["gp2", "fast-ssd"];

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_policies_is_right() {
    let stage = Stage::new("shop").await;
    // They stay: another test goes through all classes that there are.
    for (name, like) in CLASSES.into_iter().zip(CSI) {
        let mut class = stage.real.get("StorageClass", "", like).await.unwrap();
        class["metadata"] = json!({"name": name});
        stage.real.create(&class).await.unwrap();
    }
    stage.deploy(&App::keeper(&stage.namespace, "web"), "uploads", CLASSES[0]).await;
    let mut archive = apps::claim(&stage.namespace, "archive", CLASSES[0]);
    archive["metadata"]["labels"] = json!({"example.com/keep": "true"});
    stage.real.create(&archive).await.unwrap();
    let app = App::keeper(&stage.namespace, "backup");
    stage.real.create(&app.deployment(&stage.real, "archive")).await.unwrap();
    stage.ready("Deployment", "backup").await;
    let before = stage.walk("uploads").await;

    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let binary = tool::binary().unwrap();
    let commands = page::run(&repository.join("policies/README.md"), folder.path(), binary.parent().unwrap()).await;
    let commands = commands.unwrap_or_else(|error| panic!("{error:?}"));

    for (claim, class) in [("uploads", CLASSES[1]), ("archive", CLASSES[0])] {
        assert_eq!(stage.get("PersistentVolumeClaim", claim).await["spec"]["storageClassName"], class, "{claim}");
    }
    assert_same("uploads", &before, &stage.walk("uploads").await);
    stage.ready("Deployment", "web").await;
    stage.end(&format!("{commands} commands of the page on policies did what it says")).await;
}
