//! Answers, on their way from a policy. Nothing is judged here; `answers` does that.

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::{
    Ballot, Finding, Kind, Mapping, Need, ObjectRef, PolicyError, Reason, Severity, Subject, TargetShape, VolumeId,
    Vote,
};

use super::{access_modes, manifest, preflight, selection, settings, types};
use crate::info::{CodeDoc, RawInfo, Scope};
use crate::settings::SettingsProblem;

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

pub(super) fn ballot(ballot: selection::Ballot) -> Ballot {
    Ballot {
        volume: VolumeId(ballot.volume),
        vote: match ballot.vote {
            selection::Vote::Migrate(why) => Vote::Migrate(reason(why)),
            selection::Vote::Skip(why) => Vote::Skip(reason(why)),
            selection::Vote::Abstain => Vote::Abstain,
        },
    }
}

pub(super) fn mapping(mapping: access_modes::Mapping) -> Mapping {
    let shape = |shape: access_modes::TargetShape| TargetShape {
        modes: shape.modes.into_iter().map(access_mode).collect(),
        volume_mode: volume_mode(shape.volume_mode),
        why: reason(shape.why),
    };
    Mapping { volume: VolumeId(mapping.volume), shape: mapping.shape.map(shape) }
}

pub(super) fn finding(finding: preflight::Finding) -> Finding {
    Finding {
        code: finding.code,
        severity: match finding.severity {
            preflight::Severity::Info => Severity::Info,
            preflight::Severity::Warning => Severity::Warning,
            preflight::Severity::Blocker => Severity::Blocker,
        },
        subject: match finding.subject {
            preflight::Subject::Plan => Subject::Plan,
            preflight::Subject::Volume(id) => Subject::Volume(VolumeId(id)),
            preflight::Subject::Object(object) => Subject::Object(object_ref(object)),
        },
        message: finding.message,
        remedy: finding.remedy,
        details: finding.details.into_iter().collect(),
    }
}

pub(super) fn problem(problem: settings::Problem) -> SettingsProblem {
    SettingsProblem { pointer: problem.pointer, message: problem.message }
}

pub(super) fn policy_error(error: types::PolicyError) -> PolicyError {
    PolicyError { code: error.code, message: error.message, volume: error.volume.map(VolumeId) }
}

fn reason(reason: types::Reason) -> Reason {
    Reason { code: reason.code, message: reason.message, details: reason.details.into_iter().collect() }
}

fn object_ref(object: types::ObjectRef) -> ObjectRef {
    ObjectRef { api_version: object.api_version, kind: object.kind, namespace: object.namespace, name: object.name }
}

fn access_mode(mode: types::AccessMode) -> AccessMode {
    match mode {
        types::AccessMode::ReadWriteOnce => AccessMode::ReadWriteOnce,
        types::AccessMode::ReadOnlyMany => AccessMode::ReadOnlyMany,
        types::AccessMode::ReadWriteMany => AccessMode::ReadWriteMany,
        types::AccessMode::ReadWriteOncePod => AccessMode::ReadWriteOncePod,
    }
}

fn volume_mode(mode: types::VolumeMode) -> VolumeMode {
    match mode {
        types::VolumeMode::Filesystem => VolumeMode::Filesystem,
        types::VolumeMode::Block => VolumeMode::Block,
    }
}
