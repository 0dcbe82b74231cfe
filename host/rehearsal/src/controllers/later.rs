//! Looks that are not due yet.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::{cluster::Busy, store::Key};

/// Objects to look at when their time has come, each at most once.
#[derive(Debug, Default)]
pub(super) struct Later {
    order: BTreeSet<(Instant, Key)>,
    waiting: BTreeMap<Key, (Instant, Option<Busy>)>,
}

impl Later {
    /// Names an object for a look. One that is named already keeps the earlier time, as in a work queue of client-go.
    ///
    /// `busy` keeps the cluster from being settled until then.
    pub(super) fn push(&mut self, key: Key, at: Instant, busy: Option<Busy>) {
        let (at, busy) = match self.waiting.remove(&key) {
            Some((earlier, held)) => {
                self.order.remove(&(earlier, key.clone()));
                (at.min(earlier), held.or(busy))
            }
            None => (at, busy),
        };
        self.order.insert((at, key.clone()));
        self.waiting.insert(key, (at, busy));
    }

    /// Keeps the cluster from being settled until an object's look; false when none is named.
    pub(super) fn hold(&mut self, key: &Key, busy: impl FnOnce() -> Busy) -> bool {
        let Some((_, held)) = self.waiting.get_mut(key) else { return false };
        held.get_or_insert_with(busy);
        true
    }

    /// Returns when the next look is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes an object whose time has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Key> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.waiting.remove(&key);
        Some(key)
    }
}
