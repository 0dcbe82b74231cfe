//! What a rehearsal started with, kept apart, and the comparison with its result.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pvmigrate_core::survey::ClaimId;
use pvmigrate_rehearsal::{Cluster, compare};
use serde_json::{Value, json};

use crate::report::{ClaimReport, Comparison, Report, Verified};

/// Maximum number of differences shown of one volume; more would only repeat the first.
const SHOWN: usize = 10;

/// Annotations with these prefixes belong to the volume binder and the provisioner: they change with the volume.
const OF_THE_BINDER: [&str; 3] = ["pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/"];

/// Objects and files as they were before the run.
pub(super) struct Before {
    /// What must be the same afterwards, by claim.
    claims: BTreeMap<ClaimId, Value>,
    /// What must be the same afterwards, by `kind namespace/name`.
    workloads: BTreeMap<String, Value>,
    /// A copy of each volume's files.
    files: BTreeMap<ClaimId, PathBuf>,
}

impl Before {
    /// Keeps what must be the same afterwards, with a copy of all files below `directory`.
    pub(super) fn take(cluster: &Cluster, directory: &Path) -> io::Result<Self> {
        let objects = cluster.objects();
        let claims = claims(&objects);
        let mut files = BTreeMap::new();
        for (number, id) in claims.keys().enumerate() {
            if let Some(from) = cluster.claim_directory(&id.namespace, &id.name) {
                let to = directory.join(number.to_string());
                keep(&from, &to)?;
                files.insert(id.clone(), to);
            }
        }
        Ok(Self { claims, workloads: workloads(&objects), files })
    }

    /// Compares all objects, and in `report` the files of every migrated claim.
    pub(super) fn check(&self, cluster: &Cluster, report: &mut Report) -> Comparison {
        for group in report.groups.iter_mut().filter(|group| group.is_migrated()) {
            for claim in &mut group.claims {
                self.check_files(cluster, claim);
            }
        }
        let objects = cluster.objects();
        let mut changes = changed("claim", &self.claims, &claims(&objects));
        changes.extend(changed("", &self.workloads, &workloads(&objects)));
        Comparison { claims: self.claims.len(), workloads: self.workloads.len(), changes }
    }

    fn check_files(&self, cluster: &Cluster, claim: &mut ClaimReport) {
        let id = ClaimId { namespace: claim.namespace.clone(), name: claim.name.clone() };
        let now = cluster.claim_directory(&id.namespace, &id.name);
        let (Some(before), Some(now)) = (self.files.get(&id), now) else { return };
        claim.verified = match compare(before, &now) {
            Ok(differences) if differences.is_empty() => Verified::ByteByByte,
            Ok(differences) => Verified::Differs(differences.iter().take(SHOWN).map(ToString::to_string).collect()),
            Err(error) => Verified::Differs(vec![format!("cannot be compared: {error}")]),
        };
    }
}

/// Copies with cp, not with rsync: the tool that makes the copies is not the one to judge them by.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let done = Command::new("cp").arg("-a").arg("--").arg(from.join(".")).arg(to).stdin(Stdio::null()).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("cp -a failed: {}", String::from_utf8_lossy(&done.stderr).trim())))
}

fn claims(objects: &[Value]) -> BTreeMap<ClaimId, Value> {
    let claims = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim");
    claims
        .map(|claim| {
            let metadata = &claim["metadata"];
            let id = ClaimId { namespace: text(&metadata["namespace"]), name: text(&metadata["name"]) };
            let kept = json!({
                "labels": metadata["labels"],
                "annotations": lasting(&metadata["annotations"]),
                "owners": metadata["ownerReferences"],
                "size": claim["spec"]["resources"],
                "phase": claim["status"]["phase"],
            });
            (id, kept)
        })
        .collect()
}

fn workloads(objects: &[Value]) -> BTreeMap<String, Value> {
    let is_workload = |object: &&Value| {
        let is_scaled = ["Deployment", "StatefulSet", "ReplicaSet"].iter().any(|kind| object["kind"] == **kind);
        // A Deployment's ReplicaSets are its own business.
        is_scaled && object["metadata"]["ownerReferences"].is_null()
    };
    objects
        .iter()
        .filter(is_workload)
        .map(|object| {
            let metadata = &object["metadata"];
            let name =
                format!("{} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]));
            let kept = json!({
                "replicas": object["spec"]["replicas"],
                "ready replicas": object["status"]["readyReplicas"],
                "retention": object["spec"]["persistentVolumeClaimRetentionPolicy"],
                "annotations": lasting(&metadata["annotations"]),
            });
            (name, kept)
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Leaves out the binder's annotations; absent annotations and an empty map are the same.
fn lasting(annotations: &Value) -> Value {
    let all = annotations.as_object().into_iter().flatten();
    let kept = all.filter(|(key, _)| !OF_THE_BINDER.iter().any(|prefix| key.starts_with(prefix)));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn changed<K: Ord + ToString>(kind: &str, before: &BTreeMap<K, Value>, after: &BTreeMap<K, Value>) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, kept) in before {
        let name_text = format!("{kind} {}", name.to_string());
        let Some(now) = after.get(name) else {
            changes.push(format!("{}: gone", name_text.trim()));
            continue;
        };
        for (what, was) in kept.as_object().into_iter().flatten() {
            if now[what] != *was {
                changes.push(format!("{}: {what} was {was}, is {}", name_text.trim(), now[what]));
            }
        }
    }
    let new = after.keys().filter(|name| !before.contains_key(name));
    changes.extend(new.map(|name| format!("{}: new", format!("{kind} {}", name.to_string()).trim())));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_new_or_different_is_named() {
        let was = BTreeMap::from([("a".to_owned(), json!({"size": 1})), ("b".to_owned(), json!({"size": 1}))]);
        let is = BTreeMap::from([("a".to_owned(), json!({"size": 2})), ("c".to_owned(), json!({"size": 1}))]);
        assert_eq!(changed("claim", &was, &is), ["claim a: size was 1, is 2", "claim b: gone", "claim c: new"]);
        assert_eq!(changed("claim", &was, &was), Vec::<String>::new());
    }

    #[test]
    fn the_binders_annotations_do_not_count() {
        let annotations = json!({"pv.kubernetes.io/bind-completed": "yes", "example.com/owner": "a"});
        assert_eq!(lasting(&annotations), json!({"example.com/owner": "a"}));
        assert_eq!(lasting(&Value::Null), json!({}));
    }
}
