//! Laws of the chain and of the floor, on generated requests and answers. Tests only.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::answer::{Ballot, Finding, Mapping, Reason, Severity, Subject, TargetShape, Vote};
use super::chain::{self, Answer};
use super::object::{ObjectRef, Pairs, VolumeId};
use super::question::{Consumer, Request, StorageClass, Volume};
use super::verdict::{Judged, PolicyRef, Target, Verdict};
use super::{Decider, facts, floor};
use crate::access::{AccessMode, VolumeMode};

const VOLUMES: u32 = 4;

fn policy(name: usize) -> PolicyRef {
    PolicyRef { name: format!("policy-{name}"), version: "1".into(), digest: format!("sha256:{name}") }
}

fn reason() -> impl Strategy<Value = Reason> {
    "[a-c]".prop_map(|code| Reason { code, message: String::new(), details: Pairs::new() })
}

fn vote() -> impl Strategy<Value = Vote> {
    prop_oneof![reason().prop_map(Vote::Migrate), reason().prop_map(Vote::Skip), Just(Vote::Abstain)]
}

fn modes() -> impl Strategy<Value = Vec<AccessMode>> {
    proptest::collection::vec(proptest::sample::select(AccessMode::ALL.to_vec()), 0..3)
}

fn volume_mode() -> impl Strategy<Value = VolumeMode> {
    proptest::sample::select(VolumeMode::ALL.to_vec())
}

fn consumer() -> impl Strategy<Value = Consumer> {
    (proptest::option::of("[a-b]"), any::<bool>(), any::<bool>()).prop_map(|(node, read_only, running)| Consumer {
        workload: ObjectRef { api_version: "v1".into(), kind: "Pod".into(), namespace: None, name: "p".into() },
        pod: "p".into(),
        node,
        read_only,
        running,
    })
}

fn volume(id: u32) -> impl Strategy<Value = Volume> {
    let class = prop_oneof![3 => Just("old"), 1 => Just("new")];
    (class, "[a-b]", modes(), volume_mode(), proptest::collection::vec(consumer(), 0..3)).prop_map(
        move |(class, namespace, requested_modes, volume_mode, consumers)| Volume {
            id: VolumeId(id),
            namespace,
            name: format!("data-{id}"),
            uid: String::new(),
            labels: Pairs::new(),
            annotations: Pairs::new(),
            phase: "Bound".into(),
            created: 0,
            storage_class: Some(class.into()),
            driver: None,
            volume_name: Some(format!("pv-{id}")),
            reclaim_policy: None,
            volume_mode,
            effective_modes: requested_modes.clone(),
            requested_modes,
            requested_bytes: 1,
            capacity_bytes: 1,
            used_bytes: None,
            consumers,
            facts: Pairs::new(),
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let volumes: Vec<_> = (0..VOLUMES).map(volume).collect();
    let known = proptest::collection::vec((volume_mode(), proptest::sample::select(AccessMode::ALL.to_vec())), 0..4);
    (volumes, proptest::option::of("[a-b]"), known, any::<bool>()).prop_map(|(volumes, namespace, known, force)| {
        let mut facts: Pairs = namespace.map(|name| (facts::NAMESPACE.to_owned(), name)).into_iter().collect();
        if force {
            facts.insert(facts::FORCE_MODES.into(), facts::TRUE.into());
        }
        let known = known.into_iter().map(|(volume_mode, access_mode)| super::ClassMode { volume_mode, access_mode });
        Request {
            environment: String::new(),
            now: 0,
            source: None,
            target: StorageClass {
                name: "new".into(),
                provisioner: "x".into(),
                parameters: Pairs::new(),
                annotations: Pairs::new(),
                reclaim_policy: "Delete".into(),
                binding_mode: "Immediate".into(),
                allow_expansion: false,
                known_modes: known.collect(),
                facts: Pairs::new(),
            },
            volumes,
            facts,
        }
    })
}

/// Answers of a few custom policies and of the built-in one, last.
fn answers<T: std::fmt::Debug>(
    item: impl Fn(u32) -> BoxedStrategy<T> + Clone + 'static,
) -> impl Strategy<Value = Vec<Answer<T>>> {
    let given = (0..VOLUMES).map(item).collect::<Vec<_>>();
    proptest::collection::vec(given, 1..4).prop_map(|all| {
        let last = all.len() - 1;
        let answer = |(at, given)| Answer { by: policy(at), built_in: at == last, given };
        all.into_iter().enumerate().map(answer).collect()
    })
}

fn ballots() -> impl Strategy<Value = Vec<Answer<Ballot>>> {
    answers(|id| vote().prop_map(move |vote| Ballot { volume: VolumeId(id), vote }).boxed())
}

fn mappings() -> impl Strategy<Value = Vec<Answer<Mapping>>> {
    answers(|id| {
        let shape = (modes(), volume_mode(), reason()).prop_map(|(modes, volume_mode, why)| TargetShape {
            modes,
            volume_mode,
            why,
        });
        proptest::option::of(shape).prop_map(move |shape| Mapping { volume: VolumeId(id), shape }).boxed()
    })
}

fn findings() -> impl Strategy<Value = Vec<Answer<Finding>>> {
    answers(|id| {
        let severity = proptest::sample::select(vec![Severity::Info, Severity::Warning, Severity::Blocker]);
        let subject = prop_oneof![Just(Subject::Plan), Just(Subject::Volume(VolumeId(id)))];
        let finding = |(code, severity, subject)| Finding {
            code,
            severity,
            subject,
            message: String::new(),
            remedy: None,
            details: Pairs::new(),
        };
        ("[a-b]", severity, subject).prop_map(finding).boxed()
    })
}

/// Returns what was decided, without the trace.
fn decisions(verdicts: &[Verdict]) -> Vec<&super::Decision> {
    verdicts.iter().map(|verdict| &verdict.decision).collect()
}

fn keys(findings: &[Judged]) -> BTreeSet<(String, String, Decider)> {
    findings.iter().map(|found| (found.about.to_string(), found.code.clone(), found.by.clone())).collect()
}

proptest! {
    #[test]
    fn the_order_of_policies_does_not_matter_for_what_moves(
        (request, answers, shuffled) in (request(), ballots()).prop_flat_map(|(request, answers)| {
            let shuffled = Just(answers.clone()).prop_shuffle();
            (Just(request), Just(answers), shuffled)
        })
    ) {
        let (one, other) = (chain::select(&request, &answers), chain::select(&request, &shuffled));
        prop_assert_eq!(decisions(&one), decisions(&other));
    }

    #[test]
    fn a_policy_that_only_skips_never_adds_a_volume(
        request in request(),
        answers in ballots(),
        skipped in proptest::collection::btree_set(0..VOLUMES, 0..4),
        at in 0_usize..4,
    ) {
        let before = chain::select(&request, &answers);
        let skip = |id| Ballot {
            volume: VolumeId(id),
            vote: Vote::Skip(Reason { code: "skip".into(), message: String::new(), details: Pairs::new() }),
        };
        let mut more = answers;
        let skipping = Answer { by: policy(9), built_in: false, given: skipped.iter().copied().map(skip).collect() };
        more.insert(at.min(more.len()), skipping);
        let after = chain::select(&request, &more);
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(before.selected() || !after.selected());
        }
        for id in skipped {
            prop_assert!(!after[id as usize].selected());
        }
    }

    #[test]
    fn votes_never_reach_beyond_the_scope(request in request(), answers in ballots()) {
        for (volume, verdict) in request.volumes.iter().zip(chain::select(&request, &answers)) {
            if floor::scope(&request, volume).is_some() {
                prop_assert!(!verdict.selected());
            }
        }
    }

    #[test]
    fn whatever_policies_answer_a_shape_without_a_blocker_keeps_the_floor(
        request in request(),
        ballots in ballots(),
        mappings in mappings(),
    ) {
        let mut verdicts = chain::select(&request, &ballots);
        chain::shape(&request, &mut verdicts, &mappings);
        for (volume, verdict) in request.volumes.iter().zip(&verdicts) {
            prop_assert_eq!(verdict.target.is_some(), verdict.selected());
            let Some(target) = &verdict.target else { continue };
            if floor::check(&request, volume, target).is_empty() {
                prop_assert!(keeps_the_floor(&request, volume, target), "{volume:?} {target:?}");
            }
        }
    }

    #[test]
    fn adding_a_policy_never_removes_or_softens_a_finding(
        request in request(),
        answers in findings(),
        more in findings(),
    ) {
        let before = chain::findings(&request, &answers, Vec::new());
        let all: Vec<_> = more
            .into_iter()
            .map(|answer| Answer { by: PolicyRef { name: "more".into(), ..answer.by }, ..answer })
            .chain(answers)
            .collect();
        let after = chain::findings(&request, &all, Vec::new());
        prop_assert!(keys(&before).is_subset(&keys(&after)));
        for old in &before {
            let same = |new: &&Judged| (&new.about, &new.code, &new.by) == (&old.about, &old.code, &old.by);
            prop_assert!(after.iter().find(same).is_some_and(|new| new.severity >= old.severity));
        }
    }

    #[test]
    fn findings_are_one_for_each_policy_code_and_subject(request in request(), answers in findings()) {
        let found = chain::findings(&request, &answers, Vec::new());
        prop_assert_eq!(keys(&found).len(), found.len());
        prop_assert!(found.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)));
    }
}

/// Checks the floor once more, as simply as can be: for one node, one pod, one writer at a time.
fn keeps_the_floor(request: &Request, volume: &Volume, target: &Target) -> bool {
    use AccessMode::{ReadOnlyMany, ReadWriteMany, ReadWriteOncePod};
    let has = |mode| target.modes.contains(&mode);
    let running = || volume.consumers.iter().filter(|pod| pod.running);
    let nodes: BTreeSet<_> = running().filter_map(|pod| pod.node.clone()).collect();
    let known = request.target.known_modes.iter().filter(|known| known.volume_mode == target.volume_mode);
    let known: Vec<_> = known.map(|known| known.access_mode).collect();
    let unchecked = request.target.known_modes.is_empty() || request.is_on(facts::FORCE_MODES);
    let writers = running().any(|pod| !pod.read_only);

    let only_rwop = target.modes == [ReadWriteOncePod];
    let only_rox = target.modes == [ReadOnlyMany];
    !target.modes.is_empty()
        && (only_rwop || !has(ReadWriteOncePod))
        && target.volume_mode == volume.volume_mode
        && (nodes.len() < 2 || has(ReadWriteMany) || (!writers && has(ReadOnlyMany)))
        && (running().count() < 2 || !only_rwop)
        && (!writers || !only_rox)
        && (unchecked || target.modes.iter().all(|mode| known.contains(mode)))
}
