//! Trials: the shapes of claim that a run is going to ask the destination class for, tried out before anything is changed.

use std::collections::BTreeSet;

use crate::access::{AccessMode, VolumeMode};
use crate::blocker::{Blocker, Code};
use crate::cause::{Cause, Setting};
use crate::record::{ClaimRecord, Record};

/// A combination to try out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// Where the claim will be.
    pub namespace: String,
    /// Its access modes.
    pub modes: Vec<AccessMode>,
    /// Its volume mode.
    pub volume_mode: VolumeMode,
}

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

/// Returns the trials that these new migrations need: each distinct shape of a claim without a destination, once a namespace.
pub fn trials<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Trial> {
    let of_record = |record: &'a Record| {
        // A claim without modes is blocked already, and no API server takes it.
        let can_be_tried = |claim: &&ClaimRecord| claim.destination.is_none() && !claim.modes.is_empty();
        let unprovisioned = record.claims.values().filter(can_be_tried);
        unprovisioned.map(|claim| Trial {
            namespace: record.namespace.clone(),
            modes: claim.modes.clone(),
            volume_mode: claim.volume_mode,
        })
    };
    let distinct: BTreeSet<Trial> = records.into_iter().flat_map(of_record).collect();
    distinct.into_iter().collect()
}

impl TrialResult {
    /// Returns the blocker that a failed trial leads to.
    pub fn blocker(&self) -> Option<Blocker> {
        let Trial { namespace, modes, volume_mode } = &self.trial;
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
