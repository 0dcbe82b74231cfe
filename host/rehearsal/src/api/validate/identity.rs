//! Whether a write is meant for the object that is there.

use serde_json::Value;

use super::super::{
    failure::{Cause, Failure},
    route::Verb,
};
use crate::{object, store::Key};

/// Checks a write against the uid and resourceVersion in its body, when it carries them.
///
/// Another uid is a conflict only for a replacement; a patch with one tries to change a field that cannot change.
pub(crate) fn identity(key: &Key, present: &Value, new: &Value, verb: Verb) -> Result<(), Failure> {
    let (asked, found) = (object::uid(new), object::uid(present));
    let other_uid = !asked.is_empty() && asked != found;
    if other_uid && verb != Verb::Patch {
        return Err(Failure::other_uid(key.kind, &key.namespace, &key.name, asked, found));
    }
    let version = object::resource_version(new);
    if !version.is_empty() && version != object::resource_version(present) {
        return Err(Failure::modified(key.kind, &key.name));
    }
    if other_uid {
        let cause = Cause::invalid("metadata.uid", asked, "field is immutable");
        return Err(Failure::invalid(key.kind, &key.name, &[cause]));
    }
    Ok(())
}
