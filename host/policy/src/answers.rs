//! The rules for every answer: declared codes, volumes that were asked about, bounded and harmless text.
//!
//! A broken rule fails the policy and is never tolerated: a policy that answers about a claim it was not asked about
//! has lost track, and nothing else that it says can be trusted.

use std::collections::{BTreeSet, HashSet};

use pvmigrate_core::policy::{ObjectRef, Pairs, PolicyError, Reason, Volume, VolumeId};

use pvmigrate_yaml::did_you_mean;

use crate::failure::FailureKind;
use crate::limits::Limits;
use crate::text;

/// Maximum number of details of one reason or finding.
const MOST_DETAILS: usize = 1_000;
/// Maximum length of a code that can be a slip of the pen, in bytes.
const LONGEST_MEANT: usize = 100;

/// The rules that the answers to one call are held to.
pub(crate) struct Rules<'a> {
    codes: &'a BTreeSet<String>,
    asked: HashSet<VolumeId>,
    pub(crate) limits: &'a Limits,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(codes: &'a BTreeSet<String>, volumes: &[&Volume], limits: &'a Limits) -> Self {
        Self { codes, asked: volumes.iter().map(|volume| volume.id).collect(), limits }
    }

    /// Applies the same rules to a policy's statement that it cannot decide.
    pub(crate) fn undecided(&self, error: PolicyError) -> FailureKind {
        if let Some(Err(unknown)) = error.volume.map(|id| self.known(id)) {
            return unknown;
        }
        let checked = self.code(error.code).map(|code| PolicyError {
            code,
            message: self.prose(&error.message),
            volume: error.volume,
        });
        checked.map_or_else(|fault| fault, FailureKind::Undecided)
    }

    /// Accepts each of these volumes once.
    pub(crate) fn each_once(&self, volumes: impl Iterator<Item = VolumeId>) -> Result<(), FailureKind> {
        let mut seen = HashSet::new();
        for id in volumes {
            self.known(id)?;
            if !seen.insert(id) {
                return Err(FailureKind::RepeatedVolume(id));
            }
        }
        Ok(())
    }

    /// Accepts a volume that the policy was asked about.
    pub(crate) fn known(&self, id: VolumeId) -> Result<(), FailureKind> {
        match self.asked.contains(&id) {
            true => Ok(()),
            false => Err(FailureKind::UnknownVolume(id)),
        }
    }

    pub(crate) fn reason(&self, reason: Reason) -> Result<Reason, FailureKind> {
        Ok(Reason {
            code: self.code(reason.code)?,
            message: self.prose(&reason.message),
            details: self.pairs(&reason.details)?,
        })
    }

    pub(crate) fn object_ref(&self, object: &ObjectRef) -> Result<ObjectRef, FailureKind> {
        Ok(ObjectRef {
            api_version: self.name(&object.api_version)?,
            kind: self.name(&object.kind)?,
            namespace: object.namespace.as_ref().map(|namespace| self.name(namespace)).transpose()?,
            name: self.name(&object.name)?,
        })
    }

    pub(crate) fn code(&self, code: String) -> Result<String, FailureKind> {
        match self.codes.contains(&code) {
            true => Ok(code),
            false => Err(FailureKind::UndeclaredCode {
                near: self.nearest(&code),
                code: text::escape_line(&code, self.limits.log_line_bytes),
            }),
        }
    }

    /// Finds the declared code that was perhaps meant. A policy may use a code of any length and declare many.
    fn nearest(&self, code: &str) -> String {
        match code.len() <= LONGEST_MEANT && self.codes.len() <= MOST_DETAILS {
            true => did_you_mean(code, self.codes.iter().map(String::as_str)),
            false => String::new(),
        }
    }

    pub(crate) fn pairs(&self, pairs: &Pairs) -> Result<Pairs, FailureKind> {
        if pairs.len() > MOST_DETAILS {
            let what = format!("{} details, and at most {MOST_DETAILS} are accepted", pairs.len());
            return Err(FailureKind::OutputTooLarge(what));
        }
        pairs.iter().map(|(key, value)| Ok((self.name(key)?, self.prose(value)))).collect()
    }

    fn name(&self, string: &str) -> Result<String, FailureKind> {
        bounded(string, self.limits)
    }

    pub(crate) fn prose(&self, text: &str) -> String {
        prose(text, self.limits)
    }
}

/// Escapes what people will read, and cuts what is too long.
///
/// Messages quote what users have written into objects: whoever may annotate a claim must not be able to end the run.
pub(crate) fn prose(text: &str, limits: &Limits) -> String {
    text::escape_line(text, limits.string_bytes)
}

/// Escapes a name, and refuses one that is too long.
pub(crate) fn bounded(string: &str, limits: &Limits) -> Result<String, FailureKind> {
    if string.len() > limits.string_bytes {
        return Err(FailureKind::OutputTooLarge(format!(
            "a string of {} bytes, and at most {} are accepted",
            string.len(),
            limits.string_bytes
        )));
    }
    Ok(text::escape(string))
}
