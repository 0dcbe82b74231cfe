//! Facts: the only changes that a record ever sees after its start.

use jiff::Timestamp;
use thiserror::Error;

use super::{CopyFailure, DestinationVolume, Ended, Evidence, Goal, Record, Retry, Stray, WarmPass, WorkloadRef};

/// Something new, to be added to a record by compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// The destination volume of `claim` is known.
    Destination {
        /// The claim.
        claim: String,
        /// Its destination.
        volume: DestinationVolume,
    },
    /// A warm pass of `claim` has ended.
    Warmed {
        /// The claim.
        claim: String,
        /// How it went.
        pass: WarmPass,
    },
    /// The workloads are about to be stopped.
    Stopping {
        /// Now.
        at: Timestamp,
        /// How many pods of each are Ready, of those that are up.
        ready: Vec<(WorkloadRef, u32)>,
    },
    /// Every workload has been started again.
    Started {
        /// Now.
        at: Timestamp,
    },
    /// As many pods are Ready as before the stop.
    Ready {
        /// Now.
        at: Timestamp,
    },
    /// A copy of `claim` failed.
    CopyFailed {
        /// The claim.
        claim: String,
        /// How it failed.
        failure: CopyFailure,
    },
    /// The copy of `claim` is proven.
    Copied {
        /// The claim.
        claim: String,
        /// What proves it.
        evidence: Evidence,
    },
    /// Copies may be tried up to this attempt: a person has looked at a held group and wants it tried again.
    GrantedAttempts {
        /// The new limit.
        attempts: u32,
    },
    /// The group goes back to its source volumes.
    TurnedBack {
        /// Why.
        why: String,
    },
    /// The original `claim` carries the touch of the turn back.
    Touched {
        /// The claim.
        claim: String,
    },
    /// A StatefulSet has made a claim in place of `claim`, and it is about to be removed.
    Stray {
        /// The claim.
        claim: String,
        /// What was made.
        stray: Stray,
    },
    /// Owners that `claim` had do not exist any more, so it is left without them.
    OwnersLost {
        /// The claim.
        claim: String,
        /// Their kinds and names.
        owners: Vec<String>,
    },
    /// Nothing is left to do.
    Ended(Ended),
}

/// The reason why a record does not take a fact.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// All copies are proven, so the destination is what counts now.
    #[error("every claim of {0} has been copied: the migration can only go forward; run migrate to finish it")]
    Proven(String),
    /// The group is being turned back.
    #[error("{0} is already being turned back")]
    TurnedBack(String),
    /// The migration has ended.
    #[error("{0} has already ended")]
    Ended(String),
    /// The record has no such claim.
    #[error("{record} has no claim {claim}")]
    NoSuchClaim {
        /// The record.
        record: String,
        /// The claim.
        claim: String,
    },
}

impl Record {
    /// Returns the record with one more fact.
    ///
    /// The two turning points exclude each other here, on one object: `TurnedBack` is refused once all is proven, and
    /// `Copied` once the group is turned back. So no group ever goes both ways.
    ///
    /// # Errors
    /// [`Refused`] when the fact does not fit what the record says already.
    pub fn with(mut self, fact: Fact) -> Result<Self, Refused> {
        if self.ended.is_some() {
            return Err(Refused::Ended(self.name));
        }
        match fact {
            Fact::Destination { claim, volume } => self.claim_mut(&claim)?.destination = Some(volume),
            Fact::Warmed { claim, pass } => {
                let passes = &mut self.claim_mut(&claim)?.warm_passes;
                passes.retain(|known| known.attempt != pass.attempt);
                passes.push(pass);
            }
            Fact::Stopping { at, ready } if self.stopped.is_none() => {
                self.stopped = Some(at);
                let count =
                    |workload: &WorkloadRef| ready.iter().find(|(of, _)| of == workload).map(|(_, count)| *count);
                self.workloads.iter_mut().for_each(|recorded| recorded.ready = count(&recorded.workload));
            }
            Fact::Stopping { .. } => {} // the first stop counts
            Fact::Started { at } => self.started = self.started.or(Some(at)),
            Fact::Ready { at } => self.ready = self.ready.or(Some(at)),
            Fact::CopyFailed { claim, failure } => self.claim_mut(&claim)?.failures.push(failure),
            Fact::Copied { claim, evidence } => {
                if self.goal != Goal::Forward {
                    return Err(Refused::TurnedBack(self.name));
                }
                self.claim_mut(&claim)?.evidence = Some(evidence);
            }
            Fact::GrantedAttempts { attempts } => {
                self.asked.limits.attempts = self.asked.limits.attempts.max(attempts);
                // Somebody may have mended what would have made them fail again.
                for claim in self.claims.values_mut() {
                    let warm = claim.warm_passes.iter_mut().filter_map(|pass| pass.failure.as_mut());
                    warm.for_each(|failure| failure.retry = Retry::Again);
                    claim.failures.iter_mut().for_each(|failure| failure.retry = Retry::Again);
                }
            }
            Fact::TurnedBack { why } => {
                if self.proven() {
                    return Err(Refused::Proven(self.name));
                }
                if self.goal != Goal::Forward {
                    return Err(Refused::TurnedBack(self.name));
                }
                self.goal = Goal::Back(why);
            }
            Fact::Touched { claim } => self.claim_mut(&claim)?.touched = true,
            Fact::Stray { claim, stray } => {
                let strays = &mut self.claim_mut(&claim)?.strays;
                strays.retain(|known| known.uid != stray.uid);
                strays.push(stray);
            }
            Fact::OwnersLost { claim, owners } => self.claim_mut(&claim)?.lost_owners = owners,
            Fact::Ended(ended) => self.ended = Some(ended),
        }
        Ok(self)
    }

    fn claim_mut(&mut self, claim: &str) -> Result<&mut super::ClaimRecord, Refused> {
        let record = &self.name;
        let missing = || Refused::NoSuchClaim { record: record.clone(), claim: claim.to_owned() };
        self.claims.get_mut(claim).ok_or_else(missing)
    }
}
