//! Short ways to write answers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{
    AccessMode, Codes, Finding, PolicyError, Problem, Reason, Severity, Subject, TargetShape, Volume, VolumeId,
    VolumeMode, Vote,
};

/// Makes owned pairs, sorted by key.
pub fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = items.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    pairs.sort_unstable();
    pairs
}

/// Makes a reason without details.
pub fn reason(code: impl Codes, message: impl Into<String>) -> Reason {
    Reason { code: code.code().to_string(), message: message.into(), details: Vec::new() }
}

impl Vote {
    /// Votes that the claim moves.
    pub fn migrate(code: impl Codes, message: impl Into<String>) -> Self {
        Self::Migrate(reason(code, message))
    }

    /// Votes that the claim stays: no other policy can overrule that.
    pub fn skip(code: impl Codes, message: impl Into<String>) -> Self {
        Self::Skip(reason(code, message))
    }
}

impl TargetShape {
    /// Asks for these access modes; the volume mode stays what it is.
    pub fn modes(volume: &Volume, modes: &[AccessMode], code: impl Codes, message: impl Into<String>) -> Self {
        Self { modes: modes.to_vec(), volume_mode: volume.volume_mode, why: reason(code, message) }
    }
}

impl Finding {
    /// Makes a finding that stops the run.
    pub fn blocker(code: impl Codes, subject: impl Into<Subject>, message: impl Into<String>) -> Self {
        Self::new(Severity::Blocker, code, subject, message)
    }

    /// Makes a finding that somebody should look at.
    pub fn warning(code: impl Codes, subject: impl Into<Subject>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, subject, message)
    }

    /// Makes a finding that is good to know.
    pub fn info(code: impl Codes, subject: impl Into<Subject>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, subject, message)
    }

    fn new(severity: Severity, code: impl Codes, subject: impl Into<Subject>, message: impl Into<String>) -> Self {
        Self {
            code: code.code().to_string(),
            severity,
            subject: subject.into(),
            message: message.into(),
            remedy: None,
            details: Vec::new(),
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds a detail for programs.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl ToString) -> Self {
        self.details.push((key.to_string(), value.to_string()));
        self
    }
}

impl From<&Volume> for Subject {
    fn from(volume: &Volume) -> Self {
        Self::Volume(volume.id)
    }
}

impl From<VolumeId> for Subject {
    fn from(volume: VolumeId) -> Self {
        Self::Volume(volume)
    }
}

impl PolicyError {
    /// Says that the policy cannot decide, which stops the run.
    pub fn new(code: impl Codes, message: impl Into<String>) -> Self {
        Self { code: code.code().to_string(), message: message.into(), volume: None }
    }

    /// Names the claim that it is about.
    #[must_use]
    pub fn about(mut self, volume: &Volume) -> Self {
        self.volume = Some(volume.id);
        self
    }
}

impl Problem {
    /// Says what is wrong with the value that a JSON pointer means, such as `/maxSize`.
    pub fn at(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_string(), message: message.into() }
    }
}

impl AccessMode {
    /// All access modes.
    pub const ALL: [Self; 4] = [Self::ReadWriteOnce, Self::ReadOnlyMany, Self::ReadWriteMany, Self::ReadWriteOncePod];

    /// Returns Kubernetes' word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadOnlyMany => "ReadOnlyMany",
            Self::ReadWriteMany => "ReadWriteMany",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }

    /// Reads Kubernetes' word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

impl VolumeMode {
    /// Returns Kubernetes' word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Filesystem => "Filesystem",
            Self::Block => "Block",
        }
    }
}
