//! Classes without a provisioner: their volumes are made by hand, so what is there now is all that claims can get.
//!
//! That is known from the class and its volumes, and must be: a trial would take one of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::access::{AccessMode, VolumeMode};
use crate::blocker::{Blocker, Code};
use crate::cause::{Cause, Setting};
use crate::policy::quantity::Bytes;
use crate::record::Record;
use crate::survey::{ClaimId, Survey};

/// The provisioner of a class that makes no volumes.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// A volume that a claim can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeVolume {
    /// Its name.
    pub name: String,
    /// The only claim that can have it; `None` when any can.
    pub kept_for: Option<ClaimId>,
    /// Its size.
    pub bytes: u64,
    /// The access modes it offers.
    pub modes: Vec<AccessMode>,
    /// Its volume mode.
    pub volume_mode: VolumeMode,
}

impl FreeVolume {
    /// Tells whether a claim of this shape could have it.
    pub fn offers(&self, bytes: u64, modes: &[AccessMode], volume_mode: VolumeMode) -> bool {
        self.bytes >= bytes && self.volume_mode == volume_mode && modes.iter().all(|mode| self.modes.contains(mode))
    }
}

/// One claim that needs a volume.
struct Wanted<'a> {
    record: &'a Record,
    name: &'a str,
    bytes: u64,
    modes: &'a [AccessMode],
    volume_mode: VolumeMode,
}

impl Wanted<'_> {
    fn fits(&self, volume: &FreeVolume) -> bool {
        let is_kept_for = |kept: &ClaimId| {
            kept.namespace == self.record.namespace && kept.name == crate::names::destination_claim(self.name)
        };
        volume.offers(self.bytes, self.modes, self.volume_mode) && volume.kept_for.as_ref().is_none_or(is_kept_for)
    }
}

/// Returns, for each of these new migrations, blockers for its claims that no free volume is left for; all empty when the
/// destination class makes volumes.
///
/// The largest claim chooses first, and takes the smallest volume that fits.
pub fn blockers(survey: &Survey, class: &str, records: &[&Record]) -> Vec<Vec<Blocker>> {
    let mut found: Vec<Vec<Blocker>> = records.iter().map(|_| Vec::new()).collect();
    if survey.classes.get(class).is_none_or(|class| class.provisioner != NO_PROVISIONER) {
        return found;
    }
    let mut free: BTreeMap<usize, &FreeVolume> = survey.free.iter().enumerate().collect();
    let mut wanted: Vec<(usize, Wanted<'_>)> =
        records.iter().enumerate().flat_map(|(at, record)| of_record(record).map(move |claim| (at, claim))).collect();
    wanted.sort_by_key(|(_, claim)| Reverse(claim.bytes));
    for (at, claim) in wanted {
        let fitting = free.iter().filter(|(_, volume)| claim.fits(volume));
        match fitting.min_by_key(|(_, volume)| (volume.kept_for.is_none(), volume.bytes)).map(|(number, _)| *number) {
            Some(number) => drop(free.remove(&number)),
            None => found[at].push(unmet(&claim, class, survey.free.iter().any(|volume| volume.kept_for.is_none()))),
        }
    }
    found
}

fn of_record(record: &Record) -> impl Iterator<Item = Wanted<'_>> {
    let unprovisioned = record.claims.iter().filter(|(_, claim)| claim.destination.is_none());
    unprovisioned.map(move |(name, claim)| Wanted {
        record,
        name,
        bytes: claim.bytes,
        modes: &claim.modes,
        volume_mode: claim.volume_mode,
    })
}

fn unmet(claim: &Wanted<'_>, class: &str, any_is_free: bool) -> Blocker {
    let modes: Vec<&str> = claim.modes.iter().map(|mode| mode.as_str()).collect();
    let shape = format!("{}, {} {}", Bytes(claim.bytes), modes.join("+"), claim.volume_mode);
    let which = if any_is_free { "none of its free volumes fits or is left" } else { "no volume of it is free" };
    let message = format!("StorageClass {class} has no provisioner, and {which}: it needs {shape}");
    let setting = Setting { namespace: &claim.record.namespace, class, ..Setting::default() };
    Blocker {
        code: Code::NotProvisionable,
        cause: Some(Cause::NoProvisioner),
        about: format!("claim {}/{}", claim.record.namespace, claim.name),
        hint: Cause::NoProvisioner.hint(&setting, &message),
        message,
    }
}

#[cfg(test)]
mod tests;
