//! What is decided from: each recorded claim beside what is seen of it.

use jiff::Timestamp;

use super::next::Next;
use crate::blocker::{Blocker, Code};
use crate::cause::{Cause, Setting};
use crate::observation::{Claim, ClaimSeen, Observation, Volume};
use crate::record::{ClaimRecord, Evidence, Fact, Goal, OnFailure, Record};
use crate::step::{Side, Step, Target};
use crate::waiting::{Awaited, Waiting};

/// A group as recorded and as seen, at one moment: all that is decided from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) record: &'a Record,
    pub(super) seen: &'a Observation,
    pub(super) now: Timestamp,
}

/// One recorded claim beside what is seen of it.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) run: &'a str,
    pub(super) name: &'a str,
    pub(super) record: &'a ClaimRecord,
    pub(super) seen: &'a ClaimSeen,
}

/// What holds a recorded claim's name.
#[derive(Clone, Copy)]
pub(crate) enum Named<'a> {
    /// Nothing.
    Nothing,
    /// The original claim.
    Original(&'a Claim),
    /// The claim on its destination volume: Pending, and only there to keep the name, until that is reserved for it.
    Final(&'a Claim),
    /// The claim on its source volume, created again by a turn back.
    Restored(&'a Claim),
    /// One that this run has created for a destination volume that was lost since.
    Outdated(&'a Claim),
    /// One that a StatefulSet of the group has made because it was missing.
    Stray(&'a Claim),
    /// Something else.
    Foreign,
}

/// For a claim of which nothing is seen.
static NOTHING: ClaimSeen = ClaimSeen {
    named: None,
    other_volume: None,
    destination: None,
    source: None,
    source_volume: None,
    destination_volume: None,
    users: Vec::new(),
    pods: Vec::new(),
};

impl<'a> View<'a> {
    pub(super) fn claims(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        let (seen, run) = (&self.seen.claims, self.record.run.as_str());
        self.record.claims.iter().map(move |(name, record)| Pair {
            run,
            name,
            record,
            seen: seen.get(name).unwrap_or(&NOTHING),
        })
    }

    pub(super) fn is_forward(&self) -> bool {
        self.record.goal == Goal::Forward
    }

    /// Tells whether a workload of the group has yet to be stopped.
    pub(super) fn is_up(&self) -> bool {
        self.record.stopped.is_none() && self.seen.workloads.values().any(|workload| workload.replicas > 0)
    }

    /// Gives up a wait: turns the group back, or holds it with a blocker, as the user asked.
    pub(super) fn give_up(&self, next: &mut Next, code: Code, pair: &Pair<'_>, message: String) {
        match self.record.asked.on_failure {
            OnFailure::RollBack => {
                let why = format!("claim {}: {message}", pair.name);
                next.steps.push(Step::Note(Fact::TurnedBack { why }));
            }
            OnFailure::Hold => next.blockers.push(self.held(code, pair, message)),
        }
    }

    /// Makes the blocker of a group that is held for a person.
    fn held(&self, code: Code, pair: &Pair<'_>, message: String) -> Blocker {
        let Record { namespace, name, asked, .. } = self.record;
        // What its own pods do says nothing about ours.
        let is_ours = code != Code::PodsRemain;
        let cause = if is_ours { Cause::of([message.as_str()]) } else { Cause::Unknown };
        let setting = Setting { namespace, class: &asked.dest_class, image: &asked.rsync_image };
        let first = if !is_ours {
            format!("see what keeps them: kubectl describe pods -n {namespace}")
        } else if cause == Cause::Unknown {
            "fix the cause".to_owned()
        } else {
            cause.hint(&setting, &message)
        };
        Blocker {
            code,
            cause: Some(cause).filter(|cause| *cause != Cause::Unknown),
            about: self.about(pair),
            message,
            hint: format!(
                "{first}; nothing is lost: then run migrate again, or go back with: pvmigrate abort --namespace \
                 {namespace} {name}"
            ),
        }
    }

    pub(super) fn about(&self, pair: &Pair<'_>) -> String {
        format!("claim {}/{}", self.record.namespace, pair.name)
    }
}

impl<'a> Named<'a> {
    /// Tells the claims that may hold the name apart: the original by its uid, ours by the volume they name. A
    /// StatefulSet's claim that has got one of our volumes counts as ours from then on, and at the end gets what the
    /// original had.
    pub(crate) fn of(run: &str, record: &ClaimRecord, seen: &'a ClaimSeen) -> Self {
        let Some(claim) = &seen.named else { return Self::Nothing };
        let on = |volume: &str| claim.volume.as_deref() == Some(volume);
        if record.uid.as_ref() == Some(&claim.uid) {
            Self::Original(claim)
        } else if record.destination.as_ref().is_some_and(|volume| on(&volume.name)) {
            Self::Final(claim)
        } else if on(&record.source.name) {
            Self::Restored(claim)
        } else if claim.run.as_deref() == Some(run) {
            Self::Outdated(claim)
        } else if claim.made_by_set {
            Self::Stray(claim)
        } else {
            Self::Foreign
        }
    }
}

impl<'a> Pair<'a> {
    /// Tells whether the reference tool has deleted the original claim itself: no record has its manifest, and the copy is as
    /// good as that tool left it. Such a claim only has a way forward, wherever its group goes.
    pub(super) fn is_adopted(&self) -> bool {
        self.record.evidence == Some(Evidence::Adopted)
    }

    /// Returns the volume that the claim is to end on.
    pub(super) fn side(&self, view: &View<'_>) -> Side {
        if view.is_forward() || self.is_adopted() { Side::Destination } else { Side::Source }
    }

    pub(super) fn named(&self) -> Named<'a> {
        Named::of(self.run, self.record, self.seen)
    }

    /// Reports a claim that this migration did not make.
    pub(super) fn foreign(&self, view: &View<'_>, next: &mut Next) {
        let destination = self.record.destination.as_ref().map_or("not made yet", |volume| volume.name.as_str());
        next.blockers.push(Blocker {
            code: Code::ForeignClaim,
            cause: None,
            about: view.about(self),
            message: format!(
                "another claim has taken this name in the meantime; both volumes are kept: old {}, new {destination}",
                self.record.source.name
            ),
            hint: "find out who created it; if it holds nothing you need, delete it and run migrate again".to_owned(),
        });
    }

    /// Reports that the volume with the data is gone, which no step of ours causes before the data is elsewhere.
    pub(super) fn source_volume_gone(&self, view: &View<'_>, next: &mut Next) {
        next.blockers.push(Blocker {
            code: Code::SourceVolumeGone,
            cause: None,
            about: view.about(self),
            message: format!("its volume {} no longer exists", self.record.source.name),
            hint: "look for the disk on the backend, and restore the volume object from a backup".to_owned(),
        });
    }

    pub(super) fn wait(&self, on: Awaited) -> Waiting {
        Waiting { on, of: format!("claim {}", self.name), trouble: None, deadline: None }
    }
}

pub(super) fn claim_target(name: String, claim: &Claim) -> Target {
    Target { name, uid: claim.uid.clone(), version: claim.version.clone() }
}

pub(super) fn volume_target(volume: &Volume) -> Target {
    Target { name: volume.name.clone(), uid: volume.uid.clone(), version: volume.version.clone() }
}
