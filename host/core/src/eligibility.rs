//! Eligibility: what keeps a group from being migrated, found before anything is changed.

use crate::access::VolumeMode;
use crate::blocker::{Blocker, Code};
use crate::group::Group;
use crate::survey::{ClaimFacts, ClaimId, PodFacts, Survey, WorkloadFacts, scalable};

/// Returns everything that keeps the group from being migrated; empty when nothing does.
pub fn blockers(survey: &Survey, group: &Group) -> Vec<Blocker> {
    let mut found = Vec::new();
    let adopted = crate::group::interrupted(survey);
    for id in group.claim_ids() {
        if !adopted.contains_key(&id)
            && let Some(facts) = survey.claims.get(&id)
        {
            claim(survey, group, &id, facts, &mut found);
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

fn claim(survey: &Survey, group: &Group, id: &ClaimId, facts: &ClaimFacts, found: &mut Vec<Blocker>) {
    let mut block = |code, message: String, hint: String| {
        found.push(Blocker { code, about: format!("claim {id}"), message, hint });
    };
    if facts.terminating {
        let hint = format!("see what holds it: kubectl describe pvc -n {} {}", id.namespace, id.name);
        block(Code::TerminatingClaim, "it is being deleted".to_owned(), hint);
    }
    if facts.volume.is_none() {
        let hint = "wait until it is bound, or delete it if nobody needs it".to_owned();
        block(Code::UnboundClaim, "it has no volume yet, so there is nothing to move".to_owned(), hint);
    }
    if !facts.finalizers.is_empty() {
        let message = format!("its finalizers would hold it when it is replaced: {}", facts.finalizers.join(", "));
        let hint = "have their controller release the claim, or remove them if it is gone".to_owned();
        block(Code::ClaimFinalizer, message, hint);
    }
    let seen = survey.volumes.iter().find(|seen| seen.namespace == id.namespace && seen.name == id.name);
    if seen.is_some_and(|seen| seen.volume_mode == VolumeMode::Block) {
        let hint = "leave it out with a policy, and move it with the storage system's own means".to_owned();
        block(Code::BlockVolume, "it is a block device, and rsync copies files only".to_owned(), hint);
    }
    if survey.users(id).any(|pod| pod.ephemeral.contains(&id.name)) {
        let hint = "change the class in the pod template; its data ends with the pod by design".to_owned();
        block(
            Code::EphemeralClaim,
            "it is a generic ephemeral volume: it lives and dies with its pod".to_owned(),
            hint,
        );
    } else if let Some(owner) = &facts.owner
        && !scalable(owner).is_some_and(|workload| group.workloads.contains(&workload))
    {
        let message = format!("{owner} owns it and would create it anew at once when it is replaced");
        let hint =
            "use that operator's own way to change the class, or pause it and remove the ownerReference".to_owned();
        block(Code::OwnedClaim, message, hint);
    }
}

/// A pod that cannot be brought down by scaling would hold the claim for ever.
fn user(survey: &Survey, id: &ClaimId, pod: &PodFacts) -> Option<Blocker> {
    if pod.ephemeral.contains(&id.name) {
        return None; // reported as an ephemeral claim
    }
    let about = format!("pod {}/{}", pod.namespace, pod.name);
    if pod.finished {
        return Some(Blocker {
            code: Code::FinishedPod,
            about,
            message: format!("it has ended, but Kubernetes keeps its claim {} for as long as the pod exists", id.name),
            hint: format!("once nobody needs its logs, run: kubectl delete pod -n {} {}", pod.namespace, pod.name),
        });
    }
    let Some(owner) = &pod.owner else {
        return Some(Blocker {
            code: Code::BarePod,
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
        about: owner.to_string(),
        message: format!(
            "its pod {} uses claim {}; only Deployments, StatefulSets and ReplicaSets can be stopped and started",
            pod.name, id.name
        ),
        hint: "stop it by its own means (suspend or delete it), migrate, and start it again".to_owned(),
    })
}

/// A workload with a controller of its own does not stay at 0.
fn owned(facts: &WorkloadFacts) -> Option<Blocker> {
    let owner = facts.owner.as_ref()?;
    Some(Blocker {
        code: Code::OwnedWorkload,
        about: format!("{} {}/{}", facts.workload.kind.word(), facts.namespace, facts.workload.name),
        message: format!("{owner} owns it and would scale it up again during the copy"),
        hint: "pause that operator, or remove the ownerReference for the time of the migration".to_owned(),
    })
}
