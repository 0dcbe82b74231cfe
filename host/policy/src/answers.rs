//! Holds answers to the rules: declared codes, volumes that were asked about, bounded and harmless text.
//!
//! A broken rule is the policy's failure, never something to put up with: a policy that answers about a claim
//! it was not asked about has lost track, and what else it says cannot be trusted.

use std::collections::{BTreeSet, HashSet};

use pvmigrate_core::policy::{
    Ballot, Finding, Mapping, ObjectRef, Pairs, PolicyError, Reason, Subject, TargetShape, Volume, VolumeId, Vote,
};

use crate::failure::Fault;
use crate::limits::Limits;
use crate::text;

/// More access modes than there are, for policies that name one twice.
const MOST_MODES: usize = 8;
/// The most details of one reason or finding.
const MOST_DETAILS: usize = 1_000;

/// What answers to one call are held to.
pub(crate) struct Rules<'a> {
    codes: &'a BTreeSet<String>,
    asked: HashSet<VolumeId>,
    limits: &'a Limits,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(codes: &'a BTreeSet<String>, volumes: &[&Volume], limits: &'a Limits) -> Self {
        Self { codes, asked: volumes.iter().map(|volume| volume.id).collect(), limits }
    }

    pub(crate) fn ballots(&self, ballots: Vec<Ballot>) -> Result<Vec<Ballot>, Fault> {
        self.each_once(ballots.iter().map(|ballot| ballot.volume))?;
        let ballot = |ballot: Ballot| {
            Ok(Ballot {
                volume: ballot.volume,
                vote: match ballot.vote {
                    Vote::Migrate(why) => Vote::Migrate(self.reason(why)?),
                    Vote::Skip(why) => Vote::Skip(self.reason(why)?),
                    Vote::Abstain => Vote::Abstain,
                },
            })
        };
        ballots.into_iter().map(ballot).collect()
    }

    pub(crate) fn mappings(&self, mappings: Vec<Mapping>) -> Result<Vec<Mapping>, Fault> {
        self.each_once(mappings.iter().map(|mapping| mapping.volume))?;
        let shape = |shape: TargetShape| {
            if shape.modes.len() > MOST_MODES {
                let what = format!("{} access modes for one volume, and there are four", shape.modes.len());
                return Err(Fault::OutputTooLarge(what));
            }
            Ok(TargetShape { why: self.reason(shape.why)?, ..shape })
        };
        let mapping =
            |mapping: Mapping| Ok(Mapping { volume: mapping.volume, shape: mapping.shape.map(shape).transpose()? });
        mappings.into_iter().map(mapping).collect()
    }

    pub(crate) fn findings(&self, findings: Vec<Finding>) -> Result<Vec<Finding>, Fault> {
        if findings.len() > self.limits.findings {
            return Err(Fault::OutputTooLarge(format!(
                "{} findings, and at most {} are accepted",
                findings.len(),
                self.limits.findings
            )));
        }
        findings.into_iter().map(|finding| self.finding(finding)).collect()
    }

    /// Holds the policy's word that it cannot decide to the same rules.
    pub(crate) fn undecided(&self, error: PolicyError) -> Fault {
        let volume = error.volume.filter(|id| !self.asked.contains(id));
        if let Some(id) = volume {
            return Fault::UnknownVolume(id);
        }
        let checked = self.code(error.code).map(|code| PolicyError {
            code,
            message: self.said(&error.message),
            volume: error.volume,
        });
        checked.map_or_else(|fault| fault, Fault::Undecided)
    }

    fn each_once(&self, volumes: impl Iterator<Item = VolumeId>) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        for id in volumes {
            if !self.asked.contains(&id) {
                return Err(Fault::UnknownVolume(id));
            }
            if !seen.insert(id) {
                return Err(Fault::RepeatedVolume(id));
            }
        }
        Ok(())
    }

    fn finding(&self, finding: Finding) -> Result<Finding, Fault> {
        let subject = match finding.subject {
            Subject::Volume(id) if !self.asked.contains(&id) => {
                return Err(Fault::UnknownVolume(id));
            }
            Subject::Object(object) => Subject::Object(self.object_ref(&object)?),
            same @ (Subject::Plan | Subject::Volume(_)) => same,
        };
        Ok(Finding {
            code: self.code(finding.code)?,
            severity: finding.severity,
            subject,
            message: self.said(&finding.message),
            remedy: finding.remedy.map(|remedy| self.said(&remedy)),
            details: self.pairs(&finding.details)?,
        })
    }

    fn reason(&self, reason: Reason) -> Result<Reason, Fault> {
        Ok(Reason {
            code: self.code(reason.code)?,
            message: self.said(&reason.message),
            details: self.pairs(&reason.details)?,
        })
    }

    fn object_ref(&self, object: &ObjectRef) -> Result<ObjectRef, Fault> {
        Ok(ObjectRef {
            api_version: self.string(&object.api_version)?,
            kind: self.string(&object.kind)?,
            namespace: object.namespace.as_ref().map(|namespace| self.string(namespace)).transpose()?,
            name: self.string(&object.name)?,
        })
    }

    fn code(&self, code: String) -> Result<String, Fault> {
        match self.codes.contains(&code) {
            true => Ok(code),
            false => Err(Fault::UndeclaredCode(text::escape_line(&code, self.limits.log_line_bytes))),
        }
    }

    fn pairs(&self, pairs: &Pairs) -> Result<Pairs, Fault> {
        if pairs.len() > MOST_DETAILS {
            let what = format!("{} details, and at most {MOST_DETAILS} are accepted", pairs.len());
            return Err(Fault::OutputTooLarge(what));
        }
        pairs.iter().map(|(key, value)| Ok((self.string(key)?, self.said(value)))).collect()
    }

    fn string(&self, string: &str) -> Result<String, Fault> {
        bounded(string, self.limits)
    }

    fn said(&self, text: &str) -> String {
        said(text, self.limits)
    }
}

/// Escapes what is said to people, and cuts what is too long.
///
/// Messages quote what users have written into objects: whoever may annotate a claim must not be able to end the run.
pub(crate) fn said(text: &str, limits: &Limits) -> String {
    text::escape_line(text, limits.string_bytes)
}

/// Escapes a name, and refuses one that is too long.
pub(crate) fn bounded(string: &str, limits: &Limits) -> Result<String, Fault> {
    if string.len() > limits.string_bytes {
        return Err(Fault::OutputTooLarge(format!(
            "a string of {} bytes, and at most {} are accepted",
            string.len(),
            limits.string_bytes
        )));
    }
    Ok(text::escape(string))
}
