//! The cluster as the driver's [`World`]: observes from the caches, executes by conditional requests.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::ListParams;
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::{Done, World};
use pvmigrate_core::record::Record;
use pvmigrate_core::step::Step;

use crate::caches::Caches;
use crate::copy_log::CopyLogs;
use crate::error::Error;
use crate::log_stream::{CopyLine, follow};
use crate::observe::GroupObjects;
use crate::resources::Resources;
use crate::wake::Wake;
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::Reads;
use pvmigrate_objects::from_resource::pod::{CopyPod, SeenPod};

/// A cluster to look at and to change. Clones share everything.
#[derive(Clone)]
pub struct ClusterWorld {
    pub(crate) client: Client,
    pub(crate) caches: Arc<Caches>,
    logs: Arc<CopyLogs>,
    /// Run and claim, for each absent claim whose users were read after its absence was seen.
    confirmed: Arc<Mutex<HashSet<(String, String)>>>,
}

impl std::fmt::Debug for ClusterWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterWorld").finish_non_exhaustive()
    }
}

impl World for ClusterWorld {
    type Error = Error;

    /// Looks at the group in the caches. Two things cost a request: the log of a finished copy, once a pass, and the
    /// pods of the namespace, once before a claim's copy starts.
    async fn observe(&self, record: &Record) -> Result<Observation, Error> {
        self.caches.broken.check()?;
        self.confirm_users(record).await?;
        let group = GroupObjects::of(record, &self.caches);
        let unread: Vec<_> = group.unread().collect();
        let logs = self.logs.of(&self.client, &unread).await?;
        Ok(group.observation(&logs))
    }

    async fn execute(&self, record: &Record, step: &Step) -> Result<Done, Error> {
        self.write(record, step).await
    }
}

impl ClusterWorld {
    pub(crate) fn new(client: Client, caches: Arc<Caches>) -> Self {
        Self { client, caches, logs: Arc::default(), confirmed: Arc::default() }
    }

    /// Returns what resolves when anything changes in the namespace, or any volume; make it before the first group.
    pub fn wake(&self, namespace: &str) -> Wake {
        self.caches.hub.wake(namespace)
    }

    /// Tells whether a copy pod is there in which the claim's pass has not ended.
    pub fn is_copying(&self, namespace: &str, pod: &str, claim: &str) -> bool {
        let pod = self.caches.pods.get(&Key::new(namespace, pod));
        pod.is_some_and(|pod| pod.copy_of(claim).is_some_and(CopyPod::is_under_way))
    }

    /// Follows what a claim's pass in a copy pod writes, from its first line to its end; starts once the pass does.
    pub fn copy_lines(&self, namespace: &str, pod: &str, claim: &str) -> impl Stream<Item = CopyLine> + Send + use<> {
        follow(self.client.clone(), Arc::clone(&self.caches), namespace, pod, claim)
    }

    /// Reads the pods again before a copy starts, because a watch may lag behind the claim's.
    ///
    /// One list is enough: once the claim is gone no further pod can mount it, and the list is laid over the cache.
    async fn confirm_users(&self, record: &Record) -> Result<(), Error> {
        let group = GroupObjects::of(record, &self.caches);
        let absent: HashSet<&str> = group.absent().collect();
        let needs_list = {
            let mut confirmed = self.confirmed();
            confirmed.retain(|(run, claim)| *run != record.run || absent.contains(claim.as_str()));
            let is_unsure = |claim: &&str| !confirmed.contains(&(record.run.clone(), (**claim).to_owned()));
            absent.iter().filter(|claim| group.is_before_copy(claim)).any(is_unsure)
        };
        if !needs_list {
            return Ok(());
        }
        let pods = Resources::<Pod>::of(&self.client, &record.namespace).list(&ListParams::default()).await?;
        let seen = pods.items.iter().filter_map(SeenPod::read).collect();
        self.caches.pods.saw_all(&record.namespace, seen, &pods.version);
        let absent = absent.into_iter().map(|claim| (record.run.clone(), claim.to_owned()));
        self.confirmed().extend(absent);
        Ok(())
    }

    fn confirmed(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
