//! The objects, their versions and their history: what etcd and the watch cache are to an API server.
//!
//! Knows keys, versions and changes. Deletion and finalizers are in `lifecycle`; no kind has a meaning here.

mod index;
pub(crate) mod lifecycle;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use self::index::{Index, Reference};
use crate::{
    kinds::{self, Kind},
    object,
    random::Random,
};

/// The identity of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: &'static Kind,
    /// Empty for cluster-wide kinds.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Returns the key of an object of a known kind.
    pub(crate) fn of(kind: &'static Kind, object: &Value) -> Self {
        let namespace = if kind.namespaced { object::namespace(object) } else { "" };
        Self::new(kind, namespace, object::name(object))
    }
}

/// One write, as watches and controllers see it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    /// The object before the write; absent for a creation.
    pub(crate) before: Option<Arc<Value>>,
    /// The object after the write; for a deletion its last form, with the deletion's resourceVersion.
    pub(crate) after: Arc<Value>,
    pub(crate) deleted: bool,
}

/// A LIST that was cut into pages, kept so that later pages show the same moment.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) revision: u64,
    pub(crate) items: Arc<Vec<Arc<Value>>>,
}

/// How many LISTs can be under way at once before the oldest answers 410.
const KEPT_PAGES: usize = 64;

/// How many Events are kept; older ones go first, as they do by age on a real cluster.
const KEPT_EVENTS: usize = 10_000;

pub(crate) struct Store {
    /// Kinds that are served beside those of the table.
    custom: Vec<&'static Kind>,
    objects: BTreeMap<Key, Arc<Value>>,
    index: Index,
    revision: u64,
    history: VecDeque<Change>,
    history_limit: usize,
    /// The newest revision that is no longer in `history`.
    forgotten: u64,
    unseen: Vec<Change>,
    nudged: Vec<Key>,
    published: watch::Sender<u64>,
    random: Random,
    pages: BTreeMap<u64, Pages>,
    pages_made: u64,
    events_by_age: VecDeque<Key>,
    events_by_cause: HashMap<(String, String, String), Key>,
}

impl Store {
    pub(crate) fn new(seed: u64, history_limit: usize, published: watch::Sender<u64>) -> Self {
        Self {
            custom: Vec::new(),
            objects: BTreeMap::new(),
            index: Index::default(),
            revision: 1,
            history: VecDeque::new(),
            history_limit,
            forgotten: 1,
            unseen: Vec::new(),
            nudged: Vec::new(),
            published,
            random: Random::new(seed),
            pages: BTreeMap::new(),
            pages_made: 0,
            events_by_age: VecDeque::new(),
            events_by_cause: HashMap::new(),
        }
    }

    /// Serves one more kind.
    pub(crate) fn serve(&mut self, kind: &'static Kind) {
        if !self.custom.contains(&kind) {
            self.custom.push(kind);
        }
    }

    /// Returns every kind served.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        kinds::all().chain(self.custom.iter().copied())
    }

    /// Finds the kind behind a request's path.
    pub(crate) fn kind_by_path(&self, group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
        self.kinds().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.objects.get(key).cloned()
    }

    pub(crate) fn find(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.get(&Key::new(kind, namespace, name))
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.objects.contains_key(key)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Goes through a kind's objects in key order, of one namespace or (`""`) of all.
    pub(crate) fn list<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        let start = Key::new(kind, namespace, "");
        self.objects
            .range((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(key, _)| key.kind == kind && (namespace.is_empty() || key.namespace == namespace))
    }

    /// Goes through a namespace's objects of a kind whose names have a prefix.
    pub(crate) fn named_like<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        self.objects
            .range(Key::new(kind, namespace, prefix)..)
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace && key.name.starts_with(prefix))
    }

    /// Goes through a kind's objects that refer to something.
    pub(crate) fn referring<'a>(
        &'a self,
        kind: &'static Kind,
        to: &Reference,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        self.index.referring(to).filter(move |key| key.kind == kind).filter_map(|key| self.objects.get_key_value(key))
    }

    /// Returns how many objects refer to something.
    pub(crate) fn count_referring(&self, to: &Reference) -> usize {
        self.index.count(to)
    }

    /// Returns the keys of all objects that refer to something.
    pub(crate) fn keys_referring(&self, to: &Reference) -> Vec<Key> {
        self.index.referring(to).cloned().collect()
    }

    /// Returns a copy of `list` that does not borrow the store.
    pub(crate) fn listed(&self, kind: &'static Kind, namespace: &str) -> Vec<(Key, Arc<Value>)> {
        self.list(kind, namespace).map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
    }

    /// Creates or replaces an object and gives it the next resourceVersion. A write that changes nothing does not count.
    pub(crate) fn write(&mut self, key: &Key, mut new: Value) -> Arc<Value> {
        let before = self.get(key);
        if let Some(before) = &before {
            object::set(&mut new, &["metadata", "resourceVersion"], before["metadata"]["resourceVersion"].clone());
            if **before == new {
                return Arc::clone(before);
            }
        }
        let revision = self.revision + 1;
        object::set(&mut new, &["metadata", "resourceVersion"], json!(revision.to_string()));
        let after = Arc::new(new);
        if *key.kind == kinds::EVENTS && before.is_none() {
            self.events_by_age.push_back(key.clone());
        }
        if let Some(before) = &before {
            self.index.remove(key, before);
        }
        self.index.add(key, &after);
        self.objects.insert(key.clone(), Arc::clone(&after));
        self.publish(Change { revision, key: key.clone(), before, after: Arc::clone(&after), deleted: false });
        self.drop_old_events();
        after
    }

    /// Takes an object away at once, whatever its finalizers say.
    pub(crate) fn erase(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.index.remove(key, &before);
        let revision = self.revision + 1;
        let mut last = (*before).clone();
        object::set(&mut last, &["metadata", "resourceVersion"], json!(revision.to_string()));
        let after = Arc::new(last);
        self.publish(Change {
            revision,
            key: key.clone(),
            before: Some(before),
            after: Arc::clone(&after),
            deleted: true,
        });
        Some(after)
    }

    fn publish(&mut self, change: Change) {
        self.revision = change.revision;
        self.unseen.push(change.clone());
        self.history.push_back(change);
        while self.history.len() > self.history_limit {
            if let Some(old) = self.history.pop_front() {
                self.forgotten = old.revision;
            }
        }
        self.published.send_replace(self.revision);
    }

    fn drop_old_events(&mut self) {
        while self.events_by_age.len() > KEPT_EVENTS {
            if let Some(oldest) = self.events_by_age.pop_front() {
                self.events_by_cause.retain(|_, key| *key != oldest);
                self.erase(&oldest);
            }
        }
    }

    /// Forgets the history, as a compaction of etcd does: watches from an older version answer 410.
    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.forgotten = self.revision;
        self.pages.clear();
    }

    /// Returns the changes after a revision, or `None` when some of them are forgotten.
    pub(crate) fn changes_after(&self, revision: u64) -> Option<Vec<Change>> {
        if revision < self.forgotten {
            return None;
        }
        let start = self.history.partition_point(|change| change.revision <= revision);
        Some(self.history.range(start..).cloned().collect())
    }

    /// Hands the controllers what happened since they last asked, and the objects they are to look at anyway.
    pub(crate) fn take_unseen(&mut self) -> (Vec<Change>, Vec<Key>) {
        (std::mem::take(&mut self.unseen), std::mem::take(&mut self.nudged))
    }

    pub(crate) fn has_unseen(&self) -> bool {
        !self.unseen.is_empty() || !self.nudged.is_empty()
    }

    /// Makes the controllers look at an object that did not change itself.
    pub(crate) fn nudge(&mut self, key: Key) {
        self.nudged.push(key);
        self.published.send_replace(self.revision);
    }

    /// Keeps a long LIST for its later pages and returns its number.
    pub(crate) fn keep_pages(&mut self, pages: Pages) -> u64 {
        self.pages_made += 1;
        self.pages.insert(self.pages_made, pages);
        while self.pages.len() > KEPT_PAGES {
            self.pages.pop_first();
        }
        self.pages_made
    }

    pub(crate) fn pages(&self, number: u64) -> Option<Pages> {
        self.pages.get(&number).cloned()
    }

    /// Records an Event about an object; a repeated one only counts up, as client-go's recorder does.
    pub(crate) fn record_event(&mut self, about: &Value, severity: &str, reason: &str, message: &str, from: &str) {
        let cause = (object::uid(about).to_owned(), reason.to_owned(), message.to_owned());
        if let Some(key) = self.events_by_cause.get(&cause).cloned()
            && let Some(event) = self.get(&key)
        {
            let mut event = (*event).clone();
            event["count"] = json!(object::number(&event, "/count").unwrap_or(1) + 1);
            event["lastTimestamp"] = json!(object::now());
            self.write(&key, event);
            return;
        }
        let namespace = match object::namespace(about) {
            "" => "default",
            namespace => namespace,
        };
        let name = format!("{}.{:016x}", object::name(about), self.random.next());
        let (now, uid) = (object::now(), self.random.uid());
        let key = Key::new(&kinds::EVENTS, namespace, &name);
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": now},
            "involvedObject": {
                "apiVersion": about["apiVersion"], "kind": about["kind"], "name": object::name(about),
                "namespace": about["metadata"]["namespace"], "uid": object::uid(about),
                "resourceVersion": object::resource_version(about),
            },
            "type": severity, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": from}, "reportingComponent": from, "reportingInstance": "",
        });
        self.write(&key, event);
        self.events_by_cause.insert(cause, key);
    }
}
