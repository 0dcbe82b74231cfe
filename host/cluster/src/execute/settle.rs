//! What an answer means for the caches, and for the step that asked.

use std::fmt::Debug;

use kube::Resource;
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CATCH_UP;
use crate::cache::Cache;
use crate::error::Error;
use crate::resources::{Changed, Created, Deleted, Only, Resources};
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::Reads;

/// Shows the answer to a change in the cache; after a refusal, waits for the cache to move on from `version`.
pub(super) async fn settle<K, T: Reads<K>>(cache: &Cache<T>, key: &Key, version: &Version, answer: Changed<K>) -> Done {
    match answer {
        Changed::To(object) => {
            if let Some(seen) = T::read(&object) {
                cache.saw(seen);
            }
            Done::Applied
        }
        Changed::Conflict | Changed::Missing => {
            cache.until(key, CATCH_UP, |seen| seen.is_none_or(|seen| seen.version() != version)).await;
            Done::Stale
        }
    }
}

/// Shows the answer to a delete in the cache; after a refusal, waits for the cache to move on from what was meant.
pub(super) async fn settle_deletion<K, T: Reads<K>>(
    cache: &Cache<T>,
    key: &Key,
    only: &Only,
    answer: Deleted<K>,
) -> Done {
    let is_meant = |seen: &T| {
        only.uid.as_ref().is_none_or(|uid| seen.uid() == uid)
            && only.version.as_ref().is_none_or(|version| seen.version() == version)
    };
    match answer {
        Deleted::Ending(object) => {
            if let Some(seen) = T::read(&object) {
                cache.saw(seen);
            }
            Done::Applied
        }
        Deleted::Gone | Deleted::Missing => {
            if let Some(uid) = &only.uid {
                cache.saw_gone(key, uid);
            }
            Done::Applied
        }
        Deleted::Conflict => {
            cache.until(key, CATCH_UP, |seen| seen.is_none_or(|seen| !is_meant(seen))).await;
            Done::Stale
        }
    }
}

/// Creates an object if its name is free; otherwise the next look shows whose object has it.
pub(super) async fn create<K, T>(
    resources: &Resources<K>,
    cache: &Cache<T>,
    key: &Key,
    object: &K,
) -> Result<Done, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
    T: Reads<K>,
{
    match resources.create(object).await? {
        Created::Made(made) => {
            if let Some(seen) = T::read(&made) {
                cache.saw(seen);
            }
        }
        Created::Exists => {
            cache.until(key, CATCH_UP, |seen| seen.is_some()).await;
        }
    }
    Ok(Done::Applied)
}
