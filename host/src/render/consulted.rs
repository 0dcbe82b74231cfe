//! Which policies were asked, by digest, what they found that blocks nothing, and what the environment accepts for a while.

use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{Judged, Judgement, PolicyRef, Severity, Warning};
use serde::Serialize;

use super::Screen;
use super::table::Table;
use super::units::count;
use crate::assessment::Assessment;

/// Returns the findings that block nothing, the waived ones, and the policies asked, for people.
pub fn text(assessment: Option<&Assessment>, screen: &Screen) -> String {
    assessment.map_or_else(String::new, |assessment| {
        let judgement = &assessment.judgement;
        remarks(judgement, screen) + &waived(&assessment.waived, screen) + &policies(&judgement.policies)
    })
}

/// Shows findings that block nothing, and disagreements between policies.
fn remarks(judgement: &Judgement, screen: &Screen) -> String {
    let mut table = Table::new(&["FINDING", "ABOUT", "BY", "MESSAGE"], &[]);
    for finding in judgement.findings.iter().filter(|finding| finding.severity != Severity::Blocker) {
        let kind = format!("{} {}", finding.severity, finding.code);
        table.row(&[kind, finding.about.to_string(), finding.by.to_string(), finding.message.clone()]);
    }
    for warning in &judgement.warnings {
        let kind = format!("warning {}", warning.code);
        table.row(&[kind, warning.about.to_string(), "pvmigrate".to_owned(), warning.message.clone()]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(screen.width)) }
}

pub(super) fn waived(waived: &[Waived], screen: &Screen) -> String {
    if waived.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["WAIVED", "ABOUT", "BY", "UNTIL", "REASON"], &[]);
    for Waived { finding, waiver } in waived {
        let kind = format!("{} {}", finding.severity, finding.code);
        let (about, by) = (finding.about.to_string(), finding.by.to_string());
        table.row(&[kind, about, by, waiver.until.to_string(), waiver.reason.clone()]);
    }
    format!("\n{} waived:\n{}", count(waived.len(), "finding"), table.text(screen.width))
}

/// Returns the policies asked, each with its digest.
pub(super) fn policies(policies: &[PolicyRef]) -> String {
    let mut table = Table::new(&["POLICY", "VERSION", "DIGEST"], &[]);
    for policy in policies {
        table.row(&[policy.name.clone(), policy.version.clone(), policy.digest.clone()]);
    }
    // Never wrapped: digests are there to be copied.
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(None)) }
}

/// The same for scripts.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultedJson<'a> {
    /// Findings of every severity; the blockers among them stand with what they keep from starting, too.
    findings: &'a [Judged],
    /// In the order of the chain.
    policies: &'a [PolicyRef],
    /// Findings that do not count until their waiver ends.
    waived: &'a [Waived],
    /// Disagreements between policies, and waivers that do nothing.
    warnings: &'a [Warning],
}

/// Returns the same for scripts.
pub fn json(assessment: Option<&Assessment>) -> ConsultedJson<'_> {
    assessment.map_or_else(ConsultedJson::default, |assessment| ConsultedJson {
        findings: &assessment.judgement.findings,
        policies: &assessment.judgement.policies,
        waived: &assessment.waived,
        warnings: &assessment.judgement.warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn waived_findings_stand_apart_and_every_policy_has_its_digest() {
        let assessment = Assessment { waived: vec![samples::waived()], ..samples::assessment() };
        insta::assert_snapshot!(text(Some(&assessment), &samples::screen(None)));
    }
}
