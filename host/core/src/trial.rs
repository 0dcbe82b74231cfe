//! Trials: the shapes of claim that a run is going to ask the destination class for, tried out before anything is changed.

use std::collections::BTreeSet;

use crate::access::{AccessMode, VolumeMode};
use crate::blocker::{Blocker, Code};
use crate::cause::{Cause, Setting};
use crate::record::{ClaimRecord, Record};
use crate::static_class::NO_PROVISIONER;
use crate::survey::Survey;
use crate::toleration::Toleration;

/// A combination to try out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// Where the claim will be.
    pub namespace: String,
    /// Its access modes.
    pub modes: Vec<AccessMode>,
    /// Its volume mode.
    pub volume_mode: VolumeMode,
    /// Whether a claim is made. Otherwise the API server only judges one, and a pod tries the image.
    pub claim: TrialClaim,
    /// What the copies of such claims tolerate.
    pub tolerations: BTreeSet<Toleration>,
}

impl Trial {
    /// Tells whether the other tries out the same claim.
    fn is_like(&self, other: &Self) -> bool {
        let Self { namespace, modes, volume_mode, claim, tolerations: _ } = self;
        (namespace, modes, volume_mode, claim) == (&other.namespace, &other.modes, &other.volume_mode, &other.claim)
    }
}

/// What a trial does with its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrialClaim {
    /// It is made, and a volume for it.
    Made,
    /// It is not made: it would get a volume that is there, and whose data are somebody's.
    Judged,
}

/// What a trial's claim asks for, in bytes: as little as every backend gives.
pub const BYTES: u64 = 1 << 20;

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialResult {
    /// The trial.
    pub trial: Trial,
    /// Why it failed; `None` when it did not.
    pub failure: Option<TrialFailure>,
}

/// Why a trial failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialFailure {
    /// The kind of cause.
    pub cause: Cause,
    /// What happened, in the provisioner's or the cluster's own words.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl TrialFailure {
    /// Tells the cause from the cluster's own words, the claim's first, and what to do about it.
    pub fn of(message: String, words: &[String], setting: &Setting<'_>) -> Self {
        let cause = Cause::of(words.iter().map(String::as_str));
        Self { cause, message, hint: cause.hint(setting, &words.join("; ")) }
    }
}

/// Returns the trials that these new migrations to a class need: each distinct shape of a claim without a destination, once a
/// namespace.
///
/// Kubernetes gives a claim a free volume that fits before it has one made, and the trial's end would be that volume's as well.
pub fn trials<'a>(survey: &Survey, class: &str, records: impl IntoIterator<Item = &'a Record>) -> Vec<Trial> {
    let makes_volumes = survey.classes.get(class).is_none_or(|class| class.provisioner != NO_PROVISIONER);
    let would_take = |modes: &[AccessMode], volume_mode| {
        survey.free.iter().any(|free| free.kept_for.is_none() && free.offers(BYTES, modes, volume_mode))
    };
    let of_record = |record: &'a Record| {
        // A claim without modes is blocked already, and no API server takes it.
        let can_be_tried = |claim: &&ClaimRecord| claim.destination.is_none() && !claim.modes.is_empty();
        let unprovisioned = record.claims.values().filter(can_be_tried);
        unprovisioned.map(|claim| Trial {
            namespace: record.namespace.clone(),
            modes: claim.modes.clone(),
            volume_mode: claim.volume_mode,
            claim: if makes_volumes && !would_take(&claim.modes, claim.volume_mode) {
                TrialClaim::Made
            } else {
                TrialClaim::Judged
            },
            tolerations: claim.tolerations.clone(),
        })
    };
    let mut distinct: Vec<Trial> = Vec::new();
    for trial in records.into_iter().flat_map(of_record) {
        let is_alike = |known: &&mut Trial| known.is_like(&trial);
        match distinct.iter_mut().find(is_alike) {
            Some(known) => known.tolerations.extend(trial.tolerations),
            None => distinct.push(trial),
        }
    }
    distinct.sort();
    distinct
}

impl TrialResult {
    /// Returns the blocker that a failed trial leads to.
    pub fn blocker(&self) -> Option<Blocker> {
        let Trial { namespace, modes, volume_mode, .. } = &self.trial;
        let modes: Vec<&str> = modes.iter().map(|mode| mode.as_str()).collect();
        let failure = self.failure.clone()?;
        Some(Blocker {
            code: Code::NotProvisionable,
            cause: Some(failure.cause),
            about: format!("namespace {namespace}, {} {volume_mode}", modes.join("+")),
            message: failure.message,
            hint: failure.hint,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::decide::tests::scene::Scene;
    use crate::static_class::FreeVolume;
    use crate::survey::ClaimId;

    fn free() -> FreeVolume {
        FreeVolume {
            name: "free".to_owned(),
            kept_for: None,
            bytes: BYTES,
            modes: vec![AccessMode::ReadWriteOnce],
            volume_mode: VolumeMode::Filesystem,
        }
    }

    #[test]
    fn a_trial_tolerates_what_any_of_its_claims_does() {
        let on = |key: &str| Toleration { key: Some(key.to_owned()), operator: None, value: None };
        let mut record = Scene::of(&["data", "logs", "more"]).record;
        for (claim, keys) in [("data", vec!["a", "b"]), ("logs", vec!["b", "c"])] {
            record.claims.get_mut(claim).unwrap().tolerations = keys.into_iter().map(on).collect();
        }
        let all = trials(&Survey::default(), "new", [&record]);
        let keys: Vec<_> = all.iter().map(|trial| trial.tolerations.iter().cloned().collect::<Vec<_>>()).collect();
        assert_eq!(keys, [[on("a"), on("b"), on("c")]]);
    }

    #[test]
    fn no_claim_is_made_that_a_free_volume_would_be_given_to() {
        let claim = |free: FreeVolume| {
            let survey = Survey { free: vec![free], ..Survey::default() };
            trials(&survey, "new", [&Scene::of(&["data"]).record]).pop().unwrap().claim
        };
        let kept_for = Some(ClaimId { namespace: "ns".to_owned(), name: "other".to_owned() });
        for (volume, expected) in [
            (free(), TrialClaim::Judged),
            (FreeVolume { kept_for, ..free() }, TrialClaim::Made),
            (FreeVolume { bytes: BYTES - 1, ..free() }, TrialClaim::Made),
            (FreeVolume { modes: vec![AccessMode::ReadOnlyMany], ..free() }, TrialClaim::Made),
            (FreeVolume { volume_mode: VolumeMode::Block, ..free() }, TrialClaim::Made),
        ] {
            assert_eq!(claim(volume.clone()), expected, "{volume:?}");
        }
    }
}
