//! What the binder knows of the volumes.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    kinds, object,
    store::{Index, Key, Reference, Store, lifecycle},
};

/// The volumes as the binder last processed or wrote them. The store may be ahead.
#[derive(Debug, Default)]
pub(super) struct Cache {
    volumes: BTreeMap<Key, Arc<Value>>,
    index: Index,
}

impl Cache {
    /// Takes in all volumes there are.
    pub(super) fn fill(&mut self, store: &Store) {
        for (key, volume) in store.list(&kinds::VOLUMES, "") {
            self.put(key, volume);
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.volumes.get(key).cloned()
    }

    pub(super) fn put(&mut self, key: &Key, volume: &Arc<Value>) {
        self.remove(key);
        self.index.add(key, volume);
        self.volumes.insert(key.clone(), Arc::clone(volume));
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let known = self.volumes.remove(key)?;
        self.index.remove(key, &known);
        Some(known)
    }

    /// Goes through the volumes whose claimRef means this.
    pub(super) fn referring<'a>(&'a self, to: &Reference) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        self.index.referring(to).filter_map(|key| self.volumes.get_key_value(key))
    }

    /// Changes a volume by the form that is known of it and returns the new one.
    ///
    /// `None` when it was written meanwhile: nothing is done then, as after a conflict. What is already as wanted is not
    /// written, and so meets no conflict either.
    pub(super) fn edit(&mut self, store: &mut Store, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Arc<Value>> {
        let known = self.get(key)?;
        let mut wanted = (*known).clone();
        change(&mut wanted);
        if wanted == *known {
            return Some(known);
        }
        let present = store.get(key)?;
        if object::resource_version(&present) != object::resource_version(&known) {
            tracing::debug!(volume = key.name, "the binder's write met a newer version");
            return None;
        }
        let written = lifecycle::update(store, key, wanted);
        self.put(key, &written);
        Some(written)
    }
}
