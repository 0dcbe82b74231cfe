//! What changes from one judgement to another: before and after, side by side.

use pvmigrate_core::policy::changes::{Change, Changes, Found};
use pvmigrate_core::policy::{PolicyRef, Verdict};
use serde::Serialize;

use super::assessment::{shape, vote};
use crate::assessment::Assessment;
use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::table::Table;
use crate::render::units::count;
use crate::render::{Screen, consulted};

/// Two judgements, and what differs.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Before.
    pub old: &'a Assessment,
    /// After.
    pub new: &'a Assessment,
    /// What differs.
    pub changes: &'a Changes<'a>,
}

/// Returns what changes as text for stdout.
pub fn text(shown: &Shown<'_>, screen: &Screen) -> String {
    let Changes { decisions, findings } = shown.changes;
    let claims = count(shown.new.judgement.verdicts.len(), "claim");
    let mut text = match shown.changes.is_empty() {
        true => format!("No changes: {claims}, same decisions and findings.\n"),
        false => {
            let (decisions, findings) = (count(decisions.len(), "decision"), count(findings.len(), "finding"));
            format!("{decisions} and {findings} change ({claims} in all).\n")
        }
    };
    let mut table = Table::new(&["CLAIM", "BEFORE", "AFTER"], &[]);
    for Change { old, new } in decisions {
        let claim = new.or(*old).map_or_else(String::new, Verdict::claim);
        table.row(&[claim, old.map_or_else(none, decided), new.map_or_else(none, decided)]);
    }
    append(&mut text, table, screen);
    let mut table = Table::new(&["FINDING", "ABOUT", "BEFORE", "AFTER", "MESSAGE"], &[]);
    for Change { old, new } in findings {
        let Some(Found { finding, .. }) = new.or(*old) else { continue };
        let sides = [old, new].map(|side| side.map_or_else(none, |found| graded(&found)));
        let [before, after] = sides;
        table.row(&[finding.code.clone(), finding.about.to_string(), before, after, finding.message.clone()]);
    }
    append(&mut text, table, screen);
    for (side, assessment) in [("Before", shown.old), ("After", shown.new)] {
        text.push_str(&format!("\n{side}:{}", consulted::policies(&assessment.judgement.policies)));
    }
    text
}

fn append(text: &mut String, table: Table, screen: &Screen) {
    if !table.is_empty() {
        text.push_str(&format!("\n{}", table.text(screen.width)));
    }
}

fn none() -> String {
    "-".to_owned()
}

fn decided(verdict: &Verdict) -> String {
    let modes = verdict.target.as_ref().map_or_else(String::new, |target| format!(" {}", shape(target)));
    let decision = &verdict.decision;
    format!("{}{modes} {} ({})", vote(verdict), decision.reason.code, decision.by)
}

fn graded(found: &Found<'_>) -> String {
    let waived = if found.waived { ", waived" } else { "" };
    format!("{}{waived} ({})", found.finding.severity, found.finding.by)
}

/// The changes, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangesJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    /// The policies asked before.
    old: &'a [PolicyRef],
    /// The policies asked after.
    new: &'a [PolicyRef],
    #[serde(flatten)]
    changes: &'a Changes<'a>,
}

/// Returns what changes, for scripts.
pub fn json<'a>(shown: &Shown<'a>, exit: Exit) -> ChangesJson<'a> {
    ChangesJson {
        schema_version: SCHEMA_VERSION,
        exit: exit.into(),
        old: &shown.old.judgement.policies,
        new: &shown.new.judgement.policies,
        changes: shown.changes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    /// Returns assessments between which a claim that moved now stays, one finding is gone, and one is new.
    fn assessments() -> (Assessment, Assessment) {
        let (old, mut new) = (samples::assessment(), samples::assessment());
        new.judgement.verdicts[0] = samples::verdict("data-web-0", false);
        new.judgement.findings[0].code = "huge".to_owned();
        (old, new)
    }

    #[test]
    fn for_people() {
        let (old, new) = assessments();
        let changes = old.changes(&new);
        insta::assert_snapshot!(text(&Shown { old: &old, new: &new, changes: &changes }, &samples::screen(None)));
    }

    #[test]
    fn nothing() {
        let old = samples::assessment();
        let changes = old.changes(&old);
        insta::assert_snapshot!(text(&Shown { old: &old, new: &old, changes: &changes }, &samples::screen(None)));
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        let (old, new) = assessments();
        let changes = old.changes(&new);
        let shown = Shown { old: &old, new: &new, changes: &changes };
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&shown, Exit::Finding))?);
        Ok(())
    }
}
