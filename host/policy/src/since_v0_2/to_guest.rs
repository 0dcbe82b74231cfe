//! Questions, on their way to a policy.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{ClassMode, Consumer, LookupError, ObjectRef, Pairs, Planned, StorageClass, Volume};

use super::{preflight, snapshot, types};
use crate::policies::Asked;

pub(super) fn request(asked: &Asked<'_>) -> types::Request {
    let request = asked.request;
    types::Request {
        settings: asked.settings.to_owned(),
        environment: request.environment.clone(),
        now: request.now,
        source: request.source.as_ref().map(storage_class),
        target: storage_class(&request.target),
        volumes: asked.volumes.iter().map(|asked| volume(asked)).collect(),
        facts: pairs(&request.facts),
    }
}

pub(super) fn planned(planned: &Planned) -> preflight::Planned {
    preflight::Planned {
        volume: planned.volume.0,
        modes: modes(&planned.modes),
        volume_mode: volume_mode(planned.volume_mode),
        target_bytes: planned.target_bytes,
        facts: pairs(&planned.facts),
    }
}

pub(super) fn lookup_error(error: LookupError) -> snapshot::LookupError {
    match error {
        LookupError::NotDeclared => snapshot::LookupError::NotDeclared,
        LookupError::NotCollected(why) => snapshot::LookupError::NotCollected(why),
        LookupError::Refused(why) => snapshot::LookupError::Refused(why),
    }
}

fn volume(volume: &Volume) -> types::Volume {
    types::Volume {
        id: volume.id.0,
        namespace: volume.namespace.clone(),
        name: volume.name.clone(),
        uid: volume.uid.clone(),
        labels: pairs(&volume.labels),
        annotations: pairs(&volume.annotations),
        phase: volume.phase.clone(),
        created: volume.created,
        storage_class: volume.storage_class.clone(),
        driver: volume.driver.clone(),
        volume_name: volume.volume_name.clone(),
        reclaim_policy: volume.reclaim_policy.clone(),
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

fn storage_class(class: &StorageClass) -> types::StorageClass {
    types::StorageClass {
        name: class.name.clone(),
        provisioner: class.provisioner.clone(),
        parameters: pairs(&class.parameters),
        annotations: pairs(&class.annotations),
        reclaim_policy: class.reclaim_policy.clone(),
        binding_mode: class.binding_mode.clone(),
        allow_expansion: class.allow_expansion,
        known_modes: class.known_modes.iter().copied().map(class_mode).collect(),
        facts: pairs(&class.facts),
    }
}

fn class_mode(mode: ClassMode) -> types::ClassMode {
    types::ClassMode { volume_mode: volume_mode(mode.volume_mode), access_mode: access_mode(mode.access_mode) }
}

fn consumer(consumer: &Consumer) -> types::Consumer {
    types::Consumer {
        workload: object_ref(&consumer.workload),
        pod: consumer.pod.clone(),
        node: consumer.node.clone(),
        read_only: consumer.read_only,
        running: consumer.running,
    }
}

fn object_ref(object: &ObjectRef) -> types::ObjectRef {
    types::ObjectRef {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
    }
}

fn modes(modes: &[AccessMode]) -> Vec<types::AccessMode> {
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

fn volume_mode(mode: VolumeMode) -> types::VolumeMode {
    match mode {
        VolumeMode::Filesystem => types::VolumeMode::Filesystem,
        VolumeMode::Block => types::VolumeMode::Block,
    }
}

fn pairs(pairs: &Pairs) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
