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
