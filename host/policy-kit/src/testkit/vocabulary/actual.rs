//! The actual result of a case.

use pvmigrate_core::policy::{Decider, Judged, Judgement, PolicyRef, Verdict};
use pvmigrate_policy::{FailureKind, SettingsProblem};

/// Whose answers a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One policy's own votes, modes and findings.
    Policy(PolicyRef),
    /// What a chain of policies decides together.
    Chain,
}

/// The actual result of a case: a judgement, or what happened instead.
#[derive(Clone, Debug)]
pub(crate) struct Actual {
    subject: Subject,
    judgement: Option<Judgement>,
    /// What it ended in instead, in the words of test files.
    pub(crate) fault: Option<String>,
    /// What was wrong with the settings, so that nothing was asked.
    pub(crate) problems: Option<Vec<SettingsProblem>>,
}

impl Actual {
    pub(crate) fn judged(judgement: &Judgement, subject: &Subject) -> Self {
        let judgement = Some(judgement.clone());
        Self { subject: subject.clone(), judgement, fault: None, problems: None }
    }

    pub(crate) fn failed(kind: &FailureKind) -> Self {
        let fault = match kind {
            FailureKind::Undecided(error) => format!("undecided {}", error.code),
            other => other.as_str().to_owned(),
        };
        Self { subject: Subject::Chain, judgement: None, fault: Some(fault), problems: None }
    }

    pub(crate) fn refused(problems: &[SettingsProblem]) -> Self {
        Self { subject: Subject::Chain, judgement: None, fault: None, problems: Some(problems.to_owned()) }
    }

    pub(crate) fn judgement(&self) -> Option<&Judgement> {
        self.judgement.as_ref()
    }

    pub(crate) fn verdicts(&self) -> &[Verdict] {
        self.judgement.as_ref().map_or(&[], |judgement| &judgement.verdicts)
    }

    /// Returns the policy whose own answers count; `None` when the decisions of the whole chain count.
    pub(crate) fn policy(&self) -> Option<&PolicyRef> {
        match &self.subject {
            Subject::Policy(policy) => Some(policy),
            Subject::Chain => None,
        }
    }

    /// Returns whether the answers of this policy count.
    pub(crate) fn is_about(&self, policy: &PolicyRef) -> bool {
        self.policy().is_none_or(|only| only == policy)
    }

    /// Returns the findings that count.
    pub(crate) fn findings(&self) -> Vec<&Judged> {
        let counts = |finding: &&Judged| match &self.subject {
            Subject::Policy(policy) => finding.by == Decider::Policy(policy.clone()),
            Subject::Chain => true,
        };
        self.judgement.iter().flat_map(|judgement| &judgement.findings).filter(counts).collect()
    }
}
