//! Where a scene is played: an embedded cluster of its own, or its share of a real one. Both show the same objects.

use std::path::PathBuf;

use anyhow::Result;
use kube::Client;
use pvmigrate_rehearsal::{Cluster, CopyFault, Faults, Handle};
use serde_json::Value;

use crate::share::Share;
use crate::simulated::SimulatedNodes;

/// The ground that scenes are to be started on.
#[derive(Clone)]
pub enum Place {
    /// An embedded cluster for each.
    Embedded,
    /// A real API server with simulated nodes, shared by all.
    Real(SimulatedNodes),
}

/// The ground of one scene.
pub enum Ground {
    /// An embedded cluster.
    Embedded(Cluster),
    /// A share of a real one.
    Real(Share),
}

impl Ground {
    /// Returns a client that meets no faults.
    pub fn client(&self) -> Client {
        match self {
            Self::Embedded(cluster) => cluster.client(),
            Self::Real(share) => share.client(),
        }
    }

    /// Returns a client with its own faults, and the handle that counts its requests.
    pub fn client_with(&self, faults: Faults) -> (Client, Handle) {
        faults.over(&self.client())
    }

    /// Returns the objects of the scene, as they are now.
    pub async fn objects(&self) -> Vec<Value> {
        match self {
            Self::Embedded(cluster) => cluster.objects(),
            Self::Real(share) => share.objects().await,
        }
    }

    /// Returns one object.
    pub async fn get(&self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        match self {
            Self::Embedded(cluster) => cluster.get(api_version, kind, namespace, name),
            Self::Real(share) => share.get(kind, namespace, name).await,
        }
    }

    /// Creates or replaces an object with its status, as another user with all rights would.
    ///
    /// # Errors
    /// When the object is refused.
    pub async fn put(&self, object: Value) -> Result<()> {
        match self {
            Self::Embedded(cluster) => Ok(cluster.put(object).map(drop)?),
            Self::Real(share) => share.put(object).await,
        }
    }

    /// Returns the directory of a volume, by the name of its PersistentVolume.
    pub fn volume_directory(&self, volume: &str) -> Option<PathBuf> {
        match self {
            Self::Embedded(cluster) => cluster.volume_directory(volume),
            Self::Real(share) => share.volume_directory(volume),
        }
    }

    /// Checks that a claim's volume holds every journal line ever written for it, and returns how many.
    ///
    /// # Errors
    /// Says what is missing or torn.
    pub fn check_journal(&self, namespace: &str, claim: &str, volume: &str) -> Result<u64, String> {
        match self {
            Self::Embedded(cluster) => cluster.check_journal(namespace, claim),
            Self::Real(share) => share.check_journal(namespace, claim, volume),
        }
    }

    /// Makes the next matching copy pods fail.
    pub fn fail_copies(&self, fault: CopyFault) {
        match self {
            Self::Embedded(cluster) => cluster.fail_copies(fault),
            Self::Real(share) => share.machine.fail_copies(fault),
        }
    }

    /// Waits until nothing moves any more.
    pub async fn settled(&self) {
        match self {
            Self::Embedded(cluster) => cluster.settled().await,
            Self::Real(share) => share.settled().await,
        }
    }

    /// Returns the namespaces to look for migrations in; `None` for all there are.
    pub fn scopes(&self) -> Vec<Option<String>> {
        match self {
            Self::Embedded(_) => vec![None],
            Self::Real(share) => share.namespaces.iter().cloned().map(Some).collect(),
        }
    }

    /// Returns what a class or namespace of the scenario is called here.
    pub fn named(&self, name: &str) -> String {
        match self {
            Self::Embedded(_) => name.to_owned(),
            Self::Real(share) => share.named(name),
        }
    }

    /// Ends the scene, and removes what it had.
    pub async fn stop(self) {
        match self {
            Self::Embedded(cluster) => cluster.stop().await,
            Self::Real(share) => share.stop().await,
        }
    }
}
