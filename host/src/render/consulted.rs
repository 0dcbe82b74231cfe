//! Which policies were asked, by digest, and what they found that the environment accepts for a while.

use std::fmt::Write as _;

use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{PolicyRef, Warning};
use serde::Serialize;

use super::table::Table;
use super::units::count;
use super::{Screen, clean};
use crate::plan::Plan;

/// Returns the waived findings and the policies asked, for people.
pub fn text(plan: &Plan, screen: &Screen) -> String {
    let mut text = String::new();
    if !plan.waived.is_empty() {
        let mut table = Table::new(&["WAIVED", "ABOUT", "BY", "UNTIL", "REASON"], &[]);
        for Waived { finding, waiver } in &plan.waived {
            let kind = format!("{} {}", finding.severity, finding.code);
            let (about, by) = (finding.about.to_string(), finding.by.to_string());
            table.row(&[kind, about, by, waiver.until.to_string(), waiver.reason.clone()]);
        }
        let title = format!("{} waived:", count(plan.waived.len(), "finding"));
        let _ = write!(text, "\n{title}\n{}", table.text(screen.width));
    }
    let policies = plan.judgement.iter().flat_map(|judgement| &judgement.policies);
    let mut table = Table::new(&["POLICY", "VERSION", "DIGEST"], &[]);
    for policy in policies {
        table.row(&[policy.name.clone(), policy.version.clone(), policy.digest.clone()]);
    }
    if !table.is_empty() {
        // Never wrapped: digests are there to be copied.
        let _ = write!(text, "\n{}", table.text(None));
    }
    text
}

/// Returns what is odd about the waivers, for a report that shows no other warnings.
pub fn waiver_warnings(plan: &Plan, screen: &Screen) -> String {
    let warnings = plan.judgement.iter().flat_map(|judgement| &judgement.warnings);
    let of_waivers = warnings.filter(|warning| warning.code.starts_with("waiver-"));
    of_waivers.map(|warning| format!("{} {}\n", screen.paint.bad("warning:"), clean(&warning.message))).collect()
}

/// The same for scripts.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsultedJson<'a> {
    /// In the order of the chain.
    policies: &'a [PolicyRef],
    /// Findings that count for nothing until their waiver ends.
    waived: &'a [Waived],
    /// Disagreements between policies, and waivers that do nothing.
    warnings: &'a [Warning],
}

/// Returns the same for scripts.
pub fn json(plan: &Plan) -> ConsultedJson<'_> {
    let judgement = plan.judgement.as_ref();
    ConsultedJson {
        policies: judgement.map_or(&[], |judgement| &judgement.policies),
        waived: &plan.waived,
        warnings: judgement.map_or(&[], |judgement| &judgement.warnings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn waived_findings_stand_apart_and_every_policy_has_its_digest() {
        let plan = Plan { waived: vec![samples::waived()], ..samples::plan(false) };
        insta::assert_snapshot!(text(&plan, &samples::screen(None)));
    }
}
