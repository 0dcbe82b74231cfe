//! The claims of a StatefulSet's pods: made where they are missing, and owned as the retention policy says.

use serde_json::{Value, json};

use super::super::create;
use crate::{
    kinds,
    object::{self, text},
    store::{Key, Store, lifecycle},
};

/// Makes the missing claims of a pod; false when one was refused.
///
/// # Errors
///
/// Names a claim that is being deleted, and so is in the way of the one to be made.
pub(super) fn make(store: &mut Store, set: &Value, at: i64) -> Result<bool, String> {
    let mut usable = true;
    let mut in_the_way = None;
    for template in object::items(set, "/spec/volumeClaimTemplates") {
        let key = key(set, template, at);
        match store.get(&key) {
            Some(claim) if object::is_terminating(&claim) => in_the_way = Some(key.name),
            Some(_) => {}
            None => usable &= create(store, &kinds::CLAIMS, new(set, template, &key.name), set).is_ok(),
        }
    }
    in_the_way.map_or(Ok(usable), Err)
}

/// Returns the name of the claim that a template makes for a pod.
pub(super) fn name(set: &Value, template: &Value, at: i64) -> String {
    format!("{}-{}-{at}", object::name(template), object::name(set))
}

fn key(set: &Value, template: &Value, at: i64) -> Key {
    Key::new(&kinds::CLAIMS, object::namespace(set), &name(set, template, at))
}

fn new(set: &Value, template: &Value, name: &str) -> Value {
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": template["metadata"],
        "spec": template["spec"],
    });
    for (label, value) in object::pairs(set, "/spec/selector/matchLabels") {
        object::set(&mut claim, &["metadata", "labels", &label], json!(value));
    }
    object::set(&mut claim, &["metadata", "name"], json!(name));
    object::set(&mut claim, &["metadata", "namespace"], json!(object::namespace(set)));
    claim
}

/// Gives the claims of a pod the owners that the retention policy asks for.
///
/// The set owns them where `whenDeleted` is `Delete`, the pod where `whenScaled` is and the pod is surplus: the garbage
/// collector then deletes them after their owner.
pub(super) fn own(store: &mut Store, set: &Value, pod: &Value, at: i64, scaled_down: bool) {
    for template in object::items(set, "/spec/volumeClaimTemplates") {
        let key = key(set, template, at);
        let Some(claim) = store.get(&key) else { continue };
        let Some(owners) = wanted_owners(&claim, set, pod, scaled_down) else { continue };
        lifecycle::edit(store, &key, |claim| {
            if owners.is_empty() {
                object::remove(claim, &["metadata", "ownerReferences"]);
            } else {
                object::set(claim, &["metadata", "ownerReferences"], Value::Array(owners));
            }
        });
    }
}

/// Tells whether a claim still belongs to an earlier pod of this name, with which it is to go.
pub(super) fn are_stale(store: &Store, set: &Value, pod: &Value, at: i64) -> bool {
    let stale = |claim: &Value| object::items(claim, "/metadata/ownerReferences").iter().any(|one| is_stale(one, pod));
    let mut templates = object::items(set, "/spec/volumeClaimTemplates").iter();
    deletes(set, "whenScaled")
        && templates.any(|template| store.get(&key(set, template, at)).is_some_and(|claim| stale(&claim)))
}

fn deletes(set: &Value, when: &str) -> bool {
    text(set, &format!("/spec/persistentVolumeClaimRetentionPolicy/{when}")) == Some("Delete")
}

/// Tells whether a reference means an object by kind and name, of whatever uid.
fn names(reference: &Value, object: &Value) -> bool {
    ["apiVersion", "kind"].iter().all(|field| reference[field] == object[field])
        && reference["name"] == object["metadata"]["name"]
}

fn is_stale(reference: &Value, object: &Value) -> bool {
    names(reference, object) && text(reference, "/uid") != text(object, "/metadata/uid")
}

/// Returns the owners that a claim is to have; `None` when they stay as they are.
///
/// A claim that names an earlier set or pod of the same name is left to the garbage collector, and one that somebody else
/// controls is left to that one.
fn wanted_owners(claim: &Value, set: &Value, pod: &Value, scaled_down: bool) -> Option<Vec<Value>> {
    let present = object::items(claim, "/metadata/ownerReferences");
    if present.iter().any(|one| is_stale(one, set) || is_stale(one, pod)) {
        return None;
    }
    let ours = |one: &Value| names(one, set) || names(one, pod);
    let keeps_all = !deletes(set, "whenScaled") && !deletes(set, "whenDeleted");
    let foreign = !keeps_all && present.iter().any(|one| !ours(one) && object::flag(one, "/controller"));
    let by_pod = !foreign && deletes(set, "whenScaled") && scaled_down;
    let by_set = !foreign && deletes(set, "whenDeleted") && !by_pod;
    let owns = |owner: &Value| present.iter().find(|one| names(one, owner));
    let fits =
        |owner: &Value, wanted: bool| owns(owner).map(|one| object::flag(one, "/controller")) == wanted.then_some(true);
    if fits(set, by_set) && fits(pod, by_pod) {
        return None;
    }
    let mut owners: Vec<Value> = present.iter().filter(|one| !ours(one)).cloned().collect();
    owners.extend(by_set.then(|| object::controller_reference(set)));
    owners.extend(by_pod.then(|| object::controller_reference(pod)));
    Some(owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(when_deleted: &str, when_scaled: &str) -> Value {
        let policy = json!({"whenDeleted": when_deleted, "whenScaled": when_scaled});
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "uid": "s2"},
            "spec": {"persistentVolumeClaimRetentionPolicy": policy}})
    }

    fn owners(present: &Value, set: &Value, scaled_down: bool) -> Option<Vec<String>> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "uid": "p2"}});
        let claim = json!({"metadata": {"ownerReferences": present}});
        let wanted = wanted_owners(&claim, set, &pod, scaled_down)?;
        Some(wanted.iter().filter_map(|one| text(one, "/uid").map(str::to_owned)).collect())
    }

    fn reference(kind: &str, name: &str, uid: &str) -> Value {
        let version = if kind == "Pod" { "v1" } else { "apps/v1" };
        json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true})
    }

    #[test]
    fn a_claim_is_owned_as_the_policy_says() {
        let by_set = json!([reference("StatefulSet", "db", "s2")]);
        let found = |present: &Value, deleted, scaled, down| owners(present, &set(deleted, scaled), down);
        assert_eq!(found(&json!([]), "Retain", "Retain", false), None);
        assert_eq!(found(&json!([]), "Delete", "Retain", false), Some(vec!["s2".to_owned()]));
        assert_eq!(found(&by_set, "Delete", "Retain", true), None);
        assert_eq!(found(&by_set, "Retain", "Retain", false), Some(vec![]));
        assert_eq!(found(&by_set, "Delete", "Delete", true), Some(vec!["p2".to_owned()]));
        assert_eq!(found(&json!([]), "Retain", "Delete", false), None);
    }

    #[test]
    fn an_earlier_set_and_a_foreign_controller_are_left_alone() {
        let earlier = json!([reference("StatefulSet", "db", "s1")]);
        assert_eq!(owners(&earlier, &set("Delete", "Retain"), false), None);
        assert_eq!(owners(&earlier, &set("Retain", "Retain"), false), None);
        let foreign = json!([reference("Database", "main", "d1")]);
        assert_eq!(owners(&foreign, &set("Delete", "Delete"), true), None);
        let both = json!([reference("Database", "main", "d1"), reference("StatefulSet", "db", "s2")]);
        assert_eq!(owners(&both, &set("Delete", "Retain"), false), Some(vec!["d1".to_owned()]));
    }
}
