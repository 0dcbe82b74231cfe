//! The same objects are understood in the same way, whoever reads them: `policy run` from files, `plan` and `rehearse` by
//! the survey of a cluster.

use std::fmt::Write as _;

use jiff::Timestamp;
use pvmigrate::assessment::Assessment;
use pvmigrate::assessment::snapshot::{Given, Snapshot};
use pvmigrate::options::Options;
use pvmigrate::run;
use pvmigrate_objects::input;
use pvmigrate_policy::Policies;
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};

use crate::on_a_cluster::options;

/// The number of clusters that are drawn.
const CLUSTERS: u64 = 500;

/// What one reader makes of the claims: a line each, with the verdict, its reason, and why the claim is left out.
pub(crate) fn verdicts(assessment: &Assessment) -> Vec<String> {
    let left = assessment.left_out();
    let mut lines: Vec<String> = assessment
        .judgement
        .verdicts
        .iter()
        .map(|verdict| {
            let claim = verdict.claim();
            let left = left.iter().find(|left| format!("{}/{}", left.namespace, left.name) == claim);
            let left = left.map_or_else(String::new, |left| format!(", left out: {} {}", left.code, left.message));
            let reason = &verdict.decision.reason;
            // What each policy has said, whoever was followed. Its digest is the same in all of them.
            let (votes, opinions) = (&verdict.votes, &verdict.opinions);
            format!(
                "{claim}: {} by {}: {}{left} {votes:?} {opinions:?}",
                verdict.selected(),
                verdict.decision.by,
                reason.message
            )
        })
        .collect();
    let findings = assessment.judgement.findings.iter();
    lines.extend(findings.map(|found| format!("{} {} {}: {}", found.severity, found.code, found.about, found.message)));
    let warnings = assessment.judgement.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning {} {}: {}", warning.code, warning.about, warning.message)));
    lines.sort_unstable();
    lines
}

struct Readers {
    policies: Policies,
    folder: tempfile::TempDir,
}

impl Readers {
    fn new() -> Self {
        Self { policies: Policies::builtin().unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    /// Reads as `policy run` does.
    fn by_files(&self, text: &str) -> Vec<String> {
        let file = self.folder.path().join("all.yaml");
        std::fs::write(&file, text).unwrap();
        let snapshot = Snapshot::read(&file, &[]).unwrap_or_else(|error| panic!("{}\n{text}", error.error));
        let given = Given {
            source_class: Some("a".to_owned()),
            dest_class: Some("b".to_owned()),
            now: Some(Timestamp::UNIX_EPOCH),
            ..Given::default()
        };
        let question = snapshot.question(given).unwrap_or_else(|error| panic!("{}\n{text}", error.error));
        verdicts(&Assessment::of(question, &self.policies, &[]).unwrap())
    }

    /// Reads as `rehearse` does, and by that as `plan` does.
    async fn by_cluster(&self, text: &str) -> Vec<String> {
        let file = self.folder.path().join("all.yaml");
        std::fs::write(&file, text).unwrap();
        let objects = input::read_objects(&file).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(objects, Settings::new(directory.path(), find_rsync().unwrap())).await.unwrap();
        cluster.at_rest().await;
        let options = Options { source_class: "a".to_owned(), dest_class: "b".to_owned(), ..options() };
        let (_, plan) = run::plan(&cluster.client(), &self.policies, &options).await.unwrap();
        cluster.stop().await;
        verdicts(plan.assessment.as_ref().unwrap())
    }
}

/// A source of the same numbers each time (splitmix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }

    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.below(of.len() as u64);
        of[usize::try_from(at).unwrap()]
    }
}

/// Draws a cluster: claims in every state, with what people and tools write and leave out.
pub(crate) fn cluster(seed: u64) -> String {
    let mut draw = Draw(seed);
    let default = draw.one(&["", "a", "b"]);
    let mut text = String::new();
    for class in ["a", "b"] {
        let key = draw.one(&["storageclass.kubernetes.io", "storageclass.beta.kubernetes.io"]);
        let is_default = if class == default { format!("{key}/is-default-class: 'true'") } else { String::new() };
        let version = draw.one(&["storage.k8s.io/v1", "storage.k8s.io/v1beta1"]);
        let _ = writeln!(
            text,
            "---\n{{apiVersion: {version}, kind: StorageClass, metadata: {{name: {class}, annotations: {{{is_default}}}}}, \
             provisioner: {class}.example.com, volumeBindingMode: {}}}",
            draw.one(&["Immediate", "WaitForFirstConsumer"])
        );
    }
    let _ = writeln!(
        text,
        "---\n{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: manual}}, provisioner: kubernetes.io/no-provisioner}}"
    );
    if draw.below(8) == 0 {
        let _ = writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: ns1, deletionTimestamp: 2026-01-01T00:00:00Z, \
             finalizers: [x/y]}}, status: {{phase: Terminating}}}}"
        );
    }
    for number in 0..1 + draw.below(4) {
        claim(&mut draw, number, &mut text);
    }
    if draw.below(3) == 0 {
        let (version, class) = (draw.one(&["apps/v1", "apps/v1beta1"]), draw.one(&["a", "b"]));
        let _ = writeln!(
            text,
            "---\n{{apiVersion: {version}, kind: StatefulSet, metadata: {{name: set, namespace: ns0}}, spec: {{replicas: 2, \
             serviceName: set, selector: {{matchLabels: {{app: set}}}}, template: {{metadata: {{labels: {{app: set}}}}, \
             spec: {{containers: [{{name: c, image: i}}]}}}}, volumeClaimTemplates: [{{metadata: {{name: d}}, spec: \
             {{storageClassName: {class}, accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1}}}}}}}}]}}}}"
        );
    }
    text
}

fn claim(draw: &mut Draw, number: u64, text: &mut String) {
    let (namespace, name) = (draw.one(&["ns0", "ns1"]), format!("c{number}"));
    let (field, annotation) = match draw.below(6) {
        0 => ("", "volume.beta.kubernetes.io/storage-class: a"),
        1 => ("", ""),
        2 => ("storageClassName: ", ""),
        3 => ("storageClassName: b", ""),
        _ => ("storageClassName: a", ""),
    };
    let phase = draw.one(&["", "", "Bound", "Bound", "Pending", "Lost"]);
    let volume = draw.one(&["", "", "pv", "gone"]);
    let bound_once = draw.one(&["", "", "pv.kubernetes.io/bind-completed: 'yes'"]);
    let helper = draw.one(&["", "", "", "", "kurl.sh/pvcmigrate-kind: dest"]);
    let annotations: Vec<&str> = [annotation, bound_once, helper].into_iter().filter(|one| !one.is_empty()).collect();
    let size = draw.one(&["1Gi", "1073741824", "1e9", "0.5Gi"]);
    let modes = draw.one(&["ReadWriteOnce", "ReadWriteMany", "ReadWriteExtraMany"]);
    let named = match volume {
        "" => String::new(),
        "pv" => format!(", volumeName: pv-{namespace}-{name}"),
        _ => format!(", volumeName: gone-{number}"),
    };
    let selector = draw.one(&["", "", "", ", selector: ", ", selector: {matchLabels: {disk: one}}"]);
    let field = if field.is_empty() { String::new() } else { format!(", {field}") };
    let status = if phase.is_empty() { String::new() } else { format!(", status: {{phase: {phase}}}") };
    let _ = writeln!(
        text,
        "---\n{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {name}, namespace: {namespace}, uid: u-{number}, \
         labels: , annotations: {{{}}}}}, spec: {{accessModes: [{modes}], resources: {{requests: {{storage: {size}}}}}\
         {field}{named}{selector}}}{status}}}",
        annotations.join(", ")
    );
    if volume == "pv" || draw.below(4) == 0 {
        let holder = draw.one(&[
            "namespace: NS, name: NAME, uid: UID",
            "namespace: NS, name: NAME, uid: UID",
            "namespace: NS, name: NAME, uid: earlier",
            "namespace: NS, name: NAME",
            "namespace: NS, name: other, uid: of-other",
        ]);
        let holder = holder.replace("NS", namespace).replace("NAME", &name).replace("UID", &format!("u-{number}"));
        let class = draw.one(&["storageClassName: a", "storageClassName: a", "storageClassName: b"]);
        let _ = writeln!(
            text,
            "---\n{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: pv-{namespace}-{name}}}, spec: {{{class}, \
             capacity: {{storage: 8589934592}}, accessModes: [ReadWriteOnce, ReadWriteMany], claimRef: {{{holder}}}, \
             persistentVolumeReclaimPolicy: Delete, hostPath: {{path: /x}}}}, status: {{phase: Bound}}}}"
        );
    }
    if draw.below(2) == 0 {
        let version = draw.one(&["apps/v1", "extensions/v1beta1"]);
        let _ = writeln!(
            text,
            "---\n{{apiVersion: {version}, kind: Deployment, metadata: {{name: w{number}, namespace: {namespace}}}, spec: \
             {{selector: {{matchLabels: {{app: w{number}}}}}, template: {{metadata: {{labels: {{app: w{number}}}}}, spec: \
             {{containers: [{{name: c, image: i, volumeMounts: [{{name: v, mountPath: /v}}]}}], volumes: [{{name: v, \
             persistentVolumeClaim: {{claimName: {name}}}}}]}}}}}}}}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_clusters_are_read_alike() {
    let readers = Readers::new();
    let (mut moved, mut left) = (0, std::collections::BTreeMap::<String, u32>::new());
    for seed in 0..CLUSTERS {
        let text = cluster(seed);
        let (files, cluster) = (readers.by_files(&text), readers.by_cluster(&text).await);
        assert_eq!(files, cluster, "seed {seed}:\n{text}");
        moved += files.iter().filter(|line| line.contains(": true by ")).count();
        for line in files.iter().filter_map(|line| line.split_once("left out: ")) {
            *left.entry(line.1.split(' ').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    // What is drawn has to reach every verdict, or the comparison says little.
    assert!(moved > 100, "{moved}");
    for code in ["unbound", "lost", "held-by-another", "namespace-terminating"] {
        assert!(left.get(code).copied().unwrap_or_default() > 10, "{code}: {left:?}");
    }
}

/// A reader that overlooks one thing is told from the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_differs_is_caught() {
    let readers = Readers::new();
    for (overlooked, instead) in [
        ("volume.beta.kubernetes.io/storage-class: a", ""),
        ("is-default-class: 'true'", "is-default-class: 'no'"),
        ("kurl.sh/pvcmigrate-kind: dest", ""),
        ("uid: earlier", "uid: "),
        ("pv.kubernetes.io/bind-completed: 'yes'", ""),
        ("phase: Lost", "phase: "),
        ("phase: Terminating", "phase: Active"),
    ] {
        let overlooked_text = |text: &str| {
            let text = text.replace(overlooked, instead);
            if overlooked.starts_with("phase: T") {
                text.replace("deletionTimestamp: 2026-01-01T00:00:00Z, ", "")
            } else {
                text
            }
        };
        let mut is_caught = false;
        for seed in 0..CLUSTERS {
            let text = cluster(seed);
            is_caught = text.contains(overlooked)
                && readers.by_files(&overlooked_text(&text)) != readers.by_cluster(&text).await;
            if is_caught {
                break;
            }
        }
        assert!(is_caught, "{overlooked}");
    }
}
