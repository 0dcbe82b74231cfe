//! A chain of real policies, from the request to the judgement.

use pvmigrate_core::access::AccessMode::{ReadWriteMany, ReadWriteOnce, ReadWriteOncePod};
use pvmigrate_core::policy::{Decider, Judgement, Planned, PolicyError, Request, Severity, Volume, floor};
use pvmigrate_policy::{FailureKind, Policies};

use super::support::{consumer, pairs, question, request, usual, volume};

fn judge(policies: &[&str], request: &Request) -> Judgement {
    let policies = Policies::new(policies.iter().map(|name| usual(name).clone()).collect());
    let policies = policies.unwrap_or_else(|failure| panic!("{failure}"));
    policies.judge(&question(request), &Planned::of).unwrap_or_else(|failure| panic!("{failure}"))
}

fn decider(judgement: &Judgement, name: &str) -> String {
    judgement.verdict("app", name).map(|verdict| verdict.decision.by.to_string()).unwrap_or_default()
}

fn codes(judgement: &Judgement) -> Vec<(&str, Severity)> {
    judgement.findings.iter().map(|finding| (finding.code.as_str(), finding.severity)).collect()
}

#[test]
fn the_built_in_policy_decides_what_others_leave_open() {
    let kept = Volume { labels: pairs(&[("pvmigrate.dev/keep", "true")]), ..volume(1, "kept") };
    let other = Volume { storage_class: Some("fast".to_owned()), ..volume(2, "other") };
    let judgement = judge(&["keep-and-cap"], &request(vec![kept, other, volume(3, "data")]));

    let moving: Vec<_> = judgement.selected().map(|verdict| verdict.name.as_str()).collect();
    assert_eq!(moving, ["data"]);
    assert_eq!(decider(&judgement, "kept"), "keep-and-cap 0.2.0");
    assert_eq!(decider(&judgement, "other"), "default 0.2.0");
    let data = judgement.verdict("app", "data").expect("a verdict");
    assert_eq!(data.decision.reason.code, "source-class");
    assert_eq!(data.votes.len(), 2);
    let target = data.target.as_ref().expect("a target");
    assert_eq!((target.modes.as_slice(), &target.by), ([ReadWriteOnce].as_slice(), &Decider::Host));
    assert_eq!(codes(&judgement), []);

    let names: Vec<_> = judgement.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["keep-and-cap", "default"]);
    let calls: Vec<_> = judgement.calls.iter().map(|cost| (cost.by.name.as_str(), cost.call.as_str())).collect();
    assert_eq!(
        calls,
        [
            ("keep-and-cap", "select"),
            ("default", "select"),
            ("default", "map-modes"),
            ("keep-and-cap", "check"),
            ("default", "check")
        ]
    );
}

#[test]
fn findings_of_all_policies_and_of_the_host_come_together() {
    let shared = Volume {
        requested_modes: vec![ReadWriteOncePod, ReadWriteMany],
        consumers: vec![consumer("a", "node-a"), consumer("b", "node-b")],
        ..volume(1, "shared")
    };
    let misspelt = Volume {
        annotations: pairs(&[("kurl.sh/pvcmigrate-destinationaccessmode", "RWX")]),
        consumers: Vec::new(),
        ..volume(2, "misspelt")
    };
    let judgement = judge(&["keep-and-cap"], &request(vec![shared, misspelt]));
    assert_eq!(
        codes(&judgement),
        [
            ("access-mode-invalid", Severity::Blocker),
            (floor::RWOP_NOT_ALONE, Severity::Blocker),
            ("no-running-consumer", Severity::Warning),
        ]
    );
    let invalid = &judgement.findings[0];
    assert_eq!(invalid.about.to_string(), "app/misspelt");
    for word in ["misspelt", "namespace app", "\"RWX\""] {
        assert!(invalid.message.contains(word), "{}", invalid.message);
    }
    assert_eq!(judgement.blockers().count(), 2);
}

#[test]
fn a_later_opinion_that_differs_is_a_warning() {
    let annotated = Volume {
        annotations: pairs(&[("kurl.sh/pvcmigrate-destinationaccessmode", "ReadWriteMany")]),
        consumers: Vec::new(),
        ..volume(1, "data")
    };
    let mut request = request(vec![annotated]);
    request.environment = "map-modes:narrow".to_owned();
    let judgement = judge(&["hostile"], &request);
    let target = judgement.verdict("app", "data").and_then(|verdict| verdict.target.as_ref()).expect("a target");
    assert_eq!(target.modes, [ReadWriteOncePod]);
    let codes: Vec<_> = judgement.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["mode-conflict"]);
}

#[test]
fn a_policy_that_cannot_decide_is_quoted_and_nothing_is_judged() {
    let policies = Policies::new(vec![usual("hostile").clone()]).unwrap_or_else(|failure| panic!("{failure}"));
    for call in ["select", "map-modes", "check"] {
        let mut request = request(vec![volume(1, "data")]);
        request.environment = format!("{call}:error");
        let failure = policies.judge(&question(&request), &Planned::of).expect_err("it cannot decide");
        let expected = PolicyError { code: "declared".to_owned(), message: "cannot tell".to_owned(), volume: None };
        assert!(matches!(&failure.kind, FailureKind::Undecided(error) if *error == expected), "{failure:?}");
        assert!(failure.to_string().ends_with("cannot decide: cannot tell (declared)"), "{failure}");
    }
}

#[test]
fn the_same_request_is_judged_the_same_twice() {
    let request = request((0..50).map(|id| volume(id, &format!("data-{id}"))).collect());
    assert_eq!(judge(&["keep-and-cap"], &request), judge(&["keep-and-cap"], &request));
}

#[test]
fn a_judgement_survives_json() {
    let judgement = judge(&["keep-and-cap"], &request(vec![volume(1, "data")]));
    let json = serde_json::to_string(&judgement).expect("json");
    assert_eq!(serde_json::from_str::<Judgement>(&json).expect("a judgement"), judgement);
}
