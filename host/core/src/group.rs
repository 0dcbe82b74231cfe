//! Groups: which claims and workloads must stop together.
//!
//! A group is a connected component of "a pod of workload W mounts claim C" over the claims that move; a claim that stays
//! joins nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::access::AccessMode;
use crate::names;
use crate::observation::RETAIN;
use crate::policy::{Judgement, Planned};
use crate::record::{
    ClaimRecord, DestinationVolume, Evidence, FORMAT, Goal, MigrationOptions, Record, SourceVolume, WorkloadRecord,
    WorkloadRef,
};
use crate::survey::{ClaimId, Survey, SwapStage, SwappedVolume};

/// The claims and workloads that must stop together, in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The namespace.
    pub namespace: String,
    /// The claims, by name.
    pub claims: BTreeSet<String>,
    /// The workloads.
    pub workloads: BTreeSet<WorkloadRef>,
}

/// Forms the groups of these claims, in order of namespace and first claim.
pub fn connect(survey: &Survey, claims: &BTreeSet<ClaimId>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for claim in claims {
        let mut joined = Group {
            namespace: claim.namespace.clone(),
            claims: BTreeSet::from([claim.name.clone()]),
            workloads: survey.workloads_of(claim).map(|facts| facts.workload.clone()).collect(),
        };
        groups.retain(|group| {
            let apart = group.namespace != joined.namespace || group.workloads.is_disjoint(&joined.workloads);
            if !apart {
                joined.claims.extend(group.claims.iter().cloned());
                joined.workloads.extend(group.workloads.iter().cloned());
            }
            apart
        });
        groups.push(joined);
    }
    groups.sort_by(|a, b| (&a.namespace, &a.claims).cmp(&(&b.namespace, &b.claims)));
    groups
}

/// Returns the claims that an interrupted run of the reference tool left between deleting the original and its end: the
/// claim is missing, not bound yet or made anew, a workload that needs it is still marked, or its new volume has not got its
/// own reclaim policy. (A policy alone says nothing: somebody may have changed it since.)
pub fn interrupted(survey: &Survey) -> BTreeMap<ClaimId, &SwappedVolume> {
    let is_marked = |claim: &ClaimId| survey.workloads_of(claim).any(|facts| facts.mark.is_some());
    let unfinished = |swapped: &&SwappedVolume| match swapped.stage {
        SwapStage::Original => false,
        SwapStage::Free | SwapStage::Remade { .. } | SwapStage::Claimed { bound: false } => true,
        SwapStage::Claimed { bound: true } => {
            is_marked(&swapped.claim) || (swapped.is_source_free && swapped.volume.reclaim != swapped.reclaim)
        }
    };
    survey.swapped.iter().filter(unfinished).map(|swapped| (swapped.claim.clone(), swapped)).collect()
}

impl Group {
    /// Returns the identities of the claims.
    pub fn claim_ids(&self) -> impl Iterator<Item = ClaimId> + '_ {
        self.claims.iter().map(|name| ClaimId { namespace: self.namespace.clone(), name: name.clone() })
    }

    /// Starts the record of this group's migration.
    ///
    /// Claims that are neither bound nor swapped are left out: [`crate::eligibility`] reports them before.
    pub fn begin(&self, survey: &Survey, judgement: &Judgement, asked: MigrationOptions, now: Timestamp) -> Record {
        let swapped = interrupted(survey);
        let mut claims = BTreeMap::new();
        for id in self.claim_ids() {
            let record = match swapped.get(&id) {
                Some(swapped) => Some(adopted(swapped)),
                None => moving(survey, judgement, &asked.dest_class, &id),
            };
            claims.extend(record.map(|record| (id.name, record)));
        }
        let is_ours = |workload: &WorkloadRef| self.workloads.contains(workload);
        let workloads = survey.workloads.iter().filter(|facts| facts.namespace == self.namespace);
        let workloads = workloads.filter(|facts| is_ours(&facts.workload)).map(|facts| WorkloadRecord {
            workload: facts.workload.clone(),
            replicas: facts.scale(),
            ready: None,
            when_scaled: facts.when_scaled.clone(),
        });
        let name = names::record(self.claims.iter().map(String::as_str));
        let begun = now.to_string();
        Record {
            format: FORMAT,
            run: names::short_hash(&[&self.namespace, &name, &begun]),
            namespace: self.namespace.clone(),
            name,
            begun: now,
            asked,
            goal: Goal::Forward,
            claims,
            workloads: workloads.collect(),
            stopped: None,
            started: None,
            ready: None,
            ended: None,
        }
    }
}

fn moving(survey: &Survey, judgement: &Judgement, dest_class: &str, id: &ClaimId) -> Option<ClaimRecord> {
    let facts = survey.claims.get(id)?;
    let volume = facts.volume.as_ref()?;
    let seen = survey.volumes.iter().find(|seen| seen.namespace == id.namespace && seen.name == id.name)?;
    let verdict = judgement.verdict(&id.namespace, &id.name)?;
    let target = verdict.target.as_ref()?;
    let planned = Planned::of(seen, target);
    // The reference tool had copied, and was killed before or while it deleted the claim: its copy is brought up to date.
    let begun = survey.swapped(id).filter(|swapped| swapped.stage == SwapStage::Original);
    let reclaim = begun.filter(|_| volume.reclaim == RETAIN).map_or(&volume.reclaim, |swapped| &swapped.reclaim);
    Some(ClaimRecord {
        uid: Some(facts.uid.clone()),
        manifest: facts.manifest.clone(),
        source: SourceVolume {
            name: volume.name.clone(),
            reclaim: reclaim.clone(),
            handle: volume.handle.clone(),
            node: place(survey, id),
        },
        tolerations: survey.users(id).flat_map(|pod| pod.tolerations.iter().cloned()).collect(),
        modes: planned.modes,
        volume_mode: planned.volume_mode,
        bytes: planned.target_bytes,
        verdict: Some(verdict.clone()),
        destination: begun.map(|swapped| DestinationVolume {
            name: swapped.volume.name.clone(),
            reclaim: survey.classes.get(dest_class).map_or(RETAIN, |class| &class.reclaim_policy).to_owned(),
        }),
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    })
}

/// Returns the node where the claim is in use: that of a pod that stays, else that of one that is leaving.
fn place(survey: &Survey, id: &ClaimId) -> Option<String> {
    let placed = survey.users(id).filter(|pod| pod.node.is_some() && (!pod.finished || pod.leaving));
    placed.min_by_key(|pod| (pod.leaving, pod.finished))?.node.clone()
}

/// Builds the record of a claim that the reference tool had deleted itself, from the notes on its volume.
fn adopted(swapped: &SwappedVolume) -> ClaimRecord {
    let source = swapped.source.as_ref();
    ClaimRecord {
        uid: None,
        manifest: swapped.manifest.clone(),
        source: SourceVolume {
            name: source.map_or_else(String::new, |volume| volume.name.clone()),
            reclaim: swapped.reclaim.clone(),
            handle: source.and_then(|volume| volume.handle.clone()),
            node: None,
        },
        tolerations: BTreeSet::new(),
        modes: AccessMode::of_claim(&swapped.manifest),
        volume_mode: crate::access::VolumeMode::Filesystem,
        bytes: 0, // nothing is provisioned any more
        verdict: None,
        destination: Some(DestinationVolume { name: swapped.volume.name.clone(), reclaim: swapped.reclaim.clone() }),
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: Some(Evidence::Adopted),
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::record::WorkloadKind;
    use crate::survey::{PodFacts, WorkloadFacts};

    fn workload(namespace: &str, name: &str, claims: &[&str]) -> WorkloadFacts {
        WorkloadFacts {
            namespace: namespace.to_owned(),
            workload: WorkloadRef { kind: WorkloadKind::Deployment, name: name.to_owned() },
            replicas: 1,
            mark: None,
            when_scaled: None,
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
            templates: BTreeMap::new(),
            owner: None,
        }
    }

    fn ids(claims: &[(&str, &str)]) -> BTreeSet<ClaimId> {
        let id =
            |(namespace, name): &(&str, &str)| ClaimId { namespace: (*namespace).to_owned(), name: (*name).to_owned() };
        claims.iter().map(id).collect()
    }

    fn names(groups: &[Group]) -> Vec<Vec<&str>> {
        groups.iter().map(|group| group.claims.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn claims_of_one_workload_stop_together_and_others_do_not() {
        let survey = Survey {
            workloads: vec![workload("a", "w", &["one", "two"]), workload("a", "v", &["three"])],
            ..Survey::default()
        };
        let groups = connect(&survey, &ids(&[("a", "one"), ("a", "two"), ("a", "three"), ("a", "idle")]));
        assert_eq!(names(&groups), [vec!["idle"], vec!["one", "two"], vec!["three"]]);
        assert!(groups[0].workloads.is_empty());
    }

    #[test]
    fn a_chain_of_shared_claims_is_one_group() {
        let survey = Survey {
            workloads: vec![
                workload("a", "w1", &["c1", "c2"]),
                workload("a", "w2", &["c3", "c4"]),
                workload("a", "w3", &["c2", "c3"]),
            ],
            ..Survey::default()
        };
        let groups = connect(&survey, &ids(&[("a", "c1"), ("a", "c4"), ("a", "c2"), ("a", "c3")]));
        assert_eq!(names(&groups), [vec!["c1", "c2", "c3", "c4"]]);
        assert_eq!(groups[0].workloads.len(), 3);
    }

    #[test]
    fn a_claim_that_stays_joins_nothing() {
        let survey = Survey {
            workloads: vec![workload("a", "w1", &["c1", "stays"]), workload("a", "w2", &["c2", "stays"])],
            ..Survey::default()
        };
        assert_eq!(names(&connect(&survey, &ids(&[("a", "c1"), ("a", "c2")]))), [vec!["c1"], vec!["c2"]]);
    }

    #[test]
    fn a_claims_place_is_where_a_pod_stays_or_was_until_a_moment_ago() {
        let pod = |node: &str, finished, leaving| PodFacts {
            namespace: "a".to_owned(),
            name: node.to_owned(),
            node: Some(node.to_owned()),
            finished,
            leaving,
            owner: None,
            claims: BTreeSet::from(["c".to_owned()]),
            ephemeral: BTreeSet::new(),
            tolerations: BTreeSet::new(),
        };
        let (over, gone, going) = (pod("over", true, false), pod("gone", true, true), pod("going", false, true));
        let stays = pod("stays", false, false);
        for (pods, node) in [
            (vec![], None),
            (vec![over.clone()], None),
            (vec![over.clone(), gone.clone()], Some("gone")),
            (vec![gone.clone(), going.clone()], Some("going")),
            (vec![over, gone, going, stays], Some("stays")),
        ] {
            let survey = Survey { pods, ..Survey::default() };
            let id = ClaimId { namespace: "a".to_owned(), name: "c".to_owned() };
            assert_eq!(place(&survey, &id).as_deref(), node);
        }
    }

    #[test]
    fn namesakes_in_two_namespaces_stay_apart() {
        let survey =
            Survey { workloads: vec![workload("a", "w", &["c"]), workload("b", "w", &["c"])], ..Survey::default() };
        assert_eq!(connect(&survey, &ids(&[("a", "c"), ("b", "c")])).len(), 2);
    }

    #[test]
    fn a_swap_is_unfinished_while_anything_of_it_is_not_as_it_will_be() {
        let swapped = |stage, reclaim: &str, is_source_free| SwappedVolume {
            volume: crate::survey::VolumeFacts { name: "n".to_owned(), reclaim: reclaim.to_owned(), handle: None },
            claim: ClaimId { namespace: "a".to_owned(), name: "c".to_owned() },
            stage,
            reclaim: "Delete".to_owned(),
            manifest: serde_json::Value::Null,
            source: None,
            is_source_free,
            taken_by: None,
        };
        let bound = || SwapStage::Claimed { bound: true };
        for (stage, reclaim, is_source_free, replicas, mark, expected) in [
            (SwapStage::Original, "Retain", false, 0, Some(1), false),
            (SwapStage::Free, "Retain", false, 0, Some(1), true),
            (SwapStage::Remade { volume: None }, "Retain", false, 1, None, true),
            (SwapStage::Claimed { bound: false }, "Retain", true, 1, None, true),
            (bound(), "Delete", false, 0, Some(1), true),
            (bound(), "Delete", false, 1, Some(1), true),
            (bound(), "Retain", true, 1, None, true),
            (bound(), "Retain", false, 1, None, false), // somebody's own wish, long after
            (bound(), "Delete", true, 1, None, false),
        ] {
            let facts = WorkloadFacts { replicas, mark, ..workload("a", "w", &["c"]) };
            let what = format!("{stage:?} {reclaim} {is_source_free} {replicas} {mark:?}");
            let survey = Survey {
                workloads: vec![facts],
                swapped: vec![swapped(stage, reclaim, is_source_free)],
                ..Survey::default()
            };
            assert_eq!(!interrupted(&survey).is_empty(), expected, "{what}");
        }
    }
}
