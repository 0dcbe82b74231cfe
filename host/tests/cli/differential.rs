//! What passes in `policy run` holds on a cluster: the worked policies say the same of a dump, of the embedded cluster made from
//! it, in the report of a rehearsal, and of what is captured of that cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use pvmigrate::assessment::Assessment;
use pvmigrate::assessment::snapshot::{Given, Snapshot};
use pvmigrate::cli::flags::ClusterArgs;
use pvmigrate::commands::policy::capture::{self, CaptureArgs};
use pvmigrate::options::Options;
use pvmigrate::run;
use pvmigrate_objects::input;
use pvmigrate_policy::{Configured, Limits, Policies, Policy};
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};
use serde_json::{Value, json};

use crate::on_a_cluster::options;
use crate::readers::{Draw, cluster, verdicts};
use crate::{path_text, pvmigrate, repository};

/// The number of clusters that are drawn; of so many of them the command's report and a capture are looked at, too.
const CLUSTERS: u64 = 300;
const WHOLE_WAY_EVERY: u64 = 10;
/// Clusters that run at the same time.
const AT_ONCE: usize = 24;

/// The worked policies that are built and need no settings, and the one that does.
const WORKED: [&str; 3] = ["keep-and-cap", "size-guard", "quota-room"];
const MAPPER: &str = "mode-map";

/// Draws a cluster with what the worked policies look at: labels, sizes, quotas.
fn drawn(seed: u64) -> String {
    let mut draw = Draw(seed ^ 0xD1FF);
    let mut text = String::new();
    for line in cluster(seed).lines() {
        let label = draw.one(&["labels: ,", "labels: {pvmigrate.dev/keep: 'true'},", "labels: {team: x},"]);
        let most = draw.one(&["{name: b, annotations: {", "{name: b, annotations: {pvmigrate.dev/max-size: 512Mi, "]);
        let line = line.replace("labels: ,", label).replace("{name: b, annotations: {", most);
        let _ = writeln!(text, "{line}");
    }
    for namespace in ["ns0", "ns1"] {
        // Room enough for all that the files have, and not always for what would move.
        let hard = draw.one(&["4Gi", "5Gi", "1Ti"]);
        if draw.below(2) == 0 {
            let key = "b.storageclass.storage.k8s.io/requests.storage";
            let _ = writeln!(
                text,
                "---\n{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: q, namespace: {namespace}}}, spec: {{hard: \
                 {{{key}: {hard}}}}}}}"
            );
        }
    }
    text
}

/// Opens the worked policies, in one chain.
fn policies() -> Policies {
    let open = |name: &str| {
        let file = repository(&format!("policies/dist/{name}.wasm"));
        Arc::new(Policy::open(&file, &Limits::default()).unwrap())
    };
    let settings = json!({"class": "b", "namespaces": {"ns0": "ReadWriteOncePod"}});
    let mut chain = vec![Configured::new(open(MAPPER), &settings).unwrap()];
    chain.extend(WORKED.map(|name| Configured::bare(open(name)).unwrap()));
    Policies::new(chain).unwrap()
}

struct Asked<'a> {
    policies: &'a Policies,
    folder: tempfile::TempDir,
}

impl Asked<'_> {
    fn of_files(&self, path: &Path) -> Vec<String> {
        let snapshot = Snapshot::read(path, &self.policies.needs()).unwrap_or_else(|error| panic!("{}", error.error));
        let given = Given {
            source_class: Some("a".to_owned()),
            dest_class: Some("b".to_owned()),
            now: Some(Timestamp::UNIX_EPOCH),
            ..Given::default()
        };
        let question = snapshot.question(given).unwrap_or_else(|error| panic!("{}", error.error));
        verdicts(&Assessment::of(question, self.policies, &[]).unwrap())
    }

    async fn start(&self, file: &Path, seed: u64) -> (Cluster, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let served = self.policies.needs().into_iter().map(|need| (need.kind.api_version, need.kind.kind)).collect();
        let settings = Settings { served, seed, ..Settings::new(directory.path(), find_rsync().unwrap()) };
        let cluster = Cluster::start(input::read_objects(file).unwrap(), settings).await.unwrap();
        cluster.at_rest().await;
        (cluster, directory)
    }

    /// Dumps a cluster of these objects, as `kubectl get` does: with what controllers have counted and written.
    async fn dump(&self, text: &str) -> PathBuf {
        let [drawn, dump] = ["drawn.yaml", "dump.json"].map(|name| self.folder.path().join(name));
        std::fs::write(&drawn, text).unwrap();
        // Of another seed than the cluster that is made of the dump, which would draw the same uids again.
        let (cluster, _directory) = self.start(&drawn, 1).await;
        let list = json!({"apiVersion": "v1", "kind": "List", "items": cluster.objects()});
        cluster.stop().await;
        std::fs::write(&dump, list.to_string()).unwrap();
        dump
    }

    async fn of_cluster(&self, cluster: &Cluster) -> Vec<String> {
        let options = Options { source_class: "a".to_owned(), dest_class: "b".to_owned(), ..options() };
        let (_, plan) = run::plan(&cluster.client(), self.policies, &options).await.unwrap();
        verdicts(plan.assessment.as_ref().unwrap())
    }

    /// Captures the cluster as `policy capture --for` these policies does, and asks about the files.
    async fn of_capture(&self, cluster: &Cluster) -> Vec<String> {
        let to = self.folder.path().join("captured");
        let args = CaptureArgs {
            to: to.clone(),
            policies: Vec::new(),
            namespace: None,
            anonymize: false,
            force: true,
            cluster: ClusterArgs::default(),
        };
        let captured = capture::capture(&cluster.client(), &self.policies.needs(), &args).await.unwrap();
        let _ = std::fs::remove_dir_all(&to);
        capture::write(&captured, &to).unwrap();
        self.of_files(&to)
    }
}

/// Returns the findings and warnings of a report or an assessment, a line each.
fn findings(report: &Value) -> Vec<String> {
    let of = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<String> = [of("findings"), of("warnings")].concat().iter().map(Value::to_string).collect();
    lines.sort_unstable();
    lines
}

/// Asks both commands at their command lines.
fn commands(file: &Path) -> [Vec<String>; 2] {
    let paths = WORKED.map(|name| repository(&format!("policies/dist/{name}.wasm")));
    let flags: Vec<&str> = paths.iter().flat_map(|path| ["--policy", path_text(path)]).collect();
    let classes = ["--source-sc", "a", "--dest-sc", "b", "-o", "json"];
    let named: Vec<&str> = paths.iter().map(|path| path_text(path)).collect();
    let asked = pvmigrate(&[&["policy", "run"], &named[..], &["--snapshot", path_text(file)], &classes].concat());
    let rehearsed = pvmigrate(&[&["rehearse", path_text(file)], &flags[..], &classes].concat());
    [asked, rehearsed].map(|ran| findings(&ran.json()))
}

/// Compares all that is said of one drawn cluster, and returns it.
async fn said(policies: &Policies, seed: u64) -> Vec<String> {
    let (text, asked) = (drawn(seed), Asked { policies, folder: tempfile::tempdir().unwrap() });
    let file = asked.dump(&text).await;
    let of_files = asked.of_files(&file);
    let (cluster, _directory) = asked.start(&file, 0).await;
    assert_eq!(of_files, asked.of_cluster(&cluster).await, "the cluster, seed {seed}:\n{text}");
    if seed.is_multiple_of(WHOLE_WAY_EVERY) {
        assert_eq!(of_files, asked.of_capture(&cluster).await, "the capture, seed {seed}:\n{text}");
        let [run, rehearsed] = commands(&file);
        assert_eq!(run, rehearsed, "the reports, seed {seed}:\n{text}");
    }
    cluster.stop().await;
    of_files
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_say_the_same_of_a_dump_and_of_the_cluster() {
    let policies = policies();
    let mut codes = BTreeMap::<String, u32>::new();
    // Most of the time a cluster waits for nothing more to happen.
    let mut all = stream::iter(0..CLUSTERS).map(|seed| said(&policies, seed)).buffer_unordered(AT_ONCE);
    while let Some(lines) = all.next().await {
        for line in &lines {
            let word = if line.contains(": true by ") || line.contains(": false by ") { "verdict" } else { line };
            let code = word.split(' ').take(2).collect::<Vec<_>>().join(" ");
            *codes.entry(code).or_default() += 1;
        }
    }
    // What is drawn has to reach each kind of answer, or the comparison says little.
    for severity in ["blocker", "warning"] {
        assert!(codes.keys().any(|code| code.starts_with(severity)), "{severity}: {codes:?}");
    }
}
