//! Copies that are killed, lose their node's kubelet, or find no room.

use std::fs;
use std::process::Command;
use std::time::Duration;

use pvmigrate_tests::Walk;
use pvmigrate_tests::apps::App;
use serde_json::Value;

use crate::stage::{CSI, LOCAL, Stage, assert_same};

/// 4 MiB in about six seconds: long enough to be hit.
const SLOWLY: [&str; 3] = ["--rsync-flags", "--bwlimit=700", "--no-warm"];

async fn kept(stage: &Stage, class: &str, app: App) -> Walk {
    stage.deploy(&App { mib: 4, ..app }, "data", class).await;
    stage.walk("data").await
}

async fn assert_moved(stage: &Stage, class: &str, before: &Walk) {
    stage.assert_runs("Deployment", "app", 1).await;
    stage.assert_claims(&["data"], class).await;
    stage.assert_no_pods_of_ours().await;
    assert_same(&stage.namespace, before, &stage.walk("data").await);
}

/// Finds the processes of a pod that run rsync, by the pod's uid in their cgroups.
fn rsyncs(pod: &Value) -> Vec<rustix::process::Pid> {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while it is looked at.
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let is_ours = read("cgroup").contains(uid) && read("cmdline").starts_with("rsync\0");
        found.extend(rustix::process::Pid::from_raw(pid).filter(|_| is_ours));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rsync_is_started_again() {
    let stage = Stage::new("copy-killed").await;
    let before = kept(&stage, LOCAL[0], App::keeper(&stage.namespace, "app")).await;
    let tool = stage.start(LOCAL, &SLOWLY);
    let processes = rsyncs(&stage.copy_pod().await);
    assert!(!processes.is_empty(), "the copy runs no rsync");
    for process in &processes {
        // Those of one copy end together, so that the later ones may be gone.
        let _ = rustix::process::kill_process(*process, rustix::process::Signal::KILL);
    }
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}");
    assert_moved(&stage, LOCAL[1], &before).await;
    stage.end(&format!("{} processes of rsync killed, copied anew", processes.len())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_pod_deleted_by_force_is_created_again() {
    let stage = Stage::new("copy-deleted").await;
    let before = kept(&stage, CSI[0], App::keeper(&stage.namespace, "app")).await;
    let tool = stage.start(CSI, &SLOWLY);
    let pod = stage.copy_pod().await;
    let name = pod["metadata"]["name"].as_str().unwrap();
    stage.real.delete("Pod", &stage.namespace, name, Some(0)).await.unwrap();
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}");
    assert_moved(&stage, CSI[1], &before).await;
    stage.end("a copy pod deleted by force, copied anew").await;
}

fn kubelet(node: u32, what: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/kubelet");
    let done = Command::new(script).args([&node.to_string(), what]).status().unwrap();
    assert!(done.success(), "tests/cluster/kubelet {node} {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubelet_killed_during_the_copy_comes_back() {
    let stage = Stage::new("kubelet-killed").await;
    let app = App { node: Some("node2"), ..App::keeper(&stage.namespace, "app") };
    let before = kept(&stage, LOCAL[0], app).await;
    let tool = stage.start(LOCAL, &SLOWLY);
    let pod = stage.copy_pod().await;
    assert_eq!(pod["spec"]["nodeName"], "node2");
    kubelet(2, "kill");
    tokio::time::sleep(Duration::from_secs(8)).await;
    kubelet(2, "start");
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}");
    assert_moved(&stage, LOCAL[1], &before).await;
    stage.end("the kubelet killed while rsync ran, and started again when it had ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_without_room_is_found_before_the_stop() {
    let stage = Stage::new("no-room").await;
    stage.deploy(&App { mib: 24, ..App::keeper(&stage.namespace, "app") }, "data", CSI[0]).await;
    let before = stage.walk("data").await;
    let exited = stage.migrate([CSI[0], "csi-small"], &[]).await;
    assert_eq!(exited.code, Some(6), "{exited}");
    for words in ["No space left on device", "nothing was stopped"] {
        assert!(exited.stdout.contains(words), "{words}: {exited}");
    }
    assert_moved(&stage, CSI[0], &before).await;
    stage.end("24 MiB did not fit into 16: found by the warm pass, nothing was stopped, every byte there").await;
}

/// Returns the phase of the warm pass's pod, if the pod exists.
async fn warm_pod(stage: &Stage) -> Option<String> {
    let pods = stage.real.list("Pod", &stage.namespace).await.unwrap();
    let mut warm = pods.iter().filter(|pod| pod["metadata"]["annotations"]["pvmigrate.dev/purpose"] == "warm");
    warm.next().map(|pod| pod["status"]["phase"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_after_the_warm_pass_finds_room_where_it_fits_only_once() {
    let stage = Stage::new("no-room-twice").await;
    stage.deploy(&App::keeper(&stage.namespace, "app"), "data", CSI[0]).await;
    let old = stage.directory("data").await;
    let bytes = |seed: u8| (0..10_u32 << 20).map(|at| at.to_le_bytes()[1].wrapping_mul(31) ^ seed).collect::<Vec<u8>>();
    fs::write(old.join("large"), bytes(1)).unwrap();
    fs::write(old.join("one"), "linked").unwrap();
    fs::hard_link(old.join("one"), old.join("two")).unwrap();
    // Long enough to be seen, short enough for one warm pass.
    let tool = stage.start([CSI[0], "csi-small"], &["--rsync-flags", "--bwlimit=4000"]);

    let has_ended = async || Ok((warm_pod(&stage).await.as_deref() != Some("Running")).then_some(()));
    let runs = async || Ok((warm_pod(&stage).await.as_deref() == Some("Running")).then_some(()));
    stage.real.until("the warm pass to run", Duration::from_secs(90), runs).await.unwrap();
    stage.real.until("the warm pass to end", Duration::from_secs(90), has_ended).await.unwrap();
    fs::write(old.join("large"), bytes(2)).unwrap();
    fs::remove_file(old.join("two")).unwrap();
    fs::write(old.join("two"), "alone").unwrap();
    let exited = tool.end().await.unwrap();
    assert_eq!(exited.code, Some(0), "{exited}");
    assert!(exited.stderr.contains("copy attempt 1 failed") && exited.stderr.contains("No space left"), "{exited}");
    assert_moved(&stage, "csi-small", &Walk::of(&old).unwrap()).await;
    stage.end("10 MiB written anew did not fit beside the old 10 into 16: copied to an emptied volume").await;
}
