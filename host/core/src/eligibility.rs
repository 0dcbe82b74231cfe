//! Eligibility: what keeps a group from being migrated, found before anything is changed.

use crate::access::VolumeMode;
use crate::blocker::{Blocker, Code};
use crate::group::Group;
use crate::policy::ObjectRef;
use crate::record::WorkloadKind;
use crate::survey::{
    ClaimFacts, ClaimId, PodFacts, Survey, SwapStage, SwappedVolume, WorkloadFacts, is_ordinal, scalable,
};

/// The `whenScaled` with which a StatefulSet deletes the claims of the pods that it scales away.
const DELETE: &str = "Delete";

/// Returns everything that keeps the group from being migrated; empty when nothing does.
pub fn blockers(survey: &Survey, group: &Group) -> Vec<Blocker> {
    let mut found = Vec::new();
    let adopted = crate::group::interrupted(survey);
    for id in group.claim_ids() {
        match adopted.get(&id) {
            Some(swapped) => found.extend(halfway(survey, swapped)),
            None => {
                if let Some(facts) = survey.claims.get(&id) {
                    claim(survey, group, &id, facts, &mut found);
                }
            }
        }
        for pod in survey.users(&id) {
            found.extend(user(survey, &id, pod));
        }
    }
    let ours = survey.workloads.iter().filter(|facts| facts.namespace == group.namespace);
    for facts in ours.filter(|facts| group.workloads.contains(&facts.workload)) {
        found.extend(owned(facts));
    }
    found
}

/// Reports what keeps a swap of the reference tool from being finished: somebody has taken the name or the volume since.
fn halfway(survey: &Survey, swapped: &SwappedVolume) -> Option<Blocker> {
    let (id, new) = (&swapped.claim, &swapped.volume.name);
    let about = format!("claim {id}");
    if let Some(other) = &swapped.taken_by {
        return Some(Blocker {
            code: Code::VolumeTaken,
            cause: None,
            about,
            message: format!(
                "an interrupted run has moved its data to volume {new}, and claim {other} is bound to that now"
            ),
            hint: format!(
                "if claim {other} has it by mistake, stop what uses it, delete that claim (the volume's policy is {}), and run \
                 migrate again",
                swapped.volume.reclaim
            ),
        });
    }
    let SwapStage::Remade { volume } = &swapped.stage else { return None };
    let is_made_by_set = |facts: &WorkloadFacts| !facts.claims.contains(&id.name) && facts.names(&id.name);
    if survey.workloads_of(id).any(is_made_by_set) {
        return None; // the run undoes what the set's controller has made, and keeps its volume
    }
    let now = volume.as_ref().map_or("has no volume".to_owned(), |volume| format!("is on volume {volume}"));
    Some(Blocker {
        code: Code::ForeignClaim,
        cause: None,
        about,
        message: format!(
            "an interrupted run has moved its data to volume {new}; a claim made since has its name, and {now}"
        ),
        hint: format!(
            "if that claim holds nothing you need, run: kubectl delete pvc -n {} {}, then run migrate again; if it is the one \
             to keep, run: kubectl annotate pv {new} {}-",
            id.namespace,
            id.name,
            crate::names::RECLAIM
        ),
    })
}

fn claim(survey: &Survey, group: &Group, id: &ClaimId, facts: &ClaimFacts, found: &mut Vec<Blocker>) {
    let mut block = |code, message: String, hint: String| {
        found.push(Blocker { code, cause: None, about: format!("claim {id}"), message, hint });
    };
    // What the reference tool has deleted it means to make anew: its copy had ended well, and the volume is kept.
    if facts.terminating && survey.swapped(id).is_none() {
        let hint = format!("see what holds it: kubectl describe pvc -n {} {}", id.namespace, id.name);
        block(Code::TerminatingClaim, "it is being deleted".to_owned(), hint);
    }
    if !facts.finalizers.is_empty() {
        let message = format!("its finalizers would block its replacement: {}", facts.finalizers.join(", "));
        let hint = "have their controller release the claim, or remove them if that controller is gone".to_owned();
        block(Code::ClaimFinalizer, message, hint);
    }
    let seen = survey.volumes.iter().find(|seen| seen.namespace == id.namespace && seen.name == id.name);
    if seen.is_some_and(|seen| seen.volume_mode == VolumeMode::Block) {
        let hint = "leave it out with a policy, and move it with the storage system's own tools".to_owned();
        block(Code::BlockVolume, "it is a block device, and rsync copies files only".to_owned(), hint);
    }
    let strangers = facts.owners.iter().filter(|owner| !is_of_group(survey, group, owner));
    let strangers: Vec<String> = strangers.map(ToString::to_string).collect();
    if !strangers.is_empty() {
        let verbs = if strangers.len() == 1 { "owns it and would" } else { "own it and would" };
        let message = format!("{} {verbs} recreate it as soon as it is replaced", strangers.join(", "));
        let hint =
            "use that operator's own way to change the class, or pause it and remove the ownerReference".to_owned();
        block(Code::OwnedClaim, message, hint);
    }
}

/// Tells whether an owner of a claim is a workload of the group, or a pod that such a workload scales away.
///
/// A StatefulSet with `whenScaled: Delete` makes a pod that it scales away the owner of its claims, so that they go after it.
fn is_of_group(survey: &Survey, group: &Group, owner: &ObjectRef) -> bool {
    if scalable(owner).is_some_and(|workload| group.workloads.contains(&workload)) {
        return true;
    }
    let is_its_pod = |facts: &WorkloadFacts| {
        let ordinal = owner.name.strip_prefix(facts.workload.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        ordinal.is_some_and(is_ordinal)
    };
    (owner.api_version.as_str(), owner.kind.as_str()) == ("v1", "Pod")
        && survey.workloads.iter().any(|facts| {
            facts.namespace == group.namespace
                && facts.workload.kind == WorkloadKind::StatefulSet
                && facts.when_scaled.as_deref() == Some(DELETE)
                && group.workloads.contains(&facts.workload)
                && is_its_pod(facts)
        })
}

/// Reports a pod that cannot be brought down by scaling: it would hold the claim for ever. One that is being deleted
/// goes by itself, and the run waits for it.
fn user(survey: &Survey, id: &ClaimId, pod: &PodFacts) -> Option<Blocker> {
    if pod.leaving {
        return None;
    }
    let about = format!("pod {}/{}", pod.namespace, pod.name);
    if pod.finished {
        return Some(Blocker {
            code: Code::FinishedPod,
            cause: None,
            about,
            message: format!("it has ended, but Kubernetes keeps its claim {} for as long as the pod exists", id.name),
            hint: format!("once nobody needs its logs, run: kubectl delete pod -n {} {}", pod.namespace, pod.name),
        });
    }
    let Some(owner) = &pod.owner else {
        return Some(Blocker {
            code: Code::BarePod,
            cause: None,
            about,
            message: format!("it uses claim {} and no workload owns it, so nothing would start it again", id.name),
            hint: format!(
                "save its manifest, delete it, and create it again afterwards: kubectl get pod -n {} {} -o yaml",
                pod.namespace, pod.name
            ),
        });
    };
    let is_known = scalable(owner).is_some_and(|workload| {
        survey.workloads.iter().any(|facts| facts.namespace == pod.namespace && facts.workload == workload)
    });
    if is_known {
        return None;
    }
    Some(Blocker {
        code: Code::UnhandledWorkload,
        cause: None,
        about: owner.to_string(),
        message: format!(
            "its pod {} uses claim {}; only Deployments, StatefulSets and ReplicaSets can be stopped and started",
            pod.name, id.name
        ),
        hint: "stop it yourself (suspend or delete it), migrate, and start it again".to_owned(),
    })
}

/// Reports a workload with a controller of its own: it does not stay at 0.
fn owned(facts: &WorkloadFacts) -> Option<Blocker> {
    let owner = facts.owner.as_ref()?;
    Some(Blocker {
        code: Code::OwnedWorkload,
        cause: None,
        about: format!("{} {}/{}", facts.workload.kind.as_str(), facts.namespace, facts.workload.name),
        message: format!("{owner} owns it and would scale it up again during the copy"),
        hint: "pause that operator, or remove the ownerReference for the duration of the migration".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::group::connect;
    use crate::record::{Uid, WorkloadRef};
    use crate::survey::VolumeFacts;

    fn id() -> ClaimId {
        ClaimId { namespace: "shop".to_owned(), name: "data-web-0".to_owned() }
    }

    fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        }
    }

    fn set(name: &str) -> ObjectRef {
        object("apps/v1", "StatefulSet", name)
    }

    /// Returns StatefulSet `web` as the reference tool leaves it when it is killed: at 0, with its scale in the mark.
    fn web(template: &str, when_scaled: &str) -> WorkloadFacts {
        WorkloadFacts {
            namespace: "shop".to_owned(),
            workload: WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() },
            replicas: 0,
            mark: Some(2),
            when_scaled: Some(when_scaled.to_owned()),
            claims: BTreeSet::new(),
            templates: BTreeMap::from([(template.to_owned(), None)]),
            owner: None,
        }
    }

    fn survey(workload: WorkloadFacts, pods: Vec<PodFacts>, owners: Vec<ObjectRef>) -> Survey {
        let facts = ClaimFacts {
            uid: Uid("c1".to_owned()),
            manifest: serde_json::Value::Null,
            finalizers: Vec::new(),
            owners,
            terminating: false,
            volume: Some(VolumeFacts { name: "pvc-1".to_owned(), reclaim: "Delete".to_owned(), handle: None }),
        };
        Survey { claims: BTreeMap::from([(id(), facts)]), workloads: vec![workload], pods, ..Survey::default() }
    }

    fn pod(owner: Option<ObjectRef>, finished: bool, leaving: bool) -> PodFacts {
        PodFacts {
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
            node: Some("node-1".to_owned()),
            finished,
            leaving,
            owner,
            claims: BTreeSet::from([id().name]),
            ephemeral: BTreeSet::new(),
            tolerations: BTreeSet::new(),
        }
    }

    fn found(survey: &Survey) -> Vec<Blocker> {
        let groups = connect(survey, &BTreeSet::from([id()]));
        blockers(survey, &groups[0])
    }

    #[test]
    fn a_pod_that_is_being_deleted_blocks_nothing_whatever_its_phase_and_owner() {
        for (owner, if_it_stays) in [
            (None, Code::BarePod),
            (Some(object("batch/v1", "Job", "nightly")), Code::UnhandledWorkload),
            (Some(set("gone")), Code::UnhandledWorkload),
        ] {
            // Running, and then Succeeded or Failed, which the survey does not tell apart.
            for (finished, code) in [(false, if_it_stays), (true, Code::FinishedPod)] {
                let with = |leaving| {
                    let pods = vec![pod(owner.clone(), finished, leaving)];
                    found(&survey(web("data", "Retain"), pods, Vec::new()))
                };
                let codes: Vec<Code> = with(false).iter().map(|blocker| blocker.code).collect();
                assert_eq!(codes, [code], "{owner:?}");
                assert_eq!(with(true), [], "{owner:?}, finished: {finished}");
            }
        }
    }

    #[test]
    fn a_set_at_zero_with_its_pods_on_the_way_out_is_finished_and_not_refused() {
        for finished in [false, true] {
            // The template names the claim, or the pods alone do.
            for template in ["data", "other"] {
                let pods = vec![pod(Some(set("web")), finished, true)];
                let survey = survey(web(template, "Retain"), pods, Vec::new());
                let groups = connect(&survey, &BTreeSet::from([id()]));
                assert_eq!(groups[0].workloads.len(), 1, "the set is started again at the end");
                assert_eq!(blockers(&survey, &groups[0]), [], "finished: {finished}, template {template}");
            }
        }
        let stays = vec![pod(Some(set("web")), true, false)];
        assert_eq!(found(&survey(web("data", "Retain"), stays, Vec::new()))[0].code, Code::FinishedPod);
    }

    #[test]
    fn every_owner_of_a_claim_has_to_be_of_its_group() {
        let (postgres, job) = (object("db/v1", "Postgres", "main"), object("batch/v1", "Job", "web"));
        for (when_scaled, owners, strangers) in [
            ("Retain", vec![], ""),
            ("Retain", vec![set("web")], ""),
            ("Retain", vec![set("other")], "StatefulSet shop/other owns it and would recreate it"),
            ("Retain", vec![postgres.clone()], "Postgres shop/main owns it and would recreate it"),
            ("Retain", vec![set("web"), postgres.clone()], "Postgres shop/main owns it and would recreate it"),
            ("Retain", vec![postgres.clone(), set("web"), job], "Postgres shop/main, Job shop/web own it and would"),
            // A set makes a pod that it scales away the owner of its claims, but only its own pod, and only if its
            // policy says so.
            ("Delete", vec![object("v1", "Pod", "web-0")], ""),
            ("Delete", vec![set("web"), object("v1", "Pod", "web-12")], ""),
            ("Retain", vec![object("v1", "Pod", "web-0")], "Pod shop/web-0 owns it"),
            ("Delete", vec![object("v1", "Pod", "web-x")], "Pod shop/web-x owns it"),
            ("Delete", vec![object("v1", "Pod", "web2-0")], "Pod shop/web2-0 owns it"),
            ("Delete", vec![object("db/v1", "Pod", "web-0")], "Pod shop/web-0 owns it"),
        ] {
            let found = found(&survey(web("data", when_scaled), Vec::new(), owners.clone()));
            assert_eq!(found.is_empty(), strangers.is_empty(), "{when_scaled} {owners:?}: {found:?}");
            assert!(found.iter().all(|blocker| blocker.code == Code::OwnedClaim), "{found:?}");
            assert!(found.iter().all(|blocker| blocker.message.starts_with(strangers)), "{found:?}");
        }
    }

    fn halfway(stage: SwapStage, taken_by: Option<ClaimId>) -> SwappedVolume {
        SwappedVolume {
            volume: VolumeFacts { name: "pvc-9".to_owned(), reclaim: "Retain".to_owned(), handle: None },
            claim: id(),
            stage,
            reclaim: "Delete".to_owned(),
            manifest: serde_json::Value::Null,
            source: None,
            is_source_free: false,
            taken_by,
        }
    }

    #[test]
    fn what_the_reference_tool_left_is_finished_unless_somebody_has_taken_the_name_or_the_volume() {
        let remade = || SwapStage::Remade { volume: Some("pvc-2".to_owned()) };
        let other = Some(ClaimId { namespace: "shop".to_owned(), name: "other".to_owned() });
        for (stage, template, taken_by, code) in [
            (SwapStage::Free, "data", None, None),
            (SwapStage::Claimed { bound: false }, "data", None, None),
            (remade(), "data", None, None), // its set has made it
            (remade(), "other", None, Some(Code::ForeignClaim)),
            (SwapStage::Free, "data", other.clone(), Some(Code::VolumeTaken)),
            (SwapStage::Original, "data", None, None),
        ] {
            let mut survey = survey(web(template, "Retain"), Vec::new(), Vec::new());
            survey.claims.get_mut(&id()).unwrap().terminating = stage == SwapStage::Original;
            survey.swapped.push(halfway(stage.clone(), taken_by));
            let codes: Vec<Code> = found(&survey).iter().map(|blocker| blocker.code).collect();
            assert_eq!(codes, Vec::from_iter(code), "{stage:?}, template {template}");
        }
    }
}
