//! Conversion of values that go to a policy.
//!
//! Nothing large is copied: these types borrow from the question, and only their containers are allocated. The
//! generated types would own every string, about thirty for each claim. That both look the same to a policy is checked
//! when it is loaded, by the types of its functions.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{self, ClassMode, LookupError};
use wasmtime::component::{ComponentType, Lower};

use super::{snapshot, types};
use crate::input::Input;

pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// `types.request`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Request<'a> {
    settings: &'a str,
    environment: &'a str,
    now: u64,
    source: Option<StorageClass<'a>>,
    target: StorageClass<'a>,
    volumes: Vec<Volume<'a>>,
    facts: Pairs<'a>,
}

/// `types.storage-class`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct StorageClass<'a> {
    name: &'a str,
    provisioner: &'a str,
    parameters: Pairs<'a>,
    annotations: Pairs<'a>,
    #[component(name = "reclaim-policy")]
    reclaim_policy: &'a str,
    #[component(name = "binding-mode")]
    binding_mode: &'a str,
    #[component(name = "allow-expansion")]
    allow_expansion: bool,
    #[component(name = "known-modes")]
    known_modes: Vec<types::ClassMode>,
    facts: Pairs<'a>,
}

/// `types.volume`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Volume<'a> {
    id: u32,
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    phase: &'a str,
    created: u64,
    #[component(name = "storage-class")]
    storage_class: Option<&'a str>,
    driver: Option<&'a str>,
    #[component(name = "volume-name")]
    volume_name: Option<&'a str>,
    #[component(name = "reclaim-policy")]
    reclaim_policy: Option<&'a str>,
    #[component(name = "volume-mode")]
    volume_mode: types::VolumeMode,
    #[component(name = "requested-modes")]
    requested_modes: Vec<types::AccessMode>,
    #[component(name = "effective-modes")]
    effective_modes: Vec<types::AccessMode>,
    #[component(name = "requested-bytes")]
    requested_bytes: u64,
    #[component(name = "capacity-bytes")]
    capacity_bytes: u64,
    #[component(name = "used-bytes")]
    used_bytes: Option<u64>,
    consumers: Vec<Consumer<'a>>,
    facts: Pairs<'a>,
}

/// `types.consumer`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Consumer<'a> {
    workload: ObjectRef<'a>,
    pod: &'a str,
    node: Option<&'a str>,
    #[component(name = "read-only")]
    read_only: bool,
    running: bool,
}

/// `types.object-ref`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct ObjectRef<'a> {
    #[component(name = "api-version")]
    api_version: &'a str,
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
}

pub(crate) fn request<'a>(input: &Input<'a>) -> Request<'a> {
    let request = input.request;
    Request {
        settings: input.settings,
        environment: &request.environment,
        now: request.now,
        source: request.source.as_ref().map(storage_class),
        target: storage_class(&request.target),
        volumes: input.volumes.iter().map(|each| volume(each)).collect(),
        facts: pairs(&request.facts),
    }
}

pub(super) fn lookup_error(error: LookupError) -> snapshot::LookupError {
    match error {
        LookupError::NotDeclared => snapshot::LookupError::NotDeclared,
        LookupError::NotCollected(why) => snapshot::LookupError::NotCollected(why),
        LookupError::Refused(why) => snapshot::LookupError::Refused(why),
    }
}

fn volume(volume: &policy::Volume) -> Volume<'_> {
    Volume {
        id: volume.id.0,
        namespace: &volume.namespace,
        name: &volume.name,
        uid: &volume.uid,
        labels: pairs(&volume.labels),
        annotations: pairs(&volume.annotations),
        phase: &volume.phase,
        created: volume.created,
        storage_class: volume.storage_class.as_deref(),
        driver: volume.driver.as_deref(),
        volume_name: volume.volume_name.as_deref(),
        reclaim_policy: volume.reclaim_policy.as_deref(),
        volume_mode: volume_mode(volume.volume_mode),
        requested_modes: modes(&volume.requested_modes),
        effective_modes: modes(&volume.effective_modes),
        requested_bytes: volume.requested_bytes,
        capacity_bytes: volume.capacity_bytes,
        used_bytes: volume.used_bytes,
        consumers: volume.consumers.iter().map(consumer).collect(),
        facts: pairs(&volume.facts),
    }
}

fn storage_class(class: &policy::StorageClass) -> StorageClass<'_> {
    StorageClass {
        name: &class.name,
        provisioner: &class.provisioner,
        parameters: pairs(&class.parameters),
        annotations: pairs(&class.annotations),
        reclaim_policy: &class.reclaim_policy,
        binding_mode: &class.binding_mode,
        allow_expansion: class.allow_expansion,
        known_modes: class.known_modes.iter().copied().map(class_mode).collect(),
        facts: pairs(&class.facts),
    }
}

fn class_mode(mode: ClassMode) -> types::ClassMode {
    types::ClassMode { volume_mode: volume_mode(mode.volume_mode), access_mode: access_mode(mode.access_mode) }
}

fn consumer(consumer: &policy::Consumer) -> Consumer<'_> {
    Consumer {
        workload: object_ref(&consumer.workload),
        pod: &consumer.pod,
        node: consumer.node.as_deref(),
        read_only: consumer.read_only,
        running: consumer.running,
    }
}

fn object_ref(object: &policy::ObjectRef) -> ObjectRef<'_> {
    ObjectRef {
        api_version: &object.api_version,
        kind: &object.kind,
        namespace: object.namespace.as_deref(),
        name: &object.name,
    }
}

pub(crate) fn modes(modes: &[AccessMode]) -> Vec<types::AccessMode> {
    modes.iter().copied().map(access_mode).collect()
}

fn access_mode(mode: AccessMode) -> types::AccessMode {
    match mode {
        AccessMode::ReadWriteOnce => types::AccessMode::ReadWriteOnce,
        AccessMode::ReadOnlyMany => types::AccessMode::ReadOnlyMany,
        AccessMode::ReadWriteMany => types::AccessMode::ReadWriteMany,
        AccessMode::ReadWriteOncePod => types::AccessMode::ReadWriteOncePod,
    }
}

pub(crate) fn volume_mode(mode: VolumeMode) -> types::VolumeMode {
    match mode {
        VolumeMode::Filesystem => types::VolumeMode::Filesystem,
        VolumeMode::Block => types::VolumeMode::Block,
    }
}

fn pairs(pairs: &policy::Pairs) -> Pairs<'_> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

pub(crate) fn owned_pairs(pairs: &policy::Pairs) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
