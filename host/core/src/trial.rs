//! Trials: the shapes of claim that a run is going to ask the destination class for, tried out before anything is changed.

use std::collections::BTreeSet;

use crate::access::{AccessMode, VolumeMode};
use crate::blocker::{Blocker, Code};
use crate::record::Record;

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
    /// Why it failed, in the provisioner's or the cluster's own words.
    pub failure: Option<String>,
}

/// Returns the trials that these new migrations need: each distinct shape of a claim without a destination, once a namespace.
pub fn trials<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Trial> {
    let of_record = |record: &'a Record| {
        let unprovisioned = record.claims.values().filter(|claim| claim.destination.is_none());
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
        Some(Blocker {
            code: Code::NotProvisionable,
            about: format!("namespace {namespace}, {} {volume_mode}", modes.join("+")),
            message: self.failure.clone()?,
            hint: "see whether the class offers this access mode; another can be asked for by an annotation of the \
                   claim (kurl.sh/pvcmigrate-destinationaccessmode) or by a policy"
                .to_owned(),
        })
    }
}
