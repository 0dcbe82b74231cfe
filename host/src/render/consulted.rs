//! Which policies were asked, by digest, and what they found that the environment accepts for a while.

use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{PolicyRef, Warning};
use serde::Serialize;

use super::table::Table;
use super::units::count;
use super::{Screen, clean};
use crate::assessment::Assessment;

/// Returns the waived findings and the policies asked, for people.
pub fn text(assessment: Option<&Assessment>, screen: &Screen) -> String {
    assessment.map_or_else(String::new, |assessment| {
        waived(&assessment.waived, screen) + &policies(&assessment.judgement.policies)
    })
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

/// Returns what is odd about the waivers, for a report that shows no other warnings.
pub fn waiver_warnings(assessment: Option<&Assessment>, screen: &Screen) -> String {
    let warnings = assessment.into_iter().flat_map(|assessment| &assessment.judgement.warnings);
    let of_waivers = warnings.filter(|warning| warning.code.starts_with("waiver-"));
    of_waivers.map(|warning| format!("{} {}\n", screen.paint.bad("warning:"), clean(&warning.message))).collect()
}

/// The same for scripts.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultedJson<'a> {
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
