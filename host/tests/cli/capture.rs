//! `policy capture` of the embedded cluster: what policies say of the files is what they say of the cluster.

use std::path::Path;
use std::sync::Arc;

use pvmigrate::assessment::Assessment;
use pvmigrate::cli::flags::ClusterArgs;
use pvmigrate::commands::policy::capture::{self, CaptureArgs};
use pvmigrate::exit::Exit;
use pvmigrate::run;
use pvmigrate_core::policy::{Kind, Need};
use pvmigrate_objects::input::read_objects;
use pvmigrate_policy::{Configured, Limits, Policies, Policy};
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};
use serde_json::{Value, json};

use crate::{on_a_cluster, path_text, pvmigrate, repository};

/// A claim of a Deployment, one that no pod uses, and two of a StatefulSet of which one is kept; none of these names is
/// a word of Kubernetes' own.
const CLUSTER: &str = r#"
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: old}, provisioner: old.example.com}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: new, annotations: {pvmigrate.dev/max-size: 2Gi}}
provisioner: new.example.com
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: xledger, namespace: xpayroll, labels: {team: xfinance}}
spec: {storageClassName: old, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: xhuge, namespace: xpayroll, annotations: {contact: xeve}}
spec: {storageClassName: old, accessModes: [ReadWriteMany], resources: {requests: {storage: 5Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: xkept, namespace: xlegal, labels: {pvmigrate.dev/keep: "true"}}
spec: {storageClassName: old, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: xbooks, namespace: xpayroll}
spec:
  replicas: 2
  selector: {matchLabels: {app: xbooks}}
  template:
    metadata: {labels: {app: xbooks}}
    spec:
      containers:
      - {name: c, image: xcorp/books, env: [{name: PASSWORD, value: xhunter2}], volumeMounts: [{name: v, mountPath: /v}]}
      volumes: [{name: v, persistentVolumeClaim: {claimName: xledger}}]
"#;

struct Scene {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cluster.yaml");
        std::fs::write(&file, CLUSTER).unwrap();
        let settings = Settings::new(folder.path().join("volumes"), find_rsync().unwrap());
        let cluster = Cluster::start(read_objects(&file).unwrap(), settings).await.unwrap();
        cluster.settled().await;
        Self { cluster, folder }
    }

    /// Captures into a folder of this name.
    async fn capture(&self, name: &str, anonymize: bool) -> std::path::PathBuf {
        let args = self.args(name, anonymize);
        let captured = capture::capture(&self.cluster.client(), &[], &args).await.unwrap();
        capture::write(&captured, &args.to).unwrap();
        args.to
    }

    fn args(&self, name: &str, anonymize: bool) -> CaptureArgs {
        let (to, policies, cluster) = (self.folder.path().join(name), Vec::new(), ClusterArgs::default());
        CaptureArgs { to, policies, namespace: None, anonymize, force: false, cluster }
    }

    /// Looks at the cluster itself.
    async fn assessment(&self) -> Assessment {
        let policy = Policy::open(&repository("policies/dist/keep-and-cap.wasm"), &Limits::default()).unwrap();
        let policies = Policies::new(vec![Configured::bare(Arc::new(policy)).unwrap()]).unwrap();
        let (_, plan) = run::plan(&self.cluster.client(), &policies, &on_a_cluster::options()).await.unwrap();
        plan.assessment.unwrap()
    }
}

/// Judges a folder at the command line, and returns the question as well.
fn judged(folder: &Path) -> (Value, Value) {
    let (policy, question) = (repository("policies/dist/keep-and-cap.wasm"), folder.with_extension("question.json"));
    let words = ["policy", "run", path_text(&policy), "--snapshot", path_text(folder), "-o", "json"];
    let classes = ["--source-sc", "old", "--dest-sc", "new", "--save-question", path_text(&question)];
    let ran = pvmigrate(&[&words[..], &classes].concat());
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(&question).unwrap()).unwrap();
    (ran.json(), saved["question"].clone())
}

/// Returns volumes without their handles, which mean nothing.
fn without_ids(volumes: &Value) -> Vec<Value> {
    let without = |volume: &Value| {
        let mut volume = volume.clone();
        volume.as_object_mut().unwrap().remove("id");
        volume
    };
    volumes.as_array().unwrap().iter().map(without).collect()
}

#[tokio::test]
async fn policies_see_in_the_files_what_they_see_in_the_cluster() {
    let scene = Scene::new().await;
    let assessment = scene.assessment().await;
    let (json, question) = judged(&scene.capture("plain", false).await);
    let live = serde_json::to_value(&assessment.question).unwrap();
    assert_eq!(without_ids(&question["volumes"]), without_ids(&live["volumes"]));
    assert_eq!(question["target"], live["target"]);
    assert_eq!(json["verdicts"], json!(assessment.judgement.verdicts));
    assert_eq!(json["findings"], json!(assessment.judgement.findings));
}

#[tokio::test]
async fn anonymous_files_are_judged_alike_and_hold_no_name() {
    let scene = Scene::new().await;
    let assessment = scene.assessment().await;
    let folder = scene.capture("anonymous", true).await;
    let mut names =
        vec!["xpayroll", "xlegal", "xledger", "xhuge", "xkept", "xfinance", "xeve", "xbooks", "xcorp", "xhunter2"];
    let mut own: Vec<String> = Vec::new();
    for object in scene.cluster.objects() {
        let is_class = object["kind"] == "StorageClass";
        let texts = ["/metadata/name", "/metadata/uid", "/spec/nodeName"].map(|at| object.pointer(at).cloned());
        own.extend(
            texts.into_iter().flatten().filter(|_| !is_class).filter_map(|text| text.as_str().map(str::to_owned)),
        );
    }
    // Short names may occur within other words.
    own.retain(|name| name.len() > 8);
    names.extend(own.iter().map(String::as_str));
    for entry in std::fs::read_dir(&folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for name in &names {
            assert!(!text.contains(name), "{name} is in: {text}");
        }
    }
    let (json, question) = judged(&folder);
    let decided = |verdicts: &Value| {
        let decided = |verdict: &Value| {
            let decision = &verdict["decision"];
            format!("{} {} {}", decision["selected"], decision["reason"]["code"], verdict["target"]["modes"])
        };
        let mut decided: Vec<_> = verdicts.as_array().unwrap().iter().map(decided).collect();
        decided.sort();
        decided
    };
    assert_eq!(decided(&json["verdicts"]), decided(&json!(assessment.judgement.verdicts)));
    let codes = |findings: &Value| {
        let code = |finding: &Value| format!("{} {}", finding["severity"], finding["code"]);
        let mut codes: Vec<_> = findings.as_array().unwrap().iter().map(code).collect();
        codes.sort();
        codes
    };
    assert_eq!(codes(&json["findings"]), codes(&json!(assessment.judgement.findings)));
    let users: usize = question["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| volume["consumers"].as_array().unwrap().len())
        .sum();
    assert_eq!(users, 2, "{question}");
}

/// A policy that can do without a kind learns that it cannot know; a fixture cannot say that, so the capture names it.
#[tokio::test]
async fn what_could_not_be_listed_is_named() {
    let scene = Scene::new().await;
    let kind = Kind::new("example.com/v1", "Window");
    let needs = [Need { kind: kind.clone(), purpose: "when".to_owned(), optional: true }];
    let args = scene.args("some", false);
    let captured = capture::capture(&scene.cluster.client(), &needs, &args).await.unwrap();
    let missing: Vec<_> = captured.missing().collect();
    assert!(matches!(missing[..], [(found, why)] if *found == kind && why.contains("no kind")), "{missing:?}");
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_left_alone_and_force_leaves_what_is_not_ours() {
    let scene = Scene::new().await;
    let folder = scene.capture("twice", false).await;
    assert_eq!(capture::may_write(&folder, false).unwrap_err().exit, Exit::Usage);
    capture::may_write(&folder, true).unwrap();
    std::fs::write(folder.join("mine.txt"), "mine").unwrap();
    std::fs::rename(folder.join("pods.yaml"), folder.join("left-over.yaml")).unwrap();
    scene.capture("twice", false).await;
    assert!(folder.join("mine.txt").exists() && folder.join("pods.yaml").exists());
    assert!(!folder.join("left-over.yaml").exists(), "what an earlier capture left is not read again");
}
