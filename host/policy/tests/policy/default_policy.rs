//! The built-in policy against an oracle of its own, on many requests.

use proptest::prelude::*;
use pvmigrate_core::access::AccessMode;
use pvmigrate_core::policy::{Pairs, Request, Severity, Subject, Volume, Vote, facts};
use pvmigrate_policy::Configured;

use super::support::{all, pairs, question, request, usual, volume};

const ANNOTATION: &str = "kurl.sh/pvcmigrate-destinationaccessmode";

fn any_volume(id: u32) -> impl Strategy<Value = Volume> {
    let class = prop_oneof![Just(Some("old")), Just(Some("new")), Just(Some("other")), Just(None)];
    let mode = prop_oneof![
        4 => Just(None),
        4 => proptest::sample::select(AccessMode::ALL.to_vec()).prop_map(|mode| Some(mode.as_str().to_owned())),
        1 => "[A-Za-z]{0,12}".prop_map(Some),
    ];
    let phase = prop_oneof![4 => Just("Bound"), 1 => Just("Pending"), 1 => Just("Lost")];
    (class, mode, phase, "[a-c]", any::<bool>()).prop_map(move |(class, mode, phase, namespace, has_volume)| Volume {
        namespace,
        storage_class: class.map(str::to_owned),
        annotations: mode.map(|mode| pairs(&[("a", "1"), (ANNOTATION, &mode), ("z", "2")])).unwrap_or_default(),
        phase: phase.to_owned(),
        volume_name: has_volume.then(|| format!("pv-{id}")),
        ..volume(id, &format!("data-{id}"))
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let volumes = (0_u32..12).prop_flat_map(|count| (0..count).map(any_volume).collect::<Vec<_>>());
    (volumes, proptest::option::of("[a-c]"), any::<bool>(), any::<bool>()).prop_map(
        |(volumes, namespace, source_exists, skip_validation)| {
            let mut request = request(volumes);
            request.facts.extend(namespace.map(|name| (facts::NAMESPACE.to_owned(), name)));
            if skip_validation {
                request.facts.insert(facts::SKIP_SOURCE_VALIDATION.to_owned(), facts::TRUE.to_owned());
            }
            request.source = request.source.filter(|_| source_exists);
            request
        },
    )
}

/// Returns whether the reference tool would move it, and if not, why.
fn expected_vote(request: &Request, volume: &Volume) -> (bool, &'static str) {
    let namespace_asked = request.facts.get(facts::NAMESPACE);
    if volume.storage_class.as_deref() != Some("old") {
        (false, "other-class")
    } else if namespace_asked.is_some_and(|asked| *asked != volume.namespace) {
        (false, "other-namespace")
    } else if volume.phase != "Bound" || volume.volume_name.is_none() {
        (false, "not-bound")
    } else {
        (true, "source-class")
    }
}

fn annotated(volume: &Volume) -> Option<Option<AccessMode>> {
    volume.annotations.get(ANNOTATION).map(|word| AccessMode::from_name(word))
}

fn check(policy: &Configured, request: &Request) {
    let asked = question(request);
    let ballots = policy.select(&question(request)).expect("an answer").expect("exported").items;
    assert_eq!(ballots.len(), request.volumes.len());
    for (volume, ballot) in request.volumes.iter().zip(&ballots) {
        let got = match &ballot.vote {
            Vote::Migrate(reason) => (true, reason.code.as_str()),
            Vote::Skip(reason) => (false, reason.code.as_str()),
            Vote::Abstain => panic!("the built-in policy abstained on {}", volume.claim()),
        };
        assert_eq!((ballot.volume, got), (volume.id, expected_vote(request, volume)));
    }

    let mappings = policy.map_modes(&asked, &all(&asked)).expect("an answer").expect("exported").items;
    for (volume, mapping) in request.volumes.iter().zip(&mappings) {
        let got = mapping.shape.as_ref().map(|shape| (shape.modes.clone(), shape.volume_mode));
        let expected = annotated(volume).flatten().map(|mode| (vec![mode], volume.volume_mode));
        assert_eq!((mapping.volume, got), (volume.id, expected));
    }

    let plan: Vec<_> = request.volumes.iter().filter(|volume| expected_vote(request, volume).0).collect();
    let planned: Vec<_> = plan.iter().map(|volume| planned(volume)).collect();
    let findings = policy.check(&question(request), &planned).expect("an answer").expect("exported").items;
    let mut got: Vec<_> =
        findings.into_iter().map(|finding| (finding.code, finding.severity, finding.subject)).collect();
    let mut expected: Vec<(String, Severity, Subject)> = Vec::new();
    if request.source.is_none() && !request.is_on(facts::SKIP_SOURCE_VALIDATION) {
        expected.push(("source-class-missing".into(), Severity::Blocker, Subject::Plan));
    }
    if plan.is_empty() {
        expected.push(("nothing-to-migrate".into(), Severity::Info, Subject::Plan));
    }
    for volume in plan {
        if annotated(volume) == Some(None) {
            expected.push(("access-mode-invalid".into(), Severity::Blocker, Subject::Volume(volume.id)));
        }
    }
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

fn planned(volume: &Volume) -> pvmigrate_core::policy::Planned {
    pvmigrate_core::policy::Planned {
        volume: volume.id,
        modes: volume.requested_modes.clone(),
        volume_mode: volume.volume_mode,
        target_bytes: volume.capacity_bytes,
        facts: Pairs::new(),
    }
}

#[test]
fn answers_as_the_oracle_does() {
    let policy = usual("default");
    proptest!(ProptestConfig::with_cases(256), |(request in any_request())| check(policy, &request));
}

#[test]
fn one_class_for_both_is_a_blocker() {
    let policy = usual("default");
    let mut request = request(vec![volume(1, "data")]);
    request.target.name = "old".to_owned();
    let findings = policy.check(&question(&request), &[]).expect("an answer").expect("exported").items;
    let codes: Vec<_> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["source-is-target"]);
}

#[test]
fn it_imports_nothing_but_values_and_the_log() {
    let policy = usual("default");
    let info = policy.policy().info();
    assert_eq!(info.imports, ["pvmigrate:policy/log@0.2.0", "pvmigrate:policy/types@0.2.0"]);
    assert_eq!(info.interface, "pvmigrate:policy@0.2.0");
    assert!(info.bytes < 100_000, "{} bytes", info.bytes);
    assert_eq!(policy.select(&question(&request(vec![]))).expect("an answer").expect("exported").items, []);
    assert!(!info.codes.iter().any(|code| code.summary.is_empty()));
}
