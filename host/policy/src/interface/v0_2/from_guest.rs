//! Conversion of values that come from a policy, unchecked: the rules are applied later.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{Kind, Need, ObjectRef, PolicyError, Reason, VolumeId};

use super::{manifest, types};
use crate::info::{CodeDoc, RawInfo, Scope};

pub(super) fn info(info: manifest::Info) -> RawInfo {
    let code = |code: manifest::CodeDoc| CodeDoc { code: code.code, summary: code.summary, docs_url: code.docs_url };
    let need = |need: manifest::ObjectNeed| Need {
        kind: Kind::new(need.api_version, need.kind),
        purpose: need.purpose,
        optional: need.optional,
    };
    RawInfo {
        name: info.name,
        version: info.version,
        summary: info.summary,
        scope: match info.scope {
            manifest::Scope::PerVolume => Scope::PerVolume,
            manifest::Scope::WholeBatch => Scope::WholeBatch,
        },
        settings_schema: info.settings_schema,
        needs: info.needs.into_iter().map(need).collect(),
        codes: info.codes.into_iter().map(code).collect(),
    }
}

pub(crate) fn policy_error(error: types::PolicyError) -> PolicyError {
    PolicyError { code: error.code, message: error.message, volume: error.volume.map(VolumeId) }
}

pub(crate) fn reason(reason: types::Reason) -> Reason {
    Reason { code: reason.code, message: reason.message, details: reason.details.into_iter().collect() }
}

pub(crate) fn object_ref(object: types::ObjectRef) -> ObjectRef {
    ObjectRef { api_version: object.api_version, kind: object.kind, namespace: object.namespace, name: object.name }
}

pub(crate) fn access_mode(mode: types::AccessMode) -> AccessMode {
    match mode {
        types::AccessMode::ReadWriteOnce => AccessMode::ReadWriteOnce,
        types::AccessMode::ReadOnlyMany => AccessMode::ReadOnlyMany,
        types::AccessMode::ReadWriteMany => AccessMode::ReadWriteMany,
        types::AccessMode::ReadWriteOncePod => AccessMode::ReadWriteOncePod,
    }
}

pub(crate) fn volume_mode(mode: types::VolumeMode) -> VolumeMode {
    match mode {
        types::VolumeMode::Filesystem => VolumeMode::Filesystem,
        types::VolumeMode::Block => VolumeMode::Block,
    }
}
