//! Where an application ran while its claims moved: on the old disk up to the fence, on the one that the claim is bound to in
//! the end from then on, and never in between or elsewhere.
//!
//! The application of [`App::witness`](pvmigrate_tests::apps::App::witness) says which disk it finds and when. Beside
//! it the test looks at the claims and at all disks there are, ten times a second: an empty claim that a controller
//! makes, and its disk, may be gone again at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pvmigrate_tests::Walk;
use pvmigrate_tests::apps::App;
use serde_json::Value;

use crate::repeating::Repeating;
use crate::stage::{Stage, assert_same};

/// Returns the seconds since this machine was started, which containers see as well.
pub(crate) fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// A claim at one moment between two.
pub(crate) struct Look {
    asked: f64,
    answered: f64,
    claim: Option<Value>,
}

/// What a disk has held at any time.
#[derive(Default)]
struct Disk {
    identities: BTreeSet<String>,
    /// The longest list of starts that it had.
    starts: String,
}

/// All that was seen.
#[derive(Default)]
pub(crate) struct Seen {
    looks: BTreeMap<String, Vec<Look>>,
    disks: BTreeMap<PathBuf, Disk>,
}

/// A claim before its migration.
pub(crate) struct Before {
    claim: Value,
    directory: PathBuf,
    files: Walk,
}

impl Before {
    /// Notes how a claim is, after giving it a label and an annotation of its own.
    pub(crate) async fn of(stage: &Stage, claim: &str) -> Self {
        let own = serde_json::json!({"metadata": {
            "labels": {"example.com/tier": "gold"}, "annotations": {"example.com/kept": "yes"},
        }});
        let patched = stage.real.patch("PersistentVolumeClaim", &stage.namespace, claim, &own).await.unwrap();
        let directory = stage.directory(claim).await;
        Self { claim: patched, files: walk(&directory).await, directory }
    }

    pub(crate) fn name(&self) -> &str {
        self.claim["metadata"]["name"].as_str().unwrap()
    }

    /// Returns the name of its volume.
    pub(crate) fn volume(&self) -> &str {
        self.claim["spec"]["volumeName"].as_str().unwrap()
    }

    /// Waits until this very claim is gone, for as long as a run waits for pods to go.
    pub(crate) async fn gone(&self, stage: &Stage) {
        let look = || async {
            let found = stage.real.find("PersistentVolumeClaim", &stage.namespace, self.name()).await?;
            let is_same = found.is_some_and(|found| found["metadata"]["uid"] == self.claim["metadata"]["uid"]);
            Ok((!is_same).then_some(()))
        };
        stage.real.until("the original claim to be gone", Duration::from_secs(900), look).await.unwrap();
    }

    /// Makes sure that the claim has what it had, none of ours, and files that are the same byte by byte; and returns
    /// the directory they are in. Lines that the journal has lost are seen in the journal itself, and by comparing it
    /// with the old disk, if that is there.
    pub(crate) async fn assert_kept(&self, stage: &Stage) -> PathBuf {
        let now = stage.get("PersistentVolumeClaim", self.name()).await;
        assert_eq!(now["metadata"]["labels"], self.claim["metadata"]["labels"], "{}", self.name());
        assert_eq!(annotations(&now), annotations(&self.claim), "{}", self.name());
        assert!(now["metadata"]["deletionTimestamp"].is_null(), "{} is Terminating", self.name());
        let directory = stage.directory(self.name()).await;
        assert_same(self.name(), &self.files, &walk(&directory).await);
        let old = if self.directory.is_dir() { &self.directory } else { &directory };
        assert_journal(old, &directory);
        directory
    }

    /// Makes sure that the old disk has all its files still.
    pub(crate) async fn assert_left(&self) {
        assert_same(self.name(), &self.files, &walk(&self.directory).await);
    }
}

/// Makes sure that the journal of the old disk is the beginning of the one at the end, and that each pod's lines follow each
/// other. Two pods of a Deployment may write at once: the next one does not wait until the last has ended.
fn assert_journal(old: &Path, new: &Path) {
    let read = |directory: &Path| fs::read_to_string(directory.join("journal")).unwrap();
    let (old, new) = (read(old), read(new));
    assert!(new.starts_with(&old), "lines of the old disk are lost: {:?} ...", &old[old.len().saturating_sub(99)..]);
    // The application may be writing its last line right now.
    let whole = new.rfind('\n').map_or("", |end| &new[..end]);
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for line in whole.lines() {
        let (number, pod) = line.split_once(" of ").unwrap_or_else(|| panic!("a torn line: {line:?}"));
        let number = number.parse().unwrap();
        let before = last.insert(pod, number);
        assert!(before.is_none_or(|before| before + 1 == number), "{line:?} follows {before:?}");
    }
}

/// Walks the files that the application never changes.
async fn walk(directory: &Path) -> Walk {
    let files = directory.join("d");
    tokio::task::spawn_blocking(move || Walk::of(&files)).await.unwrap().unwrap()
}

/// Returns an object's annotations except those by which Kubernetes' controllers tell each other how a claim was bound:
/// they write them as they need them.
fn annotations(object: &Value) -> BTreeMap<String, Value> {
    let all = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(key, _)| !key.contains("kubernetes.io/")).collect()
}

/// Makes a StatefulSet of two witnesses, or a Deployment of one, whose copy takes some time.
pub(crate) async fn begin(stage: &Stage, kind: &str, class: &str) -> Vec<Before> {
    if kind == "StatefulSet" {
        return begin_with(stage, class, |_| ()).await.0;
    }
    stage.deploy(&App { mib: 4, ..App::witness(&stage.namespace, "app") }, "data", class).await;
    vec![Before::of(stage, "data").await]
}

/// Makes a StatefulSet of two witnesses, changed in some way, and returns its manifest as well.
pub(crate) async fn begin_with(stage: &Stage, class: &str, edit: impl FnOnce(&mut Value)) -> (Vec<Before>, Value) {
    let app = App { mib: 4, replicas: 2, ..App::witness(&stage.namespace, "app") };
    let mut manifest = app.stateful_set(&stage.real, Some(class));
    edit(&mut manifest);
    stage.real.create(&manifest).await.unwrap();
    stage.ready("StatefulSet", "app").await;
    let mut before = Vec::new();
    for claim in ["data-app-0", "data-app-1"] {
        before.push(Before::of(stage, claim).await);
    }
    (before, manifest)
}

/// Looks until it is told to end.
pub(crate) fn watch(stage: &Stage, claims: &[Before]) -> Repeating<Seen> {
    let (real, namespace) = (stage.real.clone(), stage.namespace.clone());
    let names: Vec<String> = claims.iter().map(|claim| claim.name().to_owned()).collect();
    Repeating::every(Duration::from_millis(100), move |turns| async move {
        let mut seen = Seen::default();
        while turns.next().await {
            for name in &names {
                let asked = uptime();
                // The API server may be busy; the next look is soon.
                if let Ok(claim) = real.find("PersistentVolumeClaim", &namespace, name).await {
                    seen.looks.entry(name.clone()).or_default().push(Look { asked, answered: uptime(), claim });
                }
            }
            seen.look_at_disks(&real.directory().join("volumes"), &namespace);
        }
        seen
    })
}

impl Seen {
    fn look_at_disks(&mut self, pools: &Path, namespace: &str) {
        let below =
            |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        for disk in below(pools).flat_map(|pool| below(&pool).collect::<Vec<_>>()) {
            // A disk may go while it is looked at.
            let read = |file: &str| fs::read_to_string(disk.join(file)).unwrap_or_default();
            let identity = read("identity").trim().to_owned();
            if identity.split(' ').next() == Some(namespace) {
                let starts = read("starts");
                let known = self.disks.entry(disk).or_default();
                known.identities.insert(identity);
                if starts.len() > known.starts.len() {
                    known.starts = starts;
                }
            }
        }
    }

    /// Returns from when on, and until when, a claim was seen to be bound to no disk.
    fn closed(&self, before: &Before) -> (f64, f64) {
        let uid = &before.claim["metadata"]["uid"];
        let is_there = |look: &Look, uid: Option<&Value>| {
            look.claim.as_ref().is_some_and(|claim| {
                claim["status"]["phase"] == "Bound" && uid.is_none_or(|uid| claim["metadata"]["uid"] == *uid)
            })
        };
        let looks = &self.looks[before.name()];
        let from = looks.iter().find(|look| !is_there(look, Some(uid)));
        let until = looks.iter().rfind(|look| !is_there(look, None));
        let (from, until) = (from.map(|look| look.answered), until.map(|look| look.asked));
        from.zip(until).unwrap_or_else(|| panic!("{} was bound all the time", before.name()))
    }

    /// Makes sure that the application ran on the claim's old disk before the fence, on the one at the end after it,
    /// and on no other. Returns how often it started.
    pub(crate) fn assert_witness(&self, before: &Before, after: &Path) -> usize {
        let read = |directory: &Path, file: &str| fs::read_to_string(directory.join(file)).unwrap();
        let identity = read(&before.directory, "identity").trim().to_owned();
        let name = before.name();
        let (closed, opened) = self.closed(before);
        let is_copy = |disk: &Disk| disk.identities.contains(&identity);
        let starts = read(after, "starts");
        for (path, disk) in self.disks.iter().filter(|(_, disk)| is_copy(disk)) {
            assert_eq!(disk.identities.len(), 1, "{name}: {} changed its identity", path.display());
            assert!(
                starts.starts_with(&disk.starts),
                "{name}: {} has starts that are lost: {}",
                path.display(),
                disk.starts
            );
        }
        assert!(
            starts.starts_with(&read(&before.directory, "starts")),
            "{name}: the old disk has starts that are lost"
        );
        for line in read(&before.directory, "starts").lines().chain(starts.lines()) {
            let (at, who) = line.split_once(' ').unwrap();
            let at: f64 = at.parse().unwrap();
            assert_eq!(who, identity, "{name}: a start found another disk");
            assert!(
                at <= closed || at >= opened,
                "{name}: started at {at}, bound to no disk from {closed} to {opened}"
            );
            let on_old = read(&before.directory, "starts").contains(line);
            assert!(on_old || at >= opened, "{name}: started at {at} on the new disk, which was bound at {opened}");
        }
        let again = starts.lines().filter(|line| line.split(' ').next().unwrap().parse::<f64>().unwrap() >= opened);
        assert!(again.count() > 0, "{name}: never started after it was bound at {opened}");
        starts.lines().count()
    }

    /// Makes sure that no disk but these applications' was ever started on: no other has an identity.
    pub(crate) fn assert_no_other(&self, claims: &[Before]) {
        let own = |claim: &Before| fs::read_to_string(claim.directory.join("identity")).unwrap().trim().to_owned();
        let own: BTreeSet<String> = claims.iter().map(own).collect();
        for (path, disk) in &self.disks {
            let strange: Vec<&String> = disk.identities.difference(&own).collect();
            assert!(strange.is_empty(), "the application started on an empty disk, {}: {strange:?}", path.display());
        }
    }

    /// Makes sure that for some seconds the claim was there, Pending, and named a volume. Returns how many looks saw it.
    pub(crate) fn assert_held(&self, claim: &Before, volume: &Value, from: f64, seconds: f64) -> usize {
        let within = |look: &&Look| look.asked >= from && look.answered <= from + seconds;
        let looks: Vec<&Look> = self.looks[claim.name()].iter().filter(within).collect();
        for look in &looks {
            let found = look.claim.as_ref().unwrap_or_else(|| panic!("{} is not there during the copy", claim.name()));
            assert_eq!(found["status"]["phase"], "Pending", "{}", claim.name());
            assert_eq!(found["spec"]["volumeName"], *volume, "{}", claim.name());
        }
        assert!(looks.len() > 5, "{} was looked at {} times only", claim.name(), looks.len());
        looks.len()
    }
}
