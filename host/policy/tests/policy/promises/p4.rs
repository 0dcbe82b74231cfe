//! P4: A policy can tighten what the host allows, and never loosen it: the safety floor is checked after every policy.

use pvmigrate_core::policy::{Decider, Planned, Request, Severity, Volume, Vote, facts, floor};
use pvmigrate_policy::Policies;

use super::super::support::{consumer, question, request, usual, volume};

fn judge(request: &Request) -> pvmigrate_core::policy::Judgement {
    let policies = Policies::new(vec![usual("hostile").clone()]).unwrap_or_else(|failure| panic!("{failure}"));
    policies.judge(&question(request), &Planned::of).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn a_shape_below_the_floor_is_a_blocker() {
    for (deed, code) in [
        ("no-modes", floor::NO_MODES),
        ("rwop-and-rwx", floor::RWOP_NOT_ALONE),
        ("narrow", floor::NARROWER_THAN_USED),
        ("block", floor::VOLUME_MODE_CHANGED),
    ] {
        let mut request = request(vec![Volume {
            consumers: vec![consumer("a", "node-a"), consumer("b", "node-a")],
            ..volume(1, "data")
        }]);
        request.environment = format!("map-modes:{deed}");
        let judgement = judge(&request);
        let floor: Vec<_> = judgement.blockers().filter(|finding| finding.by == Decider::Host).collect();
        assert_eq!(floor.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), [code], "{deed}");
        assert_eq!(floor[0].details["decidedBy"], "hostile 0.2.0");
    }
}

#[test]
fn no_policy_moves_a_claim_out_of_the_namespace_or_the_class_asked_for() {
    for (fact, code) in
        [(facts::NAMESPACE, floor::OUTSIDE_NAMESPACE), (facts::SOURCE_CLASS, floor::OUTSIDE_SOURCE_CLASS)]
    {
        let mut request = request(vec![volume(1, "data")]);
        request.facts.insert(fact.to_owned(), "elsewhere".to_owned());
        request.environment = "select:remember".to_owned();
        let judgement = judge(&request);
        let verdict = judgement.verdict("app", "data").expect("a verdict");
        assert!(!verdict.selected());
        assert_eq!((&verdict.decision.by, verdict.decision.reason.code.as_str()), (&Decider::Host, code));
        assert!(matches!(verdict.votes[0].vote, Vote::Migrate(_)));
    }
}

#[test]
fn a_policy_in_front_takes_no_finding_away() {
    let annotated = Volume {
        annotations: [("kurl.sh/pvcmigrate-destinationaccessmode".to_owned(), "RWX".to_owned())].into(),
        ..volume(1, "data")
    };
    let alone = Policies::builtin().unwrap_or_else(|failure| panic!("{failure}"));
    let request = Request { environment: "check:nothing".to_owned(), ..request(vec![annotated]) };
    let before = alone.judge(&question(&request), &Planned::of).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(before.findings.iter().any(|finding| finding.severity == Severity::Blocker), "{:?}", before.findings);
    let after = judge(&request);
    assert!(before.findings.iter().all(|finding| after.findings.contains(finding)), "{:?}", after.findings);
}
