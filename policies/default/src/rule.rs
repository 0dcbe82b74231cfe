//! The pure rule: what the reference tool does, as three answers.
//!
//! Selection is by StorageClass, and by namespace when the user restricted the run to one. Access modes come from
//! the claim's annotation. Findings are those checks of the reference tool that a snapshot is enough for.

use pvmigrate_policy_sdk::pairs;
use pvmigrate_policy_sdk::prelude::*;

/// The request's fact that the source class object need not exist.
const SKIP_SOURCE_VALIDATION: &str = "pvmigrate.dev/skip-source-validation";
/// The claim's annotation that names the access mode wanted on the target.
const ACCESS_MODE: &str = "kurl.sh/pvcmigrate-destinationaccessmode";

/// Everything that this policy may say.
#[derive(Codes)]
pub(crate) enum Code {
    /// the claim is bound to a volume of the class to migrate from
    SourceClass,
    /// the claim is of another class
    OtherClass,
    /// the claim is not in the namespace asked for
    OtherNamespace,
    /// the claim has no volume, so there is nothing to copy
    NotBound,
    /// the access mode that the claim's annotation names
    AccessModeAnnotation,
    /// the claim's annotation names no access mode
    AccessModeInvalid,
    /// the class to migrate from does not exist
    SourceClassMissing,
    /// the class to migrate from is the class to migrate to
    SourceIsTarget,
    /// no claim was selected
    NothingToMigrate,
}

/// Says whether a claim moves. Never abstains: the host asks this policy when nobody else decides.
pub(crate) fn vote(request: &Request, volume: &Volume) -> Vote {
    let source = request.source_class();
    if volume.storage_class.as_deref() != Some(source) {
        let message = match &volume.storage_class {
            Some(class) => format!("its StorageClass is {class}"),
            None => "it has no StorageClass".to_string(),
        };
        return Vote::skip(Code::OtherClass, message);
    }
    if let Some(only) = request.namespace()
        && only != volume.namespace
    {
        let message = format!("only namespace {only} was asked for");
        return Vote::skip(Code::OtherNamespace, message);
    }
    if volume.volume_name.is_none() || volume.phase != "Bound" {
        let phase = match volume.phase.as_str() {
            "" => "not bound",
            phase => phase,
        };
        let message = format!("it is {phase}, so there is no volume to copy from");
        return Vote::skip(Code::NotBound, message);
    }
    Vote::migrate(Code::SourceClass, format!("its StorageClass is {source}"))
}

/// Says which access mode the claim's annotation asks for. No opinion without one, or when it cannot be read:
/// then [`findings`] blocks the run.
pub(crate) fn shape(volume: &Volume) -> Option<TargetShape> {
    let value = volume.annotation(ACCESS_MODE)?;
    let why = format!("the claim's annotation {ACCESS_MODE} says {value}");
    AccessMode::from_word(value).map(|mode| TargetShape::modes(volume, &[mode], Code::AccessModeAnnotation, why))
}

/// Says what is wrong with the plan.
pub(crate) fn findings(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let mut found = about_the_plan(request, plan);
    found.extend(request.planned(plan).filter_map(|(volume, _)| invalid_mode(volume)));
    found
}

fn about_the_plan(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let source = request.source_class();
    let finished = |finding: Finding, remedy: &str| Finding {
        details: pairs(&[("source", source), ("target", &request.target.name)]),
        ..finding.remedy(remedy)
    };
    let mut found = Vec::new();
    if request.source.is_none() && !request.is_on(SKIP_SOURCE_VALIDATION) {
        let message = format!("there is no StorageClass {source} to migrate from");
        found.push(finished(
            Finding::blocker(Code::SourceClassMissing, Subject::Plan, message),
            "check --source-sc, or pass --skip-source-validation when the class was deleted",
        ));
    }
    if source == request.target.name {
        let message = format!("StorageClass {source} is both source and target");
        found.push(finished(
            Finding::blocker(Code::SourceIsTarget, Subject::Plan, message),
            "name two different classes with --source-sc and --dest-sc",
        ));
    } else if plan.is_empty() {
        let message = format!("no claim to move from StorageClass {source}");
        found.push(finished(
            Finding::info(Code::NothingToMigrate, Subject::Plan, message),
            "check --source-sc and --namespace if you expected some",
        ));
    }
    found
}

fn invalid_mode(volume: &Volume) -> Option<Finding> {
    let value = volume.annotation(ACCESS_MODE)?;
    if AccessMode::from_word(value).is_some() {
        return None;
    }
    let (namespace, name) = (&volume.namespace, &volume.name);
    let message = format!(
        "claim {name} in namespace {namespace} has annotation {ACCESS_MODE} with the value \"{value}\", which is not an access mode"
    );
    let finding = Finding::blocker(Code::AccessModeInvalid, volume, message)
        .remedy("set it to ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod, or remove it");
    Some(Finding { details: pairs(&[("claim", name), ("namespace", namespace), ("value", value)]), ..finding })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test stops at the first surprise")]
    use super::*;
    use pvmigrate_policy_sdk::testing;

    fn volume() -> Volume {
        Volume { volume_mode: VolumeMode::Block, ..testing::volume(1, "app", "data") }
    }

    fn request(facts: &[(&str, &str)]) -> Request {
        let mut request = testing::request(vec![volume()]);
        request.facts.extend(pairs(facts));
        request.facts.sort_unstable();
        request
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
        let elsewhere = request(&[("pvmigrate.dev/namespace", "other")]);
        assert_eq!(code(super::vote(&elsewhere, &volume())), (false, "other-namespace".into()));
        let here = request(&[("pvmigrate.dev/namespace", "app")]);
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
        let planned = testing::planned(&request.volumes[0]);
        let found = findings(&request, &[planned]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].code.as_str(), &found[0].subject), ("access-mode-invalid", &Subject::Volume(1)));
        assert!(found[0].message.contains("claim data in namespace app") && found[0].message.contains("\"\""));
        let codes: Vec<_> = findings(&request, &[]).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["nothing-to-migrate"]);
    }
}
