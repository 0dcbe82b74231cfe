//! The garbage collector: an object that has no owner left goes too.

use serde_json::Value;

use crate::{
    kinds,
    object::{self, text},
    store::{
        Change, Key, Store,
        lifecycle::{self, DeleteRequest},
    },
};

/// Looks at what a change leaves without an owner: the dependents of an object that is gone, and an object that was
/// given owners.
pub(super) fn collect(store: &mut Store, change: &Change) {
    if change.deleted {
        for key in lifecycle::dependents(store, object::uid(&change.after)) {
            look(store, &key);
        }
        return;
    }
    let owners = |form: &Value| form.pointer("/metadata/ownerReferences").cloned();
    if change.before.as_deref().and_then(owners) != owners(&change.after) {
        look(store, &change.key);
    }
}

/// Deletes an object none of whose owners exists. Beside a living owner the absent ones are only taken off.
fn look(store: &mut Store, key: &Key) {
    let Some(object) = store.get(key) else { return };
    let owners = object::items(&object, "/metadata/ownerReferences");
    if owners.is_empty() || object::is_terminating(&object) {
        return;
    }
    let mut absent: Vec<&str> = Vec::new();
    for owner in owners {
        match is_absent(store, key, owner) {
            Some(true) => absent.extend(text(owner, "/uid")),
            Some(false) => {}
            // Kubernetes, too, leaves an object alone when it does not know the kind of one of its owners.
            None => return,
        }
    }
    if absent.len() == owners.len() {
        let request = DeleteRequest { uid: Some(object::uid(&object).to_owned()), ..DeleteRequest::default() };
        if let Err(failure) = lifecycle::delete(store, key, &request) {
            tracing::debug!("the garbage collector came too late: {}", failure.message);
        }
        return;
    }
    for uid in absent {
        lifecycle::edit(store, key, |object| lifecycle::drop_owner(object, uid));
    }
}

/// Tells whether the object that a reference means does not exist: by kind, name and the dependent's namespace, and
/// then by uid. `None` when that cannot be known.
fn is_absent(store: &Store, dependent: &Key, owner: &Value) -> Option<bool> {
    let kind = kinds::by_object(text(owner, "/apiVersion")?, text(owner, "/kind")?)?;
    if kind.namespaced && dependent.namespace.is_empty() {
        return None;
    }
    let namespace = if kind.namespaced { dependent.namespace.as_str() } else { "" };
    let uid = text(owner, "/uid")?;
    let found = store.find(kind, namespace, text(owner, "/name")?);
    Some(found.is_none_or(|found| object::uid(&found) != uid))
}
