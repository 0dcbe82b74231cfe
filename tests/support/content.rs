//! A cluster's content that lasts: without what differs from run to run (uids, times, generated names), so that two
//! runs can be compared.

use std::collections::BTreeMap;
use std::fmt;

use pvmigrate_rehearsal::compare;
use serde_json::{Value, json};

use crate::Scene;

/// What a run has left, by `kind namespace/name`.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(pub BTreeMap<String, String>);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, what)| writeln!(f, "{name}: {what}"))
    }
}

impl Content {
    /// Lists what differs between the content of two clusters, a line each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys()).collect::<std::collections::BTreeSet<_>>();
        let differs = names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name));
        let show = |text: Option<&String>| text.map_or("absent".to_owned(), Clone::clone);
        differs.map(|name| format!("{name}:\n   {}\n   {}", show(self.0.get(name)), show(other.0.get(name)))).collect()
    }
}

/// Reads the content of a settled cluster.
pub async fn content(scene: &Scene) -> Content {
    let objects = scene.cluster.objects().await;
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let kind = |wanted: &'static str| objects.iter().filter(move |object| object["kind"] == wanted);
    let strays = Strays::of(scene, &objects);
    let mut seen = BTreeMap::new();
    let mut volumes: BTreeMap<String, String> = BTreeMap::new();
    for claim in kind("PersistentVolumeClaim") {
        let id = id(claim);
        let volume = text(claim, "/spec/volumeName").unwrap_or_default();
        volumes.insert(volume.clone(), format!("of {id}"));
        let mut spec = claim["spec"].clone();
        spec["volumeName"] = json!(!volume.is_empty());
        let lasting = json!({
            "labels": claim["metadata"]["labels"],
            "annotations": lasting(&claim["metadata"]["annotations"]),
            "owners": claim["metadata"]["ownerReferences"].as_array().map(Vec::len),
            "spec": spec,
            "phase": claim["status"]["phase"],
            "files": files(scene, claim, &volume, &strays),
        });
        seen.insert(format!("claim {id}"), lasting.to_string());
    }
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for volume in kind("PersistentVolume") {
        let lasting = json!({
            "class": volume["spec"]["storageClassName"],
            "reclaim": volume["spec"]["persistentVolumeReclaimPolicy"],
            "phase": volume["status"]["phase"],
            "for": volume["spec"]["claimRef"]["name"],
        });
        match volumes.get(&text(volume, "/metadata/name").unwrap_or_default()) {
            Some(of) => drop(seen.insert(format!("volume {of}"), lasting.to_string())),
            None if strays.is_one(volume) => {}
            None => *others.entry(lasting.to_string()).or_default() += 1,
        }
    }
    seen.extend(
        others.into_iter().map(|(volume, count)| (format!("volume without claim {volume}"), count.to_string())),
    );
    for workload in ["Deployment", "StatefulSet", "ReplicaSet"].into_iter().flat_map(kind) {
        // A Deployment's ReplicaSets have generated names, and are its own business.
        if workload["metadata"]["ownerReferences"].is_null() {
            let lasting = json!({
                "annotations": lasting(&workload["metadata"]["annotations"]),
                "replicas": workload["spec"]["replicas"],
                "ready": workload["status"]["readyReplicas"],
                "retention": workload["spec"]["persistentVolumeClaimRetentionPolicy"],
            });
            seen.insert(
                format!("{} {}", workload["kind"].as_str().unwrap_or_default(), id(workload)),
                lasting.to_string(),
            );
        }
    }
    for pod in kind("Pod").filter(|pod| pod["metadata"]["ownerReferences"].is_null()) {
        seen.insert(format!("pod {}", id(pod)), text(pod, "/status/phase").unwrap_or_default());
    }
    for class in kind("StorageClass") {
        seen.insert(format!("class {}", id(class)), lasting(&class["metadata"]["annotations"]).to_string());
    }
    for record in kind("ConfigMap") {
        seen.insert(format!("record {}", id(record)), outcome(record));
    }
    Content(seen)
}

/// What StatefulSets made in place of claims that moved. It depends on the moment whether there is any.
struct Strays {
    is_undone: bool,
    /// The claims in whose place one had a volume that is kept. What was written there is not on the claim's own
    /// volume.
    claims: Vec<String>,
}

impl Strays {
    /// Finds them, and makes sure that every volume that the records name is kept.
    fn of(scene: &Scene, objects: &[Value]) -> Self {
        let volumes = || objects.iter().filter(|object| object["kind"] == "PersistentVolume");
        for object in objects.iter().filter(|object| object["kind"] == "ConfigMap") {
            let record = object["data"]["record"].as_str().unwrap_or_default();
            let record: Value = serde_json::from_str(record).unwrap_or_default();
            let claims = record["claims"].as_object().into_iter().flatten();
            for stray in claims.flat_map(|(_, claim)| claim["strays"].as_array().into_iter().flatten()) {
                let is_it = |volume: &&Value| volume["metadata"]["name"] == stray["volume"] && is_kept(volume);
                assert!(stray["volume"].is_null() || volumes().any(|volume| is_it(&volume)), "{stray} is not kept");
            }
        }
        let mut strays = Self { is_undone: scene.is_undone(), claims: Vec::new() };
        let kept = volumes().filter(|volume| strays.is_one(volume) && is_kept(volume));
        strays.claims =
            kept.filter_map(|volume| volume["spec"]["claimRef"]["name"].as_str()).map(str::to_owned).collect();
        strays
    }

    /// Returns whether a volume without a claim is a stray's: the claims' own volumes are bound, or gone. One that came
    /// when its claim was gone again is removed by the next resync.
    fn is_one(&self, volume: &Value) -> bool {
        self.is_undone && volume["spec"]["storageClassName"] == "old" && volume["status"]["phase"] != "Bound"
    }
}

fn is_kept(volume: &Value) -> bool {
    volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
}

fn id(object: &Value) -> String {
    let name = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", name("namespace"), name("name"))
}

/// Leaves out annotations that binding writes, and empty maps.
fn lasting(annotations: &Value) -> Value {
    let passing =
        ["pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/", "deployment.kubernetes.io/"];
    let kept = annotations.as_object().into_iter().flatten();
    kept.filter(|(key, _)| !passing.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Compares the claim's files with those of the beginning, and its journal with what its writers wrote.
fn files(scene: &Scene, claim: &Value, volume: &str, strays: &Strays) -> String {
    let name = |key: &str| claim["metadata"][key].as_str().unwrap_or_default();
    let pristine = scene.pristine(name("namespace"), name("name"));
    let Some(directory) = scene.cluster.volume_directory(volume) else { return "no directory".to_owned() };
    if let Err(torn) = scene.cluster.check_journal(name("namespace"), name("name"), volume)
        && !strays.claims.iter().any(|claim| claim == name("name"))
    {
        return format!("journal: {torn}");
    }
    if !pristine.exists() {
        return "new".to_owned();
    }
    match compare(&pristine, &directory) {
        Err(error) => format!("cannot compare: {error}"),
        Ok(found) => {
            // The workload writes its journal into the volume, so that and its directory's time may differ.
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let lasting = found.iter().filter(|line| !line.contains("journal.log") && !line.starts_with(".:"));
            let lines: Vec<&str> = lasting.map(String::as_str).take(5).collect();
            if lines.is_empty() { "as at first".to_owned() } else { lines.join("; ") }
        }
    }
}

fn outcome(record: &Value) -> String {
    let text = record["data"]["record"].as_str().unwrap_or_default();
    let record: Value = serde_json::from_str(text).unwrap_or_default();
    match &record["ended"]["how"] {
        Value::Null => "under way".to_owned(),
        Value::String(how) => how.clone(),
        how => how.as_object().and_then(|how| how.keys().next()).cloned().unwrap_or_default(),
    }
}
