//! The result of a run, as data; `render` shows it.

use jiff::{SignedDuration, Timestamp};
use pvmigrate_core::record::{ClaimRecord, Ended, Evidence, Outcome, Record};
use pvmigrate_core::survey::Unclaimed;

use crate::driver::GroupEnd;

/// The report of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// One entry a group, in the order of the plan.
    pub groups: Vec<GroupReport>,
    /// StorageClasses whose default mark was changed.
    pub defaults_changed: Vec<String>,
    /// Volumes of the source class without a claim, left alone.
    pub unclaimed: Vec<Unclaimed>,
    /// What the checks made and could not remove, in words.
    pub left_behind: Vec<String>,
}

/// The report on one group.
#[derive(Debug)]
pub struct GroupReport {
    /// The group's namespace.
    pub namespace: String,
    /// Its record's name.
    pub record: String,
    /// How it ended for this run.
    pub end: GroupEnd,
    /// Its claims.
    pub claims: Vec<ClaimReport>,
}

/// The report on one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimReport {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The class it came from.
    pub from: String,
    /// The class it was to go to.
    pub to: String,
    /// The volume it came from.
    pub old_volume: String,
    /// The backend's name of the old disk, which is still there unless it was reclaimed.
    pub old_handle: Option<String>,
    /// The volume it was to go to, once there was one.
    pub new_volume: Option<String>,
    /// Regular files in it, by rsync.
    pub files: Option<u64>,
    /// Bytes of those files, by rsync.
    pub bytes: Option<u64>,
    /// How long its workloads were down: until as many pods were Ready as before, or until now while they are not.
    pub down: Option<SignedDuration>,
    /// What proves the copy.
    pub verified: Verified,
    /// How often the copy was tried.
    pub attempts: u32,
    /// The volumes, if they had any, of empty claims that a StatefulSet made in its place.
    pub strays: Vec<Option<String>>,
    /// Owners that it had and that do not exist any more.
    pub lost_owners: Vec<String>,
}

/// A rehearsal's comparison of all objects with those before the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Claims compared.
    pub claims: usize,
    /// Workloads compared.
    pub workloads: usize,
    /// What has changed that should not have.
    pub changes: Vec<String>,
}

/// The proof of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Nothing yet.
    No,
    /// rsync ended with code 0 behind the fence, each file checked by its checksum, and all totals there.
    ByRsync,
    /// Besides that, every byte was compared (a rehearsal can do that).
    ByteByByte,
    /// A comparison found differences: the first few.
    Differs(Vec<String>),
    /// An interrupted run of the reference tool had finished its copy.
    ByReference,
}

impl GroupReport {
    /// Reports on a group from its record.
    pub fn new(record: &Record, end: GroupEnd, now: Timestamp) -> Self {
        let claims = record.claims.iter().map(|(name, claim)| claim_report(record, name, claim, now)).collect();
        Self { namespace: record.namespace.clone(), record: record.name.clone(), end, claims }
    }

    /// Returns whether every claim of the group is on the destination class, and its workloads run there.
    pub fn is_migrated(&self) -> bool {
        matches!(self.end, GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }))
    }
}

fn claim_report(record: &Record, name: &str, claim: &ClaimRecord, now: Timestamp) -> ClaimReport {
    let until = record.ready.or_else(|| record.ended.as_ref().map(|ended| ended.at)).unwrap_or(now);
    let (files, bytes, verified) = match &claim.evidence {
        None => (None, None, Verified::No),
        Some(Evidence::Adopted) => (None, None, Verified::ByReference),
        Some(Evidence::Copied { report, .. }) => (Some(report.files), Some(report.bytes), Verified::ByRsync),
    };
    let tried = claim.failures.iter().map(|failure| failure.attempt).max().unwrap_or(0);
    let attempts = match &claim.evidence {
        Some(Evidence::Copied { attempt, .. }) => *attempt,
        Some(Evidence::Adopted) | None => tried,
    };
    ClaimReport {
        namespace: record.namespace.clone(),
        name: name.to_owned(),
        from: record.asked.source_class.clone(),
        to: record.asked.dest_class.clone(),
        old_volume: claim.source.name.clone(),
        old_handle: claim.source.handle.clone(),
        new_volume: claim.destination.as_ref().map(|volume| volume.name.clone()),
        files,
        bytes,
        down: record.stopped.map(|since| until.duration_since(since)),
        verified,
        attempts,
        strays: claim.strays.iter().map(|stray| stray.volume.clone()).collect(),
        lost_owners: claim.lost_owners.clone(),
    }
}
