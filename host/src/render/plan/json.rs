//! A plan for scripts.

use jiff::Timestamp;
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::forecast::Line;
use pvmigrate_core::plan::{PlannedGroup, StaleTemplate};
use pvmigrate_core::policy::{LeftOut, Verdict};
use pvmigrate_core::record::{ClaimRecord, Record};
use serde::Serialize;

use super::phases::phased;
use crate::exit::Exit;
use crate::options::Options;
use crate::plan::Plan;
use crate::render::consulted::{self, ConsultedJson};
use crate::render::json::{ExitJson, SCHEMA_VERSION, WorkloadJson};
use crate::render::unclaimed::{self, UnclaimedJson};

/// A plan for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    source_class: &'a str,
    dest_class: &'a str,
    /// Migrations that an earlier run started; they would continue first.
    resumed: Vec<ResumedJson<'a>>,
    groups: Vec<GroupJson<'a>>,
    /// What keeps every new group from starting; each group has its own beside.
    blockers: &'a [Blocker],
    /// Permissions that a run can do without, and those that could not be checked.
    permission_notes: &'a [String],
    /// What the API server said when it refused to show the cluster; absent when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(flatten)]
    consulted: ConsultedJson<'a>,
    staying: Vec<StayingJson<'a>>,
    /// Claims of the source class that do not move.
    left_out: Vec<LeftOut<'a>>,
    /// The names of [`Self::unclaimed`].
    unclaimed_volumes: Vec<&'a str>,
    unclaimed: Vec<UnclaimedJson<'a>>,
    /// Claim templates that will go on making claims of the source class.
    stale_templates: &'a [StaleTemplate],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResumedJson<'a> {
    namespace: &'a str,
    record: &'a str,
    begun: Timestamp,
    claims: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson<'a> {
    namespace: &'a str,
    record: &'a str,
    claims: Vec<ClaimJson<'a>>,
    workloads: Vec<WorkloadJson>,
    steps: Vec<StepJson<'a>>,
    blockers: &'a [Blocker],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimJson<'a> {
    name: &'a str,
    bytes: u64,
    access_modes: &'a [AccessMode],
    volume_mode: VolumeMode,
    old_volume: &'a str,
    verdict: Option<&'a Verdict>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepJson<'a> {
    phase: &'static str,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    done: Option<&'static str>,
    #[serde(rename = "await", skip_serializing_if = "Option::is_none")]
    awaited: Option<&'static str>,
    /// The claim it is about; absent for a workload's, and where it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'a str>,
    /// The claims it is about, where they are several: they share a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StayingJson<'a> {
    namespace: &'a str,
    name: &'a str,
    by: String,
    code: &'a str,
    message: &'a str,
}

/// Returns the plan for scripts.
pub fn json<'a>(plan: &'a Plan, options: &'a Options, exit: Exit) -> PlanJson<'a> {
    let judgement = plan.judgement();
    let stays = |verdict: &'a Verdict| StayingJson {
        namespace: &verdict.namespace,
        name: &verdict.name,
        by: verdict.decision.by.to_string(),
        code: &verdict.decision.reason.code,
        message: &verdict.decision.reason.message,
    };
    let verdicts = judgement.map_or(&[][..], |judgement| &judgement.verdicts);
    PlanJson {
        schema_version: SCHEMA_VERSION,
        exit: exit.into(),
        source_class: &options.source_class,
        dest_class: &options.dest_class,
        resumed: plan.resumed.iter().map(resumed).collect(),
        groups: plan.groups.iter().map(group).collect(),
        blockers: &plan.blockers,
        permission_notes: &plan.permission_notes,
        refused: plan.refused.as_deref(),
        consulted: consulted::json(plan.assessment.as_ref()),
        staying: verdicts.iter().filter(|verdict| !verdict.selected()).map(stays).collect(),
        left_out: plan.left_out(),
        unclaimed_volumes: plan.unclaimed.iter().map(|volume| volume.name.as_str()).collect(),
        unclaimed: unclaimed::json(&plan.unclaimed),
        stale_templates: &plan.stale_templates,
    }
}

fn resumed(record: &Record) -> ResumedJson<'_> {
    ResumedJson {
        namespace: &record.namespace,
        record: &record.name,
        begun: record.begun,
        claims: record.claims.keys().map(String::as_str).collect(),
    }
}

fn group(group: &PlannedGroup) -> GroupJson<'_> {
    let steps = phased(&group.forecast).map(|(phase, line)| match line {
        Line::Do(step) => {
            let claim = step.claim();
            let claims = if claim.is_none() { step.claims() } else { Vec::new() };
            StepJson { phase: phase.as_str(), done: Some(step.describe()), awaited: None, claim, claims }
        }
        Line::Await(waiting) => {
            let claim = waiting.of.strip_prefix("claim ");
            StepJson {
                phase: phase.as_str(),
                done: None,
                awaited: Some(waiting.on.describe()),
                claim,
                claims: Vec::new(),
            }
        }
    });
    GroupJson {
        namespace: &group.record.namespace,
        record: &group.record.name,
        claims: group.record.claims.iter().map(|(name, record)| claim(name, record)).collect(),
        workloads: group.record.workloads.iter().map(WorkloadJson::from).collect(),
        steps: steps.collect(),
        blockers: &group.blockers,
    }
}

fn claim<'a>(name: &'a str, record: &'a ClaimRecord) -> ClaimJson<'a> {
    ClaimJson {
        name,
        bytes: record.bytes,
        access_modes: &record.modes,
        volume_mode: record.volume_mode,
        old_volume: &record.source.name,
        verdict: record.verdict.as_ref(),
    }
}
