//! Feeds a cache from a watch, for as long as the process runs.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource, ResourceExt};
use pvmigrate_core::ports::PortError;
use pvmigrate_core::record::{Uid, Version};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use crate::cache::Cache;
use crate::error::{Action, Error};
use crate::wake::Hub;
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::Reads;

/// How often a watch may fail before it has listed for the first time: about six seconds with the pauses below.
const FIRST_TRIES: u32 = 6;

/// Pauses between a watch's tries: short at first, because most ends of a watch are routine.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: Self::FIRST }
    }
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(15);
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

/// The watches that are broken in a way that does not pass, so that nothing acts on what they last showed.
#[derive(Debug, Default)]
pub(crate) struct Broken {
    watches: Mutex<Vec<(String, Error)>>,
}

impl Broken {
    /// Fails with the error of any broken watch.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.first().map_or(Ok(()), |(_, error)| Err(error.clone()))
    }

    fn set(&self, watch: &str, error: Option<Error>) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|(name, _)| name != watch);
        watches.extend(error.map(|error| (watch.to_owned(), error)));
    }
}

/// Where a feed reports to.
#[derive(Clone, Default)]
pub(crate) struct Report {
    pub(crate) hub: Arc<Hub>,
    pub(crate) broken: Arc<Broken>,
    pub(crate) streaming: Arc<Streaming>,
}

/// How a watch gets its first list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// The watch itself begins with it: one request, and the server need not hold the whole list in one answer.
    Streamed,
    /// It is listed before. Most servers before Kubernetes 1.32 support nothing else, nor do later ones over an etcd
    /// before 3.4.25.
    Listed,
}

/// The API server keeps no cache of events and streams them in another way, so they show nothing about other kinds.
const EVENTS: &str = "events";

/// Whether the server streams lists: one watch finds out, so that the others need not.
#[derive(Debug, Default)]
pub(crate) struct Streaming {
    is_asked: AtomicBool,
    answer: watch::Sender<Option<First>>,
}

impl Streaming {
    /// Returns how to get a first list. The first caller is to try it streamed, and to report; the others wait for that.
    async fn first(&self) -> First {
        if !self.is_asked.swap(true, Ordering::Relaxed) {
            return First::Streamed;
        }
        let mut answer = self.answer.subscribe();
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let answer = answer.wait_for(Option::is_some).await;
        answer.ok().and_then(|first| *first).unwrap_or(First::Streamed)
    }

    fn tell(&self, first: First) {
        self.answer.send_replace(Some(first));
    }
}

/// Watches a kind into a cache, until the task is aborted. `synced` is notified once the first list is in, or has failed.
pub(crate) async fn feed<K, T>(
    api: Api<K>,
    config: watcher::Config,
    action: Action,
    cache: Arc<Cache<T>>,
    report: Report,
    synced: oneshot::Sender<Result<(), Error>>,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Reads<K>,
{
    let report = if K::plural(&()) == EVENTS { Report { streaming: Arc::default(), ..report } } else { report };
    let mut synced = Some(synced);
    if report.streaming.first().await == First::Streamed
        && let Some(waiting) = synced.take()
    {
        let events = watcher::watcher(api.clone(), config.clone().streaming_lists()).backoff(Pauses::default());
        synced = run(events, First::Streamed, &action, &cache, &report, waiting).await;
    }
    if let Some(synced) = synced {
        report.streaming.tell(First::Listed);
        let events = watcher::watcher(api, config).backoff(Pauses::default());
        run(events, First::Listed, &action, &cache, &report, synced).await;
    }
}

/// Takes events for as long as they come. Gives `synced` back when the server cannot stream a list.
async fn run<K, T>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    first: First,
    action: &Action,
    cache: &Cache<T>,
    report: &Report,
    synced: oneshot::Sender<Result<(), Error>>,
) -> Option<oneshot::Sender<Result<(), Error>>>
where
    K: Resource<DynamicType = ()>,
    T: Reads<K>,
{
    let mut events = std::pin::pin!(events);
    let mut synced = Some(synced);
    let mut failures = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let is_synced = matches!(event, Event::InitDone);
                // A new list proves nothing about the watch after it, an event does.
                if matches!(event, Event::Apply(_) | Event::Delete(_)) {
                    report.broken.set(&action.resource, None);
                }
                take(cache, event);
                if is_synced && let Some(synced) = synced.take() {
                    report.streaming.tell(first);
                    // There may be no waiter any more, which does not matter.
                    let _unheard = synced.send(Ok(()));
                }
            }
            Err(error) => {
                let error = Error::of_watch(action, &error);
                failures += 1;
                tracing::debug!(%error, "a watch ended");
                // The options of a streamed list are invalid to a server that does not know them, and an internal error
                // to one whose etcd cannot do its part.
                let is_unable = matches!(error, Error::Invalid { .. } | Error::Server { code: 500, .. });
                if first == First::Streamed && is_unable && synced.is_some() {
                    return synced;
                }
                let is_final = !error.is_transient() || failures >= FIRST_TRIES;
                if is_final && let Some(synced) = synced.take() {
                    report.streaming.tell(first);
                    let _unheard = synced.send(Err(error));
                    return None;
                }
                if !error.is_transient() {
                    tracing::warn!(%error, "a watch is broken");
                    report.broken.set(&action.resource, Some(error));
                    report.hub.changed("");
                }
            }
        }
    }
    None
}

fn take<K, T>(cache: &Cache<T>, event: Event<K>)
where
    K: Resource<DynamicType = ()>,
    T: Reads<K>,
{
    match event {
        Event::Apply(object) => match T::read(&object) {
            Some(kept) => cache.applied(kept),
            None => forget(cache, &object),
        },
        Event::Delete(object) => forget(cache, &object),
        Event::Init => cache.list_begins(),
        Event::InitApply(object) => {
            if let Some(kept) = T::read(&object) {
                cache.listed(kept);
            }
        }
        Event::InitDone => cache.list_ends(),
    }
}

fn forget<K, T>(cache: &Cache<T>, object: &K)
where
    K: Resource<DynamicType = ()>,
    T: Reads<K>,
{
    let uid = Uid(object.uid().unwrap_or_default());
    let version = Version(object.resource_version().unwrap_or_default());
    cache.deleted(&Key::of(object.meta()), &uid, &version);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use futures::stream;
    use k8s_openapi::api::core::v1::PersistentVolume;
    use kube::core::Status;

    use super::*;
    use crate::testing::yaml;
    use pvmigrate_objects::from_resource::volume::SeenVolume;

    fn volume(version: u64) -> PersistentVolume {
        yaml(&format!("metadata: {{name: pv, uid: u, resourceVersion: '{version}'}}"))
    }

    fn refused(code: u16) -> watcher::Error {
        watcher::Error::WatchStartFailed(kube::Error::Api(Status::failure("no", "").with_code(code).boxed()))
    }

    async fn fed(
        events: Vec<watcher::Result<Event<PersistentVolume>>>,
    ) -> (Cache<SeenVolume>, Report, Result<(), Error>) {
        let hub = Arc::<Hub>::default();
        let report = Report { hub: Arc::clone(&hub), ..Report::default() };
        let cache = Cache::new(hub);
        let (sender, receiver) = oneshot::channel();
        let action = Action::new("watch", "persistentvolumes", None);
        assert!(run(stream::iter(events), First::Listed, &action, &cache, &report, sender).await.is_none());
        let synced = receiver.await.unwrap();
        (cache, report, synced)
    }

    #[tokio::test]
    async fn a_list_and_its_events_are_kept() {
        let events =
            vec![Ok(Event::Init), Ok(Event::InitApply(volume(1))), Ok(Event::InitDone), Ok(Event::Apply(volume(2)))];
        let (cache, report, synced) = fed(events).await;
        synced.unwrap();
        report.broken.check().unwrap();
        assert_eq!(cache.get(&Key::new("", "pv")).unwrap().volume.version.0, "2");
    }

    #[tokio::test]
    async fn what_may_not_be_listed_is_said_at_once() {
        let (_, _, synced) = fed(vec![Ok(Event::Init), Err(refused(403)), Ok(Event::Init)]).await;
        assert_eq!(synced.unwrap_err().to_string(), "not allowed to watch persistentvolumes: no");
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_given_up() {
        let events = (0..FIRST_TRIES).map(|_| Err(refused(503))).collect();
        assert!(matches!(fed(events).await.2, Err(Error::Server { code: 503, .. })));
    }

    #[tokio::test]
    async fn a_server_that_cannot_stream_a_list_is_listed() {
        // An old API server, and a new one whose etcd is old.
        for code in [422, 500] {
            let report = Report::default();
            let cache = Cache::<SeenVolume>::new(Arc::clone(&report.hub));
            let action = Action::new("watch", "persistentvolumes", None);
            let (sender, receiver) = oneshot::channel();
            let events = stream::iter([Ok(Event::Init), Err::<Event<PersistentVolume>, _>(refused(code))]);
            let sender = run(events, First::Streamed, &action, &cache, &report, sender).await.unwrap();
            let events = stream::iter([Ok(Event::Init), Ok(Event::InitApply(volume(1))), Ok(Event::InitDone)]);
            assert!(run(events, First::Listed, &action, &cache, &report, sender).await.is_none());
            receiver.await.unwrap().unwrap();
            assert!(cache.get(&Key::new("", "pv")).is_some());
        }
        assert!(
            matches!(fed(vec![Err(refused(422))]).await.2, Err(Error::Invalid { .. })),
            "a list may be invalid too"
        );
    }

    #[tokio::test]
    async fn one_watch_finds_out_whether_lists_are_streamed() {
        let streaming = Streaming::default();
        assert_eq!(streaming.first().await, First::Streamed);
        let mut second = Box::pin(streaming.first());
        assert!(futures::poll!(second.as_mut()).is_pending(), "it waits for what the first finds");
        streaming.tell(First::Listed);
        assert_eq!(second.await, First::Listed);
    }

    #[tokio::test]
    async fn a_watch_that_breaks_later_stops_everybody_until_it_is_mended() {
        let start = || vec![Ok(Event::Init), Ok(Event::InitDone), Err(refused(403))];
        assert!(fed(start()).await.1.broken.check().unwrap_err().is_forbidden());
        let mut mended = start();
        mended.push(Ok(Event::Apply(volume(1))));
        fed(mended).await.1.broken.check().unwrap();
        let mut dropped = start();
        dropped[2] = Err(refused(500));
        fed(dropped).await.1.broken.check().unwrap();
    }

    #[test]
    fn pauses_grow_and_start_over() {
        let mut pauses = Pauses::default();
        let total: Duration = pauses.by_ref().take(20).sum();
        assert!(total > Duration::from_secs(100));
        assert_eq!(pauses.next(), Some(Pauses::LONGEST));
        pauses.reset();
        assert_eq!(pauses.next(), Some(Pauses::FIRST));
    }
}
