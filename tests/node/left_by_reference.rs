//! What the reference tool leaves halfway, on real nodes: at rest, and a moment after its last write.

use futures::future::join_all;
use pvmigrate_tests::apps::App;
use pvmigrate_tests::reference::states::{STATES, State, Then};
use pvmigrate_tests::reference::{Killed, Write};
use serde_json::json;

use crate::stage::{CSI, LOCAL, Stage};

/// The states for one claim and its Deployment. Those that take a StatefulSet are the embedded cluster's.
fn states() -> impl Iterator<Item = State> {
    STATES.into_iter().filter(|state| state.then != Then::MakesClaim)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_finished() {
    let began = std::time::Instant::now();
    let all: Vec<(usize, State)> = states().enumerate().collect();
    // A few at a time, on local and CSI volumes by turns.
    for few in all.chunks(4) {
        join_all(few.iter().map(|(number, state)| finished(*number, *state))).await;
    }
    let (count, took) = (all.len(), began.elapsed());
    pvmigrate_tests::real::say(&format!("node: left by the reference: {count} states finished ({took:.1?})"));
}

async fn finished(number: usize, state: State) {
    let stage = Stage::new(&format!("halfway-{number}")).await;
    // The volumes that the tool leaves Available would serve any claim of their class: those states have their own classes.
    // The provisioner of local volumes only knows the classes of its configuration.
    let is_local = number.is_multiple_of(2) && matches!(state.killed, Killed::After(last) if last < Write::ClearSource);
    let own = match is_local {
        true => LOCAL.map(str::to_owned),
        false => [own_class(&stage, CSI[0], number).await, own_class(&stage, CSI[1], number).await],
    };
    let classes = [own[0].as_str(), own[1].as_str()];
    stage.deploy(&App::keeper(&stage.namespace, "keeper"), "kept", classes[0]).await;
    let before = stage.walk("kept").await;
    let client = kube::Client::try_default().await.unwrap();
    state.make(&client, &stage.namespace, classes, &stage.real.tools).await.unwrap();
    let keeper = stage.get("Deployment", "keeper").await;
    let mark = keeper["metadata"]["annotations"]["kurl.sh/pvcmigrate-scale"].as_str();
    let replicas = match keeper["spec"]["replicas"].as_u64().unwrap() {
        0 => mark.unwrap().parse().unwrap(),
        replicas => u32::try_from(replicas).unwrap(),
    };
    let exited = stage.migrate(classes, &[]).await;
    let what = format!("{}: {exited}", state.name);
    assert_eq!(exited.code, Some(0), "{what}\n{}", stage.real.troubles(&stage.namespace).await);
    stage.assert_runs("Deployment", "keeper", replicas).await;
    stage.assert_no_pods_of_ours().await;
    assert_eq!(stage.names("PersistentVolumeClaim").await, ["kept"], "{what}");
    let claim = stage.get("PersistentVolumeClaim", "kept").await;
    assert_eq!((&claim["spec"]["storageClassName"], &claim["status"]["phase"]), (&json!(classes[1]), &json!("Bound")));
    let volume = stage.real.get("PersistentVolume", "", claim["spec"]["volumeName"].as_str().unwrap()).await.unwrap();
    assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], state.reclaim, "{what}");
    // The keeper is Ready only while its files are as they were written; the walk says the rest.
    crate::stage::assert_same(&what, &before, &stage.walk("kept").await);
    for class in classes.into_iter().filter(|_| !is_local) {
        stage.real.delete("StorageClass", "", class, None).await.unwrap();
    }
    stage.end(state.name).await;
}

/// Makes a class as this one, with another name.
async fn own_class(stage: &Stage, class: &str, number: usize) -> String {
    let mut found = stage.real.get("StorageClass", "", class).await.unwrap();
    let name = format!("{class}-halfway-{number}");
    found["metadata"] = json!({"name": name});
    stage.real.create(&found).await.unwrap();
    name
}
