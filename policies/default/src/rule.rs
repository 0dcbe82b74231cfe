//! The pure rule: what the reference tool does, as three answers.
//!
//! Selection is by StorageClass, and by namespace when the user restricted the run to one. Access modes come from
//! the claim's annotation. Findings are those checks of the reference tool that a snapshot is enough for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pvmigrate_policy_sdk::types::{AccessMode, Request, Volume};
use pvmigrate_policy_sdk::{get, is_on, pairs, reason};

use crate::glue::exports::pvmigrate::policy::access_modes::TargetShape;
use crate::glue::exports::pvmigrate::policy::preflight::{Finding, Planned, Severity, Subject};
use crate::glue::exports::pvmigrate::policy::selection::Vote;

/// The request's fact with the name of the class to migrate from.
const SOURCE_CLASS: &str = "pvmigrate.dev/source-class";
/// The request's fact with the one namespace asked for.
const NAMESPACE: &str = "pvmigrate.dev/namespace";
/// The request's fact that the source class object need not exist.
const SKIP_SOURCE_VALIDATION: &str = "pvmigrate.dev/skip-source-validation";
/// The claim's annotation that names the access mode wanted on the target.
const ACCESS_MODE: &str = "kurl.sh/pvcmigrate-destinationaccessmode";

/// Every code with what it means.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("source-class", "the claim is bound to a volume of the class to migrate from"),
    ("other-class", "the claim is of another class"),
    ("other-namespace", "the claim is not in the namespace asked for"),
    ("not-bound", "the claim has no volume, so there is nothing to copy"),
    ("access-mode-annotation", "the access mode that the claim's annotation names"),
    ("access-mode-invalid", "the claim's annotation names no access mode"),
    ("source-class-missing", "the class to migrate from does not exist"),
    ("source-is-target", "the class to migrate from is the class to migrate to"),
    ("nothing-to-migrate", "no claim was selected"),
];

/// Says whether a claim moves. Never abstains: the host asks this policy when nobody else decides.
pub(crate) fn vote(request: &Request, volume: &Volume) -> Vote {
    let source = source_class(request);
    if volume.storage_class.as_deref() != Some(source) {
        let message = match &volume.storage_class {
            Some(class) => format!("its StorageClass is {class}"),
            None => "it has no StorageClass".to_string(),
        };
        return Vote::Skip(reason("other-class", message));
    }
    if let Some(only) = get(&request.facts, NAMESPACE)
        && only != volume.namespace
    {
        let message = format!("only namespace {only} was asked for");
        return Vote::Skip(reason("other-namespace", message));
    }
    if volume.volume_name.is_none() || volume.phase != "Bound" {
        let phase = match volume.phase.as_str() {
            "" => "not bound",
            phase => phase,
        };
        let message = format!("it is {phase}, so there is no volume to copy from");
        return Vote::Skip(reason("not-bound", message));
    }
    Vote::Migrate(reason("source-class", format!("its StorageClass is {source}")))
}

/// Says which access mode the claim's annotation asks for. No opinion without one, or when it cannot be read:
/// then [`findings`] blocks the run.
pub(crate) fn shape(volume: &Volume) -> Option<TargetShape> {
    let value = get(&volume.annotations, ACCESS_MODE)?;
    let why = format!("the claim's annotation {ACCESS_MODE} says {value}");
    read_mode(value).map(|mode| TargetShape {
        modes: Vec::from([mode]),
        volume_mode: volume.volume_mode,
        why: reason("access-mode-annotation", why),
    })
}

fn read_mode(word: &str) -> Option<AccessMode> {
    match word {
        "ReadWriteOnce" => Some(AccessMode::ReadWriteOnce),
        "ReadOnlyMany" => Some(AccessMode::ReadOnlyMany),
        "ReadWriteMany" => Some(AccessMode::ReadWriteMany),
        "ReadWriteOncePod" => Some(AccessMode::ReadWriteOncePod),
        _ => None,
    }
}

/// Says what is wrong with the plan.
pub(crate) fn findings(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let mut planned: Vec<_> = plan.iter().map(|planned| planned.volume).collect();
    planned.sort_unstable();
    let moving = request.volumes.iter().filter(|volume| planned.binary_search(&volume.id).is_ok());
    let mut found = about_the_plan(request, plan);
    found.extend(moving.filter_map(invalid_mode));
    found
}

fn about_the_plan(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let source = source_class(request);
    let finding = |code: &str, severity, message: String, remedy: &str| Finding {
        code: code.to_string(),
        severity,
        subject: Subject::Plan,
        message,
        remedy: Some(remedy.to_string()),
        details: pairs(&[("source", source), ("target", &request.target.name)]),
    };
    let mut found = Vec::new();
    if request.source.is_none() && !is_on(&request.facts, SKIP_SOURCE_VALIDATION) {
        found.push(finding(
            "source-class-missing",
            Severity::Blocker,
            format!("there is no StorageClass {source} to migrate from"),
            "check --source-sc, or pass --skip-source-validation when the class was deleted",
        ));
    }
    if source == request.target.name {
        found.push(finding(
            "source-is-target",
            Severity::Blocker,
            format!("StorageClass {source} is both source and target"),
            "name two different classes with --source-sc and --dest-sc",
        ));
    } else if plan.is_empty() {
        found.push(finding(
            "nothing-to-migrate",
            Severity::Info,
            format!("no claim is to be moved from StorageClass {source}"),
            "check --source-sc and --namespace if you expected some",
        ));
    }
    found
}

fn invalid_mode(volume: &Volume) -> Option<Finding> {
    let value = get(&volume.annotations, ACCESS_MODE)?;
    if read_mode(value).is_some() {
        return None;
    }
    let (namespace, name) = (&volume.namespace, &volume.name);
    Some(Finding {
        code: "access-mode-invalid".to_string(),
        severity: Severity::Blocker,
        subject: Subject::Volume(volume.id),
        message: format!(
            "claim {name} in namespace {namespace} has annotation {ACCESS_MODE} with the value \"{value}\", which is no access mode"
        ),
        remedy: Some(
            "set it to ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod, or remove it".to_string(),
        ),
        details: pairs(&[("claim", name), ("namespace", namespace), ("value", value)]),
    })
}

fn source_class(request: &Request) -> &str {
    get(&request.facts, SOURCE_CLASS).or(request.source.as_ref().map(|class| class.name.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test stops at the first surprise")]
    use super::*;
    use pvmigrate_policy_sdk::types::{StorageClass, VolumeMode};

    fn class(name: &str) -> StorageClass {
        StorageClass {
            name: name.into(),
            provisioner: "x".into(),
            parameters: Vec::new(),
            annotations: Vec::new(),
            reclaim_policy: "Delete".into(),
            binding_mode: "Immediate".into(),
            allow_expansion: false,
            known_modes: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn volume() -> Volume {
        Volume {
            id: 1,
            namespace: "app".into(),
            name: "data".into(),
            uid: "u".into(),
            labels: Vec::new(),
            annotations: Vec::new(),
            phase: "Bound".into(),
            created: 0,
            storage_class: Some("old".into()),
            driver: None,
            volume_name: Some("pv".into()),
            reclaim_policy: None,
            volume_mode: VolumeMode::Block,
            requested_modes: Vec::new(),
            effective_modes: Vec::new(),
            requested_bytes: 1,
            capacity_bytes: 1,
            used_bytes: None,
            consumers: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn request(facts: &[(&str, &str)]) -> Request {
        let mut all = pairs(facts);
        all.push((SOURCE_CLASS.into(), "old".into()));
        all.sort_unstable();
        Request {
            settings: "{}".into(),
            environment: String::new(),
            now: 0,
            source: Some(class("old")),
            target: class("new"),
            volumes: Vec::from([volume()]),
            facts: all,
        }
    }

    fn code(vote: Vote) -> (bool, String) {
        match vote {
            Vote::Migrate(reason) => (true, reason.code),
            Vote::Skip(reason) => (false, reason.code),
            Vote::Abstain => panic!("the default policy never abstains"),
        }
    }

    fn annotated(value: &str) -> Volume {
        Volume { annotations: pairs(&[(ACCESS_MODE, value)]), ..volume() }
    }

    #[test]
    fn votes() {
        let plain = request(&[]);
        let vote = |volume: Volume| code(vote(&plain, &volume));
        assert_eq!(vote(volume()), (true, "source-class".into()));
        assert_eq!(vote(Volume { storage_class: None, ..volume() }), (false, "other-class".into()));
        assert_eq!(vote(Volume { phase: "Pending".into(), ..volume() }), (false, "not-bound".into()));
        assert_eq!(vote(Volume { volume_name: None, ..volume() }), (false, "not-bound".into()));
        let elsewhere = request(&[(NAMESPACE, "other")]);
        assert_eq!(code(super::vote(&elsewhere, &volume())), (false, "other-namespace".into()));
        let here = request(&[(NAMESPACE, "app")]);
        assert_eq!(code(super::vote(&here, &volume())), (true, "source-class".into()));
    }

    #[test]
    fn the_annotation_gives_one_mode_and_leaves_the_volume_mode() {
        let shaped = shape(&annotated("ReadOnlyMany")).expect("an opinion");
        assert_eq!((shaped.modes, shaped.volume_mode), (Vec::from([AccessMode::ReadOnlyMany]), VolumeMode::Block));
        assert_eq!(shape(&volume()), None);
        assert_eq!(shape(&annotated("readonlymany")), None);
    }

    #[test]
    fn an_invalid_annotation_counts_only_for_what_moves() {
        let request = Request { volumes: Vec::from([annotated("")]), ..request(&[]) };
        let planned = Planned {
            volume: 1,
            modes: Vec::new(),
            volume_mode: VolumeMode::Block,
            target_bytes: 1,
            facts: Vec::new(),
        };
        let found = findings(&request, &[planned]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].code.as_str(), &found[0].subject), ("access-mode-invalid", &Subject::Volume(1)));
        assert!(found[0].message.contains("claim data in namespace app") && found[0].message.contains("\"\""));
        let codes: Vec<_> = findings(&request, &[]).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["nothing-to-migrate"]);
    }

    #[test]
    fn every_code_used_is_declared() {
        let used = include_str!("rule.rs").split("mod tests").next().unwrap_or_default();
        for (code, _) in CODES {
            assert!(used.matches(&format!("\"{code}\"")).count() >= 2, "{code} is declared but not used");
        }
    }
}
