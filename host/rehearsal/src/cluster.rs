//! The cluster as its user sees it: started from objects, talked to by clients, looked into by tests.

use std::{
    collections::HashSet,
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::watch;

use crate::{
    Error,
    api::Api,
    controllers::{self, provisioner::SELECTED_NODE},
    faults::{Faults, Handle},
    fill::{self, Contents},
    kinds,
    load::{self, NotPlayed},
    node::{
        Node,
        machine::{CopyFault, Machine},
    },
    object::{self, text},
    store::{Key, Reference, Store, lifecycle},
};

/// The behaviour of an embedded cluster.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder below which the volumes' directories are made.
    pub directory: PathBuf,
    /// The rsync binary that copy pods run; see [`crate::find_rsync`].
    pub rsync: PathBuf,
    /// Workload pods write a numbered journal into each volume they can write to; see [`Cluster::check_journal`].
    pub writers: bool,
    /// The pause between two journal lines of one pod.
    pub write_every: Duration,
    /// Slows copies down: KiB a second, handed to rsync as `--bwlimit` before the pod's own arguments.
    pub rsync_bandwidth: Option<u64>,
    /// The pause between two looks of the controllers. Zero keeps tests quick; more shows what lies in between.
    pub controller_delay: Duration,
    /// How long after a write the binder has seen a volume's new form, drawn by the seed for each write. A claim whose
    /// turn comes before that is decided by the old form, as in kube-controller-manager, and waits for its next write
    /// or the next resync. A range from zero to zero removes that race.
    pub volume_lag: RangeInclusive<Duration>,
    /// How often the binder looks again at all volumes and all claims that are not bound.
    pub resync_every: Duration,
    /// How often a quiet watch gets a bookmark.
    pub bookmark_every: Duration,
    /// How many changes are kept for watches; an older resourceVersion answers 410.
    pub history: usize,
    /// Where uids and generated names are drawn from.
    pub seed: u64,
    /// Kinds that are served though no object of them is given, by apiVersion and name: an API server has them without any.
    pub served: Vec<(String, String)>,
}

impl Settings {
    /// Returns the defaults for volumes below a folder and an rsync binary: no journals, no pauses, and a binder that
    /// lags behind and resyncs as that of a quiet Kubernetes cluster does.
    pub fn new(directory: impl Into<PathBuf>, rsync: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            rsync: rsync.into(),
            writers: false,
            write_every: Duration::from_millis(5),
            rsync_bandwidth: None,
            controller_delay: Duration::ZERO,
            volume_lag: Duration::from_millis(20)..=Duration::from_millis(50),
            resync_every: Duration::from_secs(15),
            bookmark_every: Duration::from_secs(5),
            history: 100_000,
            seed: 0,
            served: Vec::new(),
        }
    }
}

/// What all parts of one cluster share.
///
/// The hub of an import circle on purpose: as in Kubernetes, API, controllers and nodes meet in the objects alone. Each holds
/// this, and this holds the node, so that a request for a log finds its process. A trait between would say the same twice.
pub(crate) struct Inner {
    store: Mutex<Store>,
    revision: watch::Receiver<u64>,
    pub(crate) settings: Settings,
    pub(crate) machine: Arc<Machine>,
    pub(crate) node: Node,
    activity: Arc<watch::Sender<usize>>,
    /// The claims that were given as Pending or Lost: what they wait for does not happen here either.
    waiting: HashSet<(String, String)>,
}

impl Inner {
    /// Tells whether a claim is to stay without a volume.
    pub(crate) fn keeps_waiting(&self, claim: &Value) -> bool {
        self.waiting.contains(&(object::namespace(claim).to_owned(), object::name(claim).to_owned()))
    }

    /// Locks the objects. Held for one request or one look of a controller, never across a wait.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a receiver that wakes at every change.
    pub(crate) fn revision(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }

    /// Keeps the cluster from being settled until the result is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.activity.send_modify(|count| *count += 1);
        Busy(Arc::clone(&self.activity))
    }

    /// Removes a discarded directory without blocking anybody.
    pub(crate) fn remove_later(&self, directory: PathBuf) {
        let busy = self.busy();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = std::fs::remove_dir_all(&directory) {
                tracing::warn!(%error, directory = %directory.display(), "a discarded volume could not be removed");
            }
            drop(busy);
        });
    }
}

/// A piece of work under way.
#[derive(Debug)]
pub(crate) struct Busy(Arc<watch::Sender<usize>>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A guard that stops the cluster's tasks when the last [`Cluster`] is dropped.
struct Guard {
    stop: watch::Sender<bool>,
    inner: Arc<Inner>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.inner.node.stop_all(&self.inner);
    }
}

/// A running embedded cluster. Clones are the same cluster; it stops when the last one is dropped.
///
/// Clients keep working after that, but no controller and no pod does.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
    guard: Arc<Guard>,
    not_played: Arc<NotPlayed>,
}

impl Cluster {
    /// Starts a cluster that holds these objects and waits until it is settled: claims that can be bound are, and
    /// workloads run. Must be called within a tokio runtime.
    ///
    /// Objects may come from a dump: uids and the statuses of pods are kept, resourceVersions are not. Namespaces and
    /// nodes that are missing are made; a claim that names a volume which is not given gets that volume. Claims that
    /// name none are provisioned as the API would have it: at once, or when a pod needs them. Kinds that this
    /// cluster does not know are served as they are, and nothing acts on them; [`Self::not_played`] names their objects.
    ///
    /// # Errors
    ///
    /// Fails when an object is malformed or given twice, or when the folder cannot be used.
    pub async fn start(objects: Vec<Value>, settings: Settings) -> Result<Self, Error> {
        let machine = Machine::new(settings.clone())
            .map_err(|source| Error::Directory { path: settings.directory.clone(), source })?;
        let (published, revision) = watch::channel(0);
        let mut store = Store::new(settings.seed, settings.history, published);
        let waiting = given_as_unbound(&objects);
        let not_played = load::take_in(&mut store, &machine.volumes, objects)?;
        for (api_version, kind) in &settings.served {
            load::serve(&mut store, api_version, kind, true);
        }
        let activity = Arc::new(watch::Sender::new(0));
        let inner = Arc::new(Inner {
            store: Mutex::new(store),
            revision,
            settings,
            machine: Arc::new(machine),
            node: Node::default(),
            activity,
            waiting,
        });
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(controllers::run(Arc::clone(&inner), stopped));
        let guard = Arc::new(Guard { stop, inner: Arc::clone(&inner) });
        let cluster = Self { inner, guard, not_played: Arc::new(not_played) };
        cluster.settled().await;
        Ok(cluster)
    }

    /// Returns what of the objects it was started with this cluster does not act on.
    pub fn not_played(&self) -> &NotPlayed {
        &self.not_played
    }

    /// Returns a client that meets no faults.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(Api::new(Arc::clone(&self.inner)), "default")
    }

    /// Returns a client with its own faults, and the handle that counts its requests.
    pub fn client_with(&self, faults: Faults) -> (kube::Client, Handle) {
        faults.over(&self.client())
    }

    /// Returns all objects but Events, by kind, namespace and name.
    pub fn objects(&self) -> Vec<Value> {
        let store = self.inner.store();
        store.all().filter(|(key, _)| *key.kind != kinds::EVENTS).map(|(_, object)| (**object).clone()).collect()
    }

    /// Returns the core Events that are about an object of this kind and name.
    pub fn events_of(&self, kind: &str, name: &str) -> Vec<Value> {
        let store = self.inner.store();
        store
            .list(&kinds::EVENTS, "")
            .filter(|(_, event)| {
                object::text(event, "/involvedObject/kind") == Some(kind)
                    && object::text(event, "/involvedObject/name") == Some(name)
            })
            .map(|(_, event)| (**event).clone())
            .collect()
    }

    /// Returns one object; `None` when there is none, or no such kind.
    pub fn get(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        let kind = kinds::by_object(api_version, kind)?;
        let key = Key::new(kind, namespace.filter(|_| kind.namespaced).unwrap_or_default(), name);
        self.inner.store().get(&key).map(|object| (*object).clone())
    }

    /// Creates or replaces an object as it is given, as another user with all rights would.
    ///
    /// Unlike the API it also takes `status`, and replaces without looking at the resourceVersion.
    ///
    /// # Errors
    ///
    /// Fails when the object is malformed or of a kind that is not served.
    pub fn put(&self, object: Value) -> Result<Value, Error> {
        load::put(&mut self.inner.store(), object)
    }

    /// Changes an object in place, as another user would; false when there is none.
    pub fn edit(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        let Some(kind) = kinds::by_object(api_version, kind) else { return false };
        let key = Key::new(kind, namespace.filter(|_| kind.namespaced).unwrap_or_default(), name);
        lifecycle::edit(&mut self.inner.store(), &key, change).is_some()
    }

    /// Deletes an object as another user would; false when there is none. Finalizers hold it as usual.
    pub fn delete(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        let Some(kind) = kinds::by_object(api_version, kind) else { return false };
        let key = Key::new(kind, namespace.filter(|_| kind.namespaced).unwrap_or_default(), name);
        lifecycle::delete(&mut self.inner.store(), &key, &lifecycle::DeleteRequest::default()).is_ok()
    }

    /// Returns the directory of a volume, by the name of its PersistentVolume. It is known even after the object is
    /// gone; whether the directory still exists is for the caller to see.
    pub fn volume_directory(&self, volume: &str) -> Option<PathBuf> {
        self.inner.machine.volumes.directory_of(volume)
    }

    /// Returns the directory of the volume that a claim is bound to.
    pub fn claim_directory(&self, namespace: &str, claim: &str) -> Option<PathBuf> {
        let claim = self.inner.store().find(&kinds::CLAIMS, namespace, claim)?;
        self.volume_directory(object::text(&claim, "/spec/volumeName")?)
    }

    /// Fills the volume of each bound claim with files, by the claim's annotations; see [`crate::Fill`].
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written.
    pub fn fill_all(&self, seed: u64) -> std::io::Result<Vec<(String, String, Contents)>> {
        let claims = self.inner.store().listed(&kinds::CLAIMS, "");
        let mut filled = Vec::new();
        for (at, (key, claim)) in claims.iter().enumerate() {
            if let Some(directory) = self.claim_directory(&key.namespace, &key.name) {
                let contents = fill::fill(&directory, seed.wrapping_add(at as u64), fill::Fill::of_claim(claim))?;
                filled.push((key.namespace.clone(), key.name.clone(), contents));
            }
        }
        Ok(filled)
    }

    /// Returns the highest number that workload pods ever wrote to a claim's journal.
    pub fn journal_of(&self, namespace: &str, claim: &str) -> u64 {
        self.inner.machine.journals.highest(namespace, claim)
    }

    /// Checks that a claim's volume holds every journal line ever written for it, and returns how many.
    ///
    /// # Errors
    ///
    /// Says what is missing, torn, or was once missing when a pod started.
    pub fn check_journal(&self, namespace: &str, claim: &str) -> Result<u64, String> {
        let object = self.inner.store().find(&kinds::CLAIMS, namespace, claim);
        let volume = object.as_ref().and_then(|claim| object::text(claim, "/spec/volumeName"));
        self.inner.machine.check_journal(namespace, claim, volume.unwrap_or_default())
    }

    /// Makes the next matching copy pods fail.
    pub fn fail_copies(&self, fault: CopyFault) {
        self.inner.machine.fail_copies(fault);
    }

    /// Forgets all past changes: watches and paged lists from before now answer 410.
    pub fn compact(&self) {
        self.inner.store().compact();
    }

    /// Brings the cluster to rest as it was given: claims that say nothing of a volume have one, also where their class waits
    /// for a pod and there is none.
    pub async fn at_rest(&self) {
        self.settled().await;
        let waits = |claim: &Value| {
            text(claim, "/status/phase") == Some("Pending")
                && text(claim, "/spec/volumeName").is_none()
                && !self.inner.keeps_waiting(claim)
        };
        {
            let mut store = self.inner.store();
            let node = store.list(&kinds::NODES, "").next().map(|(key, _)| key.name.clone()).unwrap_or_default();
            let claims = store.listed(&kinds::CLAIMS, "");
            let waiting = claims.into_iter().filter(|(_, claim)| waits(claim)).map(|(key, _)| key);
            // A pod that cannot be placed is the reason for the others.
            let unused: Vec<Key> = waiting.filter(|key| !is_used(&store, key)).collect();
            for key in unused {
                lifecycle::edit(&mut store, &key, |claim| object::set_annotation(claim, SELECTED_NODE, &node));
            }
        }
        self.settled().await;
    }

    /// Waits until the controllers have nothing left to do and no container runs that would end by itself.
    pub async fn settled(&self) {
        let mut activity = self.inner.activity.subscribe();
        let mut revision = self.inner.revision();
        loop {
            activity.mark_unchanged();
            revision.mark_unchanged();
            let idle = *activity.borrow() == 0 && !self.inner.store().has_unseen() && *activity.borrow() == 0;
            if idle {
                return;
            }
            // Both senders live in `inner`.
            tokio::select! {
                _ = activity.changed() => {}
                _ = revision.changed() => {}
            }
        }
    }

    /// Stops the controllers and all pods, and waits until no process of theirs runs.
    pub async fn stop(self) {
        self.guard.stop.send_replace(true);
        self.inner.node.stop_all(&self.inner);
        let mut activity = self.inner.activity.subscribe();
        // The sender lives in `inner`.
        let _ = activity.wait_for(|count| *count == 0).await;
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

fn is_used(store: &Store, claim: &Key) -> bool {
    store.referring(&kinds::PODS, &Reference::claim(&claim.namespace, &claim.name)).next().is_some()
}

fn given_as_unbound(objects: &[Value]) -> HashSet<(String, String)> {
    let claims = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim");
    let unbound = claims.filter(|claim| matches!(text(claim, "/status/phase"), Some("Pending" | "Lost")));
    unbound.map(|claim| (object::namespace(claim).to_owned(), object::name(claim).to_owned())).collect()
}
