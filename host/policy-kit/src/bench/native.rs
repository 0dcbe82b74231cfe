//! The rules of the built-in policy once more, without WebAssembly: only to see what the sandbox costs.
//!
//! It gives exactly the same answers, which a test checks on questions of every kind; otherwise the comparison would be
//! worth nothing. No decision is made with it.

use pvmigrate_core::access::AccessMode;
use pvmigrate_core::policy::{
    Ballot, Finding, Mapping, Pairs, Planned, Reason, Request, Severity, Subject, TargetShape, Volume, Vote, facts,
};

const ACCESS_MODE: &str = "kurl.sh/pvcmigrate-destinationaccessmode";

pub(super) fn select(request: &Request) -> Vec<Ballot> {
    request.volumes.iter().map(|volume| Ballot { volume: volume.id, vote: vote(request, volume) }).collect()
}

fn source_class(request: &Request) -> &str {
    let named = || request.source.as_ref().map(|class| class.name.as_str());
    request.facts.get(facts::SOURCE_CLASS).map(String::as_str).or_else(named).unwrap_or_default()
}

fn reason(code: &str, message: String) -> Reason {
    Reason { code: code.to_owned(), message, details: Pairs::new() }
}

fn vote(request: &Request, volume: &Volume) -> Vote {
    let source = source_class(request);
    if volume.storage_class.as_deref() != Some(source) {
        let message = match &volume.storage_class {
            Some(class) => format!("its StorageClass is {class}"),
            None => "it has no StorageClass".to_owned(),
        };
        return Vote::Skip(reason("other-class", message));
    }
    let only = request.facts.get(facts::NAMESPACE);
    if let Some(only) = only.filter(|only| **only != volume.namespace) {
        return Vote::Skip(reason("other-namespace", format!("only namespace {only} was asked for")));
    }
    if volume.volume_name.is_none() || volume.phase != "Bound" {
        let phase = if volume.phase.is_empty() { "not bound" } else { &volume.phase };
        return Vote::Skip(reason("not-bound", format!("it is {phase}, so there is no volume to copy from")));
    }
    Vote::Migrate(reason("source-class", format!("its StorageClass is {source}")))
}

pub(super) fn map_modes(request: &Request) -> Vec<Mapping> {
    request.volumes.iter().map(|volume| Mapping { volume: volume.id, shape: shape(volume) }).collect()
}

fn word(value: &str) -> Option<AccessMode> {
    AccessMode::ALL.into_iter().find(|mode| mode.as_str() == value)
}

fn shape(volume: &Volume) -> Option<TargetShape> {
    let value = volume.annotations.get(ACCESS_MODE)?;
    let why = format!("the claim's annotation {ACCESS_MODE} says {value}");
    word(value).map(|mode| TargetShape {
        modes: vec![mode],
        volume_mode: volume.volume_mode,
        why: reason("access-mode-annotation", why),
    })
}

pub(super) fn check(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let mut found = about_the_plan(request, plan);
    let mut by_id: Vec<_> = plan.iter().collect();
    by_id.sort_unstable_by_key(|planned| planned.volume);
    let is_planned = |volume: &&Volume| by_id.binary_search_by_key(&volume.id, |planned| planned.volume).is_ok();
    found.extend(request.volumes.iter().filter(is_planned).filter_map(invalid_mode));
    found
}

fn about_the_plan(request: &Request, plan: &[Planned]) -> Vec<Finding> {
    let source = source_class(request);
    let target = &request.target.name;
    let finding = |code: &str, severity, message: String, remedy: &str| Finding {
        code: code.to_owned(),
        severity,
        subject: Subject::Plan,
        message,
        remedy: Some(remedy.to_owned()),
        details: pairs([("source", source), ("target", target)]),
    };
    let mut found = Vec::new();
    if request.source.is_none() && !request.is_on(facts::SKIP_SOURCE_VALIDATION) {
        found.push(finding(
            "source-class-missing",
            Severity::Blocker,
            format!("there is no StorageClass {source} to migrate from"),
            "check --source-sc, or pass --skip-source-validation when the class was deleted",
        ));
    }
    if source == target {
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
            format!("no claim to move from StorageClass {source}"),
            "check --source-sc and --namespace if you expected some",
        ));
    }
    found
}

fn invalid_mode(volume: &Volume) -> Option<Finding> {
    let value = volume.annotations.get(ACCESS_MODE)?;
    if word(value).is_some() {
        return None;
    }
    let (namespace, name) = (&volume.namespace, &volume.name);
    Some(Finding {
        code: "access-mode-invalid".to_owned(),
        severity: Severity::Blocker,
        subject: Subject::Volume(volume.id),
        message: format!(
            "claim {name} in namespace {namespace} has annotation {ACCESS_MODE} with the value \"{value}\", which is not an access mode"
        ),
        remedy: Some(
            "set it to ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod, or remove it".to_owned(),
        ),
        details: pairs([("claim", name), ("namespace", namespace), ("value", value)]),
    })
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::super::synthetic;
    use super::*;
    use pvmigrate_policy::Configured;
    use pvmigrate_policy::Policy;

    /// Turns a synthetic question into one with everything that the rules look at.
    fn questions() -> Vec<Request> {
        let plain = synthetic::question(120, &[]).request;
        let mut odd = plain.clone();
        for (at, volume) in odd.volumes.iter_mut().enumerate() {
            match at % 6 {
                0 => volume.storage_class = None,
                1 => volume.volume_name = None,
                2 => volume.phase = ["", "Pending", "Lost"][at % 3].to_owned(),
                3 => {
                    let value = ["ReadOnlyMany", "", "readwritemany", "ReadWriteOncePod", "RWX"][at % 5];
                    volume.annotations.insert(ACCESS_MODE.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        let facts = |key: &str, value: &str| {
            let mut request = odd.clone();
            request.facts.insert(key.to_owned(), value.to_owned());
            request
        };
        let one_namespace = facts(facts::NAMESPACE, "team-03");
        let to_itself = facts(facts::SOURCE_CLASS, "fast-ssd");
        let without = Request { source: None, ..odd.clone() };
        let skipped = Request { source: None, ..facts(facts::SKIP_SOURCE_VALIDATION, "true") };
        let empty = Request { volumes: Vec::new(), ..odd.clone() };
        vec![plain, odd, one_namespace, to_itself, without, skipped, empty]
    }

    #[test]
    fn it_answers_as_the_component_does() {
        let policy = Configured::bare(Policy::built_in().unwrap()).unwrap();
        for request in questions() {
            let plan: Vec<_> = request.volumes.iter().step_by(2).map(synthetic::planned).collect();
            let (ballots, mappings, findings) = (select(&request), map_modes(&request), check(&request, &plan));
            let question = pvmigrate_core::policy::Question { request, collected: std::sync::Arc::default() };
            let all: Vec<_> = question.request.volumes.iter().collect();
            assert_eq!(policy.select(&question).unwrap().unwrap().items, ballots);
            assert_eq!(policy.map_modes(&question, &all).unwrap().unwrap().items, mappings);
            assert_eq!(policy.check(&question, &plan).unwrap().unwrap().items, findings);
        }
    }
}
