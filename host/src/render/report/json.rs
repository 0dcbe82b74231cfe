//! The result of a run, for scripts.

use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::plan::StaleTemplate;
use pvmigrate_core::policy::LeftOut;
use pvmigrate_core::record::{Ended, Outcome};
use pvmigrate_rehearsal::NotPlayed;
use serde::Serialize;

use crate::driver::GroupEnd;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::render::consulted::{self, ConsultedJson};
use crate::render::failure::{ErrorJson, messages};
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::not_played::NotPlayedJson;
use crate::render::unclaimed::{self, UnclaimedJson};
use crate::report::{ClaimReport, Comparison, GroupReport, Report, Verified};

/// The report of a run, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    /// What kept new groups from starting.
    blockers: &'a [Blocker],
    /// Permissions that the run can do without, and those that could not be checked; absent where no plan was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_notes: Option<&'a [String]>,
    groups: Vec<GroupJson<'a>>,
    defaults_changed: &'a [String],
    /// The names of [`Self::unclaimed`].
    unclaimed_volumes: Vec<&'a str>,
    unclaimed: Vec<UnclaimedJson<'a>>,
    left_behind: &'a [String],
    /// Claims of the source class that did not move; absent where no plan was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Vec<LeftOut<'a>>>,
    /// Claim templates that go on making claims of the source class; absent where no plan was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_templates: Option<&'a [StaleTemplate]>,
    /// The policies that were asked, what was waived, and what is odd about that; absent where no plan was made.
    #[serde(flatten)]
    consulted: Option<ConsultedJson<'a>>,
    /// What a rehearsal compared with before.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<ComparedJson<'a>>,
    /// What of the given objects a rehearsal did not play.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_played: Option<NotPlayedJson<'a>>,
    /// What was asked for and not done, such as the abort of a group that can only go forward.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ComparedJson<'a> {
    claims: usize,
    workloads: usize,
    changes: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson<'a> {
    namespace: &'a str,
    record: &'a str,
    /// `migrated`, `not-ready` (migrated, but not Ready in time), `rolled-back`, `needs-person`, `not-begun`, `interrupted` or `failed`.
    outcome: &'static str,
    /// Why it is not `migrated`, the deepest cause last.
    reasons: Vec<String>,
    blockers: &'a [Blocker],
    claims: Vec<ClaimJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimJson<'a> {
    name: &'a str,
    from: &'a str,
    to: &'a str,
    old_volume: &'a str,
    old_handle: Option<&'a str>,
    new_volume: Option<&'a str>,
    files: Option<u64>,
    bytes: Option<u64>,
    down_milliseconds: Option<i64>,
    /// `no`, `rsync`, `byte-by-byte`, `differs` or `by-reference`.
    verified: &'static str,
    differences: &'a [String],
    attempts: u32,
    /// The volumes, if they had any, of empty claims that a StatefulSet made in its place; the claims were removed.
    strays: &'a [Option<String>],
    /// Owners that it had and that do not exist any more.
    lost_owners: &'a [String],
}

/// Returns the report for scripts.
pub fn json<'a>(report: &'a Report, blockers: &'a [Blocker], exit: Exit) -> RunJson<'a> {
    RunJson {
        schema_version: SCHEMA_VERSION,
        exit: exit.into(),
        blockers,
        permission_notes: None,
        groups: report.groups.iter().map(group).collect(),
        defaults_changed: &report.defaults_changed,
        unclaimed_volumes: report.unclaimed.iter().map(|volume| volume.name.as_str()).collect(),
        unclaimed: unclaimed::json(&report.unclaimed),
        left_behind: &report.left_behind,
        left_out: None,
        stale_templates: None,
        consulted: None,
        compared: None,
        not_played: None,
        errors: Vec::new(),
    }
}

impl<'a> RunJson<'a> {
    /// Adds what a rehearsal compared.
    #[must_use]
    pub fn compared(mut self, checked: Option<&'a Comparison>) -> Self {
        self.compared = checked.map(|checked| ComparedJson {
            claims: checked.claims,
            workloads: checked.workloads,
            changes: &checked.changes,
        });
        self
    }

    /// Adds what a rehearsal did not play.
    #[must_use]
    pub fn not_played(mut self, not_played: Option<&'a NotPlayed>) -> Self {
        self.not_played = not_played.map(NotPlayedJson::from);
        self
    }

    /// Adds which policies the plan was made with, what was waived, and what the plan leaves out.
    #[must_use]
    pub fn planned(mut self, plan: &'a Plan) -> Self {
        self.consulted = Some(consulted::json(plan.assessment.as_ref()));
        self.permission_notes = Some(&plan.permission_notes);
        self.left_out = Some(plan.left_out());
        self.stale_templates = Some(&plan.stale_templates);
        self
    }

    /// Adds what was not done.
    #[must_use]
    pub fn errors(mut self, failures: &[Failure]) -> Self {
        self.errors = failures.iter().map(ErrorJson::from).collect();
        self
    }
}

fn group(group: &GroupReport) -> GroupJson<'_> {
    let (outcome, reasons, blockers): (_, _, &[Blocker]) = match &group.end {
        GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }) => ("migrated", Vec::new(), &[]),
        GroupEnd::Ended(Ended { how: Outcome::NotReady(why), .. }) => ("not-ready", vec![why.clone()], &[]),
        GroupEnd::Ended(Ended { how: Outcome::RolledBack(why), .. }) => ("rolled-back", vec![why.clone()], &[]),
        GroupEnd::Blocked(blockers) => {
            ("needs-person", blockers.iter().map(ToString::to_string).collect(), blockers.as_slice())
        }
        GroupEnd::NotBegun(blockers) => {
            ("not-begun", blockers.iter().map(ToString::to_string).collect(), blockers.as_slice())
        }
        GroupEnd::Interrupted => ("interrupted", Vec::new(), &[]),
        GroupEnd::Failed(error) => ("failed", messages(error), &[]),
    };
    let claims = group.claims.iter().map(claim).collect();
    GroupJson { namespace: &group.namespace, record: &group.record, outcome, reasons, blockers, claims }
}

fn claim(claim: &ClaimReport) -> ClaimJson<'_> {
    let (verified, differences): (_, &[String]) = match &claim.verified {
        Verified::No => ("no", &[]),
        Verified::ByRsync => ("rsync", &[]),
        Verified::ByteByByte => ("byte-by-byte", &[]),
        Verified::Differs(differences) => ("differs", differences),
        Verified::ByReference => ("by-reference", &[]),
    };
    ClaimJson {
        name: &claim.name,
        from: &claim.from,
        to: &claim.to,
        old_volume: &claim.old_volume,
        old_handle: claim.old_handle.as_deref(),
        new_volume: claim.new_volume.as_deref(),
        files: claim.files,
        bytes: claim.bytes,
        down_milliseconds: claim.down.map(|down| i64::try_from(down.as_millis()).unwrap_or(i64::MAX)),
        verified,
        differences,
        attempts: claim.attempts,
        strays: &claim.strays,
        lost_owners: &claim.lost_owners,
    }
}
