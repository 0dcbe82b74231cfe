//! What the watches of one run give: the world as they show it, and the records.

use std::fmt::Debug;
use std::sync::Arc;

use kube::Client;

use crate::caches::Caches;
use crate::error::Error;
use crate::record_store::RecordStore;
use crate::world::ClusterWorld;

/// The watches of one run. They end when this and all worlds and record stores made of it are dropped.
pub struct Watched {
    client: Client,
    caches: Arc<Caches>,
}

impl Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("events_permitted", &self.caches.events_permitted).finish_non_exhaustive()
    }
}

impl Watched {
    /// Starts the watches and waits until each has listed once. With a namespace, only volumes are read beyond it.
    ///
    /// Costs one request a kind for as long as no watch is dropped, or two where the server cannot stream its lists. Warning
    /// events are used if they may be listed.
    ///
    /// # Errors
    /// The first that any list meets; [`Error::Forbidden`] names verb and resource.
    pub async fn start(client: Client, namespace: Option<&str>) -> Result<Self, Error> {
        let caches = Caches::start(client.clone(), namespace).await?;
        Ok(Self { client, caches: Arc::new(caches) })
    }

    pub(crate) fn parts(&self) -> (&Client, &Caches) {
        (&self.client, &self.caches)
    }

    /// Returns the world as these watches show it.
    pub fn world(&self) -> ClusterWorld {
        ClusterWorld::new(self.client.clone(), Arc::clone(&self.caches))
    }

    /// Returns the records; loading one costs no request.
    pub fn records(&self) -> RecordStore {
        RecordStore::watched(self.client.clone(), Arc::clone(&self.caches))
    }
}
