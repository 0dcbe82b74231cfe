//! WATCH: a stream of changes from a resourceVersion on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    failure::Failure,
    read::shaped,
    route::{Query, Route},
    selector::Selector,
};
use crate::{cluster::Inner, store::Change};

/// How long before its timeout a watch gets a last bookmark.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

struct Watch {
    inner: Arc<Inner>,
    route: Route,
    selector: Selector,
    ready: VecDeque<Value>,
    position: u64,
    revision: watch::Receiver<u64>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
}

/// Opens a watch; the stream gives lines of JSON.
pub(crate) fn open(
    inner: &Arc<Inner>,
    route: &Route,
) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + use<>, Failure> {
    let query = &route.query;
    let mut fields = query.get("fieldSelector").map(str::to_owned);
    if !route.name.is_empty() {
        fields = Some(format!("metadata.name={}", route.name));
    }
    let selector = Selector::parse(route.kind, query.get("labelSelector"), fields.as_deref())?;
    let initial_events = query.flag("sendInitialEvents");
    let bookmarks = query.flag("allowWatchBookmarks");
    if initial_events && (!bookmarks || query.get("resourceVersionMatch") != Some("NotOlderThan")) {
        let why = "sendInitialEvents requires allowWatchBookmarks and resourceVersionMatch=NotOlderThan";
        return Err(Failure::unprocessable(format!("ListOptions.meta.k8s.io \"\" is invalid: {why}")));
    }
    let asked = query.number("resourceVersion")?;
    let now = Instant::now();
    let timeout = now + Duration::from_secs(query.number("timeoutSeconds")?.unwrap_or(1800));
    let mut watch = Watch {
        inner: Arc::clone(inner),
        route: route.clone(),
        selector,
        ready: VecDeque::new(),
        position: 0,
        revision: inner.revision(),
        bookmarks,
        next_bookmark: (now + inner.settings.bookmark_every).min(timeout - LAST_BOOKMARK.min(timeout - now)),
        deadline: timeout,
    };
    watch.begin(asked, initial_events)?;
    Ok(stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line, watch))
    }))
}

impl Watch {
    fn begin(&mut self, asked: Option<u64>, initial_events: bool) -> Result<(), Failure> {
        let store = self.inner.store();
        let present = store.revision();
        if let Some(asked) = asked.filter(|asked| *asked > present) {
            return Err(Failure::too_large_version(asked, present));
        }
        let from_now = matches!(asked, None | Some(0));
        self.position = asked.filter(|_| !from_now && !initial_events).unwrap_or(present);
        if from_now || initial_events {
            for (_, object) in store.list(self.route.kind, &self.route.namespace) {
                if self.selector.matches(object) {
                    self.ready.push_back(json!({"type": "ADDED", "object": shaped(&self.route, object)}));
                }
            }
        }
        if initial_events {
            let mut mark = bookmark(&self.route, present);
            mark["object"]["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            self.ready.push_back(mark);
        }
        Ok(())
    }

    /// Waits for the next line; `None` ends the stream.
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(line(&event)));
            }
            if self.collect() {
                continue;
            }
            tokio::select! {
                changed = self.revision.changed() => {
                    // The sender lives as long as the cluster.
                    changed.ok()?;
                }
                () = tokio::time::sleep_until(self.deadline) => return None,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + self.inner.settings.bookmark_every;
                    self.ready.push_back(bookmark(&self.route, self.position));
                }
            }
        }
    }

    /// Takes over what changed since the last look; false when nothing did.
    fn collect(&mut self) -> bool {
        let (changes, present, forgotten) = {
            let store = self.inner.store();
            (store.changes_after(self.position), store.revision(), store.forgotten())
        };
        let Some(changes) = changes else {
            self.ready.push_back(expired(self.position, forgotten));
            self.deadline = Instant::now();
            self.position = present;
            return true;
        };
        self.position = present;
        let before = self.ready.len();
        for change in changes {
            if let Some(event) = self.event(&change) {
                self.ready.push_back(event);
            }
        }
        self.ready.len() > before
    }

    /// Returns what this watch sees of a change: an object that leaves the selection is deleted for it.
    fn event(&self, change: &Change) -> Option<Value> {
        let elsewhere = !self.route.namespace.is_empty() && change.key.namespace != self.route.namespace;
        if change.key.kind != self.route.kind || elsewhere {
            return None;
        }
        let was = change.before.as_ref().is_some_and(|before| self.selector.matches(before));
        let is = !change.deleted && self.selector.matches(&change.after);
        let kind = match (was, is) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(json!({"type": kind, "object": shaped(&self.route, &change.after)}))
    }
}

fn bookmark(route: &Route, revision: u64) -> Value {
    let Query { metadata_only, .. } = route.query;
    let (api_version, kind) = if metadata_only {
        ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata")
    } else {
        (route.kind.api_version(), route.kind.kind)
    };
    json!({"type": "BOOKMARK", "object": {
        "apiVersion": api_version, "kind": kind, "metadata": {"resourceVersion": revision.to_string()},
    }})
}

fn expired(asked: u64, oldest: u64) -> Value {
    json!({"type": "ERROR", "object": Failure::expired(format!("too old resource version: {asked} ({oldest})")).body()})
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}
