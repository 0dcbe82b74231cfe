//! pvmigrate as a Job of the cluster, with the account that `pvmigrate rbac` prints and no other right.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pvmigrate_tests::tool::{Tool, binary};
use serde_json::Value;

use crate::scales::{assert_moved, four_claims, walks};
use crate::stage::{CSI, PATIENCE, Stage, assert_same};

const IMAGE: &str = "localhost/pvmigrate:1";
/// A policy that looks up what pvmigrate itself does not: where it lies here, and in the image.
const POLICY: [&str; 2] =
    [concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/dist/quota-room.wasm"), "/quota-room.wasm"];

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Packs the binary, the libraries it is linked with and a policy as an image, and gives it to both nodes.
fn make_image(directory: &Path) {
    let work = tempfile::tempdir().unwrap();
    let root = work.path().join("pvmigrate");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    let program = root.join("usr/bin/pvmigrate");
    run(Command::new("objcopy").arg("--strip-debug").arg(binary().unwrap()).arg(&program));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let libraries = run(Command::new("ldd").arg(&program));
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.join(&library[1..]);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(library, to).unwrap();
    }
    fs::copy(POLICY[0], root.join(&POLICY[1][1..])).unwrap();
    let packing = r#". "$0/lib/images.sh"; pack "$1" "$2" '"Entrypoint":["pvmigrate"]'"#;
    let cluster = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster");
    run(Command::new("bash").args(["-ec", packing, cluster]).arg(&root).arg(IMAGE));
    for node in ["node1", "node2"] {
        let socket = directory.join(node).join("containerd.sock");
        let mut import = Command::new("ctr");
        import.arg("-a").arg(socket).args(["-n", "k8s.io", "images", "import"]).arg(root.with_extension("tar"));
        run(&mut import);
    }
}

/// Returns what `pvmigrate rbac` prints for this run.
async fn manifest(namespace: &str, words: &[&str]) -> Vec<Value> {
    let rbac = ["rbac", "--output", "json", "--namespace", namespace, "--policy", POLICY[0], "--job", IMAGE, "--"];
    let printed = Tool::start(&[&rbac, words].concat()).unwrap().end().await.unwrap();
    assert_eq!(printed.code, Some(0), "{printed}");
    let list: Value = serde_json::from_str(&printed.stdout).unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_the_printed_rights_and_nothing_more() {
    let namespace = "in-cluster";
    let stage = Stage::new(namespace).await;
    let [from, to] = CSI;
    let directory = stage.real.directory().to_owned();
    let image = tokio::task::spawn_blocking(move || make_image(&directory));
    four_claims(&stage, from).await;
    image.await.unwrap();
    let before = walks(&stage).await;
    let words = ["--namespace", namespace, "--source-sc", from, "--dest-sc", to, "--rsync-image", &stage.real.tools];
    let words = [&words[..], &["--policy", POLICY[1]]].concat();
    for object in manifest(namespace, &words).await {
        stage.real.create(&object).await.unwrap();
    }
    let look = || async {
        let job = stage.real.get("Job", namespace, "pvmigrate").await?;
        let ended = |key: &str| job["status"][key].as_u64().unwrap_or(0) > 0;
        Ok((ended("succeeded") || ended("failed")).then_some(job))
    };
    let job = stage.real.until("the Job to end", PATIENCE, look).await;
    let log = log(&stage).await;
    let job = job.unwrap_or_else(|error| panic!("{error:#}\n{log}"));
    assert_eq!(job["status"]["succeeded"], 1, "{}\n{log}", job["status"]);
    assert!(log.contains("4 old disks"), "{log}");
    stage.real.delete("Job", namespace, "pvmigrate", None).await.unwrap();
    for (before, after) in before.iter().zip(&walks(&stage).await) {
        assert_same(namespace, before, after);
    }
    assert_moved(&stage, to).await;
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        stage.real.delete(kind, "", &format!("{namespace}:pvmigrate"), None).await.unwrap();
    }
    stage.end("4 claims moved by a Job with the printed rights, with every byte").await;
}

/// Returns what the Job's pods have written.
async fn log(stage: &Stage) -> String {
    let pods = stage.real.list("Pod", &stage.namespace).await.unwrap();
    let of_job = pods.iter().filter(|pod| pod["metadata"]["labels"]["job-name"] == "pvmigrate");
    let mut text = String::new();
    for name in of_job.filter_map(|pod| pod["metadata"]["name"].as_str()) {
        text += &stage.real.log(&stage.namespace, name).await.unwrap_or_else(|error| format!("no log: {error:#}"));
    }
    text
}
