//! A StatefulSet whose claims go with it is deleted without what it owns, and made again, while its files are copied.

use std::time::Duration;

use serde_json::json;

use crate::stage::{PATIENCE, Stage, classes, in_rounds};
use crate::witness::{Before, begin_with, watch};

/// More than the garbage collector takes to find an owner that is not there.
const COLLECTOR: Duration = Duration::from_secs(20);

async fn made_again(stage: Stage, round: u32) {
    let classes = classes(round);
    let deleted = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
    let (before, manifest) =
        begin_with(&stage, classes[0], |set| set["spec"]["persistentVolumeClaimRetentionPolicy"] = deleted).await;
    let names: Vec<&str> = before.iter().map(Before::name).collect();
    let seen = watch(&stage, &before);
    let tool = stage.start(classes, &["--rsync-flags", "--bwlimit=450", "--no-warm", "--skip-preflight-validation"]);
    stage.copy_pod().await;
    let old = stage.get("StatefulSet", "app").await["metadata"]["uid"].clone();
    stage.real.orphan("StatefulSet", &stage.namespace, "app").await.unwrap();
    let look = || async {
        let found = stage.real.find("StatefulSet", &stage.namespace, "app").await?;
        Ok(found.is_none().then_some(()))
    };
    stage.real.until("the StatefulSet to be gone", PATIENCE, look).await.unwrap();
    tokio::time::sleep(Duration::from_millis(u64::from(round % 5) * 500)).await;
    let new = stage.real.create(&manifest).await.unwrap()["metadata"]["uid"].clone();
    assert_ne!(old, new);
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}\n{}", stage.real.troubles(&stage.namespace).await);
    tokio::time::sleep(COLLECTOR).await;
    stage.assert_runs("StatefulSet", "app", 2).await;
    let seen = seen.end().await;
    stage.assert_claims(&names, classes[1]).await;
    seen.assert_no_other(&before);
    for claim in &before {
        let directory = claim.assert_kept(&stage).await;
        claim.assert_left().await;
        seen.assert_witness(claim, &directory);
        let now = stage.get("PersistentVolumeClaim", claim.name()).await;
        let owners = now["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        assert!(owners.iter().all(|owner| owner["uid"] == new), "{}: {owners:?}, the set is {new}", claim.name());
    }
    let took = exited.took;
    stage
        .end(&format!("made again during the copy, claims and disks there {COLLECTOR:?} later, run of {took:.1?}"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_made_again_during_the_copy_keeps_its_claims() {
    in_rounds("again", made_again).await;
}
