//! What passes in `policy run` holds on a cluster: the worked policies say the same of a dump, of the embedded cluster made from
//! it, in the report of a rehearsal, and of what is captured of that cluster.

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
/// The same for policies in languages that need some ten milliseconds a call.
const SLOW_CLUSTERS: u64 = 20;
const WHOLE_WAY_EVERY: u64 = 10;
/// Clusters that run at the same time.
const AT_ONCE: usize = 24;

/// The worked policies that are built and need no settings, and the one that does.
const WORKED: [&str; 3] = ["keep-and-cap", "size-guard", "quota-room"];
const MAPPER: &str = "mode-map";

/// The labels that claims are kept by: that of a worked policy, and that of the templates' one.
const KEPT: &str = "labels: {pvmigrate.dev/keep: 'true'},";
const KEPT_BY_TEMPLATES: &str = "labels: {example.com/keep: 'true'},";

/// Draws a cluster with what the worked policies look at: labels, sizes, quotas.
fn drawn(seed: u64) -> String {
    let mut draw = Draw(seed ^ 0xD1FF);
    let mut text = String::new();
    for line in cluster(seed).lines() {
        let label = draw.one(&["labels: ,", KEPT, KEPT_BY_TEMPLATES, "labels: {team: x},"]);
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

fn open(file: &Path) -> Arc<Policy> {
    Arc::new(Policy::open(file, &Limits::default()).unwrap())
}

/// Policies in one chain, and the files of those that a command line can name as they are.
struct Chain {
    policies: Policies,
    files: Vec<PathBuf>,
}

/// Opens the worked policies.
fn worked() -> Chain {
    let dist = |name: &str| repository(&format!("policies/dist/{name}.wasm"));
    let settings = json!({"class": "b", "namespaces": {"ns0": "ReadWriteOncePod"}});
    let files = WORKED.map(dist).to_vec();
    let mut chain = vec![Configured::new(open(&dist(MAPPER)), &settings).unwrap()];
    chain.extend(files.iter().map(|file| Configured::bare(open(file)).unwrap()));
    Chain { policies: Policies::new(chain).unwrap(), files }
}

/// Makes and opens a policy of each template.
fn of_templates(folder: &Path) -> Chain {
    let build = |language: &str| {
        let project = folder.join(language);
        for args in
            [&["new", language, "--lang", language, "--dir", path_text(&project)][..], &["build", path_text(&project)]]
        {
            let ran = pvmigrate(&[&["policy"], args].concat());
            assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        }
        project.join(".pvmigrate/policy.wasm")
    };
    let files = ["rust", "python", "js"].map(build).to_vec();
    let chain = files.iter().map(|file| Configured::bare(open(file)).unwrap()).collect();
    Chain { policies: Policies::new(chain).unwrap(), files }
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
fn commands(paths: &[PathBuf], file: &Path) -> [Vec<String>; 2] {
    let flags: Vec<&str> = paths.iter().flat_map(|path| ["--policy", path_text(path)]).collect();
    let classes = ["--source-sc", "a", "--dest-sc", "b", "-o", "json"];
    let named: Vec<&str> = paths.iter().map(|path| path_text(path)).collect();
    let asked = pvmigrate(&[&["policy", "run"], &named[..], &["--snapshot", path_text(file)], &classes].concat());
    let rehearsed = pvmigrate(&[&["rehearse", path_text(file)], &flags[..], &classes].concat());
    [asked, rehearsed].map(|ran| findings(&ran.json()))
}

/// Compares all that is said of one drawn cluster, and returns it.
async fn said(chain: &Chain, seed: u64) -> Vec<String> {
    let (text, asked) = (drawn(seed), Asked { policies: &chain.policies, folder: tempfile::tempdir().unwrap() });
    let file = asked.dump(&text).await;
    let of_files = asked.of_files(&file);
    let (cluster, _directory) = asked.start(&file, 0).await;
    assert_eq!(of_files, asked.of_cluster(&cluster).await, "the cluster, seed {seed}:\n{text}");
    if seed.is_multiple_of(WHOLE_WAY_EVERY) {
        assert_eq!(of_files, asked.of_capture(&cluster).await, "the capture, seed {seed}:\n{text}");
        let [run, rehearsed] = commands(&chain.files, &file);
        assert_eq!(run, rehearsed, "the reports, seed {seed}:\n{text}");
    }
    cluster.stop().await;
    of_files
}

/// Compares all that is said of so many clusters, and returns it.
async fn all_said(chain: &Chain, clusters: u64) -> Vec<String> {
    // Most of the time a cluster waits for nothing more to happen.
    let all = stream::iter(0..clusters).map(|seed| said(chain, seed)).buffer_unordered(AT_ONCE);
    all.collect::<Vec<_>>().await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_say_the_same_of_a_dump_and_of_the_cluster() {
    let lines = all_said(&worked(), CLUSTERS).await;
    // What is drawn has to reach each kind of answer, or the comparison says little.
    for severity in ["blocker ", "warning "] {
        assert!(lines.iter().any(|line| line.starts_with(severity)), "{severity}: {lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds policies in three languages: tests/run templates"]
async fn policies_of_the_templates_say_the_same_of_a_dump_and_of_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let lines = all_said(&of_templates(folder.path()), SLOW_CLUSTERS).await;
    // All three leave it where it is.
    let kept = |line: &str| line.matches("Skip(Reason { code: \"keep-label\"").count() == 3;
    assert!(lines.iter().any(|line| kept(line)), "{lines:#?}");
}
