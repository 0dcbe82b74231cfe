//! Mutants: each breaks one rule of the migration's order, around an unchanged `decide`.
//!
//! A mutant lies about the observation (that something is done already), rearranges the steps, or weakens a write. Its
//! test asserts that the checker finds what goes wrong.

use jiff::Timestamp;
use pvmigrate_core::copy_report::CopyReport;
use pvmigrate_core::imagined::Imagined;
use pvmigrate_core::observation::{Claim, Observation, Pod, Progress, RETAIN, Touch};
use pvmigrate_core::ports::Done;
use pvmigrate_core::record::{Goal, Purpose, Record, Uid, Version};
use pvmigrate_core::step::{Step, Target};

use crate::setting::ORIGINAL;

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The source volume is not set to `Retain`.
    SourceNotRetained,
    /// The destination volume is not set to `Retain`.
    DestinationNotRetained,
    /// Workloads are scaled down without a mark.
    ScaledDownUnmarked,
    /// Workloads are scaled down whatever was written to them meanwhile.
    ScaledDownAnyVersion,
    /// The group is fenced although its pods are still there.
    FencedUnquiet,
    /// The fence deletes the original claim whatever was written to it meanwhile.
    FencedAnyVersion,
    /// The fence deletes whatever claim has the name.
    FencedByName,
    /// The copy begins without a fence.
    NotFenced,
    /// The copy begins when the claim is gone, although a pod still has the volume mounted.
    CopiedBesideUsers,
    /// The name is left empty until all is proven, and a stray that turns up meanwhile is looked at then.
    NameLeftEmpty,
    /// The volume of a claim that a StatefulSet made goes with it.
    StrayNotRetained,
    /// Workloads that have lost their mark are not marked again before the claims are cut over.
    NotMarkedAgain,
    /// Claims get the owners that were recorded.
    OldOwners,
    /// The source volumes are disposed of as soon as the workloads are started.
    DisposedUnready,
    /// The warm copy counts.
    WarmCopyCounts,
    /// The claimRef is cleared instead of re-pointed.
    ClaimRefCleared,
    /// The copy pods are deleted before the temporary claims.
    PodsBeforeTemps,
    /// Workloads that are up are left marked.
    LeftMarked,
    /// Pods for the time before the fence are left where they are once the original claim is being deleted.
    HelpersStay,
    /// The group is turned back without touching its original claims.
    NotTouched,
    /// The group is settled before all claims are bound.
    SettledUnbound,
    /// A failed copy pod makes room at once for the next attempt.
    TombstonesCleared,
}

impl Mutant {
    /// Lies about what is seen.
    pub fn distort(self, record: &Record, seen: &mut Observation) {
        let is_preparing = record.goal == Goal::Forward && !record.proven();
        let is_down = seen.workloads.values().all(|workload| workload.replicas == 0 && workload.mark.is_some());
        for (name, claim) in &mut seen.claims {
            let is_fenced = is_preparing && claim.named.as_ref().is_none_or(|named| !named.bound);
            match self {
                Self::SourceNotRetained if is_preparing => retained(&mut claim.source_volume),
                Self::DestinationNotRetained if is_preparing => retained(&mut claim.destination_volume),
                Self::FencedUnquiet if is_preparing => claim.users.clear(),
                Self::NotFenced if is_preparing && is_down => {
                    if let Some(original) = claim.named.as_mut().filter(|named| named.bound) {
                        // As our own claim that keeps the name.
                        original.uid = Uid("none".to_owned());
                        original.bound = false;
                        original.volume = record.claims[name].destination.as_ref().map(|volume| volume.name.clone());
                    }
                }
                Self::CopiedBesideUsers => claim.users.clear(),
                Self::WarmCopyCounts if is_fenced && !record.claims[name].warm_passes.is_empty() => {
                    claim.pods = vec![succeeded()];
                }
                Self::NotTouched if record.goal != Goal::Forward => {
                    if let Some(original) = &mut claim.named {
                        original.touched = Some(Touch { run: record.run.clone(), at: record.begun });
                    }
                }
                Self::StrayNotRetained => retained(&mut claim.other_volume),
                Self::NameLeftEmpty if is_preparing && claim.named.is_none() => claim.named = Some(ours(record, name)),
                Self::HelpersStay if claim.named.as_ref().is_some_and(|named| named.terminating) => {
                    claim.pods.retain(|pod| pod.purpose == Purpose::Copy);
                }
                Self::SettledUnbound if record.proven() => {
                    if let Some(named) = &mut claim.named {
                        named.bound = true;
                    }
                }
                _ => {}
            }
        }
        for workload in seen.workloads.values_mut() {
            match self {
                Self::ScaledDownUnmarked if is_preparing => workload.mark = Some(1),
                Self::FencedUnquiet if is_preparing => workload.pods = 0,
                Self::DisposedUnready if !is_preparing => workload.ready = workload.replicas,
                Self::LeftMarked if workload.replicas > 0 && !is_preparing => workload.mark = None,
                _ => {}
            }
        }
    }

    /// Filters, replaces or reorders the steps decided.
    pub fn rearrange(self, record: &Record, seen: &Observation, steps: Vec<Step>) -> Vec<Step> {
        match self {
            Self::PodsBeforeTemps if steps.iter().any(|step| matches!(step, Step::DeleteTemp { .. })) => {
                or(delete_pods(seen, |_, _| true), steps)
            }
            Self::TombstonesCleared if record.goal == Goal::Forward && !record.proven() => {
                let is_noted = |claim: &str, pod: &Pod| {
                    let failures = &record.claims[claim].failures;
                    failures.iter().any(|failure| failure.attempt == pod.attempt)
                };
                or(delete_pods(seen, is_noted), steps)
            }
            Self::NotMarkedAgain if record.goal == Goal::Forward => {
                steps.into_iter().filter(|step| !matches!(step, Step::MarkWorkload { .. })).collect()
            }
            _ => steps,
        }
    }

    /// Does a step under weaker preconditions, or with another effect.
    pub fn execute(self, cluster: &mut Imagined, record: &Record, step: &Step) -> Done {
        match (self, step) {
            (Self::FencedAnyVersion, Step::DeleteOriginalClaim { claim, target }) => {
                let present = cluster.claims.get(&target.name).map(|claim| claim.version.clone());
                let version = present.unwrap_or_else(|| target.version.clone());
                let target = Target { version, ..target.clone() };
                cluster.execute(record, &Step::DeleteOriginalClaim { claim: claim.clone(), target })
            }
            (Self::FencedByName, Step::DeleteOriginalClaim { claim, target }) => {
                let present = cluster.claims.get(&target.name).map(|claim| (claim.uid.clone(), claim.version.clone()));
                let (uid, version) = present.unwrap_or_else(|| (target.uid.clone(), target.version.clone()));
                let target = Target { name: target.name.clone(), uid, version };
                cluster.execute(record, &Step::DeleteOriginalClaim { claim: claim.clone(), target })
            }
            (Self::ScaledDownAnyVersion, Step::StopWorkload { workload, replicas, .. }) => {
                let version = cluster.workloads[workload].version.clone();
                let replicas = *replicas;
                cluster.execute(record, &Step::StopWorkload { workload: workload.clone(), version, replicas })
            }
            (Self::ScaledDownUnmarked, Step::StopWorkload { workload, .. }) => {
                let done = cluster.execute(record, step);
                if let Some(workload) = cluster.workloads.get_mut(workload).filter(|_| done == Done::Applied) {
                    workload.mark = None;
                }
                done
            }
            (Self::OldOwners, Step::Unmark { target, owners, .. }) => {
                let old = owners.iter().map(|_| Uid(ORIGINAL.to_owned())).collect();
                let done = cluster.execute(record, step);
                if done == Done::Applied {
                    cluster.owners.insert(target.name.clone(), old);
                }
                done
            }
            (Self::ClaimRefCleared, Step::Reserve { volume, .. }) => {
                let done = cluster.execute(record, step);
                if let Some(volume) = cluster.volumes.get_mut(&volume.name).filter(|_| done == Done::Applied) {
                    volume.holder = None;
                }
                done
            }
            _ => cluster.execute(record, step),
        }
    }
}

fn retained(volume: &mut Option<pvmigrate_core::observation::Volume>) {
    if let Some(volume) = volume {
        RETAIN.clone_into(&mut volume.reclaim);
    }
}

/// Makes a claim of ours that keeps the name.
fn ours(record: &Record, name: &str) -> Claim {
    let destination = record.claims[name].destination.as_ref();
    Claim {
        uid: Uid("none".to_owned()),
        version: Version("none".to_owned()),
        volume: destination.map(|volume| volume.name.clone()),
        bound: false,
        placed: false,
        terminating: false,
        run: Some(record.run.clone()),
        touched: None,
        made_by_set: false,
        complete: true,
        fits: true,
        created: record.begun,
        trouble: None,
    }
}

fn succeeded() -> Pod {
    Pod {
        name: "none".to_owned(),
        uid: Uid("none".to_owned()),
        purpose: Purpose::Copy,
        attempt: 1,
        others: Vec::new(),
        progress: Progress::Succeeded(Ok(CopyReport::default())),
        leaving: false,
        created: Timestamp::UNIX_EPOCH,
    }
}

fn delete_pods(seen: &Observation, which: impl Fn(&str, &Pod) -> bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (claim, seen) in &seen.claims {
        for pod in seen.pods.iter().filter(|pod| !pod.leaving && which(claim, pod)) {
            let (claim, uid) = (claim.clone(), pod.uid.clone());
            steps.push(Step::DeletePod { claim, pod: pod.name.clone(), uid });
        }
    }
    steps
}

fn or(first: Vec<Step>, second: Vec<Step>) -> Vec<Step> {
    if first.is_empty() { second } else { first }
}
