//! Holds what came against what was expected.

use std::collections::BTreeMap;
use std::fmt;

use pvmigrate_core::policy::question::normal_modes;
use pvmigrate_core::policy::{
    About, Decider, Judged, Judgement, ModesOpinion, PolicyRef, Request, Severity, Verdict, Vote,
};
use serde_saphyr::{Location, Spanned};

use super::error::did_you_mean;
use super::expect::{ByVolume, Expect, Findings, Modes};
use super::report::Mismatch;
use super::suite::unknown_volume;
use super::yaml::Named;
use crate::failure::{Fault, PolicyFailure};
use crate::load::PolicyInfo;

/// Where an expectation is wrong, and how.
type Wrong = (Option<Location>, String);

/// What a case expects, checked against what exists.
pub(super) struct Expected {
    votes: BTreeMap<String, (u64, ExpectedVote)>,
    modes: BTreeMap<String, (u64, Modes)>,
    findings: Option<ExpectedFindings>,
    fault: Option<(u64, String)>,
}

/// A vote, in the words of test files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ExpectedVote {
    Any,
    Abstain,
    /// `migrate` or `skip`, and perhaps the code.
    Vote(&'static str, Option<String>),
}

struct ExpectedFindings {
    exhaustive: bool,
    list: Vec<ExpectedFinding>,
}

struct ExpectedFinding {
    line: u64,
    text: String,
    severity: String,
    code: String,
    about: String,
    part: Option<String>,
}

const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Blocker];

/// The faults that a case can provoke; all others keep the policy from being loaded.
const FAULTS: [&str; 11] = [
    "fuel",
    "time",
    "memory",
    "stack",
    "output",
    "log",
    "trap",
    "undecided",
    "undeclared-code",
    "unknown-volume",
    "repeated-volume",
];

impl Expected {
    /// Checks the expectations themselves: everything they name must exist, and every volume must be named.
    pub(super) fn of(expect: &Expect, request: &Request, policy: &PolicyInfo) -> Result<Self, Wrong> {
        let checker = Checker { request, policy };
        if expect.select.is_none() && expect.modes.is_none() && expect.findings.is_none() && expect.fault.is_none() {
            return Err((None, "the case expects nothing; name select, modes, findings or fault".to_owned()));
        }
        if let Some(fault) = &expect.fault
            && (expect.select.is_some() || expect.modes.is_some() || expect.findings.is_some())
        {
            return Err((Some(fault.referenced), "a case that ends in a fault has no other answer".to_owned()));
        }
        let votes = expect.select.as_ref().map(|select| checker.each_volume(select, |text| checker.vote(text)));
        let modes = expect.modes.as_ref().map(|modes| checker.each_volume(modes, |modes| Ok(modes.clone())));
        Ok(Self {
            votes: votes.transpose()?.unwrap_or_default(),
            modes: modes.transpose()?.unwrap_or_default(),
            findings: expect.findings.as_ref().map(|findings| checker.findings(findings)).transpose()?.flatten(),
            fault: expect.fault.as_ref().map(|fault| checker.fault(fault)).transpose()?,
        })
    }

    /// Compares an answer.
    pub(super) fn judged(&self, judgement: &Judgement, policy: &PolicyRef) -> Vec<Mismatch> {
        let mut found = Vec::new();
        if let Some((line, word)) = &self.fault {
            found.push(mismatch("fault", *line, word, "an answer"));
        }
        for verdict in &judgement.verdicts {
            let claim = verdict.claim();
            if let Some((line, expected)) = self.votes.get(&claim) {
                let got = vote_of(verdict, policy);
                if !expected.fits(&got) {
                    found.push(mismatch(&format!("select {claim}"), *line, expected, got));
                }
            }
            if let Some((line, expected)) = self.modes.get(&claim) {
                let got = modes_of(verdict, policy);
                if *expected != Modes::Any && *expected != got {
                    found.push(mismatch(&format!("modes {claim}"), *line, expected, got));
                }
            }
        }
        if let Some(expected) = &self.findings {
            let by = Decider::Policy(policy.clone());
            found.extend(expected.compare(judgement.findings.iter().filter(|finding| finding.by == by).collect()));
        }
        found
    }

    /// Compares a failure; none when it was expected to be another, or none at all.
    pub(super) fn failed(&self, failure: &PolicyFailure) -> Option<Vec<Mismatch>> {
        let (line, expected) = self.fault.as_ref()?;
        let got = fault_words(&failure.fault);
        match got == *expected {
            true => Some(Vec::new()),
            false => Some(vec![mismatch("fault", *line, expected, got)]),
        }
    }
}

/// A fault in the words of test files.
fn fault_words(fault: &Fault) -> String {
    match fault {
        Fault::Undecided(error) => format!("undecided {}", error.code),
        other => other.word().to_owned(),
    }
}

fn mismatch(what: &str, line: u64, expected: impl fmt::Display, got: impl fmt::Display) -> Mismatch {
    Mismatch { what: what.to_owned(), line, expected: expected.to_string(), got: got.to_string() }
}

fn vote_of(verdict: &Verdict, policy: &PolicyRef) -> ExpectedVote {
    let cast = verdict.votes.iter().find(|cast| cast.by == *policy);
    match cast.map(|cast| &cast.vote) {
        Some(Vote::Migrate(reason)) => ExpectedVote::Vote("migrate", Some(reason.code.clone())),
        Some(Vote::Skip(reason)) => ExpectedVote::Vote("skip", Some(reason.code.clone())),
        Some(Vote::Abstain) | None => ExpectedVote::Abstain,
    }
}

fn modes_of(verdict: &Verdict, policy: &PolicyRef) -> Modes {
    let opinion = |opinion: &ModesOpinion| Modes::Exactly(normal_modes(opinion.shape.modes.iter().copied()));
    verdict.opinions.iter().find(|other| other.by == *policy).map_or(Modes::NoOpinion, opinion)
}

impl ExpectedVote {
    fn fits(&self, got: &Self) -> bool {
        match (self, got) {
            (Self::Any, _) => true,
            (Self::Vote(word, None), Self::Vote(other, _)) => word == other,
            (expected, got) => expected == got,
        }
    }
}

impl fmt::Display for ExpectedVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Abstain => f.write_str("abstain"),
            Self::Vote(word, None) => f.write_str(word),
            Self::Vote(word, Some(code)) => write!(f, "{word} {code}"),
        }
    }
}

impl ExpectedFindings {
    fn compare(&self, got: Vec<&Judged>) -> Vec<Mismatch> {
        let mut left = got;
        let mut missing = Vec::new();
        for expected in &self.list {
            match left.iter().position(|got| expected.fits(got)) {
                Some(at) => {
                    left.remove(at);
                }
                None => missing.push(expected),
            }
        }
        let mut found = Vec::new();
        for expected in missing {
            // The nearest of the others makes the difference visible; one finding is shown once.
            let near = left.iter().position(|got| got.code == expected.code && got.about.to_string() == expected.about);
            let near = near.or_else(|| left.iter().position(|got| got.code == expected.code));
            let got = near.map_or("nothing like it".to_owned(), |at| written(left.remove(at)));
            found.push(mismatch("findings", expected.line, &expected.text, got));
        }
        if self.exhaustive {
            let line = self.list.first().map_or(0, |first| first.line);
            found.extend(left.into_iter().map(|got| mismatch("findings", line, "no such finding", written(got))));
        }
        found
    }
}

impl ExpectedFinding {
    fn fits(&self, got: &Judged) -> bool {
        self.code == got.code
            && self.severity == got.severity.to_string()
            && self.about == got.about.to_string()
            && self.part.as_ref().is_none_or(|part| got.message.contains(part))
    }
}

fn written(finding: &Judged) -> String {
    format!("{} {} on {} ~ {}", finding.severity, finding.code, finding.about, finding.message)
}

/// Checks what expectations name against what exists.
struct Checker<'a> {
    request: &'a Request,
    policy: &'a PolicyInfo,
}

/// A value with its line.
trait Lined {
    fn location(&self, key: &Spanned<String>) -> Location;
}

impl Lined for Spanned<String> {
    fn location(&self, _key: &Spanned<String>) -> Location {
        self.referenced
    }
}

impl Lined for Modes {
    fn location(&self, key: &Spanned<String>) -> Location {
        key.referenced
    }
}

impl Checker<'_> {
    fn claims(&self) -> Vec<String> {
        self.request.volumes.iter().map(|volume| volume.claim()).collect()
    }

    /// Spreads a mapping over all volumes. Every volume must be named, or `rest`.
    fn each_volume<V: Lined, T: Clone>(
        &self,
        by_volume: &ByVolume<V>,
        read: impl Fn(&V) -> Result<T, String>,
    ) -> Result<BTreeMap<String, (u64, T)>, Wrong> {
        let ByVolume::Each(Named(entries)) = by_volume else {
            return Ok(BTreeMap::new());
        };
        let claims = self.claims();
        let mut spread = BTreeMap::new();
        let mut rest = None;
        for (key, value) in entries {
            let read = read(value).map_err(|what| (Some(value.location(key)), what))?;
            let read = (key.referenced.line(), read);
            if key.value == "rest" {
                rest = Some(read);
            } else if claims.contains(&key.value) {
                spread.insert(key.value.clone(), read);
            } else {
                let known = claims.iter().map(String::as_str).chain(["rest"]);
                return Err((Some(key.referenced), unknown_volume(&key.value, known)));
            }
        }
        for claim in claims {
            if spread.contains_key(&claim) {
                continue;
            }
            let Some(rest) = &rest else {
                let at = entries.first().map(|(key, _)| key.referenced);
                return Err((at, format!("volume {claim} is not named; name it, or add `rest: any`")));
            };
            spread.insert(claim, rest.clone());
        }
        Ok(spread)
    }

    fn vote(&self, text: &Spanned<String>) -> Result<ExpectedVote, String> {
        let mut words = text.value.split_whitespace();
        let (vote, code, more) = (words.next().unwrap_or_default(), words.next(), words.next());
        let word = match vote {
            "migrate" => "migrate",
            "skip" => "skip",
            "abstain" | "any" if code.is_none() => {
                return Ok(if vote == "any" { ExpectedVote::Any } else { ExpectedVote::Abstain });
            }
            _ => {
                let near = did_you_mean(vote, ["migrate", "skip", "abstain", "any"]);
                return Err(format!(
                    "{:?} is no vote{near} Write migrate, skip, abstain or any, and a code after the first two",
                    text.value
                ));
            }
        };
        if more.is_some() {
            return Err(format!("{:?} has more than a vote and a code", text.value));
        }
        code.map(|code| self.code(code)).transpose()?;
        Ok(ExpectedVote::Vote(word, code.map(str::to_owned)))
    }

    fn code(&self, code: &str) -> Result<(), String> {
        let known = || self.policy.codes.iter().map(|known| known.code.as_str());
        match known().any(|known| known == code) {
            true => Ok(()),
            false => {
                let near = did_you_mean(code, known());
                Err(format!("policy {} declares no code {code}{near}", self.policy.name))
            }
        }
    }

    fn findings(&self, findings: &Findings) -> Result<Option<ExpectedFindings>, Wrong> {
        let (exhaustive, list) = match findings {
            Findings::Any => return Ok(None),
            Findings::Exactly(list) => (true, list),
            Findings::AtLeast(list) => (false, list),
        };
        let read = |text: &Spanned<String>| self.finding(text).map_err(|what| (Some(text.referenced), what));
        Ok(Some(ExpectedFindings { exhaustive, list: list.iter().map(read).collect::<Result<_, _>>()? }))
    }

    /// Reads `SEVERITY CODE on SUBJECT ~ PART`.
    fn finding(&self, text: &Spanned<String>) -> Result<ExpectedFinding, String> {
        let (head, part) = match text.value.split_once(" ~ ") {
            Some((head, part)) => (head, Some(part.trim().to_owned())),
            None => (text.value.as_str(), None),
        };
        let shape =
            || format!("{:?} is no finding; write `blocker CODE on namespace/claim ~ part of the message`", text.value);
        let (what, about) = head.split_once(" on ").ok_or_else(shape)?;
        let (severity, code) = what.trim().split_once(' ').ok_or_else(shape)?;
        let severities = SEVERITIES.map(|severity| severity.to_string());
        if !severities.iter().any(|known| known == severity) {
            let near = did_you_mean(severity, severities.iter().map(String::as_str));
            return Err(format!("{severity:?} is no severity{near}"));
        }
        self.code(code)?;
        let about = about.trim();
        self.about(about)?;
        Ok(ExpectedFinding {
            line: text.referenced.line(),
            text: text.value.clone(),
            severity: severity.to_owned(),
            code: code.to_owned(),
            about: about.to_owned(),
            part,
        })
    }

    /// Accepts `plan`, a volume that exists, and any object that is written `Kind name` or `Kind namespace/name`.
    fn about(&self, about: &str) -> Result<(), String> {
        let claims = self.claims();
        let is_object = about.contains(' ');
        if about == About::Plan.to_string() || is_object || claims.iter().any(|claim| claim == about) {
            return Ok(());
        }
        Err(unknown_volume(about, claims.iter().map(String::as_str).chain(["plan"])))
    }

    fn fault(&self, fault: &Spanned<String>) -> Result<(u64, String), Wrong> {
        let mut words = fault.value.split_whitespace();
        let (word, code) = (words.next().unwrap_or_default(), words.next());
        let wrong = |what: String| (Some(fault.referenced), what);
        if !FAULTS.contains(&word) {
            let near = did_you_mean(word, FAULTS);
            return Err(wrong(format!("{word:?} is no fault{near} Write one of: {}", FAULTS.join(", "))));
        }
        match (word, code) {
            ("undecided", Some(code)) => self.code(code).map_err(wrong)?,
            ("undecided", None) => return Err(wrong("write the code too: undecided CODE".to_owned())),
            (_, Some(_)) => return Err(wrong(format!("{:?} has more than one word", fault.value))),
            (_, None) => {}
        }
        Ok((fault.referenced.line(), fault.value.clone()))
    }
}
