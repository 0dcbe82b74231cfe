//! Keeps records, one ConfigMap a group, in the group's namespace, by compare-and-swap.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::ListParams;
use pvmigrate_core::names;
use pvmigrate_core::ports::{RecordId, Records, Saved};
use pvmigrate_core::record::{Record, Version};

use crate::caches::Caches;
use crate::error::Error;
use crate::manifest::config_map::of_record;
use crate::record_codec::{SeenRecord, decode, encode};
use crate::resources::{Changed, Created, Deleted, Only, Resources};
use pvmigrate_objects::from_resource::Key;
use pvmigrate_objects::from_resource::{Kept, Reads};

/// How long the watch may take to show the record that another process has stored.
const CATCH_UP: Duration = Duration::from_millis(300);

/// A store of records in ConfigMaps.
#[derive(Clone)]
pub struct RecordStore {
    client: Client,
    /// With watches, loading costs no request; without, each load is one.
    watched: Option<Arc<Caches>>,
}

impl std::fmt::Debug for RecordStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordStore").field("is_watched", &self.watched.is_some()).finish_non_exhaustive()
    }
}

impl RecordStore {
    /// Makes a store that asks the API server for each record; for commands that look once. A run uses
    /// [`crate::Watched::records`].
    pub fn new(client: Client) -> Self {
        Self { client, watched: None }
    }

    pub(crate) fn watched(client: Client, caches: Arc<Caches>) -> Self {
        Self { client, watched: Some(caches) }
    }

    /// Lists all records of a namespace, or of all, ended ones too, in order of namespace and name.
    ///
    /// # Errors
    /// [`Error::RecordTooNew`] and [`Error::Unreadable`] name the ConfigMap.
    pub async fn list(&self, namespace: Option<&str>) -> Result<Vec<Record>, Error> {
        list(&self.client, namespace).await
    }

    /// Deletes a record of this version; tells whether it is gone now.
    ///
    /// # Errors
    /// What the API server refuses.
    pub async fn delete(&self, id: &RecordId, version: &Version) -> Result<bool, Error> {
        let only = Only { version: Some(version.clone()), ..Only::default() };
        let config_maps = Resources::<ConfigMap>::of(&self.client, &id.namespace);
        match config_maps.delete(&id.name, &only).await? {
            Deleted::Ending(_) | Deleted::Gone | Deleted::Missing => Ok(true),
            Deleted::Conflict => Ok(false),
        }
    }

    /// Checks that a record fits into a ConfigMap, before anything is changed for it.
    ///
    /// # Errors
    /// [`Error::RecordTooLarge`].
    pub fn check_size(record: &Record) -> Result<(), Error> {
        encode(record).map(drop)
    }

    fn show(&self, config_map: &ConfigMap) -> Version {
        let version = pvmigrate_objects::from_resource::version(&config_map.metadata);
        if let (Some(caches), Some(seen)) = (&self.watched, SeenRecord::read(config_map)) {
            caches.records.saw(seen);
        }
        version
    }
}

pub(crate) async fn list(client: &Client, namespace: Option<&str>) -> Result<Vec<Record>, Error> {
    let (label, value) = names::MANAGED_BY;
    let ours = ListParams::default().labels(&format!("{label}={value}"));
    let listed = Resources::<ConfigMap>::within(client, namespace).list(&ours).await?;
    let mut records = Vec::new();
    for config_map in &listed.items {
        records.extend(decode(config_map)?);
    }
    records.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Ok(records)
}

impl Records for RecordStore {
    type Error = Error;

    async fn load(&self, id: &RecordId) -> Result<Option<(Record, Version)>, Error> {
        let seen = match &self.watched {
            Some(caches) => {
                caches.broken.check()?;
                caches.records.get(&Key::new(&id.namespace, &id.name)).map(|seen| (*seen).clone())
            }
            None => {
                let found = Resources::<ConfigMap>::of(&self.client, &id.namespace).get(&id.name).await?;
                found.as_ref().and_then(SeenRecord::read)
            }
        };
        let Some(SeenRecord { version, record: Some(record), .. }) = seen else { return Ok(None) };
        Ok(Some((record?, version)))
    }

    async fn save(&self, record: &Record, expected: Option<&Version>) -> Result<Saved, Error> {
        let config_maps = Resources::<ConfigMap>::of(&self.client, &record.namespace);
        let config_map = of_record(record, encode(record)?, expected);
        let stored = match expected {
            None => match config_maps.create(&config_map).await? {
                Created::Made(made) => Some(made),
                Created::Exists => None,
            },
            Some(_) => match config_maps.replace(&record.name, &config_map).await? {
                Changed::To(made) => Some(made),
                Changed::Conflict | Changed::Missing => None,
            },
        };
        if let Some(config_map) = stored {
            return Ok(Saved::Stored(self.show(&config_map)));
        }
        if let Some(caches) = &self.watched {
            // So that the next load shows what the other process stored, and not the same conflict again.
            let key = Key::new(&record.namespace, &record.name);
            caches.records.until(&key, CATCH_UP, |seen| seen.map(Kept::version) != expected).await;
        }
        Ok(Saved::Conflict)
    }
}
