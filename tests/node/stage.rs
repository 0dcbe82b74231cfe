//! The basis of every test: a namespace with workloads on the real cluster, and runs of the real binary there.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pvmigrate_tests::Walk;
use pvmigrate_tests::apps::{self, App};
use pvmigrate_tests::real::{self, Real, say};
use pvmigrate_tests::tool::{Exited, Tool};
use serde_json::{Value, json};

/// The two pairs of classes on which everything has to work.
pub(crate) const LOCAL: [&str; 2] = ["local-a", "local-b"];
pub(crate) const CSI: [&str; 2] = ["csi-a", "csi-b"];

/// Returns either pair, by turns.
pub(crate) fn classes(round: u32) -> [&'static str; 2] {
    if round.is_multiple_of(2) { LOCAL } else { CSI }
}

/// How long workloads and claims may take on a machine that does a lot at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Runs a test `PVMIGRATE_ROUNDS` times (once, when that is not set), each time in a namespace of its own. When one
/// round fails, the remaining ones still run.
pub(crate) async fn in_rounds<F>(name: &str, round: impl Fn(Stage, u32) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rounds = std::env::var("PVMIGRATE_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut failed = Vec::new();
    for number in 0..rounds {
        let stage = Stage::new(&format!("{name}-{number}")).await;
        if tokio::spawn(round(stage, number)).await.is_err() {
            failed.push(number);
        }
    }
    assert_eq!(failed, Vec::<u32>::new(), "{name}: rounds that failed, of {rounds}");
}

/// A namespace of one test.
pub(crate) struct Stage {
    pub(crate) real: Real,
    pub(crate) namespace: String,
    began: Instant,
}

impl Stage {
    /// Makes the namespace.
    ///
    /// # Panics
    /// When this process has no cluster.
    pub(crate) async fn new(namespace: &str) -> Self {
        real::require("node", "nodes");
        let real = Real::connect().await.unwrap();
        real.namespace(namespace).await.unwrap();
        Self { real, namespace: namespace.to_owned(), began: Instant::now() }
    }

    /// Prints what was shown, and deletes the namespace.
    pub(crate) async fn end(self, shown: &str) {
        say(&format!("node: {}: {shown} ({:.1?})", self.namespace, self.began.elapsed()));
        self.real.delete("Namespace", "", &self.namespace, None).await.unwrap();
    }

    /// Makes a claim and a Deployment that mounts it, and waits until it is ready.
    pub(crate) async fn deploy(&self, app: &App, claim: &str, class: &str) {
        self.real.create(&apps::claim(&self.namespace, claim, class)).await.unwrap();
        self.real.create(&app.deployment(&self.real, claim)).await.unwrap();
        self.ready("Deployment", &app.name).await;
    }

    pub(crate) async fn ready(&self, kind: &str, name: &str) {
        self.real.ready(kind, &self.namespace, name, PATIENCE).await.unwrap();
    }

    pub(crate) async fn get(&self, kind: &str, name: &str) -> Value {
        self.real.get(kind, &self.namespace, name).await.unwrap()
    }

    pub(crate) async fn names(&self, kind: &str) -> Vec<String> {
        let found = self.real.list(kind, &self.namespace).await.unwrap();
        found.iter().map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Returns the directory of a claim's volume.
    pub(crate) async fn directory(&self, claim: &str) -> PathBuf {
        self.real.volume(&self.namespace, claim).await.unwrap().1
    }

    pub(crate) async fn walk(&self, claim: &str) -> Walk {
        let directory = self.directory(claim).await;
        tokio::task::spawn_blocking(move || Walk::of(&directory)).await.unwrap().unwrap()
    }

    /// Starts a migration of this namespace.
    pub(crate) fn start(&self, [from, to]: [&str; 2], words: &[&str]) -> Tool {
        Tool::migrate(&self.real, from, to, &[&["--namespace", &self.namespace], words].concat()).unwrap()
    }

    /// Migrates this namespace to the end.
    pub(crate) async fn migrate(&self, classes: [&str; 2], words: &[&str]) -> Exited {
        self.start(classes, words).end().await.unwrap()
    }

    /// Migrates, and makes sure that all went well.
    pub(crate) async fn migrated(&self, classes: [&str; 2], words: &[&str]) -> Exited {
        let exited = self.migrate(classes, words).await;
        if exited.code != Some(0) {
            panic!("{exited}\n{}", self.real.troubles(&self.namespace).await);
        }
        exited
    }

    /// Makes sure that nothing but the given claims is there, all of a class, on volumes that go with them again.
    pub(crate) async fn assert_claims(&self, claims: &[&str], class: &str) {
        let mut names = self.names("PersistentVolumeClaim").await;
        names.sort();
        let mut wanted: Vec<&str> = claims.to_vec();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
        for claim in claims {
            let found = self.get("PersistentVolumeClaim", claim).await;
            assert_eq!(found["spec"]["storageClassName"], class, "{claim}");
            assert_eq!(found["status"]["phase"], "Bound", "{claim}");
            let volume = found["spec"]["volumeName"].as_str().unwrap();
            let volume = self.real.get("PersistentVolume", "", volume).await.unwrap();
            assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], "Delete", "{claim}");
        }
    }

    /// Makes sure that a workload runs as before, unmarked.
    pub(crate) async fn assert_runs(&self, kind: &str, name: &str, replicas: u32) {
        self.ready(kind, name).await;
        let found = self.get(kind, name).await;
        assert_eq!(found["spec"]["replicas"], replicas, "{kind} {name}");
        let annotations = found["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        let is_ours = |key: &&String| key.starts_with("kurl.sh/") || key.starts_with("pvmigrate.dev/");
        let marks: Vec<&String> = annotations.keys().filter(is_ours).collect();
        assert!(marks.is_empty(), "{kind} {name} is still marked: {marks:?}");
    }

    /// Makes sure that no pod of ours is left.
    pub(crate) async fn assert_no_pods_of_ours(&self) {
        let ours: Vec<String> = self.names("Pod").await.into_iter().filter(|name| is_ours(name)).collect();
        assert_eq!(ours, Vec::<String>::new());
    }

    /// Waits for a copy pod that runs, and returns it.
    pub(crate) async fn copy_pod(&self) -> Value {
        let look = || async {
            let pods = self.real.list("Pod", &self.namespace).await?;
            let is_copy = |pod: &Value| {
                pod["metadata"]["annotations"]["pvmigrate.dev/purpose"] == "copy"
                    && pod["metadata"]["deletionTimestamp"].is_null()
                    && pod["status"]["phase"] == "Running"
            };
            Ok(pods.into_iter().find(is_copy))
        };
        self.real.until("a copy to run", PATIENCE, look).await.unwrap()
    }

    /// Waits until a workload is scaled to zero.
    pub(crate) async fn stopped(&self, kind: &str, name: &str) {
        let look = || async {
            let found = self.real.get(kind, &self.namespace, name).await?;
            Ok((found["spec"]["replicas"] == json!(0)).then_some(()))
        };
        self.real.until("the workload to be stopped", PATIENCE, look).await.unwrap();
    }
}

fn is_ours(pod: &str) -> bool {
    pod.starts_with("migrate-") || pod.starts_with("pvmigrate-pf-pod-")
}

/// Makes sure that a copy lost nothing.
pub(crate) fn assert_same(what: &str, before: &Walk, after: &Walk) {
    let found = before.differences(after);
    let first: Vec<&String> = found.iter().take(20).collect();
    assert!(found.is_empty(), "{what}: {} differences, the first: {first:#?}", found.len());
}
