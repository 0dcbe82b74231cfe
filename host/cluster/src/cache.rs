//! What a watch has shown of one kind, together with what our own requests have shown since.
//!
//! A watch lags behind the answers to our writes. Acting on what it showed before would repeat the write and meet a
//! conflict. So an answer is laid over the watched objects until the watch has caught up with it. It is a better fit
//! than kube's reflector store, which cannot take an answer and has no order by namespace.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use pvmigrate_core::record::{Uid, Version};

use crate::wake::Hub;
use pvmigrate_objects::from_resource::{Kept, Key};

/// How long an answer is trusted that no watch has confirmed: the watch may have passed over it while listing again.
/// What the watch shows is then at worst old, and every write is conditional.
const TRUST: Duration = Duration::from_secs(30);

/// Controllers answer most of our writes with one of their own, to `status`, within milliseconds. A versioned write
/// that comes in between meets a conflict; the extra request costs more than this pause.
const QUIET: Duration = Duration::from_millis(25);

/// The number of vain pauses after which a conflict is risked: an object that never rests is not waited for.
const MOST_PAUSES: u32 = 4;

/// How many deleted objects are remembered, so that a late answer does not bring one back.
const REMEMBERED: usize = 1024;

/// All objects of one kind.
pub(crate) struct Cache<T> {
    inner: RwLock<Inner<T>>,
    hub: Arc<Hub>,
}

struct Inner<T> {
    watched: BTreeMap<Key, Arc<T>>,
    /// Objects of a list that is under way.
    filling: BTreeMap<Key, Arc<T>>,
    answers: HashMap<Key, Answer<T>>,
    /// When each object was last seen to change; only those of a moment ago are kept.
    moved: HashMap<Key, Instant>,
    /// Pauses for an object that ended with another version.
    in_vain: HashMap<Key, u32>,
    /// When the list under way was asked for.
    list_began: Option<Instant>,
    deleted: HashSet<Uid>,
    deleted_order: VecDeque<Uid>,
}

/// What a request of ours has shown.
struct Answer<T> {
    at: Instant,
    shows: Shows<T>,
}

enum Shows<T> {
    Object(Arc<T>),
    /// The object of this uid is gone.
    Gone(Uid),
}

impl<T: Kept> Inner<T> {
    fn answer(&self, key: &Key) -> Option<&Shows<T>> {
        self.answers.get(key).filter(|answer| answer.at.elapsed() < TRUST).map(|answer| &answer.shows)
    }

    fn get(&self, key: &Key) -> Option<Arc<T>> {
        match self.answer(key) {
            Some(Shows::Object(object)) => Some(Arc::clone(object)),
            Some(Shows::Gone(_)) => None,
            None => self.watched.get(key).cloned(),
        }
    }

    /// Drops the answer for a key when an event of this uid and version comes after it.
    fn catch_up(&mut self, key: &Key, uid: &Uid, version: &Version, is_deletion: bool) {
        let overtaken = match self.answers.get(key).map(|answer| &answer.shows) {
            None => return,
            Some(Shows::Object(object)) => compare(version, object.version()) != Some(Ordering::Less),
            Some(Shows::Gone(gone)) => (gone == uid) == is_deletion,
        };
        if overtaken {
            self.answers.remove(key);
        }
    }

    fn move_on(&mut self, key: &Key) {
        self.moved.retain(|_, at| at.elapsed() < QUIET);
        self.moved.insert(key.clone(), Instant::now());
    }

    fn remember_deleted(&mut self, uid: Uid) {
        if self.deleted.insert(uid.clone()) {
            self.deleted_order.push_back(uid);
        }
        if self.deleted_order.len() > REMEMBERED
            && let Some(oldest) = self.deleted_order.pop_front()
        {
            self.deleted.remove(&oldest);
        }
    }
}

/// Compares two versions. They are numbers on every known API server, though that is guaranteed since 1.35 only.
fn compare(a: &Version, b: &Version) -> Option<Ordering> {
    let number = |version: &Version| version.0.parse::<u64>().ok();
    Some(number(a)?.cmp(&number(b)?))
}

impl<T: Kept> Cache<T> {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        let inner = Inner {
            watched: BTreeMap::new(),
            filling: BTreeMap::new(),
            answers: HashMap::new(),
            moved: HashMap::new(),
            in_vain: HashMap::new(),
            list_began: None,
            deleted: HashSet::new(),
            deleted_order: VecDeque::new(),
        };
        Self { inner: RwLock::new(inner), hub }
    }

    fn change<R>(&self, namespace: &str, change: impl FnOnce(&mut Inner<T>) -> R) -> R {
        let result = change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner));
        self.hub.changed(namespace);
        result
    }

    fn inspect<R>(&self, inspect: impl FnOnce(&Inner<T>) -> R) -> R {
        inspect(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.inspect(|inner| inner.get(key))
    }

    /// Returns all objects of a namespace, by name.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Arc<T>> {
        self.inspect(|inner| {
            let start = Key::new(namespace, "");
            let watched = inner.watched.range(start..).take_while(|(key, _)| key.namespace == namespace);
            let mut keys: Vec<&Key> = watched.map(|(key, _)| key).collect();
            keys.extend(inner.answers.keys().filter(|key| key.namespace == namespace));
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().filter_map(|key| inner.get(key)).collect()
        })
    }

    /// Takes in an object that a watch reports as added or changed.
    pub(crate) fn applied(&self, object: T) {
        self.change(&object.key().namespace.clone(), |inner| {
            inner.catch_up(object.key(), object.uid(), object.version(), false);
            inner.move_on(object.key());
            inner.watched.insert(object.key().clone(), Arc::new(object));
        });
    }

    /// Takes in that a watch reports an object as deleted.
    pub(crate) fn deleted(&self, key: &Key, uid: &Uid, version: &Version) {
        self.change(&key.namespace, |inner| {
            inner.catch_up(key, uid, version, true);
            inner.remember_deleted(uid.clone());
            inner.watched.remove(key);
        });
    }

    /// Starts taking in a new list.
    pub(crate) fn list_begins(&self) {
        self.look_mut(|inner| {
            inner.filling.clear();
            inner.list_began = Some(Instant::now());
        });
    }

    pub(crate) fn listed(&self, object: T) {
        self.look_mut(|inner| {
            inner.filling.insert(object.key().clone(), Arc::new(object));
        });
    }

    /// Puts the new list in place of the old one.
    pub(crate) fn list_ends(&self) {
        // Wakes everybody, because objects of any namespace may have gone.
        self.change("", |inner| {
            inner.watched = std::mem::take(&mut inner.filling);
            let began = inner.list_began.take();
            let watched = &inner.watched;
            inner.answers.retain(|key, answer| {
                // A list requested after the answer is newer; one requested before may not include it yet.
                let older = began.is_some_and(|began| answer.at < began);
                let caught_up = match &answer.shows {
                    Shows::Object(object) => watched
                        .get(key)
                        .is_some_and(|listed| compare(listed.version(), object.version()) != Some(Ordering::Less)),
                    Shows::Gone(uid) => watched.get(key).is_none_or(|listed| listed.uid() != uid),
                };
                !older && !caught_up
            });
        });
    }

    fn look_mut(&self, change: impl FnOnce(&mut Inner<T>)) {
        change(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes an object from the answer to a request of ours.
    pub(crate) fn saw(&self, object: T) {
        self.change(&object.key().namespace.clone(), |inner| {
            let known = inner.get(object.key());
            let is_old = known.is_some_and(|known| {
                !matches!(compare(object.version(), known.version()), Some(Ordering::Greater) | None)
            });
            if is_old || inner.deleted.contains(object.uid()) {
                return;
            }
            let key = object.key().clone();
            inner.move_on(&key);
            inner.answers.insert(key, Answer { at: Instant::now(), shows: Shows::Object(Arc::new(object)) });
        });
    }

    /// Takes the answer to a delete of ours that left nothing behind.
    pub(crate) fn saw_gone(&self, key: &Key, uid: &Uid) {
        self.change(&key.namespace, |inner| {
            // The name may belong to another object by now.
            let is_same = inner.get(key).is_some_and(|known| known.uid() == uid);
            if is_same {
                let shows = Shows::Gone(uid.clone());
                inner.answers.insert(key.clone(), Answer { at: Instant::now(), shows });
            }
        });
    }

    /// Takes a list of a whole namespace that we asked for, as of `version`.
    pub(crate) fn saw_all(&self, namespace: &str, objects: Vec<T>, version: &Version) {
        let listed: HashSet<Key> = objects.iter().map(|object| object.key().clone()).collect();
        for known in self.in_namespace(namespace) {
            let is_older = compare(known.version(), version).is_some_and(Ordering::is_le);
            if is_older && !listed.contains(known.key()) {
                self.saw_gone(known.key(), known.uid());
            }
        }
        for object in objects {
            self.saw(object);
        }
    }

    /// Waits for an object that has just changed to come to rest; tells whether it then still has this version.
    pub(crate) async fn is_still(&self, key: &Key, version: &Version) -> bool {
        let is_at = || self.get(key).is_some_and(|seen| seen.version() == version);
        while is_at() && self.inspect(|inner| inner.in_vain.get(key).is_none_or(|pauses| *pauses < MOST_PAUSES)) {
            let moved = self.inspect(|inner| inner.moved.get(key).map(Instant::elapsed));
            match moved.and_then(|ago| QUIET.checked_sub(ago)) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break,
            }
        }
        let is_still = is_at();
        self.look_mut(|inner| match is_still {
            true => drop(inner.in_vain.remove(key)),
            false => *inner.in_vain.entry(key.clone()).or_default() += 1,
        });
        is_still
    }

    /// Waits until `enough` is true of the object of this key; gives up after `limit`, and tells whether it was.
    pub(crate) async fn until(&self, key: &Key, limit: Duration, enough: impl Fn(Option<&T>) -> bool) -> bool {
        let mut wake = self.hub.wake(&key.namespace);
        let wait = async {
            while !enough(self.get(key).as_deref()) {
                wake.changed().await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

#[cfg(test)]
mod tests;
