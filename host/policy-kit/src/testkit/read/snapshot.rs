//! The part of a request that Kubernetes objects describe: the classes and the claims with their volumes.
//!
//! What a claim is, [`pvmigrate_objects::survey`] says, here as on a cluster. What hand-written objects leave out is filled in
//! before: see [`pvmigrate_objects::complete`].

use std::collections::BTreeMap;

use pvmigrate_core::policy::{StorageClass, Volume, VolumeId};
use pvmigrate_core::survey::{Scope, Survey};
use pvmigrate_objects::survey;
use serde_json::Value;

/// The part of a request that fixtures describe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) classes: Vec<StorageClass>,
    /// In order of namespace and name, numbered from 1.
    pub(crate) volumes: Vec<Volume>,
    /// What is wrong with classes that can be migrated neither from nor to, by name.
    pub(crate) unclear: BTreeMap<String, String>,
}

impl Snapshot {
    /// Derives everything from objects that are complete; an error names the object.
    pub(crate) fn of(objects: &[Value]) -> Result<Self, String> {
        let anything = Scope {
            namespace: None,
            source_class: String::new(),
            dest_class: String::new(),
            skip_source_validation: false,
        };
        let survey = survey::of_objects(objects, &anything);
        let Survey { classes, volumes, unclear_classes, .. } =
            survey.map_err(|unreadable| format!("{}: {}", unreadable.about, unreadable.message))?;
        let mut snapshot = Self { classes: classes.into_values().collect(), volumes, unclear: unclear_classes };
        snapshot.number();
        Ok(snapshot)
    }

    /// Sorts and numbers the volumes.
    pub(crate) fn number(&mut self) {
        self.volumes.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        for (volume, id) in self.volumes.iter_mut().zip(1..) {
            volume.id = VolumeId(id);
        }
    }
}
