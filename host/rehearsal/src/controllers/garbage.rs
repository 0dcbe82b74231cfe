//! The garbage collector: what was owned by an object that is gone goes too.

use crate::{
    object,
    store::{
        Store,
        lifecycle::{self, DeleteRequest},
    },
};

/// Deletes the dependents of an object that is gone; those with another living owner only lose the reference.
pub(super) fn collect(store: &mut Store, owner_uid: &str) {
    if owner_uid.is_empty() {
        return;
    }
    for key in lifecycle::dependents(store, owner_uid) {
        let Some(dependent) = store.get(&key) else { continue };
        let owners = object::items(&dependent, "/metadata/ownerReferences");
        let others: Vec<&str> =
            owners.iter().filter_map(|owner| object::text(owner, "/uid")).filter(|uid| *uid != owner_uid).collect();
        let has_living = store.all().any(|(_, object)| others.contains(&object::uid(object)));
        if has_living {
            lifecycle::edit(store, &key, |object| lifecycle::drop_owner(object, owner_uid));
            continue;
        }
        if object::is_terminating(&dependent) {
            continue;
        }
        if let Err(failure) = lifecycle::delete(store, &key, &DeleteRequest::default()) {
            tracing::debug!("the garbage collector came too late: {}", failure.message);
        }
    }
}
