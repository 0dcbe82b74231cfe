//! StatefulSets: numbered pods, each with its own claims.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{create, pods};
use crate::{
    kinds,
    object::{self, number, text},
    store::{Key, Store, lifecycle},
};

/// Makes the next missing pod, or deletes the highest one too many, and counts.
pub(super) fn reconcile(store: &mut Store, key: &Key, set: &Value) {
    let wanted = number(set, "/spec/replicas").unwrap_or(1);
    let first = number(set, "/spec/ordinals/start").unwrap_or(0);
    let parallel = text(set, "/spec/podManagementPolicy") == Some("Parallel");
    let mut present: Vec<(i64, Key, Arc<Value>)> = pods::controlled(store, set)
        .into_iter()
        .filter_map(|(pod_key, pod)| Some((ordinal(&key.name, &pod_key.name)?, pod_key, pod)))
        .collect();
    present.sort_by_key(|(ordinal, ..)| *ordinal);
    if !object::is_terminating(set) {
        let condemned: Vec<_> = present.iter().filter(|(at, ..)| *at < first || *at >= first + wanted).collect();
        update_claim_owners(store, set, first, wanted, &condemned);
        make_missing(store, set, first..first + wanted, &present, parallel);
        delete_condemned(store, &condemned, parallel);
    }
    write_counts(store, key, set);
}

fn ordinal(set: &str, pod: &str) -> Option<i64> {
    pod.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

fn make_missing(
    store: &mut Store,
    set: &Value,
    ordinals: std::ops::Range<i64>,
    present: &[(i64, Key, Arc<Value>)],
    parallel: bool,
) {
    for at in ordinals {
        let found = present.iter().find(|(ordinal, ..)| *ordinal == at);
        let ready = match found {
            Some((_, key, pod)) if object::is_finished_pod(pod) && !object::is_terminating(pod) => {
                pods::delete(store, key, pod);
                false
            }
            Some((_, _, pod)) => {
                if text(pod, "/status/phase") == Some("Pending") {
                    make_claims(store, set, at);
                }
                pods::is_ready(pod)
            }
            None => {
                if make_claims(store, set, at) {
                    create(store, &kinds::PODS, new_pod(set, at), set);
                }
                false
            }
        };
        if !ready && !parallel {
            return;
        }
    }
}

/// Makes an ordinal's missing claims; false while one of them is being deleted.
fn make_claims(store: &mut Store, set: &Value, at: i64) -> bool {
    let mut usable = true;
    for template in object::items(set, "/spec/volumeClaimTemplates") {
        let name = claim_name(set, template, at);
        let key = Key::new(&kinds::CLAIMS, object::namespace(set), &name);
        match store.get(&key) {
            Some(claim) if object::is_terminating(&claim) => {
                let message = format!("pvc {name} is being deleted");
                store.record_event(set, "Warning", "FailedCreate", &message, "statefulset-controller");
                usable = false;
            }
            Some(_) => {}
            None => usable &= create(store, &kinds::CLAIMS, new_claim(set, template, &name), set).is_some(),
        }
    }
    usable
}

fn claim_name(set: &Value, template: &Value, at: i64) -> String {
    format!("{}-{}-{at}", object::name(template), object::name(set))
}

fn new_claim(set: &Value, template: &Value, name: &str) -> Value {
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": template["metadata"],
        "spec": template["spec"],
    });
    for (label, value) in object::pairs(set, "/spec/selector/matchLabels") {
        object::set(&mut claim, &["metadata", "labels", &label], json!(value));
    }
    object::set(&mut claim, &["metadata", "name"], json!(name));
    object::set(&mut claim, &["metadata", "namespace"], json!(object::namespace(set)));
    if policy(set, "whenDeleted") == "Delete" {
        let owner = json!([{
            "apiVersion": set["apiVersion"], "kind": set["kind"], "name": object::name(set),
            "uid": object::uid(set), "blockOwnerDeletion": true, "controller": true,
        }]);
        object::set(&mut claim, &["metadata", "ownerReferences"], owner);
    }
    claim
}

fn policy<'a>(set: &'a Value, when: &str) -> &'a str {
    text(set, &format!("/spec/persistentVolumeClaimRetentionPolicy/{when}")).unwrap_or("Retain")
}

fn new_pod(set: &Value, at: i64) -> Value {
    let mut pod = pods::from_template(set);
    let name = format!("{}-{at}", object::name(set));
    object::set(&mut pod, &["metadata", "labels", "statefulset.kubernetes.io/pod-name"], json!(name));
    object::set(&mut pod, &["metadata", "labels", "apps.kubernetes.io/pod-index"], json!(at.to_string()));
    object::set(&mut pod, &["spec", "hostname"], json!(name));
    object::set(&mut pod, &["spec", "subdomain"], set["spec"]["serviceName"].clone());
    let templates = object::items(set, "/spec/volumeClaimTemplates");
    let mut volumes: Vec<Value> = templates
        .iter()
        .map(|template| {
            let claim = claim_name(set, template, at);
            json!({"name": object::name(template), "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    // A template takes the place of the pod's own volume of that name.
    let own = object::items(&pod, "/spec/volumes").iter();
    volumes.extend(own.filter(|one| !templates.iter().any(|t| one["name"] == t["metadata"]["name"])).cloned());
    object::set(&mut pod, &["spec", "volumes"], Value::Array(volumes));
    object::set(&mut pod, &["metadata", "name"], json!(name));
    pod
}

/// Makes a condemned pod the owner of its claims where `whenScaled` says so: the garbage collector then deletes them
/// after the pod. A pod that is wanted again loses that ownership.
fn update_claim_owners(store: &mut Store, set: &Value, first: i64, wanted: i64, condemned: &[&(i64, Key, Arc<Value>)]) {
    for template in object::items(set, "/spec/volumeClaimTemplates") {
        for at in first..first + wanted {
            let key = Key::new(&kinds::CLAIMS, object::namespace(set), &claim_name(set, template, at));
            lifecycle::edit(store, &key, drop_pod_owner);
        }
        for (at, _, pod) in condemned {
            let key = Key::new(&kinds::CLAIMS, object::namespace(set), &claim_name(set, template, *at));
            lifecycle::edit(store, &key, |claim| {
                drop_pod_owner(claim);
                if policy(set, "whenScaled") == "Delete" && *at >= first + wanted {
                    let mut owners = object::items(claim, "/metadata/ownerReferences").to_vec();
                    owners.push(json!({
                        "apiVersion": "v1", "kind": "Pod", "name": object::name(pod), "uid": object::uid(pod),
                        "blockOwnerDeletion": true, "controller": true,
                    }));
                    object::set(claim, &["metadata", "ownerReferences"], Value::Array(owners));
                }
            });
        }
    }
}

fn drop_pod_owner(claim: &mut Value) {
    let pods: Vec<String> = object::items(claim, "/metadata/ownerReferences")
        .iter()
        .filter(|owner| text(owner, "/kind") == Some("Pod"))
        .filter_map(|owner| text(owner, "/uid").map(str::to_owned))
        .collect();
    for uid in pods {
        lifecycle::drop_owner(claim, &uid);
    }
}

/// Deletes the pods too many: the highest first, each after the one above it is gone.
fn delete_condemned(store: &mut Store, condemned: &[&(i64, Key, Arc<Value>)], parallel: bool) {
    for (_, key, pod) in condemned.iter().rev() {
        if !object::is_terminating(pod) {
            pods::delete(store, key, pod);
        }
        if !parallel {
            return;
        }
    }
}

fn write_counts(store: &mut Store, key: &Key, set: &Value) {
    let all = pods::controlled(store, set);
    let ready = all.iter().filter(|(_, pod)| pods::is_ready(pod)).count();
    lifecycle::edit(store, key, |set| {
        let generation = set["metadata"]["generation"].clone();
        let status = &mut set["status"];
        for (field, count) in [
            ("replicas", all.len()),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
            ("currentReplicas", all.len()),
            ("updatedReplicas", all.len()),
        ] {
            object::set(status, &[field], json!(count));
        }
        object::set(status, &["observedGeneration"], generation);
    });
}
