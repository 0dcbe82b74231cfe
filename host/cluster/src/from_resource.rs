//! Turns Kubernetes objects into plain values. The only place, with [`crate::manifest`], that knows their Rust types' fields.
//!
//! The `Seen*` types are what the watch caches keep: small, and all that an observation needs. Each kind's file also fills
//! its part of the survey. Nothing here talks to a cluster.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use pvmigrate_core::policy::quantity::parse_bytes;
use pvmigrate_core::policy::{ObjectRef, Pairs};
use pvmigrate_core::record::{Uid, Version};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

pub(crate) mod claim;
pub(crate) mod claim_template;
pub(crate) mod class;
pub(crate) mod event;
pub(crate) mod pod;
pub(crate) mod pod_progress;
pub(crate) mod volume;
pub(crate) mod workload;

/// Where the cluster's messages are cut for people: a provisioner's reason with its cause fits, a stack trace does not.
pub(crate) const WORDS: usize = 400;

/// The identity of an object of one kind. The namespace of an object of the whole cluster is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

/// An object that cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) about: String,
    pub(crate) message: String,
}

/// An object that owns another, as a rule the one that controls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Controller {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: Uid,
}

impl Controller {
    pub(crate) fn object(&self, namespace: &str) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            namespace: Some(namespace.to_owned()),
            name: self.name.clone(),
        }
    }
}

pub(crate) fn uid(metadata: &ObjectMeta) -> Uid {
    Uid(metadata.uid.clone().unwrap_or_default())
}

pub(crate) fn version(metadata: &ObjectMeta) -> Version {
    Version(metadata.resource_version.clone().unwrap_or_default())
}

pub(crate) fn created(metadata: &ObjectMeta) -> Timestamp {
    metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

pub(crate) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

pub(crate) fn owned_annotation(metadata: &ObjectMeta, key: &str) -> Option<String> {
    annotation(metadata, key).map(str::to_owned)
}

/// Tells whether the object carries the label of everything we make.
pub(crate) fn is_managed(metadata: &ObjectMeta) -> bool {
    let (key, value) = pvmigrate_core::names::MANAGED_BY;
    metadata.labels.as_ref().and_then(|labels| labels.get(key)).is_some_and(|found| found == value)
}

pub(crate) fn controller(metadata: &ObjectMeta) -> Option<Controller> {
    let owners = metadata.owner_references.iter().flatten();
    owners.clone().find(|owner| owner.controller == Some(true)).map(controller_of)
}

/// Returns every owner, the controlling one first.
pub(crate) fn owners(metadata: &ObjectMeta) -> Vec<Controller> {
    let mut owners: Vec<&OwnerReference> = metadata.owner_references.iter().flatten().collect();
    owners.sort_by_key(|owner| owner.controller != Some(true));
    owners.into_iter().map(controller_of).collect()
}

fn controller_of(owner: &OwnerReference) -> Controller {
    Controller {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        uid: Uid(owner.uid.clone()),
    }
}

pub(crate) fn pairs(map: Option<&BTreeMap<String, String>>) -> Pairs {
    map.cloned().unwrap_or_default()
}

/// Reads `storage` out of a resource list, in bytes.
pub(crate) fn storage(
    list: Option<&BTreeMap<String, Quantity>>,
    about: impl FnOnce() -> String,
) -> Result<Option<u64>, Unreadable> {
    let Some(quantity) = list.and_then(|list| list.get("storage")) else { return Ok(None) };
    let unreadable = |error| Unreadable { about: about(), message: format!("its size: {error}") };
    parse_bytes(&quantity.0).map(Some).map_err(unreadable)
}
