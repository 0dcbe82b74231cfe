//! Steps and facts as one short line each, with the preconditions that they carry.

use crate::record::{Evidence, Fact};
use crate::step::{Reserved, Step, Target};

fn target(target: &Target) -> String {
    format!("{} {}@{}", target.name, target.uid, target.version.0)
}

/// Returns a step as one short line.
pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::Note(fact) => note(fact),
        Step::RetainSource { volume, .. } => format!("RetainSource {}", target(volume)),
        Step::CreateDestination { claim, volume: None } => format!("CreateDestination {claim}"),
        Step::CreateDestination { claim, volume: Some(volume) } => format!("CreateDestination {claim} on {volume}"),
        Step::AdoptDestination { target: temp, .. } => format!("AdoptDestination {}", target(temp)),
        Step::RetainDestination { volume, .. } => format!("RetainDestination {}", target(volume)),
        Step::StartPod { claims, purpose, attempt } => {
            format!("StartPod {} {} {attempt}", claims.join("+"), purpose.as_str())
        }
        Step::DeletePod { pod, uid, .. } => format!("DeletePod {pod} {uid}"),
        Step::MarkWorkload { workload, version, replicas } => {
            format!("MarkWorkload {}@{} {replicas}", workload.name, version.0)
        }
        Step::StopWorkload { workload, version, replicas } => {
            format!("StopWorkload {}@{} {replicas}", workload.name, version.0)
        }
        Step::DeleteOriginalClaim { target: claim, .. } => format!("DeleteOriginalClaim {}", target(claim)),
        Step::Reserve { volume, holder, .. } => {
            let holder = match holder {
                Reserved::SourceTemp | Reserved::DestinationTemp => "its temp",
                Reserved::ClaimName => "the claim",
            };
            format!("Reserve {} for {holder}", target(volume))
        }
        Step::CreateSourceTemp { claim } => format!("CreateSourceTemp {claim}"),
        Step::DeleteTemp { target: temp, .. } => format!("DeleteTemp {}", target(temp)),
        Step::CreateFinalClaim { claim } => format!("CreateFinalClaim {claim}"),
        Step::RestoreOriginalClaim { claim } => format!("RestoreOriginalClaim {claim}"),
        Step::FreeName { target: claim, held, .. } => format!("FreeName {} {held:?}", target(claim)),
        Step::RetainStray { volume, .. } => format!("RetainStray {}", target(volume)),
        Step::Touch { target: claim, at, .. } => format!("Touch {} at {}", target(claim), at.as_second()),
        Step::Unmark { target: claim, owners, .. } => {
            let owners = owners.iter().map(|owner| format!(" owned by {} {}", owner.workload.name, owner.uid));
            format!("Unmark {}{}", target(claim), owners.collect::<String>())
        }
        Step::RestoreReclaim { volume, policy, .. } => format!("RestoreReclaim {} {policy}", target(volume)),
        Step::StartWorkload { workload, version, replicas } => {
            format!("StartWorkload {}@{} {replicas}", workload.name, version.0)
        }
        Step::DeleteSourceVolume { volume, .. } => format!("DeleteSourceVolume {}", target(volume)),
    }
}

fn note(fact: &Fact) -> String {
    match fact {
        Fact::Destination { claim, volume } => format!("Note Destination {claim} {} {}", volume.name, volume.reclaim),
        Fact::Warmed { claim, pass } => {
            let how = pass.failure.as_ref().map_or("well", |failure| &failure.reason);
            format!("Note Warmed {claim} {} {how}", pass.attempt)
        }
        Fact::Stopping { at, ready } => {
            let ready: Vec<String> = ready.iter().map(|(of, ready)| format!("{} {ready}", of.name)).collect();
            format!("Note Stopping {} {}", at.as_second(), ready.join(" "))
        }
        Fact::Started { at } => format!("Note Started {}", at.as_second()),
        Fact::Ready { at } => format!("Note Ready {}", at.as_second()),
        Fact::OwnersLost { claim, owners } => format!("Note OwnersLost {claim} {}", owners.join(", ")),
        Fact::CopyFailed { claim, failure } => {
            format!("Note CopyFailed {claim} {} {}", failure.attempt, failure.reason)
        }
        Fact::Copied { claim, evidence } => {
            let attempt = match evidence {
                Evidence::Copied { attempt, .. } => *attempt,
                Evidence::Adopted => 0,
            };
            format!("Note Copied {claim} {attempt}")
        }
        Fact::GrantedAttempts { attempts } => format!("Note GrantedAttempts {attempts}"),
        Fact::TurnedBack { why } => format!("Note TurnedBack {why}"),
        Fact::Touched { claim } => format!("Note Touched {claim}"),
        Fact::Stray { claim, stray } => format!("Note Stray {claim} {} {:?}", stray.uid, stray.volume),
        Fact::Ended(ended) => format!("Note Ended {:?}", ended.how),
    }
}
