//! `preflight`: what should be known about the plan before it starts.

use pvmigrate_core::policy::{Finding, Planned, Question, Severity, Subject, VolumeId};

use super::ask::{Ask, Decided};
use crate::answers::Rules;
use crate::configured::{Configured, all};
use crate::failure::{FailureKind, PolicyFailure};
use crate::function::Function;
use crate::input::Input;
use crate::interface::exported::Exported;
use crate::interface::v0_2::exports::preflight as guest;
use crate::interface::v0_2::from_guest::object_ref;
use crate::interface::v0_2::to_guest::{self, Request};
use crate::interface::v0_2::{Returned, decided};
use crate::policy::Answered;

impl Function {
    /// `preflight.check`: what should be known about the plan.
    pub const CHECK: Self = Self::new("preflight.check");
}

impl Configured {
    /// Asks what should be known about the plan; `None` when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn check(&self, question: &Question, plan: &[Planned]) -> Result<Option<Answered<Finding>>, PolicyFailure> {
        // Always in one call: findings may be about the plan as a whole.
        self.ask(&Preflight { plan }, question, &all(question))
    }
}

pub(super) struct Preflight<'a> {
    plan: &'a [Planned],
}

type Parameters<'a> = (&'a Request<'a>, &'a [guest::Planned]);

impl Ask for Preflight<'_> {
    const FUNCTION: Function = Function::CHECK;
    type Answer = Finding;

    fn check_type(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
        exported.typed::<Parameters<'_>, Returned<guest::Finding>>().map(drop)
    }

    fn call(&self, exported: Exported<'_>, input: &Input<'_>) -> wasmtime::Result<Decided<Finding>> {
        let plan: Vec<_> = self.plan.iter().map(planned).collect();
        let parameters: Parameters<'_> = (&to_guest::request(input), &plan);
        Ok(decided(exported.call(parameters)?, finding))
    }

    fn hold(rules: &Rules<'_>, findings: Vec<Finding>) -> Result<Vec<Finding>, FailureKind> {
        let most = rules.limits.findings;
        if findings.len() > most {
            let what = format!("{} findings, and at most {most} are accepted", findings.len());
            return Err(FailureKind::OutputTooLarge(what));
        }
        findings.into_iter().map(|finding| hold_finding(rules, finding)).collect()
    }
}

fn hold_finding(rules: &Rules<'_>, finding: Finding) -> Result<Finding, FailureKind> {
    let subject = match finding.subject {
        Subject::Volume(id) => {
            rules.known(id)?;
            Subject::Volume(id)
        }
        Subject::Object(object) => Subject::Object(rules.object_ref(&object)?),
        Subject::Plan => Subject::Plan,
    };
    Ok(Finding {
        code: rules.code(finding.code)?,
        severity: finding.severity,
        subject,
        message: rules.prose(&finding.message),
        remedy: finding.remedy.map(|remedy| rules.prose(&remedy)),
        details: rules.pairs(&finding.details)?,
    })
}

fn planned(planned: &Planned) -> guest::Planned {
    guest::Planned {
        volume: planned.volume.0,
        modes: to_guest::modes(&planned.modes),
        volume_mode: to_guest::volume_mode(planned.volume_mode),
        target_bytes: planned.target_bytes,
        facts: to_guest::owned_pairs(&planned.facts),
    }
}

fn finding(finding: guest::Finding) -> Finding {
    Finding {
        code: finding.code,
        severity: match finding.severity {
            guest::Severity::Info => Severity::Info,
            guest::Severity::Warning => Severity::Warning,
            guest::Severity::Blocker => Severity::Blocker,
        },
        subject: match finding.subject {
            guest::Subject::Plan => Subject::Plan,
            guest::Subject::Volume(id) => Subject::Volume(VolumeId(id)),
            guest::Subject::Object(object) => Subject::Object(object_ref(object)),
        },
        message: finding.message,
        remedy: finding.remedy,
        details: finding.details.into_iter().collect(),
    }
}
