//! What came of a question, in the words of test files.

use std::collections::BTreeMap;

use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{Decider, Judged, Judgement, PolicyRef, Verdict, Vote};

use super::words::{ModesWord, VoteWord, finding};
use pvmigrate_policy::FailureKind;
use pvmigrate_policy::SettingsProblem;

/// Whose answers a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// One policy's own votes, modes and findings.
    Policy(PolicyRef),
    /// What a chain of policies decides together.
    Chain,
}

/// Everything that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// By claim.
    pub(crate) votes: BTreeMap<String, VoteWord>,
    /// By claim.
    pub(crate) modes: BTreeMap<String, ModesWord>,
    /// Codes that shapes gave as their reason, by claim.
    pub(crate) mode_codes: BTreeMap<String, String>,
    pub(crate) findings: Vec<Judged>,
    pub(crate) plan: Plan,
    /// What it ended in, instead of all of these.
    pub(crate) fault: Option<String>,
    /// What was wrong with the settings, so that nothing was asked.
    pub(crate) problems: Option<Vec<SettingsProblem>>,
}

/// The plan that follows from a chain's answers: one line a claim, finding and warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) claims: BTreeMap<String, String>,
    pub(crate) findings: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Said {
    pub(crate) fn of(judgement: &Judgement, subject: &Subject) -> Self {
        let mut said = Self { plan: Plan::of(judgement), ..Self::default() };
        for verdict in &judgement.verdicts {
            let claim = verdict.claim();
            let (vote, modes, code) = match subject {
                Subject::Policy(policy) => {
                    (vote_of(verdict, policy), modes_of(verdict, policy), code_of(verdict, policy))
                }
                Subject::Chain => (decision(verdict), target(verdict), None),
            };
            said.votes.insert(claim.clone(), vote);
            said.mode_codes.extend(code.map(|code| (claim.clone(), code)));
            said.modes.insert(claim, modes);
        }
        let wanted = |finding: &&Judged| match subject {
            Subject::Policy(policy) => finding.by == Decider::Policy(policy.clone()),
            Subject::Chain => true,
        };
        said.findings = judgement.findings.iter().filter(wanted).cloned().collect();
        said
    }

    pub(crate) fn failed(fault: &FailureKind) -> Self {
        Self { fault: Some(fault_words(fault)), ..Self::default() }
    }
}

impl Plan {
    fn of(judgement: &Judgement) -> Self {
        let claims = judgement.verdicts.iter().map(|verdict| {
            let shape = match &verdict.target {
                Some(target) => format!(", {} {}", target_modes(&target.modes), target.volume_mode),
                None => String::new(),
            };
            let line = format!("{} by {}{shape}", decision(verdict), decider(&verdict.decision.by));
            (verdict.claim(), line)
        });
        let by = |one: &Judged| {
            let text = finding(one);
            let (head, message) = text.split_once(" ~ ").unwrap_or((&text, ""));
            let line = format!("{head} by {} ~ {message}", decider(&one.by));
            line.trim_end_matches(" ~ ").to_owned()
        };
        let warnings = judgement.warnings.iter();
        Self {
            claims: claims.collect(),
            findings: judgement.findings.iter().map(by).collect(),
            warnings: warnings.map(|one| format!("{} on {} ~ {}", one.code, one.about, one.message)).collect(),
        }
    }
}

/// Without the version, so that a release does not change every golden.
fn decider(by: &Decider) -> String {
    match by {
        Decider::Policy(policy) => policy.name.clone(),
        Decider::Host => by.to_string(),
    }
}

fn target_modes(modes: &[pvmigrate_core::access::AccessMode]) -> ModesWord {
    ModesWord::Exactly(normal_modes(modes.iter().copied()))
}

fn vote_of(verdict: &Verdict, policy: &PolicyRef) -> VoteWord {
    let cast = verdict.votes.iter().find(|cast| cast.by == *policy);
    match cast.map(|cast| &cast.vote) {
        Some(Vote::Migrate(reason)) => VoteWord::Vote("migrate", Some(reason.code.clone())),
        Some(Vote::Skip(reason)) => VoteWord::Vote("skip", Some(reason.code.clone())),
        Some(Vote::Abstain) | None => VoteWord::Abstain,
    }
}

fn modes_of(verdict: &Verdict, policy: &PolicyRef) -> ModesWord {
    let opinion = verdict.opinions.iter().find(|other| other.by == *policy);
    opinion.map_or(ModesWord::NoOpinion, |opinion| target_modes(&opinion.shape.modes))
}

fn code_of(verdict: &Verdict, policy: &PolicyRef) -> Option<String> {
    let opinion = verdict.opinions.iter().find(|other| other.by == *policy);
    opinion.map(|opinion| opinion.shape.why.code.clone())
}

fn decision(verdict: &Verdict) -> VoteWord {
    let word = if verdict.decision.selected { "migrate" } else { "skip" };
    VoteWord::Vote(word, Some(verdict.decision.reason.code.clone()))
}

fn target(verdict: &Verdict) -> ModesWord {
    verdict.target.as_ref().map_or(ModesWord::NoOpinion, |target| target_modes(&target.modes))
}

/// A fault in the words of test files.
fn fault_words(fault: &FailureKind) -> String {
    match fault {
        FailureKind::Undecided(error) => format!("undecided {}", error.code),
        other => other.as_str().to_owned(),
    }
}
