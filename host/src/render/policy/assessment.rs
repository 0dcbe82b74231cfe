//! What a chain of policies says about a snapshot: one line a claim, then what was found.

use std::fmt::Write as _;

use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{
    CallCost, Judged, Judgement, LeftOut, PolicyRef, Severity, Target, Verdict, Volume, Warning, facts,
};
use pvmigrate_rehearsal::NotPlayed;
use serde::Serialize;

use super::log;

use crate::assessment::Assessment;
use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::not_played::{self, KindJson};
use crate::render::table::Table;
use crate::render::units::{bytes, count};
use crate::render::{Screen, clean, consulted, left_out};

/// Returns the judgement as text for stdout.
pub fn text(assessment: &Assessment, unused: &NotPlayed, screen: &Screen) -> String {
    let Assessment { question, judgement, waived } = assessment;
    let mut text = decisions(assessment).text(screen.width);
    let selected = judgement.selected().count();
    let (all, target) = (count(judgement.verdicts.len(), "claim"), clean(&question.request.target.name));
    let _ = writeln!(text, "\n{selected} of {all} would move to {target}.");
    let source = question.request.facts.get(facts::SOURCE_CLASS).map_or("", String::as_str);
    text.push_str(&left_out::claims(&assessment.left_out(), source, screen));
    text.push_str(&findings(&judgement.findings, screen));
    text.push_str(&warnings(&judgement.warnings, screen));
    text.push_str(&consulted::waived(waived, screen));
    if screen.verbose > 0 {
        text.push_str(&costs(&judgement.calls, judgement.verdicts.len(), screen));
        text.push_str(&log::lines(&judgement.calls, screen));
    }
    text.push_str(&not_played::labelled("Not used", unused, screen));
    text.push_str(&consulted::policies(&judgement.policies));
    text
}

/// Says on stderr what to do about blockers, each advice once.
pub fn hints(judgement: &Judgement, screen: &Screen) {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for finding in judgement.blockers() {
        let Some(remedy) = finding.remedy.as_deref().filter(|remedy| !remedy.is_empty()) else { continue };
        if !told.contains(&(&finding.code, remedy)) {
            told.push((&finding.code, remedy));
            screen.hint(&format!("{}: {remedy}", finding.code));
        }
    }
}

fn decisions(assessment: &Assessment) -> Table {
    let mut table = Table::new(&["CLAIM", "DECISION", "BY", "REASON", "MODES", "BECOMES"], &[]);
    for (volume, verdict) in assessment.question.request.volumes.iter().zip(&assessment.judgement.verdicts) {
        let decision = &verdict.decision;
        table.row(&[
            verdict.claim(),
            vote(verdict).to_owned(),
            decision.by.to_string(),
            decision.reason.code.clone(),
            modes(volume),
            verdict.target.as_ref().map_or_else(|| "-".to_owned(), shape),
        ]);
    }
    table
}

/// Returns the decision's name, as votes have it.
pub(super) fn vote(verdict: &Verdict) -> &'static str {
    if verdict.selected() { "migrate" } else { "skip" }
}

/// Names the access modes that a claim asks for, and the volume mode where it is not the usual one.
pub(super) fn modes(volume: &Volume) -> String {
    shape_text(&volume.requested_modes, volume.volume_mode)
}

/// Names the access modes of a new claim.
pub(super) fn shape(target: &Target) -> String {
    shape_text(&target.modes, target.volume_mode)
}

/// Names access modes as kubectl does, and the volume mode where it is not the usual one.
pub(super) fn shape_text(modes: &[AccessMode], volume_mode: VolumeMode) -> String {
    let modes: Vec<&str> = modes.iter().map(|mode| mode.abbreviation()).collect();
    let modes = if modes.is_empty() { "none".to_owned() } else { modes.join(",") };
    match volume_mode {
        VolumeMode::Filesystem => modes,
        VolumeMode::Block => format!("{modes} Block"),
    }
}

/// Returns the findings, which come with the blockers first.
pub(super) fn findings<'a>(findings: impl IntoIterator<Item = &'a Judged>, screen: &Screen) -> String {
    let mut table = Table::new(&["FINDING", "ABOUT", "BY", "MESSAGE"], &[]);
    let mut blockers = 0;
    for finding in findings {
        blockers += usize::from(finding.severity == Severity::Blocker);
        let kind = format!("{} {}", finding.severity, finding.code);
        table.row(&[kind, finding.about.to_string(), finding.by.to_string(), finding.message.clone()]);
    }
    if table.is_empty() {
        return String::new();
    }
    let mut title = String::new();
    if blockers > 0 {
        let keeps = if blockers == 1 { "keeps" } else { "keep" };
        let words = format!("{} {keeps} everything new from starting:", count(blockers, "blocker"));
        title = format!("{}\n", screen.paint.bad(&words));
    }
    format!("\n{title}{}", table.text(screen.width))
}

/// Returns disagreements between policies, and waivers that do nothing.
pub(super) fn warnings<'a>(warnings: impl IntoIterator<Item = &'a Warning>, screen: &Screen) -> String {
    let mut table = Table::new(&["WARNING", "ABOUT", "MESSAGE"], &[]);
    for warning in warnings {
        table.row(&[warning.code.clone(), warning.about.to_string(), warning.message.clone()]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(screen.width)) }
}

/// Returns what each call cost; `volumes` is the number of claims in the snapshot.
pub(super) fn costs(calls: &[CallCost], volumes: usize, screen: &Screen) -> String {
    let mut table = Table::new(&["CALL", "OF", "FUEL", "PER VOLUME", "MEMORY", "LOOKED UP"], &[2, 3, 4]);
    for call in calls {
        let each = call.fuel.checked_div(volumes as u64).map_or_else(|| "-".to_owned(), |fuel| fuel.to_string());
        let looked_up: Vec<String> = call.looked_up.iter().map(|(kind, count)| format!("{kind} x{count}")).collect();
        table.row(&[
            call.call.clone(),
            call.by.to_string(),
            call.fuel.to_string(),
            each,
            bytes(call.memory),
            looked_up.join(", "),
        ]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(screen.width)) }
}

/// A judgement for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssessmentJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    source_class: Option<&'a str>,
    dest_class: &'a str,
    environment: &'a str,
    /// The time that the policies saw, in unix seconds.
    now: u64,
    verdicts: &'a [Verdict],
    /// Claims of the source class that would not move.
    left_out: Vec<LeftOut<'a>>,
    findings: &'a [Judged],
    waived: &'a [Waived],
    warnings: &'a [Warning],
    policies: &'a [PolicyRef],
    calls: &'a [CallCost],
    /// Objects of the snapshot that neither the question nor a policy's look-ups are made of, by kind.
    not_used: Vec<KindJson<'a>>,
}

/// Returns the judgement for scripts.
pub fn json<'a>(assessment: &'a Assessment, unused: &'a NotPlayed, exit: Exit) -> AssessmentJson<'a> {
    let Assessment { question, judgement, waived } = assessment;
    let request = &question.request;
    AssessmentJson {
        schema_version: SCHEMA_VERSION,
        exit: exit.into(),
        source_class: request.facts.get(facts::SOURCE_CLASS).map(String::as_str),
        dest_class: &request.target.name,
        environment: &request.environment,
        now: request.now,
        verdicts: &judgement.verdicts,
        left_out: assessment.left_out(),
        findings: &judgement.findings,
        waived,
        warnings: &judgement.warnings,
        policies: &judgement.policies,
        calls: &judgement.calls,
        not_used: not_played::kinds(unused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn for_people_with_costs() {
        let mut assessment = Assessment { waived: vec![samples::waived()], ..samples::assessment() };
        assessment.judgement.findings[0].severity = Severity::Blocker;
        assessment.judgement.calls = vec![samples::call("select", &["a line\u{1b}[2J"])];
        let screen = Screen { verbose: 1, ..samples::screen(None) };
        insta::assert_snapshot!(text(&assessment, &NotPlayed::default(), &screen));
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(
            &samples::assessment(),
            &NotPlayed::default(),
            Exit::Done
        ))?);
        Ok(())
    }
}
