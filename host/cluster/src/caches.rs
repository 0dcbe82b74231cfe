//! The watch caches of one run: one watch a kind, for one namespace or for all.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use pvmigrate_core::names;
use pvmigrate_core::record::WorkloadKind;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::cache::Cache;
use crate::error::{Action, Error};
use crate::feed::{Broken, Report, feed};
use crate::record_codec::SeenRecord;
use crate::wake::Hub;
use pvmigrate_objects::from_resource::claim::SeenClaim;
use pvmigrate_objects::from_resource::event::SeenEvent;
use pvmigrate_objects::from_resource::pod::SeenPod;
use pvmigrate_objects::from_resource::volume::SeenVolume;
use pvmigrate_objects::from_resource::workload::SeenWorkload;
use pvmigrate_objects::from_resource::{Kept, Reads};

/// What the watches have shown.
pub(crate) struct Caches {
    pub(crate) claims: Arc<Cache<SeenClaim>>,
    pub(crate) volumes: Arc<Cache<SeenVolume>>,
    pub(crate) pods: Arc<Cache<SeenPod>>,
    pub(crate) deployments: Arc<Cache<SeenWorkload>>,
    pub(crate) stateful_sets: Arc<Cache<SeenWorkload>>,
    pub(crate) replica_sets: Arc<Cache<SeenWorkload>>,
    pub(crate) events: Arc<Cache<SeenEvent>>,
    pub(crate) records: Arc<Cache<SeenRecord>>,
    /// Events may be listed.
    pub(crate) events_permitted: bool,
    pub(crate) hub: Arc<Hub>,
    pub(crate) broken: Arc<Broken>,
    /// The watches run for as long as anybody can look at the caches.
    _feeds: JoinSet<()>,
}

impl Caches {
    /// Starts the watches and waits until each has listed once.
    pub(crate) async fn start(client: Client, namespace: Option<&str>) -> Result<Self, Error> {
        let mut start = Start::new(client, namespace);
        let all = watcher::Config::default;
        let (label, value) = names::MANAGED_BY;
        let events = start.namespaced::<Event, SeenEvent>(all().fields("type=Warning"));
        let claims = start.namespaced::<PersistentVolumeClaim, SeenClaim>(all());
        let volumes = start.whole::<PersistentVolume, SeenVolume>(all());
        let pods = start.namespaced::<Pod, SeenPod>(all());
        let deployments = start.namespaced::<Deployment, SeenWorkload>(all());
        let stateful_sets = start.namespaced::<StatefulSet, SeenWorkload>(all());
        let replica_sets = start.namespaced::<ReplicaSet, SeenWorkload>(all());
        let records = start.namespaced::<ConfigMap, SeenRecord>(all().labels(&format!("{label}={value}")));
        let (events, events_permitted) = events.if_permitted().await?;
        Ok(Self {
            claims: claims.synced().await?,
            volumes: volumes.synced().await?,
            pods: pods.synced().await?,
            deployments: deployments.synced().await?,
            stateful_sets: stateful_sets.synced().await?,
            replica_sets: replica_sets.synced().await?,
            records: records.synced().await?,
            events,
            events_permitted,
            hub: start.report.hub,
            broken: start.report.broken,
            _feeds: start.feeds,
        })
    }

    /// Makes caches that no watch feeds.
    #[cfg(test)]
    pub(crate) fn unfed(events_permitted: bool) -> Self {
        let hub = Arc::<Hub>::default();
        Self {
            claims: Arc::new(Cache::new(Arc::clone(&hub))),
            volumes: Arc::new(Cache::new(Arc::clone(&hub))),
            pods: Arc::new(Cache::new(Arc::clone(&hub))),
            deployments: Arc::new(Cache::new(Arc::clone(&hub))),
            stateful_sets: Arc::new(Cache::new(Arc::clone(&hub))),
            replica_sets: Arc::new(Cache::new(Arc::clone(&hub))),
            events: Arc::new(Cache::new(Arc::clone(&hub))),
            records: Arc::new(Cache::new(Arc::clone(&hub))),
            events_permitted,
            hub,
            broken: Arc::default(),
            _feeds: JoinSet::new(),
        }
    }

    pub(crate) fn workloads(&self, kind: WorkloadKind) -> &Cache<SeenWorkload> {
        match kind {
            WorkloadKind::Deployment => &self.deployments,
            WorkloadKind::ReplicaSet => &self.replica_sets,
            WorkloadKind::StatefulSet => &self.stateful_sets,
        }
    }
}

/// The watches that are being started.
struct Start<'a> {
    client: Client,
    namespace: Option<&'a str>,
    report: Report,
    feeds: JoinSet<()>,
}

/// A watch that has been started, and the cache it feeds.
struct Started<T> {
    cache: Arc<Cache<T>>,
    synced: oneshot::Receiver<Result<(), Error>>,
    action: Action,
}

impl<'a> Start<'a> {
    fn new(client: Client, namespace: Option<&'a str>) -> Self {
        let report = Report::default();
        Self { client, namespace, report, feeds: JoinSet::new() }
    }

    /// Watches a kind in the namespace, or in all.
    fn namespaced<K, T>(&mut self, config: watcher::Config) -> Started<T>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        T: Reads<K>,
    {
        let api = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        self.watch::<K, T>(api, config, self.namespace)
    }

    /// Watches a kind that has no namespace.
    fn whole<K, T>(&mut self, config: watcher::Config) -> Started<T>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
        T: Reads<K>,
    {
        let api = Api::all(self.client.clone());
        self.watch::<K, T>(api, config, None)
    }

    fn watch<K, T>(&mut self, api: Api<K>, config: watcher::Config, namespace: Option<&str>) -> Started<T>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        T: Reads<K>,
    {
        let cache = Arc::new(Cache::new(Arc::clone(&self.report.hub)));
        let action = Action::new("watch", K::plural(&()), namespace);
        let (sender, synced) = oneshot::channel();
        self.feeds.spawn(feed(api, config, action.clone(), Arc::clone(&cache), self.report.clone(), sender));
        Started { cache, synced, action }
    }
}

impl<T: Kept> Started<T> {
    async fn synced(self) -> Result<Arc<Cache<T>>, Error> {
        let lost = || Error::Unreadable { about: self.action.to_string(), message: "its watch ended".to_owned() };
        self.synced.await.unwrap_or_else(|_| Err(lost()))?;
        Ok(self.cache)
    }

    /// Goes without the kind when it may not be listed; tells whether it may.
    async fn if_permitted(self) -> Result<(Arc<Cache<T>>, bool), Error> {
        let empty = Arc::clone(&self.cache);
        match self.synced().await {
            Ok(cache) => Ok((cache, true)),
            Err(error) if error.is_forbidden() => Ok((empty, false)),
            Err(error) => Err(error),
        }
    }
}
