//! Turns Kubernetes objects into plain values. The only place, with the cluster crate's `manifest`, that knows their Rust
//! types' fields.
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

pub mod claim;
pub mod claim_template;
pub mod class;
pub mod event;
pub mod namespace;
pub mod pod;
pub mod pod_progress;
pub mod volume;
pub mod workload;

/// Where the cluster's messages are cut for people: a provisioner's reason with its cause fits, a stack trace does not.
pub const WORDS: usize = 400;

/// The identity of an object of one kind. The namespace of an object of the whole cluster is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

/// An object that a watch cache keeps.
pub trait Kept: Clone + Send + Sync + 'static {
    fn key(&self) -> &Key;
    fn uid(&self) -> &Uid;
    fn version(&self) -> &Version;
}

/// A kept object that is made from a Kubernetes object.
pub trait Reads<K>: Kept {
    /// Keeps what is needed; `None` when the object is of no interest.
    fn read(object: &K) -> Option<Self>;
}

/// An object that cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub about: String,
    pub message: String,
}

/// An object that owns another, as a rule the one that controls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: Uid,
}

impl Controller {
    pub fn object(&self, namespace: &str) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            namespace: Some(namespace.to_owned()),
            name: self.name.clone(),
        }
    }
}

pub fn uid(metadata: &ObjectMeta) -> Uid {
    Uid(metadata.uid.clone().unwrap_or_default())
}

pub fn version(metadata: &ObjectMeta) -> Version {
    Version(metadata.resource_version.clone().unwrap_or_default())
}

pub fn created(metadata: &ObjectMeta) -> Timestamp {
    metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

pub fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

pub fn owned_annotation(metadata: &ObjectMeta, key: &str) -> Option<String> {
    annotation(metadata, key).map(str::to_owned)
}

/// Tells whether the object carries the label of everything we make.
pub fn is_managed(metadata: &ObjectMeta) -> bool {
    let (key, value) = pvmigrate_core::names::MANAGED_BY;
    metadata.labels.as_ref().and_then(|labels| labels.get(key)).is_some_and(|found| found == value)
}

pub fn controller(metadata: &ObjectMeta) -> Option<Controller> {
    let owners = metadata.owner_references.iter().flatten();
    owners.clone().find(|owner| owner.controller == Some(true)).map(controller_of)
}

/// Returns every owner, the controlling one first.
pub fn owners(metadata: &ObjectMeta) -> Vec<Controller> {
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

pub fn pairs(map: Option<&BTreeMap<String, String>>) -> Pairs {
    map.cloned().unwrap_or_default()
}

/// Reads `storage` out of a resource list, in bytes.
pub fn storage(
    list: Option<&BTreeMap<String, Quantity>>,
    about: impl FnOnce() -> String,
) -> Result<Option<u64>, Unreadable> {
    let Some(quantity) = list.and_then(|list| list.get("storage")) else { return Ok(None) };
    let unreadable = |error| Unreadable { about: about(), message: format!("its size: {error}") };
    parse_bytes(&quantity.0).map(Some).map_err(unreadable)
}
