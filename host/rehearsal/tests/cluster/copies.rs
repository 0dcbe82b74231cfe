//! Copies: the real rsync between the volumes' directories, its log, and its failures.

use std::time::Duration;

use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};
use kube::api::{DeleteParams, LogParams};
use pvmigrate_rehearsal::{CopyFailure, CopyFault, Fill, compare, fill};
use serde_json::{Value, json};

use crate::stage::{Embedded, copy_pod, create, gone, merge, pod, pod_phase, refusal, stateful_set, wait};

const FLAGS: [&str; 7] = ["-a", "-v", "-P", "--delete", "-H", "-S", "--numeric-ids"];

async fn two_claims(embedded: &Embedded) {
    embedded.stage.bound_claim("old").await;
    embedded.stage.bound_claim("new").await;
}

fn terminated(pod: &Pod) -> ContainerStateTerminated {
    let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    statuses[0].state.as_ref().unwrap().terminated.clone().unwrap()
}

async fn failed_copy(embedded: &Embedded, name: &str) -> ContainerStateTerminated {
    create(&embedded.stage.pods(), copy_pod(name, "old", "new", &FLAGS)).await;
    terminated(&wait(&embedded.stage.pods(), name, pod_phase("Failed")).await.unwrap())
}

#[tokio::test]
async fn a_copy_of_a_filled_volume_compares_equal() {
    let embedded = Embedded::new().await;
    two_claims(&embedded).await;
    let contents = fill(&embedded.directory("old"), 11, Fill { files: 60, bytes: 2 << 20 }).unwrap();
    assert_eq!((contents.files, contents.directories, contents.bytes > 6 << 20), (71, 7, true), "{contents:?}");
    std::fs::write(embedded.directory("new").join("left over"), "x").unwrap();
    create(&embedded.stage.pods(), copy_pod("copy", "old", "new", &FLAGS)).await;
    let done = wait(&embedded.stage.pods(), "copy", pod_phase("Succeeded")).await.unwrap();
    assert_eq!(terminated(&done).reason.as_deref(), Some("Completed"));
    assert_eq!(compare(&embedded.directory("old"), &embedded.directory("new")).unwrap(), []);
    let log = embedded.stage.pods().logs("copy", &LogParams::default()).await.unwrap();
    assert!(log.contains("sending incremental file list") && log.contains("total size is"), "{log}");
    assert!(!log.contains(embedded.folder.path().to_str().unwrap()), "the log shows the container's paths only");
}

#[tokio::test]
async fn a_log_is_followed_to_its_end() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.rsync_bandwidth = Some(8000)).await;
    two_claims(&embedded).await;
    fill(&embedded.directory("old"), 1, Fill { files: 20, bytes: 1 << 18 }).unwrap();
    create(&embedded.stage.pods(), copy_pod("copy", "old", "new", &["-a", "-v", "-S"])).await;
    wait(&embedded.stage.pods(), "copy", |pod: Option<&Pod>| {
        pod.and_then(|pod| pod.status.as_ref()?.phase.as_deref()).is_some_and(|phase| phase != "Pending")
    })
    .await;
    let follow = LogParams { follow: true, ..LogParams::default() };
    let stream = embedded.stage.pods().log_stream("copy", &follow).await.unwrap();
    let lines: Vec<String> = stream.lines().try_collect().await.unwrap();
    assert!(lines.last().unwrap().starts_with("total size is"), "{lines:?}");
    let tail = LogParams { tail_lines: Some(1), ..LogParams::default() };
    let tail = embedded.stage.pods().logs("copy", &tail).await.unwrap();
    assert_eq!(tail.trim_end(), lines.last().unwrap());
    let cut = LogParams { limit_bytes: Some(7), ..LogParams::default() };
    assert_eq!(embedded.stage.pods().logs("copy", &cut).await.unwrap(), "sending");
}

#[tokio::test]
async fn a_pod_that_does_not_run_yet_has_no_log() {
    let embedded = Embedded::new().await;
    create(&embedded.stage.pods(), pod("early", "nothing")).await;
    let status = refusal(embedded.stage.pods().logs("early", &LogParams::default()).await);
    assert_eq!(status.code, 400);
    assert!(status.message.contains("is waiting to start: ContainerCreating"), "{}", status.message);
}

#[tokio::test]
async fn a_missing_rsync_is_a_start_error() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.rsync = "/nowhere/rsync".into()).await;
    two_claims(&embedded).await;
    let end = failed_copy(&embedded, "copy").await;
    assert_eq!(end.reason.as_deref(), Some("StartError"));
    assert!(end.message.unwrap().contains("exec: \"rsync\": executable file not found in $PATH"));
}

#[tokio::test]
async fn copies_fail_as_often_as_planned() {
    let embedded = Embedded::new().await;
    two_claims(&embedded).await;
    let how = CopyFailure::Exit(23);
    embedded.cluster.fail_copies(CopyFault { pod: "old".to_owned(), attempts: 2, how });
    assert_eq!(failed_copy(&embedded, "first").await.exit_code, 23);
    assert_eq!(failed_copy(&embedded, "second").await.exit_code, 23);
    create(&embedded.stage.pods(), copy_pod("third", "old", "new", &FLAGS)).await;
    wait(&embedded.stage.pods(), "third", pod_phase("Succeeded")).await;
}

/// Returns the container and the volumes of a copy that shares its pod with others.
fn shared(index: usize, source: &str, dest: &str) -> (Value, Vec<Value>) {
    let alone = copy_pod("alone", source, dest, &FLAGS);
    let mut container = alone["spec"]["containers"][0].clone();
    let mut volumes = alone["spec"]["volumes"].as_array().unwrap().clone();
    container["name"] = json!(format!("pvmigrate-{index}"));
    container["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
    for named in container["volumeMounts"].as_array_mut().unwrap().iter_mut().chain(&mut volumes) {
        named["name"] = json!(format!("{}-{index}", named["name"].as_str().unwrap()));
    }
    (container, volumes)
}

#[tokio::test]
async fn each_copy_of_a_pod_ends_by_itself() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.rsync_bandwidth = Some(1024)).await;
    two_claims(&embedded).await;
    embedded.stage.bound_claim("logs").await;
    embedded.stage.bound_claim("moved").await;
    fill(&embedded.directory("old"), 2, Fill { files: 30, bytes: 1 << 20 }).unwrap();
    let how = CopyFailure::Exit(23);
    embedded.cluster.fail_copies(CopyFault { pod: "logs".to_owned(), attempts: 1, how });
    let (first, mut volumes) = shared(0, "old", "new");
    let (second, more) = shared(1, "logs", "moved");
    volumes.extend(more);
    let mut both = copy_pod("both", "old", "new", &FLAGS);
    both["spec"]["containers"] = json!([first, second]);
    both["spec"]["volumes"] = json!(volumes);
    create(&embedded.stage.pods(), both).await;
    let states = |pod: &Pod| -> Vec<ContainerState> {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().filter_map(|status| status.state.clone()).collect()
    };
    let one_ended = |pod: Option<&Pod>| {
        let states = pod.map(states).unwrap_or_default();
        states.len() == 2 && states[0].running.is_some() && states[1].terminated.is_some()
    };
    let pods = embedded.stage.pods();
    let pod = wait(&pods, "both", one_ended).await.unwrap();
    assert_eq!(pod.status.as_ref().unwrap().phase.as_deref(), Some("Running"));
    let end = states(&pod)[1].terminated.clone().unwrap();
    assert_eq!(end.exit_code, 23);
    let log = |container: &str| LogParams { container: Some(container.to_owned()), ..LogParams::default() };
    assert!(pods.logs("both", &log("pvmigrate-1")).await.unwrap().contains("a failure made by the rehearsal"));
    let pod = wait(&pods, "both", pod_phase("Failed")).await.unwrap();
    assert_eq!(states(&pod)[0].terminated.clone().unwrap().exit_code, 0);
    assert!(pods.logs("both", &log("pvmigrate-0")).await.unwrap().contains("total size is"));
    assert_eq!(compare(&embedded.directory("old"), &embedded.directory("new")).unwrap(), []);
}

#[tokio::test]
async fn a_killed_copy_shows_the_signal_and_leaves_a_part() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.rsync_bandwidth = Some(64)).await;
    two_claims(&embedded).await;
    fill(&embedded.directory("old"), 2, Fill { files: 30, bytes: 4 << 20 }).unwrap();
    let how = CopyFailure::KilledAfter(Duration::from_millis(300));
    embedded.cluster.fail_copies(CopyFault { pod: "copy".to_owned(), attempts: 1, how });
    let end = failed_copy(&embedded, "copy").await;
    assert_eq!((end.exit_code, end.reason.as_deref()), (137, Some("Error")));
    assert_ne!(compare(&embedded.directory("old"), &embedded.directory("new")).unwrap(), []);
}

#[tokio::test]
async fn a_deleted_copy_pod_is_stopped_first() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.rsync_bandwidth = Some(16)).await;
    two_claims(&embedded).await;
    fill(&embedded.directory("old"), 2, Fill { files: 30, bytes: 4 << 20 }).unwrap();
    create(&embedded.stage.pods(), copy_pod("copy", "old", "new", &FLAGS)).await;
    wait(&embedded.stage.pods(), "copy", pod_phase("Running")).await;
    embedded.stage.pods().delete("copy", &DeleteParams::default()).await.unwrap();
    wait(&embedded.stage.pods(), "copy", gone()).await;
    let size = || std::fs::read_dir(embedded.directory("new")).unwrap().count();
    let after = size();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(size(), after, "something still writes");
}

#[tokio::test]
async fn a_source_mounted_read_only_is_not_written() {
    let embedded = Embedded::new().await;
    two_claims(&embedded).await;
    let mut wrong = copy_pod("wrong", "old", "new", &[]);
    wrong["spec"]["containers"][0]["args"] = json!(["-a", "/dest/", "/source"]);
    create(&embedded.stage.pods(), wrong).await;
    let failed = wait(&embedded.stage.pods(), "wrong", pod_phase("Failed")).await.unwrap();
    assert_eq!(terminated(&failed).exit_code, 11);
}

#[tokio::test]
async fn journals_follow_the_data_and_find_what_is_lost() {
    let embedded = Embedded::with(Vec::new(), |settings| settings.writers = true).await;
    let stage = &embedded.stage;
    create(&stage.sets(), stateful_set("db", 1, &stage.immediate)).await;
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    while embedded.cluster.journal_of("test", "data-db-0") < 5 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 0}})).await.unwrap();
    wait(&stage.pods(), "db-0", gone()).await;
    let written = embedded.cluster.journal_of("test", "data-db-0");
    assert_eq!(embedded.cluster.check_journal("test", "data-db-0"), Ok(written));
    // The last lines are lost while no pod runs: detected now, and still after the next start.
    let journal = embedded.directory("data-db-0").join("journal.log");
    std::fs::write(&journal, "1 db-0\n2 db-0\n").unwrap();
    assert!(embedded.cluster.check_journal("test", "data-db-0").is_err());
    merge(&stage.sets(), "db", json!({"spec": {"replicas": 1}})).await.unwrap();
    wait(&stage.pods(), "db-0", pod_phase("Running")).await;
    let lost = embedded.cluster.check_journal("test", "data-db-0").unwrap_err();
    assert!(lost.contains("db-0 found journal.log ending at 2"), "{lost}");
}
