//! How an object comes to its end: deletion, finalizers, grace periods, and the counting of generations.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Key, Reference, Store};
use crate::{api::failure::Failure, kinds, object};

/// What a DELETE asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteRequest {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// Seconds; `None` means the kind's own default.
    pub(crate) grace: Option<i64>,
    pub(crate) propagation: Propagation,
}

/// What becomes of the objects that name the deleted one as their owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They are deleted afterwards. `Foreground` is treated alike: its order is not kept.
    #[default]
    Background,
    /// They lose the reference and stay.
    Orphan,
}

/// The outcome of a DELETE.
#[derive(Debug, Clone)]
pub(crate) enum Deleted {
    /// The object is gone; this was its last form.
    Gone(Arc<Value>),
    /// It stays until its finalizers are taken off or its containers have stopped.
    Terminating(Arc<Value>),
}

/// Deletes an object, or marks it as terminating when something still holds it.
pub(crate) fn delete(store: &mut Store, key: &Key, request: &DeleteRequest) -> Result<Deleted, Failure> {
    let Some(present) = store.get(key) else {
        return Err(Failure::not_found(key.kind, &key.name));
    };
    check_preconditions(key, &present, request)?;
    if request.propagation == Propagation::Orphan {
        orphan_dependents(store, &present);
    }
    let grace = grace_of(key, &present, request);
    let held = !object::texts(&present, "/metadata/finalizers").is_empty();
    if !held && grace == 0 {
        return store.erase(key).map(Deleted::Gone).ok_or_else(|| Failure::not_found(key.kind, &key.name));
    }
    let mut marked = (*present).clone();
    let earlier = object::number(&present, "/metadata/deletionGracePeriodSeconds");
    if object::is_terminating(&present) && earlier.is_none_or(|earlier| earlier <= grace) {
        return Ok(Deleted::Terminating(present));
    }
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
    object::set(&mut marked, &["metadata", "deletionTimestamp"], json!(object::stamp(end)));
    object::set(&mut marked, &["metadata", "deletionGracePeriodSeconds"], json!(grace));
    if *key.kind == kinds::NAMESPACES {
        object::set(&mut marked, &["status", "phase"], json!("Terminating"));
    }
    if key.kind.generation {
        count_generation(&mut marked);
    }
    Ok(Deleted::Terminating(store.write(key, marked)))
}

fn check_preconditions(key: &Key, present: &Value, request: &DeleteRequest) -> Result<(), Failure> {
    let (uid, version) = (object::uid(present), object::resource_version(present));
    if let Some(asked) = request.uid.as_deref().filter(|asked| *asked != uid) {
        let why = format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). \
             The object might have been deleted and then recreated"
        );
        return Err(Failure::unmet(key.kind, &key.name, &why));
    }
    if let Some(asked) = request.resource_version.as_deref().filter(|asked| *asked != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(Failure::unmet(key.kind, &key.name, &why));
    }
    Ok(())
}

/// Returns the grace period. Only pods have one, and only those that a node still runs.
fn grace_of(key: &Key, present: &Value, request: &DeleteRequest) -> i64 {
    if *key.kind != kinds::PODS || object::text(present, "/spec/nodeName").is_none() || object::is_finished_pod(present)
    {
        return 0;
    }
    let own = object::number(present, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    request.grace.unwrap_or(own).max(0)
}

/// Writes a changed object; the last finalizer's removal from a terminating one ends it.
pub(crate) fn update(store: &mut Store, key: &Key, mut new: Value) -> Arc<Value> {
    let before = store.get(key);
    if let Some(before) = &before
        && key.kind.generation
        && before.get("spec") != new.get("spec")
    {
        object::set(&mut new, &["metadata", "generation"], before["metadata"]["generation"].clone());
        count_generation(&mut new);
    }
    let after = store.write(key, new);
    let waits_for_node =
        *key.kind == kinds::PODS && object::number(&after, "/metadata/deletionGracePeriodSeconds") != Some(0);
    if object::is_terminating(&after) && object::texts(&after, "/metadata/finalizers").is_empty() && !waits_for_node {
        return store.erase(key).unwrap_or(after);
    }
    after
}

/// Changes an object in place; `None` when it does not exist.
pub(crate) fn edit(store: &mut Store, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
    let mut object = (*store.get(key)?).clone();
    change(&mut object);
    Some(update(store, key, object))
}

fn count_generation(object: &mut Value) {
    let next = object::number(object, "/metadata/generation").unwrap_or(0) + 1;
    object::set(object, &["metadata", "generation"], json!(next));
}

/// Takes the references to an owner off everything that names it.
fn orphan_dependents(store: &mut Store, owner: &Value) {
    for key in dependents(store, object::uid(owner)) {
        edit(store, &key, |object| drop_owner(object, object::uid(owner)));
    }
}

/// Removes one owner from an object's references.
pub(crate) fn drop_owner(object: &mut Value, owner_uid: &str) {
    let left: Vec<Value> = object::items(object, "/metadata/ownerReferences")
        .iter()
        .filter(|reference| object::text(reference, "/uid") != Some(owner_uid))
        .cloned()
        .collect();
    if left.is_empty() {
        object::remove(object, &["metadata", "ownerReferences"]);
    } else {
        object::set(object, &["metadata", "ownerReferences"], Value::Array(left));
    }
}

/// Returns the objects that name this uid as an owner.
pub(crate) fn dependents(store: &Store, owner_uid: &str) -> Vec<Key> {
    store.keys_referring(&Reference::Owner(owner_uid.to_owned()))
}
